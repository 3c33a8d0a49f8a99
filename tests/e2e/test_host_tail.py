"""A network whose last layers have float weights: built, verified, and computed to the end by its own host module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from hwgen.cli import run
from hwgen.ir.json import graph_from_json, graph_to_json
from hwgen.model import IntegerModel
from tests.frontend.test_host_tail import CASES, STEPS, quantized
from tests.frontend.tiny import model, node, save

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import accelerator
np.save(sys.argv[3], accelerator.OUTPUTS["y"].rescale(np.load(sys.argv[2])))
"""


@pytest.mark.parametrize("name", ["classifier", "map_head"])
def test_build_with_a_tail(name: str, seed: int, verilator: None, tmp_path: Path) -> None:
    """The RTL gives the last integers, the build's numpy module gives what onnx.reference gives."""
    rng = np.random.default_rng(seed)
    build, shape = CASES[name]
    tail, weights = build(rng)
    nodes = [*quantized("x", "first"), node("Relu", ["first"], "risen"), *quantized("risen", "h"), *tail]
    made = model(nodes, STEPS | weights, x=("N", *shape), opset=19)
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "out"
    assert run(["build", str(save(made, tmp_path)), "--board", "pynq", "--input", str(tmp_path / "x.npy"),
                "--frames", "8", "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["verification"]["rtl_vs_integer_mismatches"] == 0
    assert report["verification"]["integer_vs_exact_mismatches"] == 0
    computed = [n.name for n in tail]
    assert [n for n in report["host"]["y"] if n in computed] == computed

    text = (out / "ir" / "graph.json").read_text()
    graph = graph_from_json(text)
    assert graph_to_json(graph) == text
    network = IntegerModel(graph)
    (port,) = network.output_ports
    np.save(tmp_path / "integers.npy", network.run(network.encode({"x": x}))[port.value].reshape(len(x), -1))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", SCRIPT, str(out / "host"), str(tmp_path / "integers.npy"),
                    str(tmp_path / "y.npy")], check=True, cwd=tmp_path, env=environment, timeout=60)
    (expected,) = ReferenceEvaluator(made).run(None, {"x": x})
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=0, atol=2e-5)
