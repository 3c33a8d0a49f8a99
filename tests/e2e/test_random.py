"""Random networks from QONNX to RTL: every integer equal, hardly any refused. `make random COUNT=200 SEED=1`: more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from hwgen.errors import HwgenError
from hwgen.frontend import load
from hwgen.passes.pipeline import lower
from tests.e2e.random_graphs import Drawn, networks
from tests.e2e.test_networks import build

FRAMES = 4


def refusal(path: Path) -> str:
    """Why the network cannot be built, "" where it can. Only named errors count as refusals."""
    try:
        for _ in lower(load(path).graph):
            pass
    except HwgenError as error:
        assert error.exit_code == 2, error
        return f"{error.code}: {error.where}"
    return ""


def check(drawn: Drawn, folder: Path, number: int) -> str:
    """Build and verify one network; the reason where it is refused."""
    path = folder / f"random_{number}.onnx"
    onnx.save(drawn.model, path)
    if why := refusal(path):
        return why
    np.save(folder / "x.npy", np.random.default_rng(number).normal(0, 1, (FRAMES, *drawn.shape)).astype(np.float32))
    report = build(path, folder / f"build_{number}", "--input", str(folder / "x.npy"), "--frames", str(FRAMES))
    verification = report["verification"]
    assert [one["mismatches"] for one in verification["runs"]] == [0, 0]
    for name in ("rtl_vs_integer_mismatches", "rtl_problems", "integer_vs_exact_mismatches"):
        assert verification[name] == 0, name
    cycles = report["cycles_per_frame"]
    assert cycles["model"] == cycles["measured"] <= cycles["ideal"] * 1.01 + 4
    return ""


def test_random_networks(request: pytest.FixtureRequest, tmp_path: Path, verilator: None) -> None:
    count, base = request.config.getoption("--networks"), request.config.getoption("--seed")
    ops, refused, branched, numbers = Counter[str](), list[str](), 0, iter(range(10 * count))

    @seed(base)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], print_blob=True,
              suppress_health_check=list(HealthCheck))
    @given(networks())
    def each(drawn: Drawn) -> None:
        nonlocal branched
        number = next(numbers)
        try:
            why = check(drawn, tmp_path, number)
        except BaseException:
            print(f"network {number} of --seed {base} --networks {count}: {tmp_path / f'random_{number}.onnx'}")
            raise
        refused.extend([why] * bool(why))
        ops.update(drawn.ops)
        branched += drawn.branches > 0

    each()
    built = next(numbers)
    print(f"seed {base}: {built} networks, {branched} with branches, {len(refused)} refused {refused}; {dict(ops)}")
    assert branched >= 0.3 * built
    assert len(refused) <= 0.05 * built + 1
