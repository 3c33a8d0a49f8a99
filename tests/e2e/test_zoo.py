"""Every network of ../shared/models has the verdict of tests/zoo.toml: a new refusal or a lost warning fails."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.frontend import Imported, ImportOptions, load
from hwgen.host import InputPort
from hwgen.ir.graph import Graph
from hwgen.ir.types import parse_type
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import lower
from hwgen.reference import exact
from hwgen.vectors import random_inputs

ZOO = tomllib.loads((Path(__file__).parents[1] / "zoo.toml").read_text())
VERDICTS: dict[str, str] = ZOO["verdicts"]
FRAMES = 8
ELEMENTS = 1_000_000
"""Large networks get fewer frames, at least one: about this many elements of all values together."""


def options(name: str) -> ImportOptions:
    """The input type that the file needs, if any, and the size at which it is run."""
    typed, shape = ZOO["input_types"].get(name), ZOO["input_shapes"].get(name)
    return ImportOptions(
        input_types={None: (parse_type(typed["type"]), Fraction(typed["scale"]))} if typed else {},
        input_shapes={None: tuple(shape)} if shape else {})


def verdict(path: Path, name: str) -> tuple[str, Imported | None]:
    """What the importer says about a file."""
    try:
        imported = load(path, options(name))
    except HwgenError as error:
        return f"refused: {error.code}", None
    return ("warning" if imported.warnings else "exact"), imported


def lowered(graph: Graph) -> Graph:
    """The last integer graph of the pipeline, before kernels."""
    return next(made for name, made in lower(graph) if name == "narrow-types")


def test_every_file_is_listed(models: Path) -> None:
    found = {path.relative_to(models).as_posix() for path in models.rglob("*.onnx")}
    assert found == set(VERDICTS)


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str, models: Path, seed: int) -> None:
    """The listed verdict; what is read also lowers, and its integers equal the exact reference on random frames."""
    found, imported = verdict(models / name, name)
    assert found == VERDICTS[name]
    if imported is not None:
        assert_exact(imported.graph, seed)


def assert_exact(graph: Graph, seed: int) -> None:
    """The integer model's activations are the exact reference's, at every quantizer."""
    model = IntegerModel(lowered(graph))
    frames = max(1, min(FRAMES, ELEMENTS // sum(value.elements for value in graph.values.values())))
    inputs = random_inputs({p.name: p for p in model.graph.ports.values() if isinstance(p, InputPort)}, frames, seed)
    found, expected = model.activations(model.encode(inputs)), exact.run(graph, inputs).integers
    assert expected and set(expected) <= set(found)
    for value, integers in expected.items():
        lies = model.graph.in_imported_order(value, found[value])
        np.testing.assert_array_equal(lies.reshape(integers.shape), integers, err_msg=value)


def test_untyped_input_is_refused(models: Path) -> None:
    """Without --input-type the networks of [input_types] are refused by name, not guessed."""
    for name in ZOO["input_types"]:
        with pytest.raises(HwgenError, match=r"unquantized-input: .*--input-type and --input-scale"):
            load(models / name)
