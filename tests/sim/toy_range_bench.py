"""A bench that passes by itself, but makes the toy block's own check fail."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge


@cocotb.test()
async def out_of_range(dut: Any) -> None:
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value, dut.s_axis_tvalid.value, dut.s_axis_tdata.value, dut.m_axis_tready.value = 0, 1, 8, 1
    for _ in range(3):
        await RisingEdge(dut.clk)
