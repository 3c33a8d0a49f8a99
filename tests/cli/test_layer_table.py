"""The table of layers: a column only where it says something."""

from __future__ import annotations

from typing import Any

import pytest

from hwgen.report.terminal import layer_table


def report(dsp: int, *, synthesised: bool) -> dict[str, Any]:
    used = {"lut": 70, "ff": 90, "bram18": 2, "dsp": dsp}
    found = {"lut": 60, "ff": 80, "bram18": 2, "dsp": dsp} if synthesised else None
    layer = {"name": "relu", "kernel": "requantize", "pe": 1, "simd": 1, "input_type": "int18", "weight_type": None,
             "output_type": "uint8{0..200}", "cycles_model": 1024, "cycles_measured": None, "estimate": used,
             "synthesis": found}
    return {"layers": [layer], "resources": {"estimate": used, "synthesis": found},
            "cycles_per_frame": {"model": 1024, "measured": None}}


@pytest.mark.parametrize(("dsp", "synthesised", "ends"), [
    (0, False, "LUT BRAM18"), (3, False, "LUT BRAM18 DSP"), (0, True, "LUT BRAM18 Yosys LUT BRAM18"),
    (3, True, "LUT BRAM18 DSP Yosys LUT BRAM18 DSP"),
])
def test_columns(dsp: int, synthesised: bool, ends: str) -> None:
    heading, layer, total = (" ".join(line.split()) for line in layer_table(report(dsp, synthesised=synthesised)))
    dsps = [str(dsp)] if dsp else []
    expected = ["70", "2", *dsps, *(["60", "2", *dsps] if synthesised else [])]
    assert heading.endswith(f"measured {ends}")
    assert layer == " ".join(["relu requantize 1 1 int18 uint8 1,024", *expected])
    assert total == " ".join(["network 1,024", *expected])
