"""The networks of matrix.toml: each with its file, its real inputs and its row of verdicts."""

from __future__ import annotations

import tomllib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.frontend import load
from hwgen.ir.graph import Graph
from hwgen.ir.tensor import Array
from tests.e2e.test_zoo import options

MATRIX: dict[str, Any] = tomllib.loads((Path(__file__).parent / "matrix.toml").read_text())
FRAMES = 6


@dataclass(frozen=True)
class Network:
    """path, golden: below ../shared/models; key: in an .npz; verdicts: by target."""

    path: str
    golden: str
    key: str | None
    verdicts: dict[str, str]

    @property
    def id(self) -> str:
        path = Path(self.path)
        return path.parent.name if path.stem.startswith("model_") else path.stem

    def graph(self, models: Path) -> Graph:
        """The quantized graph, at a smaller size where tests/zoo.toml has one."""
        return load(models / self.path, options(self.path)).graph

    def inputs(self, models: Path) -> Array:
        """A few real frames, cut to that size."""
        stored = np.load(models / self.golden)
        frames = np.asarray(stored if self.key is None else stored[self.key])[:FRAMES].astype(np.float32)
        shape = options(self.path).input_shapes.get(None)
        return frames if shape is None else frames[:, :, : shape[2], : shape[3]]


def networks() -> list[Network]:
    """All rows, in the order of the file."""
    made = []
    for group in MATRIX["group"]:
        golden, *key = group["golden"]
        made += [Network(group["file"].format(name), golden.format(name), key[0] if key else None,
                         dict(zip(MATRIX["targets"], row, strict=True))) for name, row in group["networks"].items()]
    return made


def named(name: str) -> Network:
    """The first row of this name."""
    return next(network for network in networks() if network.id == name)


def parameters(in_suite: Container[str] | None = None) -> list[Any]:
    """Of a test: those of other names run in `make networks` only."""
    return [pytest.param(n, id=n.id, marks=() if in_suite is None or n.id in in_suite else pytest.mark.every_network)
            for n in networks()]
