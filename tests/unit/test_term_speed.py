"""The benchmark of due dates and letters; its figures are measured by `make bench`, not here."""

from __future__ import annotations

import pytest

from benchmarks.terms import main


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints rates and ratios of the product and of a yardstick, and the load of the machine."""
    assert main(200) == 0
    said = capsys.readouterr().out
    assert "motcua, 5 days" in said
    assert "holidays, 5 working days" in said
    assert "numpy" in said
    assert "letters, escalation" in said
    assert "load of the machine" in said
