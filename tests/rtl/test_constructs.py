"""Which tool takes which SystemVerilog construct: what rtl/ relies on, and what it avoids and why.

A tool that learns a construct fails its test here: then the rule (docs/rtl.md) may be relaxed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import need_package, need_program
from tests.rtl.readers import READERS

ALL = frozenset(READERS)
PORTS = "(input wire logic clk, input wire logic [3:0] a, output logic [3:0] y)"


def module(body: str, parameters: str = "parameter int N = 4", ports: str = PORTS) -> str:
    lint = "".join(f"// verilator lint_off {name}\n" for name in ("UNUSEDPARAM", "UNUSEDSIGNAL", "ASCRANGE"))
    head = f"{lint}`default_nettype none\nmodule top #({parameters}) {ports};\n"
    return f"{head}{body}\nendmodule\n`default_nettype wire\n"


# what it is: (text, tools that accept it)
RELIED_ON = {
    "sized cast, $signed, $clog2": module(
        "assign y = 4'($signed(a) >>> 1) + N'(1) + 4'($clog2(N));", "parameter int N = 4"),
    "enum state machine": module(
        "typedef enum logic [1:0] {IDLE, RUN} state_t; state_t state_q;\n"
        "always_ff @(posedge clk) state_q <= state_q == IDLE ? RUN : IDLE; assign y = a ^ 4'(state_q);"),
    "generate loop with its own genvar, named blocks": module(
        "generate for (genvar i = 0; i < N; i++) begin : gen_bit assign y[i] = a[N-1-i] ^ clk; end endgenerate"),
    "generate if by an untyped string": module(
        'generate if (FILE != "") begin : gen_a assign y = a; end else begin : gen_b assign y = ~a & {4{clk}}; end '
        "endgenerate", 'parameter FILE = ""'),
    "variable of a named procedural block": module(
        "always_comb begin : shift logic [3:0] t; t = a; for (int i = 0; i < N; i++) if (clk) t = t ^ 4'(i); "
        "y = t; end"),
    "parameter check at time 0": module(
        'initial if (N < 1) $fatal(1, "%m: N must be at least 1");\nassign y = a & {N{clk}};'),
    "flat vector as an array": module("assign y[N-1:0] = a[0 +: N] & {N{clk}};"),
    "function in the old style": module(
        "function automatic [3:0] twice(input [3:0] x); twice = x + x; endfunction\nassign y = twice(a) & {4{clk}};"),
    "memory attribute": module(
        '(* ram_style = "distributed" *) logic [3:0] m[0:3];\n'
        "always_ff @(posedge clk) begin m[a[1:0]] <= a; y <= m[a[3:2]]; end"),
}
AVOIDED = {
    "unsigned int parameter": (module("assign y = a & {4{clk}} & 4'(N);", "parameter int unsigned N = 4"),
                               ALL - {"icarus"}),
    "parameter without the keyword": (module("assign y = a & {4{clk}} & 4'(N);", "int N = 4"),
                                      ALL - {"icarus", "yosys"}),
    "string parameter": (module('generate if (FILE != "") begin : gen_a assign y = a; end else begin : gen_b '
                                "assign y = {4{clk}} & a; end endgenerate", 'parameter string FILE = ""'),
                         ALL - {"icarus", "yosys"}),
    "unpacked port": (module("assign y = a[0] ^ a[1] ^ {4{clk}};",
                             ports="(input wire logic clk, input wire logic [3:0] a[2], output logic [3:0] y)"),
                      ALL - {"yosys"}),
    "unpacked constant array": (module("localparam logic [3:0] T[2] = '{4'd1, 4'd2};\n"
                                       "assign y = T[a[0]] ^ {4{clk}} ^ a;"),
                                ALL - {"icarus", "yosys"}),
    "signedness cast": (module("assign y = 4'(signed'(a) >>> 1) ^ {4{clk}};"), ALL - {"icarus"}),
    "return": (module("function automatic logic [3:0] same(input logic [3:0] x); return x; endfunction\n"
                      "assign y = same(a) & {4{clk}};"), ALL - {"yosys"}),
    "concurrent assertion": (module("assign y = a;\nassert property (@(posedge clk) a != 4'd9);"),
                             ALL - {"icarus", "yosys"}),
    "inside": (module("assign y = a inside {4'd1, 4'd2} ? a : {4{clk}};"), ALL - {"icarus", "yosys"}),
    "streaming operator": (module("assign y = {<<{a}};"), ALL - {"icarus", "yosys"}),
    "default pattern": (module("logic [3:0] t;\nassign t = '{default: 1'b0};\nassign y = t ^ a ^ {4{clk}};"),
                        ALL - {"icarus", "yosys"}),
}


@pytest.fixture(params=sorted(READERS))
def reader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "icarus":
        need_program("iverilog")
    else:
        need_package({"verilator": "verilator", "yosys": "pyosys", "slang": "pyslang"}[name])
    return name


def complaint(reader: str, text: str, folder: Path) -> str:
    path = folder / "top.sv"
    path.write_text(text)
    return READERS[reader]([path], "top", {})


@pytest.mark.parametrize("construct", RELIED_ON)
def test_every_tool_takes_what_we_rely_on(construct: str, reader: str, tmp_path: Path) -> None:
    assert complaint(reader, RELIED_ON[construct], tmp_path) == ""


@pytest.mark.parametrize("construct", AVOIDED)
def test_some_tool_refuses_what_we_avoid(construct: str, reader: str, tmp_path: Path) -> None:
    text, takers = AVOIDED[construct]
    assert (complaint(reader, text, tmp_path) == "") == (reader in takers)
