"""DPU architectures: fingerprints of the named ones, and the limits of their layers.

A fingerprint is type << 56 | instruction set << 48 | 48 bits of features, of which the low four say the parallelism.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.errors import HwgenError, did_you_mean

DEFAULT = "DPUCZDX8G_ISA1_B4096"
_SIZES = {512: 0, 800: 1, 1024: 2, 1152: 3, 1600: 4, 2304: 5, 3136: 6, 4096: 7}
"""Peak operations a cycle, and the code of the parallelism."""
_PARALLEL = ((4, 8, 8), (4, 10, 10), (8, 8, 8), (4, 12, 12), (8, 10, 10), (8, 12, 12), (8, 14, 14), (8, 16, 16))
_NARROW, _WIDE = 0x101000056010200, 0x101000056010400
"""Features of the sizes of 4 and of 8 pixels."""


@dataclass(frozen=True)
class Range:
    """Whole numbers from low to high."""

    low: int
    high: int

    def clip(self, number: int) -> int:
        """The nearest one."""
        return min(max(number, self.low), self.high)

    def __contains__(self, number: int) -> bool:
        return self.low <= number <= self.high

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Architecture:
    """name; fingerprint; how many pixels, input and output channels are computed at a time; rows of a memory bank."""

    name: str
    fingerprint: int
    pixels: int
    channels_in: int
    channels_out: int
    bank_depth: int = 2048
    conv_kernel: Range = Range(1, 16)
    conv_stride: Range = Range(1, 8)
    conv_pad: Range = Range(0, 15)
    alu_kernel: Range = Range(1, 256)
    alu_stride: Range = Range(1, 256)
    alu_pad: Range = Range(0, 255)

    @property
    def operations(self) -> int:
        """Peak operations a cycle, a multiplication and an addition being two."""
        return 2 * self.pixels * self.channels_in * self.channels_out

    @property
    def depthwise_leaky(self) -> bool:
        """Whether a LeakyRelu may belong to a depthwise convolution: bit 29."""
        return bool(self.fingerprint >> 29 & 1)


def _named(size: int, code: int) -> Architecture:
    pixels, channels_in, channels_out = _PARALLEL[code]
    base = _NARROW if pixels == 4 else _WIDE
    return Architecture(f"DPUCZDX8G_ISA1_B{size}", base + code, pixels, channels_in, channels_out)


ARCHITECTURES: Mapping[str, Architecture] = {
    f"DPUCZDX8G_ISA1_B{size}": _named(size, code) for size, code in sorted(_SIZES.items())}


def architecture(name: str | None) -> Architecture:
    """By name, None for the largest one. HwgenError: "unknown-arch"."""
    if name is None:
        return ARCHITECTURES[DEFAULT]
    if name not in ARCHITECTURES:
        raise HwgenError("unknown-arch", name, "there is no DPU of this name",
                         did_you_mean(name, ARCHITECTURES, "DPUs"))
    return ARCHITECTURES[name]
