"""All kernels in other builds: with sanitizers, with Xilinx's own ap_int, through clang's format and checks."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwgen.data import folder
from hwgen.ir.tensor import Array
from hwgen.kernels.base import Kernel
from hwgen.stream import pack
from hwgen.toolchain.cxx import SANITIZED, compile_cxx, hls_includes
from sim.kernel_bench import random_inputs
from tests.conftest import need_package
from tests.hls.kernels import QUICK, check_kernels, source_text
from tests.hls.test_kernels_compute import GROUPS
from tests.hls.test_kernels_move import RANDOM

HEADERS = sorted([*folder("hls").glob("*.hpp"), *(folder("hls") / "shim").glob("*.h*")])
DRAWS = (*(draw for draws, _ in GROUPS.values() for draw in draws), *RANDOM)


def one_of_each(seed: int) -> list[Kernel]:
    rng = np.random.default_rng(seed)
    return [draw(rng) for draw in DRAWS]


def packed(kernel: Kernel, inputs: tuple[Array, ...], outputs: tuple[Array, ...]) -> tuple[bytes, bytes]:
    """The bytes that all inputs and all outputs of some frames have on the wire."""
    sides = ((kernel.input_streams(), inputs), (kernel.output_streams(), outputs))
    given, taken = (b"".join(pack(values.reshape(len(values), -1), layout).tobytes()
                             for layout, values in zip(layouts, side, strict=True)) for layouts, side in sides)
    return given, taken


def test_no_undefined_behaviour_and_no_bad_access(seed: int, gxx: str, tmp_path: Path) -> None:
    """A program under -fsanitize=undefined,address whose ap_int checks its ranges as well."""
    kernels = one_of_each(seed)
    source = tmp_path / "program.cpp"
    source.write_text(source_text(kernels, "program.cpp.j2"))
    program = compile_cxx([source], tmp_path / "program", options=SANITIZED, shared=False)
    vectors = []
    for index, kernel in enumerate(kernels):
        inputs = random_inputs(kernel, 6, seed + index)
        vectors.append(packed(kernel, inputs, kernel.run(*inputs)))
    done = subprocess.run([str(program), "6"], input=b"".join(given for given, _ in vectors), capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()[:3000]
    assert done.stdout == b"".join(taken for _, taken in vectors)


@pytest.mark.parametrize("body", ["ap_uint<70> x = 1; return (x.range(70, 7) == 0U);",
                                  "int y[2] = {1, 2}; return y[n];"])
def test_sanitizers_bite(body: str, gxx: str, tmp_path: Path) -> None:
    """n is 2 in this program, and ap_uint<70> has no bit 70."""
    source = tmp_path / "bad.cpp"
    source.write_text(f"#include <ap_int.h>\nint main([[maybe_unused]] int n, char**) {{ {body} }}\n")
    program = compile_cxx([source], tmp_path / "bad", options=SANITIZED, shared=False)
    assert subprocess.run([str(program), "2"], capture_output=True, check=False).returncode != 0


def xilinx_headers() -> Path:
    """ap_int.h and what it needs, as the wheel of hls4ml carries them under Apache 2.0."""
    need_package("hls4ml")
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def test_with_xilinx_ap_int(seed: int, gxx: str, tmp_path: Path) -> None:
    """The same headers, unchanged, on Xilinx's ap_int with our own hls_stream."""
    found, own, library = xilinx_headers(), tmp_path / "shim", folder("hls")
    own.mkdir()
    for path in (library / "shim").glob("*.h*"):
        if path.name != "ap_int.h":
            (own / path.name).symlink_to(path)
    types = tmp_path / "ap_types"
    types.mkdir()
    for path in found.iterdir():
        if path.name != "hls_stream.h":
            (types / path.name).symlink_to(path)
    options = (*QUICK, "-Wno-uninitialized", "-Wno-maybe-uninitialized", "-isystem", str(types))
    kernels = one_of_each(seed)
    check_kernels(kernels, seed=seed, work=tmp_path, options=options, includes=[own, library], alone=True)
    assert "ap_shim" not in preprocessed(tmp_path / "kernels.cpp", [own, library], options)


def preprocessed(source: Path, includes: list[Path], options: tuple[str, ...]) -> str:
    folders = [f"-I{path}" for path in includes]
    done = subprocess.run(["g++", "-std=c++17", "-E", "-P", *options, *folders, str(source)], capture_output=True,
                          text=True, check=True)
    return done.stdout


def clang(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of clang from its wheel, whose file lies beside Python's."""
    need_package(name.replace("-", "_"))
    return subprocess.run([str(Path(sys.executable).with_name(name)), *arguments], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_formatted(header: Path) -> None:
    """As clang-format has it, but for the pragmas of HLS, in which it puts spaces around the equals signs."""
    done = clang("clang-format", str(header))
    assert done.returncode == 0, done.stderr
    text = re.sub(r"(?m)^#pragma HLS.*$", lambda line: line[0].replace(" = ", "="), done.stdout)
    assert header.read_text() == text


def checked(source: Path) -> str:
    """What clang-tidy says about a file and the headers of hls/ that it includes; .clang-tidy names the checks."""
    folders = [f"-I{path}" for path in hls_includes()]
    config = f"--config-file={folder('hls').parent / '.clang-tidy'}"
    return clang("clang-tidy", config, "--quiet", str(source), "--", "-std=c++17", *folders).stdout.strip()


def test_checked_by_clang(gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "kernels.cpp"
    source.write_text(source_text(one_of_each(1)))
    assert checked(source) == ""


def test_recursion_is_found(gxx: str, tmp_path: Path) -> None:
    source = tmp_path / "recursion.cpp"
    source.write_text("static int f(int x) { return x > 0 ? f(x - 1) : 0; }\nint main() { return f(1); }\n")
    assert "[misc-no-recursion" in checked(source)
