"""Lane counts that fit a frame or a bus."""

from __future__ import annotations

from collections.abc import Iterator

SMALLEST_BUS, LARGEST_BUS = 8, 1024


def divisors(n: int) -> list[int]:
    """All divisors, ascending."""
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d != n]


def bus_width(lanes: int, bits: int) -> int:
    """Bits of the smallest legal bus for a beat of `lanes` elements of `bits` each."""
    return max(SMALLEST_BUS, 1 << (lanes * bits - 1).bit_length())


def bus_lanes(elements: int, bits: int) -> Iterator[int]:
    """Whole elements that each legal bus carries, narrowest first, up to the one that takes a frame in a beat."""
    width = bus_width(1, bits)
    while width <= LARGEST_BUS:
        lanes = min(width // bits, elements)
        yield lanes
        if lanes == elements:
            return
        width *= 2


def narrowest_bus(elements: int, bits: int, cycles: int) -> int:
    """Lanes of the narrowest bus with at most `cycles` beats a frame, of the widest one where none is wide enough."""
    lanes = 1
    for lanes in bus_lanes(elements, bits):
        if -(-elements // lanes) <= cycles:
            break
    return lanes
