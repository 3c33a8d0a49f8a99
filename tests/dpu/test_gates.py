"""Hard sigmoid and hard swish in the forms that models have them, read as a DPU's layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hwgen.dpu.read import read
from hwgen.errors import HwgenError
from hwgen.frontend.inner_quantizers import with_inner_quantizers
from hwgen.ir.graph import Op
from hwgen.ir.tensor import Tensor
from hwgen.ir.types import IntType
from hwgen.ops import quantized as q
from hwgen.ops.quantized_curves import Curve, Product
from tests.dpu.networks import INT8, Net, hard_sigmoid, int8
from tests.dpu.test_read import refused


def constant(kind: q.ElementwiseKind, number: float) -> q.Elementwise:
    return q.Elementwise(kind, Tensor(number))


GATES: dict[str, list[Op]] = {
    "two clips": [constant("add", 3.0), q.Clip(0.0, None), q.Clip(None, 6.0), constant("div", 6.0)],
    "two clips, the other way": [constant("add", 3.0), q.Clip(None, 6.0), q.Clip(0.0, None), constant("div", 6.0)],
    "a ReLU": [constant("add", 3.0), q.Relu(), q.Clip(None, 6.0), constant("div", 6.0)],
    "a clip twice": [constant("add", 3.0), q.Clip(-1.0, 7.0), q.Clip(0.0, 6.0), constant("div", 6.0)],
    "the clip first": [q.Clip(-3.0, 3.0), constant("add", 3.0), constant("div", 6.0)]}


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("share", [None, 1.0, 2.0])
def test_forms_of_hard_sigmoid_and_hard_swish(name: str, share: float | None) -> None:
    """share: of the sixth that x has before the product, x / 6 * relu6(x + 3); None: no product."""
    net, ops = Net((4,)), GATES[name]
    source = net.last
    if share is None:
        net.chain([*ops, int8(7)])
    else:
        line = source if share == 1 else net.add(constant("div", share))
        net.last = source
        net.chain(ops if share == 1 else [*ops[:-1], constant("div", 6 / share)])
        net.add(Product(), line)
        net.add(int8(3))
    (layer,) = read(net.build()).layers
    assert layer.kind == ("hsigmoid" if share is None else "hswish")


def test_other_clips_and_products_are_no_gates() -> None:
    def between(first: q.Clip) -> Callable[[Net], object]:
        return lambda net: net.chain([constant("add", 3.0), first, q.Clip(0.0, 6.0), constant("div", 6.0), int8(7)])

    text = "a DPU has no such function of one value"
    for clip in (q.Clip(1.0, 6.0), q.Clip(0.0, 5.0), q.Clip(7.0, 8.0), q.Clip(-2.0, -1.0)):
        assert text in refused(between(clip), (4,))
    rounded = [*hard_sigmoid(), q.Quant(Tensor(2.0**-7), Tensor(0.0), INT8, inner=True)]
    assert text in refused(lambda net: net.chain([*rounded, constant("mul", 1.0), int8(7)]), (4,))


@pytest.mark.parametrize("scale", [2.0**-7, 2.0**-6])
def test_a_rounded_gate_is_a_dpus_only_at_its_position(scale: float) -> None:
    """As Vitis AI's quantizer writes hard swish, and --rounding dpu; another grid inside is none of a DPU's."""
    net = Net((4,))
    source = net.last
    net.chain([*hard_sigmoid(), q.Quant(Tensor(scale), Tensor(0.0), IntType(-128, 127))])
    net.add(Product(), source)
    net.add(int8(3))
    graph = with_inner_quantizers(net.build())
    if scale == 2.0**-7:
        (layer,) = read(graph).layers
        assert layer.kind == "hswish"
    else:
        with pytest.raises(HwgenError, match="dpu-layer: quant4: a DPU has no such function of one value"):
            read(graph)


def test_a_rounded_factor_of_another_product_is_refused_by_name() -> None:
    net = Net((4,))
    source = net.last
    net.chain([Curve("sigmoid"), q.Quant(Tensor(2.0**-7), Tensor(0.0), IntType(-128, 127))])
    net.add(Product(), source)
    net.add(int8(3))
    with pytest.raises(HwgenError, match="quant2: it rounds one factor of a product, a DPU multiplies a value"):
        read(with_inner_quantizers(net.build()))
