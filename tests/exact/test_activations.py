"""Pulling a condition back through a stage is the same as evaluating the stage."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hwgen.exact.activations import RELU, BendStage, ClipStage
from hwgen.exact.expression import Expression, HalfLine, affine
from hwgen.ir.tensor import Tensor

STAGES = [RELU, ClipStage(Fraction(-1), Fraction(1)), ClipStage(None, Fraction(6)),
          BendStage(Tensor(np.array([Fraction(1, 4)], dtype=object))),
          BendStage(Tensor(np.array([Fraction(0)], dtype=object)))]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("slope", [Fraction(3, 8), Fraction(-1, 2), Fraction(0)])
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_pull_back_agrees_with_evaluation(stage: ClipStage | BendStage, slope: Fraction, below: bool,
                                          closed: bool) -> None:
    offset = Fraction(1, 8)
    first = affine(np.array([slope], dtype=object), np.array([offset], dtype=object))
    expression = Expression((first, stage, affine(np.array([Fraction(-2)], dtype=object),
                                                  np.array([Fraction(1, 4)], dtype=object))))
    for eighths in range(-40, 41):
        condition = HalfLine(Fraction(eighths, 16), closed, below)
        pulled = expression.pull_back(condition, 0)
        for a in range(-20, 21):
            expected = condition.holds(expression.evaluate(a, 0))
            assert (pulled if isinstance(pulled, bool) else pulled.holds(a)) == expected
