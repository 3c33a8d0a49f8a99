"""The RTL of a hardware-level graph: fills templates/rtl/, knows no kernel by name."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.emit.memory import Port, Rom, ports, roms
from hwgen.emit.render import render
from hwgen.kernels.base import Kernel


@dataclass(frozen=True)
class KernelWrapper:
    """Context of kernel_wrapper.sv.j2."""

    name: str
    title: str
    stem: str
    input_msb: int
    output_msb: int
    parameters: tuple[tuple[str, int], ...]
    ports: tuple[Port, ...]
    roms: tuple[Rom, ...]


def kernel_wrapper(name: str, kernel: Kernel, mem_prefix: str) -> str:
    """SystemVerilog of module `name`: hwgen_<stem> with one or more hwgen_rom per memory.

    Its ports are clk, rst, s_axis_* and m_axis_*. mem_prefix stands before the bare names that memory_files gives.
    """
    return render("rtl/kernel_wrapper.sv.j2", KernelWrapper(
        name=name, title=kernel.title, stem=kernel.stem, input_msb=kernel.input_stream().width - 1,
        output_msb=kernel.output_stream().width - 1, parameters=tuple(kernel.parameters().items()),
        ports=ports(kernel), roms=roms(name, kernel, mem_prefix)))


def memory_files(name: str, kernel: Kernel) -> dict[str, str]:
    """The $readmemh files of layer `name`: bare file name to text."""
    return {rom.file: rom.text() for rom in roms(name, kernel)}
