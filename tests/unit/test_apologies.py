"""Apologies before the breach: when the clock drafts one, which date it proposes, and what makes it void.

The sample procedure gives 5 days and its steps up to the result 4: 0.5, 1.5, 0.5, 1 and 0.5 day. Accepted
on Monday, 2 March, at 08:00 a dossier is due on Monday the 9th.
"""

from __future__ import annotations

from typing import Any

import pytest

from models import facts as f
from models import refusals as r
from models.apologies import still_to_do, work
from models.limits import Limit
from models.procedure import Procedure
from models.view import row
from tests.unit.office import CALENDAR_DATA, Case, at, calendar, local, procedure, special, stage

RULES = procedure(apology="-1 day")
TWICE = procedure(apology="-1 day", extensions=2)


def drafts(case: Case) -> list[tuple[str | None, str, str | None, int]]:
    """Each draft: when, why, the proposed date, hours of work left."""
    return [
        (local(fact.at), e.reason, local(e.proposed_at), e.minutes // 60)
        for fact in case.facts
        if isinstance(e := fact.event, f.ApologyDrafted)
    ]


def strike(case: Case) -> Case:
    """The clock strikes at each of its calls until an apology has been drafted."""
    count = len(drafts(case))
    while len(drafts(case)) == count:
        call = case.dossier.next_call()
        assert call is not None, "no apology is drafted"
        case.now = max(case.now, call[0])
        case.tick()
    return case


def never(case: Case) -> bool:
    """Whether no apology is drafted any more, however long the clock runs."""
    count = len(drafts(case))
    case.tick("2026-11-30 08:00")
    return len(drafts(case)) == count


@pytest.mark.parametrize(
    ("where", "when", "why", "proposed", "left"),
    [
        # What follows handling takes two days: they begin to be missing on Thursday.
        ("handling", "2026-03-05 08:00", "work-does-not-fit", "2026-03-10 14:00", 28),
        # Half a day follows the decision: the day before comes first.
        ("deciding", "2026-03-06 08:00", "no-time", "2026-03-09 14:00", 12),
        # Half a day from Friday 08:00 would still be in time: a new date counts from the old one.
        ("issuing", "2026-03-06 08:00", "no-time", "2026-03-09 14:00", 4),
    ],
)
def test_it_is_drafted_before_the_breach(where: str, when: str, why: str, proposed: str, left: int) -> None:
    """At the earlier of two moments: a day before, or when the work behind the open step no longer fits."""
    case = stage(where, rules=RULES)
    assert case.dossier.apology is None
    assert drafts(strike(case)) == [(when, why, proposed, left)]
    found = row(case.dossier)
    assert (local(found.apology_at), found.apology_reason) == (when, why)
    assert local(found.apology_proposed_at) == proposed
    assert never(case)


def test_a_procedure_without_it_never_drafts() -> None:
    """As before: dossiers that began under such rules go on as they did."""
    assert never(stage("handling"))
    assert "apology" not in procedure().model_dump()
    assert "apology" in RULES.model_dump()


def test_an_offset_before_the_start_says_nothing() -> None:
    """A day before the end of a four-hour term lies before its start; the work behind the step counts.

    In the last step there is none: then it is drafted one working hour before the end, not at the breach.
    """
    short = {"limit": "4 hours", "apology": "-1 day"}
    steps = [{**step.model_dump(mode="json"), "limit": "1 hour"} for step in procedure().steps]
    case = stage("handling", rules=procedure(**short, steps=steps))
    assert drafts(strike(case)) == [("2026-03-02 09:00", "work-does-not-fit", "2026-03-02 15:00", 4)]
    late = stage("issuing", rules=procedure(**short, steps=steps))
    assert drafts(strike(late)) == [("2026-03-02 11:00", "no-time", "2026-03-02 15:00", 1)]


def test_sent_back_there_is_more_to_do() -> None:
    """Back at an early step too late: the draft comes at once."""
    case = stage("issuing", "@ 2026-03-05 14:00", "clerk1 send-back step=handle", rules=RULES)
    case.tick()
    assert drafts(case) == [("2026-03-05 14:00", "work-does-not-fit", "2026-03-11 08:00", 28)]


def test_work_is_counted_in_working_time() -> None:
    """A day is eight hours; what does not count working time claims none; the return is not awaited."""
    texts = ("2.5 days", "4 hours", "24 clock hours", "30 calendar days", "same day")
    assert [work(Limit.parse(text)).total_seconds() / 3600 for text in texts] == [20, 4, 0, 0, 0]
    assert still_to_do(RULES, "issue").total_seconds() == 0
    assert still_to_do(RULES, "digitise").total_seconds() / 3600 == 28


def test_confirmed_it_promises_and_the_original_stays() -> None:
    """The proposed date is promised and the due instant stays: measured against it the dossier is late."""
    case = strike(stage("handling", rules=RULES))
    draft = case.dossier.apologies[0].id
    (fact,) = case.do("leader1 apologise")
    assert isinstance(fact.event, f.Extended)
    assert (local(fact.event.promised_at), fact.event.draft) == ("2026-03-10 14:00", draft)
    assert (case.due, case.dossier.apology, row(case.dossier).apology_at) == ("2026-03-09 08:00", None, None)
    case.run("@ 2026-03-10 09:00", "handler1 complete", "leader1 complete", "approver1 approve")
    case.run("clerk1 complete number=1 date=2026-03-10T01:00:00Z")
    assert case.dossier.timeliness == "overdue"


def test_confirmed_with_a_legal_basis_it_moves_the_due_instant() -> None:
    """As with any extension; the original due instant stays on record."""
    case = strike(stage("handling", rules=RULES))
    case.do("leader1 apologise", until=at("2026-03-13 09:00"), legal_basis="art. 19")
    assert case.dossier.term is not None
    assert (case.due, local(case.dossier.term.original_due_at)) == ("2026-03-13 09:00", "2026-03-09 08:00")
    assert never(case)  # the procedure allows one extension


def test_no_more_often_than_the_rules_say() -> None:
    """A second one only where two are allowed, and only once the due instant has moved."""
    moved = strike(stage("handling", rules=TWICE)).run("leader1 apologise legal_basis=art.19")
    assert [when for when, *_ in drafts(strike(moved))] == ["2026-03-05 08:00", "2026-03-06 14:00"]
    moved.run("leader1 apologise legal_basis=art.19")
    assert never(moved)
    promised = strike(stage("handling", rules=TWICE)).run("leader1 apologise")
    assert never(promised)


def test_an_extension_without_a_draft_makes_one_needless() -> None:
    """A leader who promised a date of their own accord has apologised; an open draft vanishes."""
    early = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z", rules=TWICE)
    assert never(early)
    late = strike(stage("handling", rules=TWICE)).run("leader1 extend until=2026-03-20T02:00:00Z")
    assert late.dossier.apology is None
    (fact,) = [fact for fact in late.facts if fact.kind == "extended"]
    assert "draft" not in fact.model_dump()["event"]


def test_dismissed_it_does_not_come_again() -> None:
    """The leader knows better; for another due instant the clock asks again."""
    case = strike(stage("handling", rules=RULES)).run("leader1 dismiss-apology")
    assert case.dossier.apology is None
    case.run("handler1 request-supplement", "@ 2026-03-06 08:00", "citizen1 supply")
    assert [when for when, *_ in drafts(strike(case))] == ["2026-03-05 08:00", "2026-03-06 08:00"]
    other = strike(stage("handling", rules=RULES)).run("leader1 dismiss-apology")
    assert never(other)


@pytest.mark.parametrize("rules", [RULES, procedure(apology="-1 day", pausing={"supplement": "restart"})])
def test_a_due_instant_that_moves_makes_it_void(rules: Procedure) -> None:
    """While paused there is none; afterwards it is drafted for the new due instant, when that comes near."""
    case = strike(stage("handling", rules=rules)).run("handler1 request-supplement")
    assert (case.dossier.apology, row(case.dossier).apology_at) == (None, None)
    case.tick("2026-03-10 08:00")
    assert len(drafts(case)) == 1
    case.run("citizen1 supply")
    assert case.dossier.apology is None
    due = case.due
    strike(case)
    assert case.dossier.apology is not None
    assert local(case.dossier.apology.due_at) == due
    assert len(drafts(case)) == 2


def test_a_pause_out_of_hours_leaves_it() -> None:
    """No working time passed and nothing moved: the same draft waits again."""
    case = strike(stage("handling", rules=RULES))
    was = case.dossier.apology
    case.run("@ 2026-03-05 18:00", "head1 stop", "@ 2026-03-05 20:00", "head1 resume")
    assert case.dossier.apology == was
    assert never(case)


def test_another_calendar_makes_it_void_and_its_return_brings_it_back() -> None:
    """A new feast puts the due instant off; taken back, the first draft waits again and is not made anew."""
    extra = special("2026-03-06", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], extra])
    case = strike(stage("handling", rules=RULES))
    first = case.dossier.apology
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    assert (case.due, case.dossier.apology) == ("2026-03-10 08:00", None)
    case.do("admin1 amend-calendar", decree="D2")
    assert (case.due, case.dossier.apology) == ("2026-03-09 08:00", first)
    assert len(drafts(case)) == 1


def test_none_after_the_result_is_ready_or_the_end() -> None:
    """Ready settles timeliness; a correction that undoes it brings an open draft back."""
    case = strike(stage("issuing", rules=RULES))
    case.run("clerk1 complete number=1 date=2026-03-02T02:00:00Z")
    assert (case.status, case.dossier.apology) == ("ready", None)
    with pytest.raises(r.WrongStage):
        case.run("leader1 apologise")
    case.run("clerk1 correct")
    assert case.dossier.apology is not None
    withdrawn = strike(stage("deciding", rules=RULES)).run("citizen1 withdraw")
    assert withdrawn.dossier.apology is None
    assert never(stage("ready", rules=RULES))


def test_a_calendar_that_ends_stops_nothing() -> None:
    """No date can be proposed: the leader gives one. No offset can be placed: the work behind it counts."""
    lines = ("@ 2026-12-24 08:00", "receiver1 file", "receiver1 accept", "receiver1 complete")
    case = strike(Case(*lines, rules=RULES))
    assert drafts(case) == [("2026-12-29 08:00", "work-does-not-fit", None, 28)]
    case.do("leader1 apologise", until=at("2027-01-08 09:00"))
    assert local(case.dossier.promised_at) == "2027-01-08 09:00"
    begins: dict[str, Any] = {"first": "2026-03-02", "special": []}
    early = Case("receiver1 file accept=true", rules=procedure(apology="-100 days"), days=calendar(**begins))
    strike(early)
    assert [(at, reason) for at, reason, *_ in drafts(early)] == [("2026-03-03 14:00", "work-does-not-fit")]


def test_an_offset_after_the_due_instant_is_refused() -> None:
    """It would be no apology before the breach."""
    with pytest.raises(ValueError, match="before the due instant"):
        procedure(apology="+1 hour")
