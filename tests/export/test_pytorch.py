"""TorchScript with quantized operators: every integer is the integer model's, on the engines where it is certified."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hwgen.cli import run
from hwgen.errors import Exit, HwgenError
from hwgen.exact.convolution import Geometry
from hwgen.export import ExportOptions, export_network, pytorch, torch_engine
from hwgen.export.integer_layers import write_network
from hwgen.export.qop import pairs_saturate
from hwgen.export.targets import TARGETS
from hwgen.export.torch_arithmetic import ARITHMETICS, QNNPACK, X86, Fused, fused_of, wrong_channels
from hwgen.frontend import ImportOptions
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.ops.quantized_maps import Conv
from hwgen.ops.threshold import Threshold
from hwgen.passes.pipeline import integers_of
from tests.conftest import ROOT
from tests.export.matrix import Network, named, parameters
from tests.export.running import differences, inputs_of
from tests.export.test_requantization import random_case, thresholds_of
from tests.export.test_targets import WIDE_NETWORKS, chain
from tests.networks import quant, random_mlp

torch = pytest.importorskip("torch")

from hwgen.nn.trace import to_ir  # noqa: E402
from tests.nn.documents import document_network  # noqa: E402
from tests.nn.running import trained  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.skipif(
    torch_engine.X86 not in torch.backends.quantized.supported_engines, reason="torch without its x86 engine")]

DIGITS, IMAGES = ROOT / "examples" / "digits_mlp.onnx", ROOT / "examples" / "digits_mlp_inputs.npy"
CONV, CONV_RELU, LINEAR, LINEAR_RELU = (f"quantized::{name}" for name in ("conv2d", "conv2d_relu", "linear",
                                                                         "linear_relu"))
FORMS = {
    "lenet_lowprec_w3a4b8": {"scale": 1, CONV_RELU: 2, LINEAR_RELU: 2},
    "lenet_dpu_fixed8": {"scale": 1, "float32": 5, CONV: 1, LINEAR: 3},
    "lenet_mixed_onnx": {"scale": 1, "float32": 2, "float64": 3},
    "lenet_mixed_pt": {"scale": 1, "float32": 2, "float64": 3}, "cnn_w8a8_tud": {"scale": 1, "float64": 3},
    "cnn_perch_w4a4": {"scale": 1, CONV_RELU: 2}, "mlp_bn_w4a4": {"scale": 1, LINEAR_RELU: 3},
    "resblock_w4a4": {"scale": 1, CONV_RELU: 3, CONV: 1, "float32": 3},
    "mobblock_w4a4": {"scale": 1, CONV_RELU: 4, "float32": 1}, "act_gelu": {"scale": 1, "comparisons": 2},
    "cnn_asym_wu8_au8": {"scale": 1, "float32": 1, "float64": 1},
    "cnn_w1a1_tud": {"scale": 1, CONV_RELU: 2, LINEAR_RELU: 1},
    "concat_unequal": {"scale": 1, CONV_RELU: 4, "comparisons": 1}, "conv1d_w4a4": {"scale": 1, CONV_RELU: 2},
    "dwsep_k5s2": {"scale": 1, CONV_RELU: 5}, "tconv_autoenc_w4a4": {"scale": 1, CONV_RELU: 3, "search": 1},
    "mlp_bipolar_w1a1_const": {"comparisons": 1, LINEAR: 2}}
"""What computes the layers: 8 bits with scales that are no powers of two have no float32 constants in any runtime."""
QNNPACK_DIFFERS = {"cnn_perch_w4a4", "mlp_bn_w4a4", "resblock_w4a4", "mobblock_w4a4", "concat_unequal", "conv1d_w4a4",
                   "dwsep_k5s2", "tconv_autoenc_w4a4", "mlp_bipolar_w1a1_const"}
"""Networks with layers that qnnpack's integer biases do not fit."""


def network(models: Path, name: str) -> tuple[Graph, Array]:
    """The integer graph and a few real inputs."""
    found = named(name)
    return integers_of(found.graph(models)), found.inputs(models)


@pytest.mark.parametrize("name", FORMS)
def test_networks_layer_by_layer(name: str, models: Path, seed: int) -> None:
    """No difference on x86, fbgemm and onednn; on qnnpack none where the constants are certified for it."""
    graph, golden = network(models, name)
    dialect = pytorch.Pytorch()
    exported = write_network(graph, dialect)
    inputs = inputs_of(graph, 6, seed, golden[:6])
    for engine in ("x86", "fbgemm", "onednn") if dialect.fused else ("x86",):
        assert differences(graph, exported, inputs, partial(torch_engine.run, name=engine)) == {}
    assert Counter(exported.forms.values()) == FORMS[name]
    assert (len(dialect.certified(QNNPACK)) < len(dialect.fused)) == (name in QNNPACK_DIFFERS)
    if dialect.fused and name not in QNNPACK_DIFFERS:
        assert differences(graph, exported, inputs, partial(torch_engine.run, name="qnnpack")) == {}


@pytest.mark.parametrize("every", parameters())
def test_every_network_on_x86(every: Network, models: Path, seed: int) -> None:
    """As matrix.toml states it."""
    graph = integers_of(every.graph(models))
    inputs = inputs_of(graph, 4, seed, every.inputs(models))
    assert differences(graph, pytorch.export(graph), inputs, torch_engine.run) == {}
    assert every.verdicts["pytorch"] == "exact"


def test_qnnpack_differs_in_few_integers(models: Path, seed: int) -> None:
    """Of the first layer, whose inputs are right: at most one in a thousand, since its biases are integers."""
    wrong = values = 0
    for name in ("cnn_perch_w4a4", "resblock_w4a4", "dwsep_k5s2", "tconv_autoenc_w4a4"):
        graph, golden = network(models, name)
        exported, inputs = pytorch.export(graph), inputs_of(graph, 6, seed, golden[:6])
        first = next(node for node in graph.nodes if isinstance(node.op, Threshold)).outputs[0]
        found = differences(graph, exported, inputs, partial(torch_engine.run, name="qnnpack"))
        wrong, values = wrong + found.get(first, 0), values + 12 * int(np.prod(graph.values[first].shape))
    assert 0 < wrong < values / 1000


def check(graph: Graph, seed: int, frames: int = 6) -> Counter[str]:
    exported = pytorch.export(graph)
    assert differences(graph, exported, inputs_of(graph, frames, seed), torch_engine.run) == {}
    return Counter(exported.forms.values())


def test_random_networks(seed: int) -> None:
    """Bipolar and multi-bit, ties, falling channels, zero points; most layers are torch's operators."""
    forms: Counter[str] = Counter()
    for offset in range(30):
        forms += check(integers_of(random_mlp(np.random.default_rng(seed + offset))), seed, 20)
    assert forms[LINEAR] + forms[LINEAR_RELU] > forms["float32"] + forms["float64"]


@pytest.mark.parametrize("name", WIDE_NETWORKS)
def test_wide_and_odd_networks(name: str, seed: int) -> None:
    check(WIDE_NETWORKS[name](), seed, 30)


def test_the_document_network(seed: int) -> None:
    torch.manual_seed(seed)
    model = document_network("MixedFloatQuantLeNet")(bias_quant=False, reduced_act_quant=True, weight_signed=True)
    graph = integers_of(to_ir(trained(model, torch.rand(4, 3, 32, 32) * 2 - 1), (1, 3, 32, 32)))
    assert sum(check(graph, seed).values()) == 6


def geometry(groups: int, size: int, pads: tuple[int, int, int, int], **options: tuple[int, int]) -> Graph:
    """A convolution of 4 bits on 16 x 9 x 9 with 2 * groups filters."""
    shape = (2 * groups, 16 // groups, size, size)
    weights = np.random.default_rng(0).integers(-7, 8, shape)
    conv = Conv(Geometry((size, size), pads=pads, **options), Tensor(weights), Tensor(np.float64(0.5)), Tensor(0.0),
                groups=groups)
    return chain((16, 9, 9), quant(0.25, full_range(4, False)), conv, quant(1.7, full_range(4, True)))


@pytest.mark.parametrize("graph", [geometry(1, 1, (0, 0, 0, 0)), geometry(4, 3, (1, 1, 1, 1)),
                                   geometry(16, 3, (1, 1, 1, 1), stride=(2, 2)), geometry(16, 5, (0, 1, 2, 0)),
                                   geometry(2, 3, (2, 0, 2, 1), dilation=(2, 1))])
def test_geometries(graph: Graph, seed: int) -> None:
    """1x1, groups, depthwise with two filters a channel, strides, dilation, pads that differ from side to side."""
    assert check(graph, seed)[CONV] == 1


def by_engine(engine: str, weight: np.ndarray, x: np.ndarray, form: Fused, *, linear: bool) -> np.ndarray:
    """What torch's own operator makes of bytes (N, K) and weights (C, K): a linear layer, or a convolution of 1 x 1."""
    with torch_engine.engine(engine):
        axes, operators = () if linear else (1, 1), torch.ops.quantized
        stored = torch._make_per_channel_quantized_tensor(
            torch.tensor(weight, dtype=torch.int8).reshape(*weight.shape, *axes), torch.tensor(form.scales).double(),
            torch.zeros(len(weight), dtype=torch.int64), 0)
        bytes_ = torch.tensor(x, dtype=torch.uint8).reshape(*x.shape, *axes)
        given = torch._make_per_tensor_quantized_tensor(bytes_, 1.0, 0)
        if linear:
            y = operators.linear(given, operators.linear_prepack(stored, torch.tensor(form.biases)), 1.0, form.zero)
        else:
            packed = operators.conv2d_prepack(stored, torch.tensor(form.biases), [1, 1], [0, 0], [1, 1], 1)
            y = operators.conv2d(given, packed, 1.0, form.zero)
        return y.int_repr().numpy().astype(int).reshape(len(x), -1) - form.zero


@pytest.mark.parametrize(("engine", "linear", "arithmetic"), [
    ("x86", True, "fbgemm"), ("fbgemm", True, "fbgemm"), ("fbgemm", False, "fbgemm"), ("onednn", True, "onednn_linear"),
    ("onednn", False, "onednn_conv"), ("qnnpack", True, "qnnpack"), ("qnnpack", False, "qnnpack")])
def test_each_arithmetic_is_torchs_own(engine: str, linear: bool, arithmetic: str, seed: int) -> None:
    """On 400,000 accumulators with biases that make ties, bit by bit; and no other one is."""
    rng = np.random.default_rng(seed)
    count, inputs = 40, 25
    wrong = dict.fromkeys(ARITHMETICS, 0)
    for _ in range(20):
        weight, x = rng.integers(-64, 64, (count, inputs)), rng.integers(0, 256, (500, inputs))
        total = x @ weight.T
        scales = (rng.uniform(20, 90, count) / total.std()).astype(np.float32)
        ties = total[rng.integers(500, size=count), np.arange(count)]
        biases = (rng.integers(-20, 21, count) + 0.5 - ties * scales).astype(np.float32)
        form = Fused(scales, biases, np.ones(count, int), 128, -128, 127)
        y = by_engine(engine, weight, x, form, linear=linear)
        for name, values in ARITHMETICS.items():
            wrong[name] += int((values(form, total.astype(np.float32)).clip(-128, 127) != y).sum())
    assert [name for name, count in wrong.items() if not count] == [arithmetic]


def test_constants_are_right_for_every_integer(seed: int) -> None:
    rng, found = np.random.default_rng(seed), 0
    for _ in range(60):
        op, kind = random_case(rng)
        made = fused_of(op, kind, 0 if op.type.lo >= 0 else -op.type.lo)
        span = np.broadcast_to(np.arange(kind.lo, kind.hi + 1)[:, None], (kind.levels, len(op.thresholds.array)))
        if made is None:
            continue
        form, arithmetics = made
        found += 1
        for name in arithmetics:
            y = ARITHMETICS[name](form, (span * form.signs).astype(np.float32))
            assert np.array_equal(y.clip(form.low, form.high), op.run(span)[0])
    assert found > 45


def test_the_certificate_sees_a_constant_a_few_ulps_away() -> None:
    """a * 19/64 with ties; a bipolar step; a direction."""
    kind = IntType(-2000, 2000)
    op = thresholds_of(np.array([0.25, 0.296875]), np.zeros(2), IntType(-128, 127), kind)
    form, arithmetics = fused_of(op, kind, 128) or pytest.fail("no constants")
    assert arithmetics == tuple(ARITHMETICS) and not wrong_channels(form, op, kind, arithmetics).any()
    for ulps in (2, -2):
        moved = form.scales + np.float32(ulps) * np.spacing(form.scales)
        assert wrong_channels(replace(form, scales=moved), op, kind).all()
        assert wrong_channels(replace(form, biases=form.biases + np.float32(ulps * 2e-3)), op, kind).all()
    assert wrong_channels(replace(form, signs=-form.signs), op, kind).all()
    step = Threshold(Tensor([[7], [-50]]), Tensor([False, True]), BIPOLAR)
    made = fused_of(step, IntType(-50, 50), 1)
    assert made is not None and made[1] == X86 and made[0].signs.tolist() == [1, -1]


def test_no_constants() -> None:
    """Of thresholds on no line, and of accumulators that float32 does not hold."""
    assert fused_of(Threshold(Tensor([[-90, 0, 1, 2, 90]]), Tensor([False]), IntType(0, 5)), IntType(-100, 100),
                    0) is None
    wide = IntType(-(1 << 24), 1 << 24)
    assert fused_of(Threshold(Tensor([[5]]), Tensor([False]), IntType(0, 1)), wide, 0) is None


@pytest.mark.parametrize(("weight", "code", "beyond"), [
    ([[64, 3, 64]], 255, False), ([[65, 0, 64]], 255, True), ([[-64, 1, -64]], 255, False),
    ([[-65, 1, -64]], 255, True), ([[127, -127]], 255, False), ([[127]], 255, False), ([[64, 64], [0, 0]], 256, True)])
def test_pairs_of_products(weight: list[list[int]], code: int, beyond: bool) -> None:
    assert pairs_saturate(np.array(weight), code) is beyond


def test_a_layer_whose_pairs_saturate_is_in_floats(seed: int) -> None:
    """128 channels, each with its own filter, for which the engine x86 has a kernel that saturates everywhere."""
    weights = np.full((128, 1, 3, 3), 100)
    conv = Conv(Geometry((3, 3)), Tensor(weights), Tensor(np.float64(0.5)), Tensor(0.0), groups=128)
    graph = chain((128, 5, 5), quant(0.25, full_range(8, False)), conv, quant(16.0 * 9, full_range(8, False)))
    written = pytorch.written(graph)
    assert written.facts["saturating_layers"] == [node.name for node in graph.nodes if isinstance(node.op, Threshold)]
    assert "In floats, since bytes would saturate on some processors: " in written.notes[-1]
    assert not check(graph, seed)[CONV]


@pytest.mark.parametrize("stride", [(4, 4), (1, 2)])
def test_a_kernel_of_one_pixel_reads_a_thinned_map(stride: tuple[int, int], seed: int) -> None:
    """oneDNN's threads overwrite each other's pixels where it skips some itself, on processors without VNNI."""
    weights = np.random.default_rng(0).integers(-7, 8, (50, 2, 1, 1))
    conv = Conv(Geometry((1, 1), stride=stride), Tensor(weights), Tensor(np.float64(0.5)), Tensor(0.0))
    graph = chain((2, 4, 8), quant(0.25, full_range(4, True)), conv, quant(2.0, full_range(4, True)))
    assert check(graph, seed)[CONV] == 1
    network = torch.jit.load(io.BytesIO(torch_engine.saved(pytorch.export(graph).model)))
    assert all(f"{axis}, None, None, {step})" in network.code for axis, step in enumerate(stride, 2) if step > 1)


ALONE = """
import sys
class Blocker:
    def find_spec(self, name, *rest):
        assert name.partition(".")[0] not in ("hwgen", "onnx"), name
sys.meta_path.insert(0, Blocker())
import numpy, torch
network = torch.jit.load(sys.argv[1])
x = torch.from_numpy(numpy.load(sys.argv[2]).astype("float32"))
numpy.save(sys.argv[3], network(x).numpy())
"""


def test_the_file_runs_without_hwgen(tmp_path: Path) -> None:
    """By torch alone, and it says what the integer model says."""
    few, out = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(few, np.load(IMAGES)[:20])
    assert run(["export", str(DIGITS), "--to", "pytorch", "--out", str(tmp_path / "m.pt")]) == 0
    subprocess.run([sys.executable, "-I", "-W", "ignore", "-c", ALONE, tmp_path / "m.pt", few, out], check=True)
    assert run(["run", str(DIGITS), "--input", str(few), "--output", str(tmp_path / "w.npy")]) == 0
    assert np.array_equal(np.load(out), np.load(tmp_path / "w.npy"))


def test_equal_networks_are_equal_bytes(tmp_path: Path) -> None:
    """In one process with other modules between, and in another one."""
    files = [tmp_path / f"{number}.pt" for number in range(3)]
    for file in files[:2]:
        export_network(DIGITS, "pytorch", file, ImportOptions(), ExportOptions())
        torch.jit.script(torch.nn.Linear(2, 2))
    command = ["-c", "from hwgen.cli import main; main()", "export", DIGITS, "--to", "pytorch", "--out", files[2]]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=ROOT)
    assert len({file.read_bytes() for file in files}) == 1


def test_any_batch_and_other_optimisations(models: Path, seed: int) -> None:
    """One frame alone, later runs of a profiled graph, and torch.jit.freeze: the same integers."""
    graph, golden = network(models, "resblock_w4a4")
    exported, inputs = pytorch.export(graph), inputs_of(graph, 6, seed, golden[:6])
    names = [codes.tensor for codes in exported.codes.values()]
    file, ((port,), _) = torch_engine.saved(exported.model, names), torch_engine.ports(exported.model)
    with torch_engine.engine("x86"), torch.inference_mode():
        plain = torch.jit.load(io.BytesIO(file)).eval()
        x = torch.from_numpy(inputs[port].astype(np.float32))
        wanted = plain(x)
        for variant in (plain, torch.jit.freeze(plain)):
            for frames in (slice(None), slice(None), slice(3, 4)):
                found = variant(x[frames])
                assert all(torch.equal(y, z[frames]) for y, z in zip(found, wanted, strict=True))


def test_missing_torch_and_missing_engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(HwgenError) as caught, torch_engine.engine("abc"):
        pass
    assert str(caught.value) == ("no-package: pytorch: running it needs a torch with the quantized engine abc. Use a "
                                 "build of torch for x86 processors.")

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(HwgenError) as caught:
        export_network(DIGITS, "pytorch", tmp_path / "m.pt")
    assert str(caught.value) == ("no-package: pytorch: it needs the package torch. "
                                 "Install it: pip install torch.")
    assert caught.value.exit_code is Exit.STAGE_UNAVAILABLE
    assert not (tmp_path / "m.pt").exists()


def test_export_imports_no_torch() -> None:
    code = "import sys, hwgen.export; assert 'torch' not in sys.modules; assert 'pytorch' in hwgen.export.TARGETS"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert TARGETS["pytorch"].versions["torch"] is not None
