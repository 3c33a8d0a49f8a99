"""The emitted host module, run without hwgen, computes what hwgen.host and hwgen.stream compute."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import host_functions
from hwgen.emit.host import Channel, emit
from hwgen.host import Decode, Encode, HostStep, InputPort, OutputPort
from hwgen.ir.tensor import Array, Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.stream import Stream, pack, unpack

SHAPE = (2, 3)
ELEMENTS = 6

INPUT_TYPES = [BIPOLAR, full_range(1, False), full_range(3, True), IntType(-3, 12), full_range(8, False)]
OUTPUT_TYPES = [BIPOLAR, full_range(5, True), full_range(7, False), full_range(31, True), full_range(63, True),
                full_range(64, True), full_range(70, True), full_range(66, False)]

SOFTMAX = HostStep("softmax", (), (0,))
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import accelerator
given = np.load(sys.argv[2])
np.savez(sys.argv[3],
         x=accelerator.INPUTS["x"].pack(given["x"]), raw=accelerator.INPUTS["x"].pack(given["integers"]),
         y=accelerator.OUTPUTS["y"].unpack(given["y"]))
assert not any(name == "hwgen" or name.startswith("hwgen.") for name in sys.modules)
"""


def tdata_bytes(stream: Stream) -> int:
    return 1 << (stream.beat_bytes - 1).bit_length()


def padded(beats: Array, stream: Stream) -> Array:
    return np.pad(beats, ((0, 0), (0, tdata_bytes(stream) - beats.shape[1])))


def random_values(rng: np.random.Generator, kind: IntType, shape: tuple[int, ...]) -> Array:
    if kind == BIPOLAR:
        return 2 * rng.integers(0, 2, shape) - 1
    count = int(np.prod(shape))
    drawn = [kind.lo + int.from_bytes(rng.bytes(16), "little") % kind.levels for _ in range(count)]
    fits = kind.bits < 63
    return np.array(drawn, dtype=np.int64 if fits else object).reshape(shape)


def input_port(rng: np.random.Generator, kind: IntType, per_element: bool, order: bool) -> InputPort:
    rows = ELEMENTS if per_element else 1
    cuts = np.sort(rng.normal(size=(rows, kind.levels - 1)), axis=1)
    cuts[:, -1] = np.where(rng.random(rows) < 0.5, np.inf, cuts[:, -1])
    encode = Encode(kind, Tensor(cuts), Tensor(rng.random(rows) < 0.5), raw=True)
    return InputPort("x", SHAPE, "v", encode, Tensor(rng.permutation(ELEMENTS)) if order else None)


def output_port(rng: np.random.Generator, per_element: bool, order: bool, tail: bool) -> OutputPort:
    shape = (ELEMENTS,) if per_element else ()
    decode = Decode(Tensor(rng.normal(size=shape)), Tensor(rng.normal(size=shape)), (SOFTMAX,) if tail else ())
    return OutputPort("y", SHAPE, "w", decode, Tensor(rng.permutation(ELEMENTS)) if order else None)


def run_alone(folder: Path, **arrays: Array) -> dict[str, Array]:
    """accelerator.py in a fresh interpreter that cannot find hwgen."""
    np.savez(folder / "given.npz", **arrays)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", SCRIPT, str(folder / "host"), str(folder / "given.npz"), str(folder / "made.npz")]
    subprocess.run(command, check=True, cwd=folder, env=environment, timeout=60)
    return dict(np.load(folder / "made.npz"))


@pytest.mark.parametrize("case", range(len(OUTPUT_TYPES)))
def test_host_module_equals_hwgen(case: int, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kind_in, kind_out = INPUT_TYPES[case % len(INPUT_TYPES)], OUTPUT_TYPES[case]
    inputs = Stream(kind_in, ELEMENTS, int(rng.integers(1, 5)))
    outputs = Stream(kind_out, ELEMENTS, int(rng.integers(1, 5)))
    source = input_port(rng, kind_in, bool(case & 1), bool(case & 2))
    sink = output_port(rng, bool(case & 2), bool(case & 1), bool(case & 4))
    emit("tiny", [(Channel("x", "s_axis_x", inputs, tdata_bytes(inputs)), source)],
         [(Channel("y", "m_axis_y", outputs, tdata_bytes(outputs)), sink)], tmp_path)

    x = rng.normal(size=(5, *SHAPE))
    x[0, 0, 0], x[1, 1, 1] = source.encode.cuts.array.ravel()[0], np.nextafter(source.encode.cuts.array.ravel()[0], -9)
    integers = random_values(rng, kind_in, (5, *SHAPE))
    received = pack(random_values(rng, kind_out, (4, ELEMENTS)), outputs)
    made = run_alone(tmp_path, x=x, integers=integers, y=padded(received, outputs))

    assert (made["x"] == padded(pack(source.run(x), inputs), inputs)).all()
    assert (made["raw"] == padded(pack(source.run(integers), inputs), inputs)).all()
    assert np.array_equal(made["y"], sink.run(unpack(received, outputs)))
    assert made["y"].dtype == np.float32


def every_function(rng: np.random.Generator) -> list[HostStep]:
    """A tail in which every function occurs: a map of 2 x 3 positions, then a vector, then an index."""
    window = {"kernel": (2, 1), "stride": (1, 1), "pads": (1, 0, 0, 0), "dilation": (1, 1)}
    row = {"kernel": (1, 2), "stride": (1, 1), "pads": (0, 0, 0, 0), "dilation": (1, 1)}

    def plain(*shape: int) -> Tensor:
        return Tensor(rng.normal(size=shape))

    return [
        HostStep.of("take", index=Tensor(rng.permutation(ELEMENTS))), HostStep.of("reshape", shape=(1, *SHAPE)),
        HostStep.of("affine", scale=plain(1), offset=plain(1, 1, 3)), HostStep.of("clip", low=-1.5, high=None),
        HostStep.of("conv", weight=plain(4, 1, 2, 1), bias=plain(4), groups=1, **window),
        HostStep.of("conv", weight=plain(4, 2, 2, 1), bias=Tensor(0.0), groups=2, **window),
        HostStep.of("max_pool", **window), HostStep.of("transpose", permutation=(1, 2, 0)),
        HostStep.of("reshape", shape=(2, 12)), HostStep.of("leaky_relu", slope=Tensor(0.25)),
        HostStep.of("average_pool", **row), HostStep.of("dense", weight=plain(5, 11), bias=plain(5)),
        *(HostStep.of(name) for name in ("tanh", "erf", "normal", "gate", "sigmoid", "softplus", "exp")),
        HostStep.of("join", sign=-1), HostStep.of("concat"), HostStep.of("product"), HostStep.of("softmax"),
        HostStep.of("log_softmax"), HostStep.of("top", k=3, keepdims=True)]


def placed(steps: list[HostStep]) -> tuple[HostStep, ...]:
    """Each step reads the one before it; a join, a concat and a product that one and the one before, where they fit."""
    two = {"join": 1, "concat": 0, "product": 0}
    return tuple(replace(step, inputs=(i, i - two[step.function]) if step.function in two else (i,))
                 for i, step in enumerate(steps))


def test_every_host_function_is_there(seed: int, tmp_path: Path) -> None:
    """The emitted module computes every function as hwgen does, to the bit."""
    rng = np.random.default_rng(seed)
    stream, inputs = Stream(full_range(6, True), ELEMENTS, 2), Stream(full_range(1, False), ELEMENTS, 1)
    tail = placed(every_function(rng))
    assert {step.function for step in tail} == set(host_functions.FUNCTIONS)
    source = input_port(rng, inputs.type, False, False)
    received = pack(random_values(rng, stream.type, (7, ELEMENTS)), stream)
    ones = np.ones((1, *SHAPE))
    for length, shape in ((2, (1, *SHAPE)), (12, (2, 5)), (19, (2, 5)), (24, (4, 5)), (25, (4, 3))):
        sink = OutputPort("y", shape, "w", Decode(Tensor(rng.normal(size=ELEMENTS)), Tensor(rng.normal(size=ELEMENTS)),
                                                  tail[:length], indices=length == len(tail)))
        emit("tiny", [(Channel("x", "s_axis_x", inputs, 1), source)], [(Channel("y", "m_axis_y", stream, 2), sink)],
             tmp_path)
        made = run_alone(tmp_path, x=ones, integers=ones.astype(int), y=received)
        expected = sink.run(unpack(received, stream))
        assert np.array_equal(made["y"], expected) and made["y"].shape == (7, *shape)
        assert made["y"].dtype == expected.dtype


def test_indices_stay_integers(tmp_path: Path) -> None:
    stream = Stream(full_range(4, False), 1, 1)
    x = input_port(np.random.default_rng(0), full_range(1, False), False, False)
    y = OutputPort("y", (1,), "w", Decode(Tensor(1.0), Tensor(0.0), (), indices=True))
    inputs = Stream(full_range(1, False), ELEMENTS, 1)
    emit("tiny", [(Channel("x", "s_axis_x", inputs, 1), x)], [(Channel("y", "m_axis_y", stream, 1), y)], tmp_path)
    ones = np.ones((1, *SHAPE))
    made = run_alone(tmp_path, x=ones, integers=ones.astype(int), y=np.array([[9], [0], [15]], dtype=np.uint8))
    assert made["y"].dtype == np.int64
    assert made["y"].tolist() == [[9], [0], [15]]


def test_host_files_are_reproducible(tmp_path: Path) -> None:
    stream = Stream(full_range(2, False), ELEMENTS, 2)
    for name in ("a", "b"):
        rng = np.random.default_rng(1)
        emit("tiny", [(Channel("x", "s_axis_x", stream, 1), input_port(rng, stream.type, True, True))],
             [(Channel("y", "m_axis_y", stream, 1), output_port(rng, True, True, True))], tmp_path / name)
    for file in ("accelerator.py", "tables.npz"):
        assert (tmp_path / "a/host" / file).read_bytes() == (tmp_path / "b/host" / file).read_bytes()
