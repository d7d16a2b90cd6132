"""What a verification says, and its exit code: something that was not looked at is never good."""

from __future__ import annotations

from typing import Any

import pytest

from models.refusals import exit_code
from motcua.audit import Broken, Verified
from motcua.cli import audit, embedded
from motcua.reports import Unbalanced, _line

BROKEN = (Broken(code="H-1", seq=2, what="content does not match its hash"),)
PLAYED = {
    "seconds": 1.0,
    "per_second": 1.0,
    "acts": 1,
    "known_already": 0,
    "late_acts": 0,
    "retries": 0,
    "refused": {},
    "cpu_seconds": {},
}
COUNTED = {"dossiers": 1, "facts": 2, "rungs": 0, "alarms": 0, "workflows": 1}


def found(broken: tuple[Broken, ...], workflows: int | None) -> Verified:
    """A verification of one dossier."""
    numbers = {"dossiers": 1, "facts": 2, "journal": 0, "seals": 0, "sealed": 0, "histories": 0}
    return Verified(**numbers, broken=broken, workflows=workflows)


@pytest.mark.parametrize(
    ("broken", "workflows", "code"), [((), 1, 0), (BROKEN, 1, 1), ((), None, 5), (BROKEN, None, 1)]
)
def test_a_verification_with_a_gap_is_not_good(
    broken: tuple[Broken, ...], workflows: int | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where Temporal could not be asked the exit code is 5, or 1 where something is broken; both are told."""
    verified = found(broken, workflows)
    assert audit.verdict(verified) == code
    for show in (audit.show, _as_the_demo):
        show(verified)
        said = capsys.readouterr().out
        assert ("NOT looked for" in said) == (workflows is None)
        assert ("H-1 fact 2: content does not match its hash" in said) == bool(broken)


def _as_the_demo(verified: Verified) -> None:
    checked: dict[str, Any] = dict(COUNTED)
    embedded._print_run({"run": PLAYED}, checked, verified)


@pytest.mark.parametrize("error", [Unbalanced(counts="received 1"), OverflowError("date value out of range")])
async def test_a_report_that_fails_over_a_broken_record_is_a_finding(error: Exception) -> None:
    """The demo goes on to say what is broken; where the record holds, the error is one of the program."""

    async def counting() -> None:
        raise error

    found_broken = await embedded._judged(found(BROKEN, 1), counting())
    assert isinstance(found_broken, embedded.NoReport)
    assert str(error) in found_broken.message
    with pytest.raises(type(error)):
        await embedded._judged(found((), 1), counting())


def test_a_report_that_does_not_balance_is_a_refusal() -> None:
    """It was an AssertionError, with a traceback and exit code 70."""
    counts = ("received", "online", "direct", "carried_over", "solved", "early", "on_time", "overdue")
    row = dict.fromkeys((*counts, "open", "open_in_time", "open_overdue"), 0) | {"grp": ""}
    assert _line(row).received.total == 0
    with pytest.raises(Unbalanced, match="audit verify") as caught:
        _line(row | {"received": 1})
    assert exit_code(caught.value) == 1
