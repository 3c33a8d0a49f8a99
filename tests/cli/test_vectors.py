"""Inputs from files are checked before they are used; random ones reach every level of the input quantizer."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.host import Encode, InputPort
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, IntType, full_range
from hwgen.vectors import as_reals, load_inputs, random_inputs

CUTS = np.array([[-1.5, 0.25, 0.5]])
TWO_BITS = IntType(0, 3)


def port(cuts: np.ndarray = CUTS, kind: IntType = TWO_BITS, shape: tuple[int, ...] = (2, 3), *,
         order: np.ndarray | None = None, raw: bool = False) -> InputPort:
    encode = Encode(kind, Tensor(cuts), Tensor(np.array([False])), raw)
    return InputPort("x", shape, "x_int", encode, None if order is None else Tensor(order))


def test_random_inputs_reach_every_level(seed: int) -> None:
    made = random_inputs({"x": port()}, 200, seed)["x"]
    assert made.shape == (200, 2, 3)
    assert made.dtype == np.float32
    assert set(np.unique(port().run(made))) == {0, 1, 2, 3}
    assert np.isin(made, CUTS.astype(np.float32)).any(), "no input lies exactly on a decision"


def test_random_inputs_follow_a_permuted_stream(seed: int) -> None:
    cuts = np.array([[0.0], [100.0], [1e4]])
    permuted = port(cuts, IntType(0, 1), (3,), order=np.array([2, 0, 1]))
    codes = permuted.run(random_inputs({"x": permuted}, 100, seed)["x"])
    assert ((codes == 0).any(axis=0) & (codes == 1).any(axis=0)).all()


@pytest.mark.parametrize("cuts", [[-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf], [2.0, np.inf, np.inf],
                                  [-np.inf, 1.0, np.nan]])
def test_random_inputs_are_finite_where_decisions_are_not(cuts: list[float], seed: int) -> None:
    """As behind a ReLU: levels that no number has, or that all have. The others are reached."""
    made = random_inputs({"x": port(np.array([cuts]))}, 100, seed)["x"]
    assert np.isfinite(made).all() and np.abs(made).max() < 10
    reached = {sum(x >= cut for cut in cuts) for x in (-5.0, 0.5, 5.0)}
    assert set(np.unique(port(np.array([cuts])).run(made))) == reached


@pytest.mark.parametrize("kind", [BIPOLAR, full_range(8, True)])
def test_integers_for_a_typed_input_become_reals_that_quantize_to_them(kind: IntType, seed: int) -> None:
    cuts = (np.arange(kind.lo, kind.hi) + 0.5)[None] / 1024 if kind != BIPOLAR else np.zeros((1, 1))
    raw = port(cuts, kind, (4,), raw=True)
    integers = np.random.default_rng(seed).choice([kind.lo, kind.hi], (50, 4))
    reals = as_reals(integers, raw)
    assert reals.dtype == np.float32
    assert (raw.run(reals) == integers).all()
    assert as_reals(reals, raw) is reals


def test_a_quantizer_of_one_level_takes_anything(seed: int) -> None:
    flat = port(np.zeros((1, 0)), IntType(0, 0))
    assert random_inputs({"x": flat}, 3, seed)["x"].shape == (3, 2, 3)


def refused(tmp_path: Path, array: object = None, *, name: str | None = None, data: bytes | None = None) -> HwgenError:
    path = tmp_path / "x.npy"
    if data is not None:
        path.write_bytes(data)
    elif array is not None:
        np.save(path, array)  # type: ignore[arg-type]
    with pytest.raises(HwgenError) as caught:
        load_inputs({name: path}, {"x": port()})
    return caught.value


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path).why == "there is no such file"
    assert refused(tmp_path, data=b"").code == "input-file"
    assert refused(tmp_path, data=b"PK\x03\x04").code == "input-file"
    assert refused(tmp_path, data=b"\x93NUMPY").code == "input-file"
    assert refused(tmp_path, np.zeros((1, 2, 3)), name="y").code == "input-name"
    assert refused(tmp_path, np.zeros((1, 2, 3), complex)).code == "input-dtype"
    assert refused(tmp_path, np.zeros((1, 2, 3), "U4")).code == "input-dtype"
    assert refused(tmp_path, np.full((1, 2, 3), np.nan)).where == str(tmp_path / "x.npy")


@pytest.mark.parametrize("shape", [(), (2, 3), (0, 2, 3), (1, 3, 2), (1, 6), (1, 1, 2, 3)])
def test_wrong_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    error = refused(tmp_path, np.zeros(shape))
    assert error.code == "input-shape"
    assert "framesx2x3" in error.why


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("boom",)


def test_pickles_are_never_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(tmp_path, data=pickle.dumps(Bomb())).code == "input-file"
    assert refused(tmp_path, np.array([Bomb()], dtype=object)).code == "input-file"
    assert capsys.readouterr().out == ""


def test_an_archive_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, x=np.zeros((1, 2, 3)))
    with pytest.raises(HwgenError) as caught:
        load_inputs({None: tmp_path / "x.npy"}, {"x": port()})
    assert caught.value.code == "input-dtype"
