"""Other roundings than training's: which quantizers take them, and what comes out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwgen.errors import HwgenError
from hwgen.frontend import ImportOptions
from hwgen.ir.graph import Graph, GraphBuilder, Level, Op, Value
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import BIPOLAR, REAL, IntType
from hwgen.model import IntegerModel
from hwgen.ops.quantized import Elementwise, Quant, Reshape
from hwgen.ops.quantized_maps import Trunc
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.passes.round_activations import round_activations
from hwgen.reference import exact
from hwgen.rounding import NEAREST, Rounding

INT8 = IntType(-128, 127)


def quant(scale: float, rounding: Rounding = Rounding.HALF_EVEN, kind: IntType = INT8) -> Quant:
    return Quant(Tensor(scale), Tensor(0.0), kind, rounding)


def chain(*ops: Op) -> Graph:
    builder = GraphBuilder("chain", Level.QUANTIZED)
    name = builder.add_input(Value("x", (4,), REAL)).name
    for index, op in enumerate(ops):
        (made,) = builder.add(f"n{index}", op, [name], [f"v{index}"])
        name = made.name
    return builder.build([name])


def roundings(graph: Graph) -> list[Rounding]:
    return [node.op.rounding for node in graph.nodes if isinstance(node.op, Quant | Trunc)]


@pytest.mark.parametrize("mode", Rounding)
def test_only_rounding_to_nearest_is_replaced(mode: Rounding) -> None:
    made = round_activations(chain(quant(0.5), quant(1.0, mode)), Rounding.HALF_UP, Rounding.HALF_AWAY)
    assert roundings(made) == [Rounding.HALF_AWAY, Rounding.HALF_UP if mode in NEAREST else mode]


def test_what_the_host_computes_before_the_first_quantizer_counts_as_the_input() -> None:
    graph = chain(Reshape((4,)), Elementwise("mul", Tensor(2.0)), quant(0.5), Reshape((4,)), quant(1.0))
    made = round_activations(graph, Rounding.HALF_UP, Rounding.HALF_AWAY)
    assert roundings(made) == [Rounding.HALF_AWAY, Rounding.HALF_UP]


def test_two_values_have_no_ties_and_truncation_has() -> None:
    trunc = Trunc(Tensor(0.5), Tensor(0.0), Fraction(4), INT8, Tensor(2.0), Tensor(0.0), Rounding.HALF_EVEN)
    graph = chain(quant(0.5), trunc, quant(1.0, kind=BIPOLAR))
    made = round_activations(graph, Rounding.HALF_UP, Rounding.HALF_AWAY)
    assert roundings(made) == [Rounding.HALF_AWAY, Rounding.HALF_UP, Rounding.HALF_EVEN]


def test_ties_go_up_inside_and_away_from_zero_at_the_input() -> None:
    graph = round_activations(chain(quant(1.0), quant(2.0)), Rounding.HALF_UP, Rounding.HALF_AWAY)
    *_, (_, lowered) = lower(graph, TO_INTEGERS)
    x = np.array([[-2.5, -0.5, 0.5, 2.5], [-3.0, -1.0, 1.0, 3.0]], np.float32)
    want = exact.run(graph, {"x": x}).integers
    assert want["v0"].tolist() == [[-3, -1, 1, 3], [-3, -1, 1, 3]]
    assert want["v1"].tolist() == [[-1, 0, 1, 2], [-1, 0, 1, 2]]
    found = IntegerModel(lowered).predict({"x": x})["v1"]
    assert (found / 2).tolist() == want["v1"].tolist()


def test_an_unknown_rounding() -> None:
    with pytest.raises(HwgenError) as caught:
        ImportOptions(rounding="up")
    assert str(caught.value) == ("unknown-rounding: up: there is no such rounding. The roundings are: dpu, half_up, "
                                 "trained.")
