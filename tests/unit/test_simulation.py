"""Planned moments: of simulated dossiers only, in the order of facts, and in time at the very instant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models.commands import CLOCK, MESSENGER, Complete, Note, SimulatedTime, Tick
from models.dossier import Dossier
from models.fold import fold
from models.refusals import RealClock, Refusal, exit_code
from models.rules import decide, measured
from models.simulation import moment, struck
from motcua.forms import InvalidCommand, read_command
from tests.unit.office import CALENDAR, STAFF, TEXT, Case, at

EARLIER, NOW = at("2026-03-02 09:00"), at("2026-03-02 10:00")


def simulated(*lines: str) -> Dossier:
    """A simulated dossier after these lines."""
    case = Case("receiver1 file", *lines)
    return case.dossier.model_copy(update={"simulated": True})


def note(planned: datetime | None) -> Note:
    """A note with a planned moment."""
    return Note(
        id="n",
        actor=STAFF["receiver1"],
        text=TEXT,
        simulated=None if planned is None else SimulatedTime(at=planned),
    )


@pytest.mark.parametrize("planned", [EARLIER, NOW, NOW + timedelta(days=1)])
def test_nobody_backdates_a_real_dossier(planned: datetime) -> None:
    """A command with a planned moment is refused, be it in the past, now or ahead."""
    case = Case("receiver1 file", "receiver1 accept")
    with pytest.raises(RealClock, match="not simulated") as caught:
        decide(case.dossier, note(planned), NOW)
    assert isinstance(caught.value, Refusal)
    assert exit_code(caught.value) == 3
    (fact,) = decide(case.dossier, note(None), NOW)
    assert fact.at == NOW


@pytest.mark.parametrize("data", [{"simulated": {"at": "2026-03-02T09:00:00Z"}}, {"simulated": None}])
def test_no_data_of_a_command_sets_its_moment(data: dict[str, object]) -> None:
    """Neither on the command line nor on a page."""
    with pytest.raises(InvalidCommand, match="simulated: is not yours to set"):
        read_command("x", "note", STAFF["receiver1"], {"text": "x", **data}, "r", CALENDAR)


def test_a_planned_moment_lies_between_the_last_fact_and_now() -> None:
    """Facts go forward, and nothing happens before its time has come."""
    dossier = simulated("@ 2026-03-02 08:30", "receiver1 accept")
    assert dossier.latest == at("2026-03-02 08:30")
    assert moment(dossier, note(EARLIER), NOW) == EARLIER
    assert moment(dossier, note(at("2026-03-02 08:00")), NOW) == dossier.latest
    assert moment(dossier, note(NOW + timedelta(days=1)), NOW) == NOW
    assert moment(dossier, note(None), NOW) == NOW


def test_the_clocks_own_facts_are_at_their_instants() -> None:
    """In simulated time; a real dossier's facts say when they were recorded."""
    case = Case("receiver1 file", "receiver1 accept", "receiver1 complete")
    call = case.dossier.next_call()
    assert call is not None
    seen = call[0] + timedelta(seconds=7)
    played = case.dossier.model_copy(update={"simulated": True})
    assert struck(played, call[0], seen) == call[0]
    assert struck(case.dossier, call[0], seen) == seen
    # What should have sounded before the last fact, as after a decree, sounds at it: facts go forward.
    assert struck(played, at("2026-03-01 08:00"), seen) == played.latest


def test_two_rungs_close_to_each_other_are_both_told_of() -> None:
    """A slow machine passed two alarms at one look, and only the higher one had its alert."""
    case = Case("receiver1 file", "receiver1 accept", "receiver1 complete")
    dossier = case.dossier.model_copy(update={"simulated": True})
    late = at("2026-03-20 08:00")
    facts = []
    while (call := dossier.next_call()) is not None and call[0] <= late:
        tick = Tick(id=f"tick-{dossier.seq + 1}", actor=CLOCK)
        ticked = decide(dossier, tick, struck(dossier, call[0], late))
        dossier = fold(dossier, ticked)
        facts += ticked
    rungs = [fact for fact in facts if fact.kind == "rung-reached"]
    assert len(rungs) > 4
    assert [fact.at for fact in rungs] == sorted(fact.at for fact in rungs)
    assert all(fact.event.notify and fact.at == fact.event.due_at for fact in rungs)  # type: ignore[union-attr]


def test_a_result_at_the_very_instant_of_its_deadline_is_in_time() -> None:
    """By either measure; a microsecond later it is overdue by instant."""
    due_at = at("2026-03-06 17:00")
    later = due_at + timedelta(microseconds=1)
    assert [measured(CALENDAR, how, due_at, due_at) for how in ("date", "instant")] == ["on_time", "on_time"]
    assert measured(CALENDAR, "instant", due_at, later) == "overdue"


def test_a_planned_moment_is_kept_when_the_command_travels() -> None:
    """It is in the command's JSON only where there is one, so that older commands stay what they were."""
    plain = Complete(id="c", actor=MESSENGER)
    assert "simulated" not in plain.model_dump()
    planned = plain.model_copy(update={"simulated": SimulatedTime(at=NOW, stops_at=NOW)})
    assert Complete.model_validate_json(planned.model_dump_json()) == planned
