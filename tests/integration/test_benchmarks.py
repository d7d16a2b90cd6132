"""The benchmark runs from end to end and weighs every variant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from motcua.guardian import GUARDIAN
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow  # four variants of the benchmark, each on a worker of its own


ROOT = Path(__file__).resolve().parents[2]
VARIANTS = {"bare, sandboxed", "bare, passed through", "full", "full, sandboxed"}


def test_benchmark_measures_every_variant() -> None:
    """A tiny run prints nothing but JSON, with positive figures of all variants, and leaves in order."""
    argv = [sys.executable, "-m", "benchmarks", "--lifecycles", "4", "--rounds", "1", "--concurrency", "2"]
    guarded, stdin = GUARDIAN.guarded([*argv, "--json"])
    with subprocess.Popen(
        guarded, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            out, progress = process.communicate(timeout=PATIENCE)
        finally:
            process.terminate()  # it then stops its servers
    assert process.returncode == 0, progress
    report = json.loads(out)
    assert {line["variant"] for line in report["measured"]} == VARIANTS
    for line in report["measured"]:
        figures = line["figures"]
        assert line["concurrency"] == 2
        # CPU is counted in ticks that a run this short can slip between.
        assert all(figures[name] > 0 for name in figures if not name.startswith("cpu_")), line
        assert figures["cpu_all"] > 0, line
        if line["variant"] == report["baseline"]:
            assert {ratio for ratio in line["ratios"].values() if ratio is not None} == {1.0}
    assert report["reached"]["2"] > 0
