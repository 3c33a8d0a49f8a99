"""The shim of ap_int and hls_stream: random operations against Python's integers, on our headers and on Xilinx's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwgen.errors import HwgenError
from hwgen.toolchain.cxx import compile_cxx, hls_includes
from tests.hls.kernels import HERE, QUICK
from tests.hls.test_builds import xilinx_headers

WIDTHS = (1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200)


@dataclass(frozen=True)
class Kind:
    """ap_int<bits> or ap_uint<bits>."""

    bits: int
    signed: bool

    def __str__(self) -> str:
        return f"ap_{'' if self.signed else 'u'}int<{self.bits}>"

    def wrap(self, value: int) -> int:
        """The number that the low bits of any integer are."""
        low = value % (1 << self.bits)
        return low - (1 << self.bits) if self.signed and low >> (self.bits - 1) else low


@dataclass(frozen=True)
class Case:
    """An operation: its text, that makes y of `bits` bits of a and b, and what y's bits are."""

    left: Kind
    right: Kind
    bits: int
    body: str
    expected: Callable[[int, int], int]

    @property
    def left_bits(self) -> int:
        return self.left.bits

    @property
    def right_bits(self) -> int:
        return self.right.bits


def beside(a: Kind, b: Kind) -> int:
    """Bits of the smallest type that holds the numbers of both."""
    return max(a.bits + (b.signed and not a.signed), b.bits + (a.signed and not b.signed))


def arithmetic(a: Kind, b: Kind) -> list[Case]:
    """Results are exact: all their bits, and one more that repeats the sign, are those of Python's."""
    made, sign = [], a.signed or b.signed
    for symbol, bits, negative, compute in (
            ("+", beside(a, b) + 1, sign, lambda x, y: x + y), ("-", beside(a, b) + 1, True, lambda x, y: x - y),
            ("*", a.bits + b.bits, sign, lambda x, y: x * y)):
        if bits <= 128:
            made.append(Case(a, b, bits + 1, f"const {Kind(bits + 1, negative)} y = a {symbol} b;", compute))
    return made


def comparisons(a: Kind, b: Kind) -> Case:
    """Xilinx's headers compare wide numbers of two signs as C does, wrongly, and ours refuse."""
    mixed = (b if a.signed else a).bits <= 16 and max(a.bits, b.bits) <= 64
    b = b if mixed else Kind(b.bits, a.signed)
    text = " ".join(f"y[{i}] = a {symbol} b;" for i, symbol in enumerate(("<", "<=", "==", "!=", ">", ">=")))

    def compute(x: int, y: int) -> int:
        return sum(int(bit) << i for i, bit in enumerate((x < y, x <= y, x == y, x != y, x > y, x >= y)))

    return Case(a, b, 6, f"ap_uint<6> y = 0; {text}", compute)


def moves(a: Kind, b: Kind, rng: np.random.Generator) -> list[Case]:
    """Conversion, shifts, ranges read and written, text."""
    shift, low = int(rng.integers(a.bits)), int(rng.integers(a.bits))
    high = int(rng.integers(low, a.bits))
    part, spared = (1 << (high - low + 1)) - 1, a.bits - 1 - high
    text = int.from_bytes(rng.bytes(32), "little") % (1 << a.bits)
    native = int(rng.integers(-(1 << 31), 1 << 31))
    return [
        Case(a, b, b.bits, f"const {b} y = a;", lambda x, y: x),
        Case(a, b, a.bits, f"const {a} y = a << {shift};", lambda x, y: x << shift),
        Case(a, b, a.bits, f"const {a} y = a >> {shift};", lambda x, y: x >> shift),
        Case(a, b, b.bits, f"const {b} y = a.range({high}, {low});", lambda x, y: x >> low & part),
        Case(a, b, a.bits, f"{a} y = a; y.range({high}, {low}) = b;",
             lambda x, y: x & ~(part << low) | (y & part) << low),
        Case(a, b, a.bits + 1, f"{a} z = a; z[{high}] = b[0]; const {Kind(a.bits + 1, a.signed)} y = z;",
             lambda x, y: a.wrap(x & ~(1 << high) | (y & 1) << high)),
        Case(a, b, a.bits, f'const {a} y("{text:x}", 16);', lambda x, y: text),
        Case(a, b, a.bits, f"const {a} y = {native};", lambda x, y: native),
        Case(a, b, 1, f"const ap_uint<1> y = a.range({high}, {low}) == {native % 4}U;",
             lambda x, y: int(x >> low & part == native % 4)) if spared else comparisons(a, a),
    ]


def random_cases(rng: np.random.Generator) -> list[Case]:
    made: list[Case] = []
    for left in WIDTHS:
        a = Kind(left, bool(rng.integers(2)))
        b = Kind(int(rng.choice(WIDTHS)), bool(rng.integers(2)))
        made += [*arithmetic(a, b), comparisons(a, b), *moves(a, b, rng)]
    small = [Kind(bits, signed) for bits in (1, 3, 8) for signed in (False, True)]
    return made + [case for a in small for b in small for case in (*arithmetic(a, b), comparisons(a, b))]


def operands(kind: Kind, rng: np.random.Generator) -> list[int]:
    ends = [0, 1, -1, 1 << (kind.bits - 1), (1 << (kind.bits - 1)) - 1]
    return [kind.wrap(n) for n in (*ends, *(int.from_bytes(rng.bytes(32), "little") for _ in range(4)))]


def compiled(cases: list[Case], work: Path, headers: str) -> ctypes.CDLL:
    environment = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    source = work / "numbers.cpp"
    source.write_text(environment.get_template("numbers.cpp.j2").render(cases=cases))
    quiet = ("-Wno-uninitialized", "-Wno-maybe-uninitialized", "-isystem", str(xilinx_headers())) if (
        headers == "Xilinx") else ()
    return ctypes.CDLL(str(compile_cxx([source], work / "numbers.so", options=(*QUICK, *quiet),
                                       includes=() if quiet else hls_includes())))


@pytest.mark.parametrize("headers", ["ours", "Xilinx"])
def test_numbers_are_integers(headers: str, seed: int, gxx: str, tmp_path: Path) -> None:
    """What hls/ may use of ap_int means the same in both."""
    rng = np.random.default_rng(seed)
    cases = random_cases(rng)
    library = compiled(cases, tmp_path, headers)
    for index, case in enumerate(cases):
        function = getattr(library, f"case{index}")
        for a in operands(case.left, rng):
            for b in operands(case.right, rng):
                out = ctypes.create_string_buffer(-(-case.bits // 8))
                function(*(n.to_bytes(32, "little", signed=True) for n in (a, b)), out)
                expected = case.expected(a, b) % (1 << case.bits)
                assert int.from_bytes(out.raw, "little") == expected, (case.left, case.right, case.body, a, b)


STREAM = """#include <hls_stream.h>
#include <cstring>
extern "C" int run(char* why) {
  hls::stream<int> s("numbers");
  int wrong = 0, next = 0;
  for (int i = 0; i < 30000; i++) {
    s.write(i);
    if (i % 3 != 0) wrong += s.read() != next++;
  }
  if (s.most() != 10001 || s.size() != 10000 || s.full()) wrong++;
  while (!s.empty()) wrong += s.read() != next++;
  if (next != 30000) wrong++;
  try {
    s.read();
  } catch (const hls::deadlock& error) {
    std::strcpy(why, error.what());
  }
  return wrong;
}
"""


def test_a_stream_keeps_the_order_and_names_itself(gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "stream.cpp"
    source.write_text(STREAM)
    library = ctypes.CDLL(str(compile_cxx([source], tmp_path / "stream.so")))
    why = ctypes.create_string_buffer(200)
    assert library.run(why) == 0
    assert why.value.decode() == "deadlock: stream numbers is read while empty"


@pytest.mark.parametrize("body", [
    "ap_uint<4> x = 1; int y = x;", "ap_uint<70> x = 1; x = x * x;", "ap_int<4> x = -ap_int<4>(1);",
    "bool y = ap_uint<17>(1) < ap_int<3>(1);"])
def test_what_would_not_mean_the_same_does_not_compile(body: str, gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "strict.cpp"
    source.write_text(f"#include <ap_int.h>\nvoid f() {{ {body} }}\n")
    with pytest.raises(HwgenError, match="hls-compile"):
        compile_cxx([source], tmp_path / "strict.so")
