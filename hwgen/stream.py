"""Element order, packing and memory words: the only code that knows bit layout (docs/contract.md, section 2).

A beat is an unsigned number of `lanes * type.bits` bits, element 0 in the least significant bits. Beats are held in
little-endian byte rows: uint8 arrays of shape (beats, beat_bytes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import BIPOLAR, IntType


@dataclass(frozen=True)
class Stream:
    """One frame on a wire: `elements` values of `type`, `lanes` of them per beat."""

    type: IntType
    elements: int
    lanes: int

    @property
    def width(self) -> int:
        """Bits of a beat, before any padding to bytes."""
        return self.lanes * self.type.bits

    @property
    def beats(self) -> int:
        """Beats of a frame; the last may be partly filled (only at the top)."""
        return -(-self.elements // self.lanes)

    @property
    def beat_bytes(self) -> int:
        return -(-self.width // 8)


def axis_names(side: str, count: int) -> tuple[str, ...]:
    """The prefixes of a layer's ports: s_axis where it has one input, s0_axis, s1_axis, ... where it has several."""
    return (f"{side}_axis",) if count == 1 else tuple(f"{side}{i}_axis" for i in range(count))


def to_codes(values: Array, kind: IntType) -> Array:
    """Integers to wire codes: two's complement, unsigned, or 0 and 1 for bipolar."""
    if kind == BIPOLAR:
        return (np.asarray(values) > 0).astype(np.int64)
    return np.asarray(values) & ((1 << kind.bits) - 1) if kind.signed else np.asarray(values)


def from_codes(codes: Array, kind: IntType) -> Array:
    """The inverse of to_codes."""
    if kind == BIPOLAR:
        return 2 * np.asarray(codes) - 1
    if not kind.signed:
        return np.asarray(codes)
    half = 1 << (kind.bits - 1)
    return (np.asarray(codes) ^ half) - half


def _bits_of(codes: Array, width: int) -> Array:
    """(..., n) codes to (..., n, width) bits, least significant first."""
    if codes.dtype == object or width > 63:
        flat = [[(int(c) >> b) & 1 for b in range(width)] for c in codes.ravel()]
        return np.array(flat, dtype=np.uint8).reshape(*codes.shape, width)
    size = 1 << max(0, (width - 1).bit_length() - 3)
    octets = np.ascontiguousarray(codes, dtype=f"<u{size}")[..., None].view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little", count=width)


def _codes_of(bits: Array) -> Array:
    """(..., n, width) bits to (..., n) codes."""
    width = bits.shape[-1]
    if width > 62:
        weights = np.array([1 << b for b in range(width)], dtype=object)
        return np.asarray((bits.astype(object) * weights).sum(axis=-1))
    return np.asarray(bits.astype(np.int64) @ (np.int64(1) << np.arange(width, dtype=np.int64)))


def pack(frames: Array, stream: Stream) -> Array:
    """(frames, elements) integers to (frames * beats, beat_bytes) uint8; missing elements of a last beat are 0."""
    count = frames.shape[0]
    codes = to_codes(frames.reshape(count, stream.elements), stream.type)
    padded = np.zeros((count, stream.beats * stream.lanes), dtype=codes.dtype)
    padded[:, : stream.elements] = codes
    bits = _bits_of(padded, stream.type.bits).reshape(count * stream.beats, stream.width)
    return np.packbits(bits, axis=1, bitorder="little")


def unpack(beats: Array, stream: Stream) -> Array:
    """(frames * beats, beat_bytes) uint8 to (frames, elements) integers."""
    bits = np.unpackbits(beats, axis=1, bitorder="little", count=stream.width)
    codes = _codes_of(bits.reshape(-1, stream.beats * stream.lanes, stream.type.bits))
    return from_codes(codes[:, : stream.elements], stream.type)


def words_to_hex(words: Array, kind: IntType) -> Iterator[str]:
    """Lines for $readmemh: (depth, lanes) integers, lane 0 in the least significant bits of each word."""
    width = words.shape[1] * kind.bits
    digits = -(-width // 4)
    bits = _bits_of(to_codes(words, kind), kind.bits).reshape(words.shape[0], width)
    rows = np.packbits(bits, axis=1, bitorder="little")[:, ::-1]
    text, step = rows.tobytes().hex(), 2 * rows.shape[1]
    for start in range(0, len(text), step):
        yield text[start + step - digits : start + step]
