"""What step kernels cost on Xilinx 7-series, from the actual bits of their ROMs (fitted to Yosys 0.70).

Evenly spaced thresholds share most of their low bits: equal bit columns of a ROM are made once, and so are the parts of
the comparators behind them.
"""

from __future__ import annotations

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.kernels.base import Memory, Resources
from hwgen.kernels.rom import block_rom, luts_per_bit

_SALT = np.random.default_rng(1).integers(1, 1 << 62, 1 << 12).astype(np.uint64)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def column_keys(words: Array, bits: int) -> Array:
    """(depth, ...) integers to (..., bits) numbers, equal where the bit columns are; 0 or 1 where one is constant."""
    codes = (words[..., None] >> np.arange(bits) & 1).astype(np.uint64)
    rows = np.arange(len(words))
    salt = _SALT[rows % len(_SALT)] * (rows // len(_SALT) + 2).astype(np.uint64)
    constant = (codes == codes[:1]).all(axis=0)
    return np.asarray(np.where(constant, codes[0], np.tensordot(salt, codes, axes=1)))


def rom_of(memory: Memory, keys: Array) -> Resources:
    """A ROM and its output register; behind block RAM one more."""
    if memory.style == "block":
        return block_rom(memory.depth, memory.width) + Resources(ff=memory.width)
    return logic_rom(memory.depth, keys)


def logic_rom(depth: int, keys: Array) -> Resources:
    """A ROM without block RAM and its output register, by the keys of its columns."""
    columns = len(np.unique(keys[keys > 1]))
    return Resources(lut=round(columns * max(1.05, luts_per_bit(depth))) if depth > 2 else 0, ff=columns)


def comparators(keys: Array) -> int:
    """LUTs of comparators: one for two bits of a threshold, shared by the thresholds of a lane that agree in them.

    keys: (lanes, thresholds, bits) column keys. Constant thresholds make chains that share less.
    """
    if bool((keys < 2).all()):
        return round(0.35 * keys.size)
    even = np.concatenate([keys, keys[..., -1:]], axis=2) if keys.shape[2] % 2 else keys
    pairs = even[..., 0::2] * np.uint64(3) + even[..., 1::2] * np.uint64(7)
    place = np.arange(pairs.shape[0] * pairs.shape[2], dtype=np.uint64).reshape(pairs.shape[0], 1, -1)
    return len(np.unique((pairs + place * _SALT[0]) * _ODD))


def parities(levels: int) -> int:
    """LUTs of the exclusive ors that turn a thermometer of flags into a number."""
    return sum(-(-((levels >> bit) - 1) // 5) for bit in range(levels.bit_length()))


def skid(width: int) -> Resources:
    """hwgen_skid."""
    return Resources(lut=width + 3, ff=2 * width + 2)
