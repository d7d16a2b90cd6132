"""A due date costs so little that nobody needs to keep one for speed."""

from __future__ import annotations

import pytest

from benchmarks.terms import instants, main, rate, terms, vietnam

FLOOR = 5_000
"""Terms a second; `python -m benchmarks.terms` shows twenty times as many and more on a quiet machine."""


@pytest.mark.parametrize("limit", ["5 days", "20 hours"])
def test_a_due_date_is_cheap(limit: str) -> None:
    """The best of three rounds, by processor time, is far above the floor even on a busy machine."""
    received = instants(2_000)
    work = terms(vietnam(), limit, received)
    assert max(rate(work, len(received)) for _ in range(3)) > FLOOR


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints rates and ratios of the product and of a yardstick."""
    assert main(200) == 0
    said = capsys.readouterr().out
    assert "motcua, 5 days" in said
    assert "holidays, 5 working days" in said
    assert "numpy" in said
