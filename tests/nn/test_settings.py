"""Arguments: what overrides what, and what is refused with the layer's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hwgen.errors import HwgenError

torch = pytest.importorskip("torch")

from hwgen import nn as qnn  # noqa: E402
from hwgen.nn import quant  # noqa: E402

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no bits": (lambda: qnn.QuantConv2d(1, 2, 3, weight_bit_width=0),
                "bad-argument: QuantConv2d: bit_width is 0. Give a whole number from 1 to 32."),
    "half a bit": (lambda: qnn.QuantReLU(bit_width=2.5),
                   "bad-argument: QuantReLU: bit_width is 2.5. Give a whole number from 1 to 32."),
    "one narrow bit": (lambda: qnn.QuantLinear(4, 2, weight_bit_width=1),
                       "bad-argument: QuantLinear: 1 signed bits in a narrow range hold the integer 0 only. "
                       "Give 2 bits or more, or quant_type BINARY."),
    "binary without scale": (
        lambda: qnn.QuantLinear(4, 2, weight_quant_type="binary", weight_scaling_impl_type="const"),
        "bad-argument: QuantLinear: a scale of type const has no value to start from. "
        "Give scaling_const, or min_val and max_val."),
    "unknown quantizer": (lambda: qnn.QuantLinear(4, 2, weight_quant="Int9"),
                          "bad-quantizer: QuantLinear: 'Int9' is not a quantizer of hwgen.nn.quant. "
                          "Import one from hwgen.nn.quant, or subclass one."),
    "misspelled": (lambda: qnn.QuantReLU(bit_widht=4),
                   "bad-argument: QuantReLU: 'bit_widht' is no setting of a quantizer. Did you mean bit_width?"),
    "unknown mode": (lambda: qnn.QuantIdentity(float_to_int_impl_type="sideways"),
                     "bad-argument: QuantIdentity: float_to_int_impl_type is 'sideways'. It is one of half_even, "
                     "half_up, half_away, half_toward_zero, floor, ceil, away, toward_zero, dpu_py3."),
    "no prefix": (lambda: qnn.QuantConv2d(1, 2, 3, bit_width=4),
                  "bad-argument: QuantConv2d: it has no argument 'bit_width'. "
                  "Settings of its quantizers start with weight_, bias_, input_, output_."),
    "no quantizer": (lambda: qnn.QuantConv2d(1, 2, 3, output_bit_width=4),
                     "bad-argument: QuantConv2d: output_bit_width is given without output_quant. "
                     "Give output_quant, a quantizer of hwgen.nn.quant."),
    "bias without scale": (lambda: qnn.QuantLinear(4, 2, bias_quant=quant.Int8Bias)(torch.rand(1, 4)),
                           "input-scale: QuantLinear: its bias quantizer takes the scale of the accumulator, and its "
                           "input or its weights are not quantized. Set return_quant_tensor=True on the layer before "
                           "it, or take a bias quantizer with a scale of its own."),
    "nothing to return": (lambda: qnn.QuantLinear(4, 2, return_quant_tensor=True)(torch.rand(1, 4)),
                          "not-quantized: QuantLinear: return_quant_tensor=True, and its output is on no grid. "
                          "Quantize its input and its weights, or give it an output_quant."),
    "bilinear": (lambda: qnn.QuantUpsample(scale_factor=2, mode="bilinear"),
                 "bad-argument: QuantUpsample: mode is 'bilinear'. Only 'nearest' keeps integers."),
    "two for one": (lambda: qnn.QuantCat(tie_input_output_quant=True),
                    "bad-argument: QuantCat: tie_input_output_quant=True with two quantizers. "
                    "Give input_quant or output_quant, and None for the other."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises(HwgenError) as caught:
        make()
    assert str(caught.value) == text


def test_a_subclass_changes_an_attribute_and_an_argument_wins() -> None:
    class Seven(quant.ShiftedUint8ActPerTensorFloat):
        bit_width = 7

    assert qnn.QuantIdentity(Seven).act_quant.settings.bit_width == 7
    assert qnn.QuantIdentity(Seven, bit_width=5).act_quant.settings.bit_width == 5
    assert quant.ShiftedUint8ActPerTensorFloat.__mro__[0] is quant.ShiftedUint8ActPerTensorFloat
    assert qnn.QuantConv2d(1, 2, 3, output_quant=Seven).output_quant.settings.high == 127


@pytest.mark.parametrize(("quantizer", "low", "high"), [
    (quant.Int8WeightPerTensorFloat, -127, 127), (quant.Int8ActPerTensorFloat, -128, 127),
    (quant.Uint8ActPerTensorFloat, 0, 255), (quant.Int16Bias, -32768, 32767),
    (quant.SignedTernaryWeightPerTensorConst, -1, 1)])
def test_integers_of_the_usual_quantizers(quantizer: type[quant.Quantizer], low: int, high: int) -> None:
    from hwgen.nn.settings import settings_of

    made = settings_of(quantizer, {}, "a test")
    assert (made.low, made.high) == (low, high)
