"""The command line: verbs and options only. Heavy imports are inside the functions, so that --help is quick."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from hwgen import __version__
from hwgen.errors import Exit, HwgenError
from hwgen.flags import FILE, debug_flag, files, hardware_flags, import_flags, parse_stalls, seed_flag

if TYPE_CHECKING:
    from hwgen.frontend.options import ImportOptions
    from hwgen.target import Target

STAGES = ["import", "lower", "fold", "emit", "simulate", "synthesise"]
INTERRUPTED = 130
READER_GONE = 141


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 verification failed, 2 user's input, 3 a tool is missing, 70 a bug."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.stdout, sys.stderr = map(_writable, (sys.stdout, sys.stderr))
    code = run(words)
    _drop_unwritable(sys.stdout)
    sys.exit(code)


def _drop_unwritable(stream: TextIO) -> None:
    """What an output did not take is not tried again at the interpreter's end, which would be another exit code."""
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())


def _writable(stream: TextIO | None) -> TextIO:
    """A stream that takes every name: escaped where its encoding lacks a letter, dropped where it is closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def run(words: list[str]) -> int:
    """The exit code of a command line; every error is printed, none is raised (but with --debug)."""
    from hwgen.report.console import Console

    try:
        code = int(hwgen.main(args=words, prog_name="hwgen", standalone_mode=False) or 0)
        sys.stdout.flush()
        return code
    except HwgenError as error:
        Console().error(error)
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return int(Exit.USER_INPUT)
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (SystemExit, BrokenPipeError):  # SystemExit: click's answer to a broken pipe; nothing else raises it
        return READER_GONE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _bug(error, words)
        Console().error(HwgenError("no-space", str(error.filename or "output"), "there is no space left on the device",
                                   "Make room there, or choose another place; TMPDIR names that of temporary files."))
        return int(Exit.USER_INPUT)
    except Exception as error:
        return _bug(error, words)


def _bug(error: Exception, words: list[str]) -> int:
    """The one place where a bug of ours becomes a message; raised again with --debug."""
    if "--debug" in words:
        raise error
    print_bug(error, words)
    return int(Exit.INTERNAL)


def print_bug(error: Exception, words: list[str]) -> None:
    """What a user sees instead of a traceback, with what a bug report needs."""
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    print(f"error[internal]: {type(error).__name__} at {place}: {error}\n"
          f"This is a bug of hwgen {__version__}. Please report it with the model and this command:\n"
          f"  hwgen {' '.join(words)}\n"
          "Run it again with --debug for the traceback.", file=sys.stderr)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="hwgen")
def hwgen() -> None:
    """Quantized neural networks to verified streaming hardware: ONNX in, SystemVerilog out."""


@hwgen.command()
@click.argument("model", type=FILE)
@hardware_flags(default_board=None)
@click.option("--frames", type=click.IntRange(1, 1_000_000), metavar="N",
              help="Frames to verify; default: those of --input (at most 1000), else 100.")
@click.option("--input", "inputs", metavar="[NAME=]FILE.npy", multiple=True,
              help="Real inputs to verify with, batch first.")
@import_flags
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage; default: simulate.")
@click.option("--synth", is_flag=True,
              help="Also synthesise: every kernel with Yosys for its area, or the project with Vitis HLS.")
@click.option("--backend", type=click.Choice(["rtl", "hls"]), default="rtl", show_default=True,
              help="SystemVerilog, or a C++ project for Vitis HLS.")
@click.option("--check", is_flag=True, help="Execute the graph before and after every pass and compare.")
@seed_flag
@click.option("--out", type=FILE, metavar="DIR", help="Build directory; default: build/MODEL-BOARD.")
@debug_flag
def build(model: Path, target: Target, frames: int | None, inputs: tuple[str, ...], imports: ImportOptions,
          until: str | None, synth: bool, backend: str, check: bool, seed: int, out: Path | None) -> int:
    """Build MODEL for a board: verified against the integer model, with a report.

    MODEL is an ONNX file (QONNX, QCDQ, QOperator or FINN-ONNX), or FILE.py:FUNCTION, which makes a torch module.
    """
    from hwgen.build import BuildOptions, Stage, build_model
    from hwgen.report.console import Console

    options = BuildOptions(model, imports, target, Stage(until or "simulate"), synth=synth, frames=frames,
                           inputs=files(inputs), check=check, seed=seed, out=out, backend=backend)
    return int(build_model(options, Console()))


@hwgen.command("run")
@click.argument("model", type=FILE)
@click.option("--input", "inputs", metavar="[NAME=]X.npy", multiple=True, required=True, help="Inputs, batch first.")
@click.option("--output", "outputs", metavar="[NAME=]Y.npy", multiple=True, required=True, help="Where outputs go.")
@click.option("--activations", type=FILE, metavar="DIR", help="Also write every layer's integers there.")
@click.option("--engine", type=click.Choice(["model", "rtl"]), default="model", show_default=True,
              help="The integer model, or the simulated RTL.")
@hardware_flags(default_board="pynq")
@import_flags
@debug_flag
def run_model(model: Path, inputs: tuple[str, ...], outputs: tuple[str, ...], activations: Path | None, engine: str,
              target: Target, imports: ImportOptions) -> int:
    """Run MODEL on inputs: from its own input to its own output, host quantization and output scale included.

    MODEL is what hwgen build takes. Board, folding and clock matter only to --engine rtl.
    """
    from hwgen.report.console import Console
    from hwgen.run import RunOptions, run_network

    options = RunOptions(model, imports, target, engine, files(inputs), files(outputs), activations)
    return int(run_network(options, Console()))


@hwgen.command("export")
@click.argument("model", type=FILE)
@click.option("--to", "target", metavar="TARGET", required=True,
              help="qonnx, qdq, qop, pytorch, tvm, finn or dpu: see docs/targets.md.")
@click.option("--out", type=FILE, metavar="PATH",
              help="The file to write, for tvm and dpu the folder; default: build/MODEL-TARGET.")
@click.option("--arch", metavar="NAME", help="For dpu: its architecture; default: DPUCZDX8G_ISA1_B4096.")
@click.option("--run", "execute", is_flag=True, help="Run it in the target's own runtime and compare the outputs.")
@click.option("--input", "inputs", metavar="[NAME=]X.npy", multiple=True,
              help="Inputs for --run and for a DPU's integers, batch first; default: random ones.")
@seed_flag
@import_flags
@debug_flag
def export(model: Path, target: str, out: Path | None, arch: str | None, execute: bool, inputs: tuple[str, ...],
           seed: int, imports: ImportOptions) -> int:
    """Write MODEL for another tool, with the same integers; and say which form each layer got.

    MODEL is what hwgen build takes. The exit code is 1 where --run finds a difference, but for a DPU, whose rounding
    is its own.
    """
    from hwgen.export.command import ExportCommand, export_model
    from hwgen.export.written import ExportOptions
    from hwgen.report.console import Console

    options = ExportOptions(arch, files(inputs), seed)
    return int(export_model(ExportCommand(model, target, out, imports, execute, options), Console()))


@hwgen.command("compare")
@click.argument("model", type=FILE)
@click.option("--targets", default="integer,qdq", show_default=True, metavar="A,B,...",
              help="integer, rtl, or what hwgen export writes.")
@click.option("--input", "inputs", metavar="[NAME=]X.npy", multiple=True, required=True, help="Inputs, batch first.")
@hardware_flags(default_board="pynq")
@import_flags
@debug_flag
def compare_targets(model: Path, targets: str, inputs: tuple[str, ...], target: Target, imports: ImportOptions) -> int:
    """Run MODEL by several targets on the same inputs, and count the differences of each pair.

    MODEL is what hwgen build takes. Board, folding and clock matter only to the target rtl. The exit code is 1 where
    any two differ.
    """
    from hwgen.compare import CompareOptions, compare, difference_rows, versions_text
    from hwgen.report.console import Console
    from hwgen.report.tables import table

    names = [name.strip() for name in targets.split(",")]
    rows = compare(CompareOptions(model, imports, target, names, files(inputs)), Console(sys.stderr))
    click.echo(table(difference_rows(rows)) + versions_text(names), nl=False)
    return int(Exit.VERIFICATION_FAILED if any(row.mismatched for row in rows) else Exit.OK)


@hwgen.command()
@click.argument("source", type=FILE, metavar="MODEL|BUILD_DIR")
@click.option("--after", metavar="PASS", help="The graph after this pass.")
@click.option("--diff", metavar="PASS", help="What this pass changed.")
@click.option("--node", metavar="NAME", help="This node or value in every pass.")
@import_flags
@debug_flag
def inspect(source: Path, after: str | None, diff: str | None, node: str | None, imports: ImportOptions) -> None:
    """Show what each pass made of a model; without options, the list of passes."""
    from hwgen.inspection import inspected, load_passes

    click.echo(inspected(load_passes(source, imports), after=after, diff=diff, node=node), nl=False)


@hwgen.command()
@click.argument("build_dir", type=FILE)
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of the build.")
@click.option("--frame", type=click.IntRange(min=0), metavar="K", help="Only up to frame K, as a mismatch names it.")
@click.option("--stalls", metavar="P,Q", help="Share of cycles in which source and sink are willing; default: all.")
@seed_flag
@click.option("--waves", type=FILE, metavar="FILE.vcd", help="Record all signals; slow.")
@debug_flag
def simulate(build_dir: Path, frames: int | None, frame: int | None, stalls: str | None, seed: int,
             waves: Path | None) -> int:
    """Simulate a build directory again, with its own vectors, and compare every layer; --stalls, --waves: RTL only."""
    from hwgen.replay import replay
    from hwgen.report.console import Console

    willing = parse_stalls(stalls) if stalls else None
    count = frames if frame is None else frame + 1
    return int(replay(build_dir, Console(), frames=count, stalls=willing, seed=seed, waves=waves))


@hwgen.command()
def kernels() -> None:
    """The hardware blocks, and what each has: model, RTL, HLS, bench."""
    from hwgen.report.tables import kernel_table

    click.echo(kernel_table(), nl=False)


@hwgen.command()
def boards() -> None:
    """The boards that come with hwgen."""
    from hwgen.report.tables import board_table

    click.echo(board_table(), nl=False)


@hwgen.command()
def doctor() -> None:
    """What is installed, what is missing, and how to get it."""
    from hwgen.report.tables import doctor_table

    click.echo(doctor_table(), nl=False)


if __name__ == "__main__":
    main()
