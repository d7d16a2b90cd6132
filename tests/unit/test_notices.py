"""What is told, to whom, over which channels and when; and alarms that rest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.record import Batch
from models.dossier import Parent
from models.facts import Fact, RungReached
from models.notices import Channels, Notice, Standing, occasions
from models.people import DESK, EMAIL, Directory
from models.procedure import Procedure
from models.view import row
from tests.unit.office import (
    CALENDAR,
    CALENDAR_DATA,
    PEOPLE,
    Case,
    addressed,
    at,
    calendar,
    local,
    procedure,
    special,
    stage,
    tell,
)

CHANNELS = Channels(open=frozenset({DESK, EMAIL, "sms"}), applicant=(EMAIL, "sms"))
RUNG: dict[str, Any] = {"name": "due", "offset": "0", "kind": "due", "to": ["assignee"]}


def told(
    case: Case, facts: list[Fact], channels: Channels = CHANNELS, directory: Directory = PEOPLE
) -> list[Notice]:
    """The notices that facts of a dossier give rise to."""
    return tell(case.dossier, facts, channels, directory)


def reached(
    case: Case, facts: list[Fact], channels: Channels = CHANNELS, directory: Directory = PEOPLE
) -> dict[str, tuple[str, ...]]:
    """By what each is told of the one thing that facts of a dossier have to tell."""
    (occasion,) = occasions(case.dossier, facts)
    found = addressed(case.dossier, occasion, channels, directory)
    return {each.recipient: each.channels for each in found}


def names(found: list[Notice]) -> list[tuple[str, str, str]]:
    """What, to whom, over which channel."""
    return [(notice.alarm, notice.recipient, notice.channel) for notice in found]


def ladder(**rung: Any) -> Procedure:
    """The sample procedure with one rung for the whole dossier, and none for steps."""
    return procedure(ladder=[RUNG | rung], step_ladder=[])


def test_a_rung_tells_each_recipient_over_their_channels() -> None:
    """The holder of the task by bell and mail; and a rung that is not the highest passed tells nobody."""
    case = stage("handling", "handler1 claim", rules=ladder())
    facts = case.tick("2026-03-09 08:30")
    assert names(told(case, facts)) == [("due", "handler1", EMAIL)]
    assert reached(case, facts) == {"handler1": (DESK, EMAIL)}
    case = stage("handling", "handler1 claim")
    found = told(case, case.tick("2026-03-17 09:00"))
    assert {(each.name, each.recipient) for each in found} == {("late", "head1"), ("late", "leader1")}


def test_channels_that_cannot_be_used_are_left_out_and_the_bell_stays() -> None:
    """No mail server, no address, a channel of the rung's own, a person's own wish."""
    case = stage("handling", "handler1 claim", rules=ladder())
    facts = case.tick("2026-03-09 08:30")
    assert reached(case, facts, Channels()) == {"handler1": (DESK,)}
    assert told(case, facts, Channels()) == []
    changed: dict[str, Any]
    for changed, expected in (
        ({"email": None}, (DESK,)),
        ({"channels": (EMAIL,), "email": None}, (DESK,)),
        ({"channels": ("sms",)}, ("sms",)),
        ({"channels": ()}, (DESK,)),
    ):
        person = PEOPLE.people["handler1"].model_copy(update=changed)
        directory = Directory(people={"handler1": person})
        assert reached(case, facts, directory=directory) == {"handler1": expected}
    case = stage("handling", "handler1 claim", rules=ladder(by=["sms"]))
    assert names(told(case, case.tick("2026-03-09 08:30"))) == [("due", "handler1", "sms")]


def test_what_is_simulated_does_not_leave_the_office() -> None:
    """A rehearsal must not write to people, unless that is wanted."""
    case = Case()
    case.dossier = case.empty = case.empty.model_copy(update={"simulated": True})
    case.run("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 claim")
    facts = case.tick("2026-03-05 09:00")
    assert told(case, case.facts) == []
    assert set(reached(case, facts).values()) == {(DESK,)}
    loud = CHANNELS.model_copy(update={"simulated": True})
    assert {each.channel for each in told(case, facts, loud)} == {EMAIL}


@pytest.mark.parametrize(
    ("found_at", "at_once", "expected"),
    [
        ("2026-03-09 08:00", False, "2026-03-09 08:00"),  # its own instant, in opening hours
        ("2026-03-09 09:10", False, "2026-03-09 08:00"),  # found late: the lag is measured from its instant
        ("2026-03-09 12:00", False, "2026-03-09 13:30"),
        ("2026-03-09 17:00", False, "2026-03-10 07:00"),
        ("2026-03-07 23:00", True, "2026-03-07 22:00"),
        ("2026-03-06 22:00", False, "2026-03-09 07:00"),
        ("2026-12-31 23:00", False, None),  # the calendar ends: at once
    ],
)
def test_a_decent_hour(found_at: str, at_once: bool, expected: str | None) -> None:
    """At night, at noon and on days off it waits for the opening, unless the rung says at once."""
    due = {"2026-03-07 23:00": "2026-03-07 22:00", "2026-03-06 22:00": "2026-03-06 21:00"}.get(
        found_at, "2026-03-09 08:00"
    )
    rules = procedure(limit=None, ladder=[RUNG | {"at_once": at_once}], step_ladder=[])
    case = Case("receiver1 file", rules=rules)
    case.do("receiver1 accept", due=f"until {at(due).isoformat()}")
    (found,) = occasions(case.dossier, case.tick(found_at))
    assert local(found.tell_at) == (expected or due)


def test_what_facts_themselves_tell() -> None:
    """Applicants hear of what concerns them, leaders of drafts; a linked one's from the first only."""
    case = stage("handling", "handler1 request-supplement")
    assert [(each.kind, each.to) for each in occasions(case.dossier, case.facts)] == [
        ("accepted", ("applicant",)),
        ("supplement-requested", ("applicant",)),
    ]
    whole = stage("ready")
    assert names(told(whole, whole.facts)) == [
        (kind, "applicant", channel) for kind in ("accepted", "ready") for channel in (EMAIL, "sms")
    ]
    child = Case()
    child.dossier = child.dossier.model_copy(update={"parent": Parent(code="H53-260302-0009", link="tax")})
    child.run("receiver1 file", "receiver1 accept")
    assert occasions(child.dossier, child.facts) == []
    drafted = stage("handling", rules=procedure(apology="-1 day", ladder=[], step_ladder=[]))
    found = told(drafted, drafted.tick("2026-03-06 08:30"))
    assert [(each.alarm, each.recipient) for each in found] == [("apology-drafted", "leader1")]
    for case in (stage("handling", "handler1 claim"), child.run("receiver1 claim")):
        assert case.dossier.task is not None
        task, who = case.dossier.task.id, case.dossier.task.assignee
        found = told(case, case.do("clock free", task=task, assignee=who))
        assert [(each.alarm, each.recipient) for each in found] == [("task-freed", "leader1")]


def test_each_notice_has_a_key_of_its_own() -> None:
    """A fact's own notice and the first rung of the term that the same fact opened do not meet."""
    rungs = [RUNG | {"to": ["applicant", "assignee"]}]
    case = stage("handling", "handler1 request-supplement", rules=procedure(step_ladder=rungs, ladder=[]))
    case.tick("2026-03-30 09:00")
    found = told(case, case.facts)
    assert len({each.id for each in found}) == len(found) > 4
    assert found[-1].id.startswith(f"{case.dossier.code}/")


def sounded(case: Case, when: str) -> list[tuple[str, str | None, bool]]:
    """The alarms that sound up to a moment: which, until when it rested, and whether anybody is told."""
    return [
        (event.name, local(event.rested_until), event.notify)
        for fact in case.tick(when)
        if isinstance(event := fact.event, RungReached) and event.term == case.dossier.term.id  # type: ignore[union-attr]
    ]


def test_acknowledged_alarms_rest_and_then_sound_if_the_cause_is_still_there() -> None:
    """All that came due meanwhile is on record then, and the highest is told."""
    case = stage("handling")
    assert sounded(case, "2026-03-11 09:00") == [
        ("soon", None, False),
        ("due", None, False),
        ("late", None, True),
    ]
    case.run("leader1 acknowledge until=2026-03-16T02:00:00Z")
    assert case.dossier.term
    assert (case.dossier.term.rests_by, local(case.dossier.term.rests_until)) == (
        "leader1",
        "2026-03-16 09:00",
    )
    assert sounded(case, "2026-03-16 08:59") == []
    assert case.dossier.next_call() is not None
    assert local(case.dossier.next_call()[0]) == "2026-03-16 09:00"  # type: ignore[index]
    assert sounded(case, "2026-03-16 09:00") == [
        ("late", "2026-03-16 09:00", False),
        ("late", "2026-03-16 09:00", True),
    ]


def test_a_cause_that_is_gone_leaves_nothing_to_sound() -> None:
    """Done while it rested: the ladder has stopped."""
    case = stage("handling", rules=ladder(offset="+1 day", kind="escalation", every="+1 day", times=5))
    case.tick("2026-03-11 09:00")
    case.run("leader1 acknowledge until=2026-03-13T02:00:00Z", "handler1 complete", "leader1 complete")
    case.run("approver1 approve", "clerk1 complete number=12 date=2026-03-11T02:00:00Z")
    assert case.tick("2026-03-20 09:00") == []


def test_a_due_instant_that_moves_ends_the_rest() -> None:
    """The rest was given for alarms of another instant."""
    case = stage(
        "handling", "@ 2026-03-06 09:00", "clock tick", "leader1 acknowledge until=2026-03-12T02:00:00Z"
    )
    case.run("leader1 extend until=2026-03-11T02:00:00Z legal_basis=x")
    assert case.dossier.term
    assert case.dossier.term.rests_until is None
    assert [name for name, _, _ in sounded(case, "2026-03-11 09:00")] == ["soon", "due"]


NIGHT, DAY, NOON = "2026-03-06 22:00", "2026-03-06 09:00", "2026-03-06 12:00"


@pytest.mark.parametrize(
    ("now", "standing", "at_once", "expected"),
    [
        (DAY, {}, False, None),
        (NOON, {}, False, "2026-03-06 13:30"),
        (NIGHT, {}, False, "2026-03-09 07:00"),
        (NIGHT, {}, True, None),
        (DAY, {"paused": True}, False, "2026-03-09 07:00"),
        (NIGHT, {"paused": True}, True, "2026-03-09 07:00"),
        (DAY, {"rests_until": at("2026-03-07 23:00")}, False, "2026-03-07 23:00"),
        (DAY, {"rests_until": at(DAY)}, True, None),
        ("2027-01-01 09:00", {}, False, None),  # the calendar has ended
        ("2026-12-31 23:00", {}, False, None),
        ("2026-12-31 09:00", {"paused": True}, False, "2027-01-01 09:00"),
    ],
)
def test_how_long_it_waits(now: str, standing: dict[str, Any], at_once: bool, expected: str | None) -> None:
    """For its rest to end and its term to run, also where it is told at once; else for the office to open."""
    found = Standing(**standing).not_before(at(now), CALENDAR, at_once=at_once)
    assert local(found) == expected


def test_a_holiday_that_was_declared_in_the_night_moves_what_waits() -> None:
    """It went out in the morning of the holiday."""
    declared = calendar(special=[*CALENDAR_DATA["special"], special("2026-03-09", "holiday", "mourning")])
    assert local(Standing().not_before(at("2026-03-09 07:00"), declared, at_once=False)) == "2026-03-10 07:00"


MARCH = st.integers(0, 20 * 24 * 60).map(lambda minutes: at("2026-03-01 00:00") + timedelta(minutes=minutes))


@given(
    MARCH,
    st.none() | MARCH,
    st.booleans(),
)
def test_whoever_waits_as_told_is_told_in_the_end(
    now: datetime, rests_until: datetime | None, at_once: bool
) -> None:
    """Asked again at the moment that was named: later each time, and after two at most it goes out."""
    moment, standing = now, Standing(rests_until=rests_until)
    for _ in range(3):
        until = standing.not_before(moment, CALENDAR, at_once=at_once)
        if until is None:
            break
        assert until > moment
        moment = until
    assert until is None
    assert rests_until is None or moment >= rests_until
    assert at_once or CALENDAR.is_open(moment)


def test_a_batch_from_before_there_were_occasions() -> None:
    """It was under way when the worker was renewed, and its alarms were told to nobody."""
    case = stage("handling", "handler1 claim")
    facts = tuple(case.tick("2026-03-10 09:00"))
    before = Batch.model_validate_json(
        Batch(facts=facts, row=row(case.dossier)).model_dump_json(exclude={"occasions"})
    )
    known = ("kind", "term", "generation", "rung", "occurrence", "name", "at", "to", "fact")
    assert [[getattr(each, name) for name in known] for each in before.told] == [
        [getattr(each, name) for name in known] for each in occasions(case.dossier, facts)
    ]
    assert Batch(facts=facts, row=row(case.dossier), occasions=()).told == ()
