"""The first document's export blocks run with only their imports changed, and give the integers of the module."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hwgen.errors import HwgenError
from hwgen.export import FINNManager, StdQOpONNXManager, export_network
from hwgen.export.engines import onnxruntime, qonnx
from hwgen.ir.tensor import Array
from tests.conftest import need_package
from tests.nn.documents import SEEDS, blocks, executed

torch = pytest.importorskip("torch")

from hwgen import nn  # noqa: E402
from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.running import integer_model, trained  # noqa: E402

pytestmark = [pytest.mark.skipif(not SEEDS.is_dir(), reason="../shared/seeds is not there"),
              pytest.mark.filterwarnings("ignore")]
SHAPE = (1, 3, 32, 32)
BLOCKS = {"FINNManager": ("LowPrecisionLeNet", "low_precision_lenet", "finn_lenet.onnx"),
          "StdQOpONNXManager": ("MixedFloatQuantLeNet", "onnx_lenet", "onnx_lenet.onnx"),
          "PytorchQuantManager": ("MixedFloatQuantLeNet", "pt_lenet", ""),
          "PyXIRManager": ("DPULeNet", "dpu_lenet", "pyxir_lenet.onnx")}
"""The class, the module's name in the document, and the file."""


@pytest.fixture
def images(seed: int) -> Any:
    torch.manual_seed(seed)
    return torch.rand(8, *SHAPE[1:]) * 2 - 1


def run_block(manager: str, images: Any | None) -> dict[str, Any]:
    """The document's names behind its block; images: what the module is trained on where the document says so."""
    text = next(block for block in blocks() if f"{manager}.export" in block)
    if f"class {BLOCKS[manager][0]}(" not in text:
        text = next(block for block in blocks() if f"class {BLOCKS[manager][0]}(" in block) + text
    if images is not None:
        text, count = re.subn(r"^(\w+) = (.*)\n\n# \.\.\. training \.\.\.", r"\1 = train(\2)", text, flags=re.M)
        assert count
    return executed(text, ours=True, train=lambda model: trained(model, images))


def scores(module: Any, images: Any) -> Array:
    """By the integer model."""
    (found,) = integer_model(to_ir(module, SHAPE)).predict({"x": images.numpy()}).values()
    return found


@pytest.mark.parametrize("manager", BLOCKS)
def test_the_blocks_run_as_they_stand(manager: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the training that the document leaves out, too."""
    monkeypatch.chdir(tmp_path)
    run_block(manager, None)
    assert [path.name for path in tmp_path.iterdir()] == [name for name in BLOCKS[manager][2:] if name]


@pytest.mark.parametrize(("manager", "run"), [("FINNManager", qonnx), ("StdQOpONNXManager", onnxruntime)])
def test_files_give_the_integers(manager: str, run: Any, images: Any, tmp_path: Path,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    need_package("onnxruntime", "qonnx")
    monkeypatch.chdir(tmp_path)
    _, name, file = BLOCKS[manager]
    module = run_block(manager, images)[name]
    (found,) = run(onnx.load(file), {"x": images.numpy()}).values()
    assert np.allclose(found, scores(module, images), rtol=1e-5, atol=1e-6)


def test_the_onnxruntime_block_runs(images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its random doubles have to be made float32: an ONNX input has one type."""
    need_package("onnxruntime")
    monkeypatch.chdir(tmp_path)
    run_block("StdQOpONNXManager", images)
    text = next(block for block in blocks() if "rt.InferenceSession" in block)
    text = text.replace("np.random.randn(1, 3, 32, 32)", "np.random.randn(1, 3, 32, 32).astype(np.float32)")
    assert executed(text, ours=True)["pred_onx"].shape == (1, 10)


def test_the_traced_module_gives_the_integers(images: Any) -> None:
    names = run_block("PytorchQuantManager", images)
    traced = names["traced_pt_lenet"]
    assert isinstance(traced, torch.jit.ScriptModule)
    assert np.allclose(traced(images).numpy(), scores(names["pt_lenet"], images), rtol=1e-6, atol=1e-7)


def test_the_tvm_block_through_relax(images: Any, tmp_path: Path) -> None:
    """relay is gone; the QDQ folder stands for it, and its script runs without hwgen."""
    need_package("tvm", "onnxruntime")
    module = run_block("PytorchQuantManager", images)["pt_lenet"]
    export_network(module, "tvm", str(tmp_path / "tvm_lenet"), input_shape=SHAPE)
    np.save(tmp_path / "x.npy", images.numpy())
    subprocess.run([sys.executable, str(tmp_path / "tvm_lenet" / "compile.py"), "--input", str(tmp_path / "x.npy"),
                    "--output", str(tmp_path / "y.npy")], check=True, cwd=tmp_path, capture_output=True)
    assert np.allclose(np.load(tmp_path / "y.npy"), scores(module, images), rtol=1e-5, atol=1e-6)


def test_the_dpu_file_has_the_modules_integers(images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = run_block("PyXIRManager", images)["dpu_lenet"]
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("pyxir_lenet.onnx").graph.initializer}
    with torch.no_grad():
        wanted = module.conv1.weight_quant(module.conv1.weight).int().numpy()
    assert any(array.shape == wanted.shape and np.array_equal(array, wanted) for array in stored.values())


def test_warnings_reach_python(tmp_path: Path) -> None:
    """They would be lost without the command line."""
    module = torch.nn.Sequential(nn.QuantIdentity(), nn.QuantLinear(4, 3, bias=False), nn.QuantReLU(),
                                 torch.nn.Linear(3, 2)).eval()
    with pytest.warns(UserWarning, match="the host computes 3") as caught:
        StdQOpONNXManager.export(module, (1, 4))
    assert [warning.filename for warning in caught] == [__file__]
    written = export_network(module, "qdq", tmp_path / "m.onnx", input_shape=(1, 4))
    assert [str(warning.message) for warning in caught] == list(written.warnings)


def test_what_is_no_module_is_named() -> None:
    with pytest.raises(HwgenError) as caught:
        FINNManager.export("net.onnx", (1, 4))  # type: ignore[arg-type]
    assert str(caught.value) == ("bad-argument: model: it is str and no torch.nn.Module. Give the module itself; a "
                                 "file goes to hwgen.export.export_network.")
