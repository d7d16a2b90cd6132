"""What the office's rules mean over time: short stories of one dossier, each about one rule.

March 2nd 2026, when every story starts at 08:00, is a Monday; five days later is Monday the 9th.
"""

from __future__ import annotations

from typing import Any

import pytest

from models import refusals as r
from models.facts import Fact
from models.procedure import Stage
from models.rules import decide
from models.terms import Term
from models.timeliness import RESOLUTION
from models.view import row
from tests.unit.office import (
    CALENDAR_DATA,
    ISSUE,
    STORY,
    Case,
    at,
    calendar,
    local,
    procedure,
    special,
    stage,
)

MORE_PAUSING = {"supplement": "resume", "payment": "resume", "consultation": "resume", "stop": "resume"}


def whole(case: Case) -> Term:
    """The term of the whole dossier."""
    assert case.dossier.term is not None
    return case.dossier.term


def term(case: Case, of: str) -> Term:
    """The latest term of a kind."""
    return [term for term in case.dossier.terms if term.of == of][-1]


def rungs(facts: list[Fact], of: int) -> list[tuple[str, int, bool]]:
    """The rungs of a term among facts: name, occurrence, whether somebody is told."""
    events = [fact.event for fact in facts if fact.event.kind == "rung-reached"]
    return [(e.name, e.occurrence, e.notify) for e in events if e.term == of]


# The plain way


def test_the_plain_way() -> None:
    """Receive, process, approve, return: each step opens the next, and the facts say so in order."""
    case = Case(*STORY)
    step = ["step-completed", "step-opened"]
    assert case.kinds() == [
        *("filed", "accepted", "step-opened"),
        *(step * 3),
        *("decided", "step-opened"),
        *("step-completed", "issued", "ready", "step-opened"),
        *("returned", "rated"),
    ]
    assert (case.status, case.dossier.stage, case.dossier.closed) == ("returned", Stage.CLOSED, True)
    assert case.dossier.timeliness == "early"
    assert case.dossier.result is not None
    assert (case.dossier.result.approved, case.dossier.result.number) == (True, "12/GP")
    assert not [term for term in case.dossier.terms if term.closed_at is None]
    assert case.dossier.next_call() is None


@pytest.mark.parametrize(
    ("where", "expected", "step", "role"),
    [
        ("filed", Stage.RECEIVE, "intake", "receiver"),
        ("accepted", Stage.RECEIVE, "digitise", "receiver"),
        ("handling", Stage.PROCESS, "handle", "handler"),
        ("reviewing", Stage.PROCESS, "review", "unit-leader"),
        ("deciding", Stage.APPROVE, "decide", "approver"),
        ("issuing", Stage.APPROVE, "issue", "clerk"),
        ("ready", Stage.RETURN, "hand-over", "returner"),
    ],
)
def test_one_task_at_a_time(where: str, expected: Stage, step: str, role: str) -> None:
    """Each stage has exactly one open task, for the role of its step."""
    case = stage(where)
    (task,) = row(case.dossier).tasks
    assert (task.stage, case.dossier.stage, task.step, task.role) == (expected, expected, step, role)


def test_handing_in_starts_no_clock() -> None:
    """Submitted on Sunday, accepted on Wednesday: only the officer's answer is awaited before."""
    case = Case("citizen1 file channel=online submitted_at=2026-03-01T03:00:00Z")
    before = row(case.dossier)
    assert (before.received_at, before.due_at, before.submitted_at) == (None, None, at("2026-03-01 10:00"))
    assert local(term(case, "intake").due_at) == "2026-03-03 08:00"
    case.run("@ 2026-03-04 10:00", "receiver1 accept")
    assert (local(case.dossier.received_at), case.due) == ("2026-03-04 10:00", "2026-03-11 10:00")
    assert term(case, "intake").closed_at == case.now


def test_accepted_at_night_starts_in_the_morning() -> None:
    """Out of hours the clock starts at the next opening, and the step's with it."""
    case = Case("@ 2026-03-02 19:00", "receiver1 file accept=true")
    assert (local(whole(case).started_at), case.due) == ("2026-03-03 07:00", "2026-03-10 07:00")
    assert local(term(case, "step").started_at) == "2026-03-03 07:00"


def test_a_same_day_procedure_has_its_15_00_rule() -> None:
    """From 15:00 on a same-day dossier is due the next working day."""
    rules = procedure(limit="same day", cut_off="15:00")
    for clock, due in (("14:59", "2026-03-06 17:00"), ("15:00", "2026-03-09 17:00")):
        case = Case(f"@ 2026-03-06 {clock}", "receiver1 file accept=true", rules=rules)
        assert case.due == due


def test_a_dossier_may_bring_its_own_due_instant() -> None:
    """Where the procedure sets no limit, acceptance does."""
    case = Case(
        "receiver1 file accept=true due='until 2026-06-01T17:00:00+07:00'", rules=procedure(limit=None)
    )
    assert case.due == "2026-06-01 17:00"


def test_refused_at_intake_was_not_received() -> None:
    """A dossier turned away has no received date, no due date, and is closed."""
    case = stage("filed", "receiver1 refuse")
    found = row(case.dossier)
    assert (found.status, found.national_status, found.outcome) == ("refused", 3, "refused")
    assert (found.received_at, found.due_at, found.timeliness, found.tasks) == (None, None, None, ())


def test_rejected_counts_as_solved() -> None:
    """A rejection goes on to number, seal and return like an approval."""
    case = stage("deciding", "approver1 reject", "clerk1 complete number=9 date=2026-03-02T02:00:00Z")
    assert case.dossier.result is not None
    assert (case.status, case.dossier.result.approved, case.dossier.timeliness) == ("ready", False, "early")


def test_withdrawn_counts_as_solved() -> None:
    """The applicant takes the dossier back before it is decided."""
    case = stage("deciding", "@ 2026-03-10 08:00", "citizen1 withdraw")
    assert (case.status, case.dossier.timeliness, case.dossier.closed) == ("withdrawn", "overdue", True)
    assert stage("filed", "citizen1 withdraw").dossier.timeliness is None


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        (stage("filed"), "submitted", 1),
        (stage("accepted"), "received", 2),
        (stage("filed", "receiver1 refuse"), "refused", 3),
        (stage("handling"), "processing", 4),
        (stage("issuing"), "processing", 4),
        (stage("handling", "handler1 consult"), "processing", 4),
        (
            stage("handling", "handler1 consult", rules=procedure(pausing=MORE_PAUSING)),
            "awaiting-answer",
            4,
        ),
        (stage("handling", "handler1 request-supplement"), "awaiting-supplement", 5),
        (stage("handling", "handler1 request-payment"), "awaiting-payment", 6),
        (stage("handling", "citizen1 withdraw"), "withdrawn", 7),
        (stage("handling", "handler1 request-supplement", "head1 stop"), "stopped", 8),
        (stage("ready"), "ready", 9),
        (stage("returned"), "returned", 10),
        (stage("closed"), "returned", 10),
    ],
)
def test_the_national_portal_s_codes(case: Case, status: str, code: int) -> None:
    """Every state has its code; waiting is never reported as done."""
    found = row(case.dossier)
    assert (found.status, found.national_status) == (status, code)


# Timeliness


@pytest.mark.parametrize(
    ("ready", "by_date", "by_instant"),
    [
        ("2026-03-06 16:59", "early", "early"),
        ("2026-03-09 07:30", "on_time", "early"),
        ("2026-03-09 08:00", "on_time", "on_time"),
        ("2026-03-09 16:00", "on_time", "overdue"),
        ("2026-03-10 07:00", "overdue", "overdue"),
    ],
)
def test_timeliness_by_date_and_by_instant(ready: str, by_date: str, by_instant: str) -> None:
    """An earlier day is early, the same day on time, a later day overdue; or by the instant itself."""
    for rule, expected in (("date", by_date), ("instant", by_instant)):
        case = stage("issuing", rules=procedure(timeliness=rule)).run(f"@ {ready}")
        case.do("clerk1 complete", number="1", date=case.now)
        assert case.dossier.timeliness == expected
        assert local(case.dossier.ready_at) == ready


def test_a_result_nobody_picks_up_does_not_become_overdue() -> None:
    """Ready settles timeliness: no alarm afterwards, and a pick-up months later changes nothing."""
    case = stage("ready")
    assert case.dossier.next_call() is None
    assert case.tick("2026-09-15 09:00") == []
    case.run("returner1 return")
    assert (case.dossier.timeliness, local(case.dossier.ready_at)) == ("early", "2026-03-02 08:00")


def test_what_ends_during_a_pause_is_measured_where_the_clock_stood() -> None:
    """Withdrawn while waiting for the applicant, long after the old due date, is not overdue."""
    case = stage("handling", "handler1 request-supplement", "@ 2026-03-30 08:00", "citizen1 withdraw")
    assert case.dossier.timeliness == "early"


# People


def test_sent_back_returns_to_the_same_officer() -> None:
    """Work goes back to who did it, and then on to who had sent it back."""
    case = stage("handling", "handler2 complete", "leader1 complete", "approver2 claim")
    case.run("approver2 send-back step=handle")
    assert case.dossier.task is not None
    assert (case.dossier.task.step, case.dossier.task.assignee) == ("handle", "handler2")
    with pytest.raises(r.TaskTaken, match="handler2"):
        case.run("handler1 complete")
    case.run("handler2 complete")
    assert (case.dossier.task.step, case.dossier.task.assignee) == ("review", "leader1")


def test_sent_back_after_the_decision_undoes_it() -> None:
    """The clerk sends back: the decision is gone, and the applicant may withdraw again."""
    case = stage("issuing", "clerk1 send-back step=handle")
    assert case.dossier.result is None
    case.run("handler1 complete", "leader1 complete")
    assert case.dossier.task is not None
    assert case.dossier.task.assignee == "approver1"
    case.run("approver1 reject")
    assert case.dossier.result is not None
    assert case.dossier.result.approved is False


@pytest.mark.parametrize(
    "handled",
    [
        ("both1 complete",),
        ("both1 request-supplement", "citizen1 supply", "handler1 complete"),
        ("both1 consult", "handler1 answer", "handler1 complete"),
    ],
)
def test_four_eyes(handled: tuple[str, ...]) -> None:
    """Whoever handled a dossier in any way never decides on it, whatever other roles they have."""
    case = stage("handling", *handled, "leader1 complete")
    for line in ("both1 approve", "both1 reject", "both1 claim", "head1 assign to=both1"):
        with pytest.raises(r.FourEyes, match="both1"):
            case.run(line)
    case.run("approver1 approve")
    assert "approver1" not in case.dossier.handled_by


def test_an_approver_who_handles_later_gets_the_decision_no_more() -> None:
    """Sent back and reassigned to its approver, the dossier is decided by somebody else."""
    case = stage("deciding", "both1 approve", "clerk1 send-back step=handle", "head1 assign to=both1")
    case.run("both1 complete", "leader1 complete")
    assert case.dossier.task is not None
    assert (case.dossier.task.step, case.dossier.task.assignee) == ("decide", None)
    case.run("approver2 approve")


def test_a_transfer_takes_the_dossier_along() -> None:
    """The old unit can do nothing more, the new one all, and nothing returns to the old unit's officers."""
    case = stage("handling", "handler1 claim", "leader1 transfer unit=elsewhere")
    assert case.dossier.task is not None
    assert (case.dossier.unit, case.dossier.task.assignee) == ("elsewhere", None)
    for line in ("handler1 claim", "leader1 assign to=handler1", "receiver1 correct"):
        with pytest.raises(r.WrongUnit):
            case.run(line)
    with pytest.raises(r.NotCorrectable):
        case.run("stranger1 correct")
    case.run("stranger1 send-back step=digitise")
    assert case.dossier.task.assignee is None
    case.run("stranger1 complete")
    with pytest.raises(r.SameUnit):
        case.run("stranger1 transfer unit=elsewhere")


# Supplement, payment, consultation


def test_a_supplement_stops_the_clock() -> None:
    """Asked on Tuesday, supplied on Friday: three working days are given back to dossier and step."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    step_due = term(case, "step").due_at
    assert (local(step_due), case.dossier.paused) == ("2026-03-03 14:00", True)
    assert local(term(case, "supplement").due_at) == "2026-03-12 08:00"
    case.run("@ 2026-03-06 08:00", "citizen1 supply")
    assert (case.due, local(whole(case).original_due_at)) == ("2026-03-12 08:00", "2026-03-09 08:00")
    assert local(term(case, "step").due_at) == "2026-03-06 14:00"
    assert (case.status, case.dossier.paused) == ("processing", False)
    assert term(case, "supplement").closed_at == case.now


def test_an_unanswered_supplement_ends_the_dossier() -> None:
    """When its limit ends the processing stops for good, in time as the clock stood still."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    assert case.tick("2026-03-12 07:59") == []
    assert [fact.kind for fact in case.tick("2026-03-12 08:00")] == ["rung-reached"]
    assert case.dossier.next_call() == (at("2026-03-12 08:00") + RESOLUTION, "supplement lapses")
    case.now = at("2026-03-12 08:00") + RESOLUTION
    assert [fact.kind for fact in case.tick()] == ["stopped"]
    assert (case.status, case.dossier.national_status, case.dossier.closed) == ("stopped", 8, True)
    assert case.dossier.timeliness == "early"


def test_a_supplement_may_have_no_such_end() -> None:
    """Where the procedure says so an unanswered supplement is only waited for."""
    case = stage("handling", "handler1 request-supplement", rules=procedure(supplement_lapse="nothing"))
    case.tick("2026-05-04 08:00")
    assert case.status == "awaiting-supplement"
    assert case.run("citizen1 supply").status == "processing"


def test_a_supplement_at_intake_stops_the_officer_s_clock() -> None:
    """Before acceptance there is no due date to move, only the officer's answer."""
    case = stage("filed", "receiver1 request-supplement", "@ 2026-03-04 08:00", "citizen1 supply")
    assert local(term(case, "intake").due_at) == "2026-03-05 08:00"
    case = stage("filed", "receiver1 request-supplement")
    case.tick("2026-03-20 08:00")
    assert (case.status, case.dossier.received_at, case.dossier.timeliness) == ("stopped", None, None)


def test_a_procedure_may_start_afresh_after_a_supplement() -> None:
    """`restart` counts the whole limit again from the moment of supply."""
    rules = procedure(pausing={"supplement": "restart"})
    case = stage("handling", "handler1 request-supplement", rules=rules)
    case.run("@ 2026-03-06 10:00", "citizen1 supply")
    assert (case.due, case.dossier.restarts) == ("2026-03-13 10:00", False)
    assert [pause.mode for pause in whole(case).pauses] == ["restart"]


def test_a_procedure_may_go_on_counting() -> None:
    """`none` waits for the applicant without stopping the clock; its rungs sound."""
    rules = procedure(pausing={"supplement": "none"})
    case = stage("handling", "handler1 request-supplement", rules=rules)
    assert (case.dossier.paused, case.status) == (False, "awaiting-supplement")
    facts = case.tick("2026-03-06 08:00")
    assert rungs(facts, whole(case).id) == [("soon", 0, True)]
    assert case.run("citizen1 supply").due == "2026-03-09 08:00"


def test_a_payment_stops_the_clock() -> None:
    """Tax and payment time is not counted."""
    case = stage("handling", "handler1 request-payment amount=500", "@ 2026-03-04 08:00")
    case.run("citizen1 pay amount=500 receipt=R-7")
    assert (case.due, case.status) == ("2026-03-11 08:00", "processing")


def test_a_consultation_has_its_own_term() -> None:
    """Two days for the agency, while the outer clock runs; its answer closes the term."""
    case = stage("handling", "handler1 consult agency=tax", "handler1 consult agency=police limit='1 day'")
    assert [local(t.due_at) for t in case.dossier.terms if t.of == "consultation"] == [
        "2026-03-04 08:00",
        "2026-03-03 08:00",
    ]
    assert case.dossier.paused is False
    case.run("handler1 answer agency=police")
    with pytest.raises(r.ConsultationOpen, match="tax"):
        case.run("handler1 complete")
    case.run("handler1 answer agency=tax", "handler1 complete")
    assert case.due == "2026-03-09 08:00"


def test_silence_is_consent_where_the_law_says_so() -> None:
    """A consulted agency that lets its term pass has agreed; elsewhere it is waited for."""
    consent = procedure(consultation_silence="consent", pausing=MORE_PAUSING)
    case = stage("handling", "handler1 consult", rules=consent)
    facts = case.tick("2026-03-04 08:01")
    (answered,) = [fact.event for fact in facts if fact.event.kind == "answered"]
    assert (answered.agency, answered.silent) == ("tax", True)
    assert (case.status, case.due) == ("processing", "2026-03-11 08:00")
    silent = stage("handling", "handler1 consult")
    assert "answered" not in [fact.kind for fact in silent.tick("2026-03-04 08:01")]


def test_several_agencies_are_waited_for() -> None:
    """Two consultations that stop the clock: it runs again after the second answer."""
    rules = procedure(pausing=MORE_PAUSING)
    case = stage("handling", "handler1 consult agency=tax", "handler1 consult agency=police", rules=rules)
    case.run("@ 2026-03-03 08:00", "handler1 answer agency=tax")
    assert case.dossier.paused
    case.run("@ 2026-03-04 08:00", "handler1 answer agency=police")
    assert (case.dossier.paused, case.due) == (False, "2026-03-11 08:00")


def test_agencies_that_are_silent_together() -> None:
    """Two terms that lapse at once are both answered, and the clock runs again."""
    rules = procedure(consultation_silence="consent", pausing=MORE_PAUSING)
    case = stage("handling", "handler1 consult agency=tax", "handler1 consult agency=police", rules=rules)
    assert [fact.kind for fact in case.tick("2026-03-04 08:01")][-4:] == ["answered", "clock-resumed"] * 2
    assert (case.dossier.paused, case.due) == (False, "2026-03-11 08:00")


# Stop and nested pauses


def test_a_stop_pauses_until_it_is_resumed() -> None:
    """An announced outage stops every clock and gives its working time back."""
    case = stage("handling", "handler1 consult", "@ 2026-03-03 08:00", "head1 stop")
    assert case.dossier.next_call() is None
    assert case.tick("2026-03-20 08:00") == []
    case.run("@ 2026-03-05 08:00", "leader1 resume")
    assert case.due == "2026-03-11 08:00"
    assert local(term(case, "consultation").due_at) == "2026-03-06 08:00"


def test_pauses_inside_each_other_count_once() -> None:
    """Supplement Tuesday to Thursday, payment Wednesday to Friday: three days, not four."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    case.run("@ 2026-03-04 08:00", "receiver1 request-payment")
    case.run("@ 2026-03-05 08:00", "citizen1 supply")
    assert (case.dossier.paused, case.due) == (True, "2026-03-09 08:00")
    case.run("@ 2026-03-06 08:00", "citizen1 pay")
    assert (case.dossier.paused, case.due) == (False, "2026-03-12 08:00")
    assert len(whole(case).pauses) == 1


def test_one_restart_among_several_waits_restarts() -> None:
    """When any of the overlapping waits starts the term afresh, the end of the last one does."""
    rules = procedure(pausing={"supplement": "restart"})
    case = stage("handling", "handler1 request-supplement", "receiver1 request-payment", rules=rules)
    case.run("@ 2026-03-03 08:00", "citizen1 supply", "@ 2026-03-04 08:00", "citizen1 pay")
    assert case.due == "2026-03-11 08:00"
    case.run("receiver1 request-payment", "@ 2026-03-05 08:00", "citizen1 pay")
    assert case.due == "2026-03-12 08:00"


def test_a_stop_inside_a_supplement_pauses_the_applicant_s_time() -> None:
    """The outage ends first: the applicant's term runs again, while the dossier's still waits."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement", "head1 stop")
    assert case.tick("2026-03-27 08:00") == []
    case.run("@ 2026-03-04 08:00", "head1 resume")
    supplement = term(case, "supplement")
    assert (local(supplement.due_at), supplement.running) == ("2026-03-13 08:00", True)
    assert (whole(case).running, case.status) == (False, "awaiting-supplement")
    case.tick("2026-03-13 08:01")
    assert (case.status, case.dossier.closed) == ("stopped", True)


def test_a_stop_does_not_restart_the_applicant_s_time() -> None:
    """Only the procedure's way of stopping says what a stop does to a supplement's own term."""
    rules = procedure(pausing={"supplement": "restart"})
    case = stage("handling", "handler1 request-supplement", rules=rules)
    case.run("@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-04 08:00", "head1 resume")
    assert local(term(case, "supplement").due_at) == "2026-03-12 08:00"
    assert [pause.mode for pause in term(case, "supplement").pauses] == ["resume"]


def test_supplied_during_a_stop_stays_supplied() -> None:
    """The supplement's term is over and does not move when the stop ends; the dossier's does."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement", "head1 stop")
    case.run("@ 2026-03-04 08:00", "citizen1 supply", "@ 2026-03-05 08:00", "head1 resume")
    closed = term(case, "supplement")
    assert (local(closed.due_at), closed.pauses) == ("2026-03-12 08:00", ())
    assert (case.due, case.status) == ("2026-03-11 08:00", "processing")


# Alarms


def test_each_rung_sounds_once_in_its_time() -> None:
    """Reminder, due now, and three escalations a working day apart after the due day; then silence."""
    case, found = stage("handling"), []
    while (call := case.dossier.next_call()) is not None:
        case.now = call[0]
        found += [
            (local(fact.at), name) for fact in case.tick() for name, *_ in rungs([fact], whole(case).id)
        ]
    assert found == [
        ("2026-03-06 08:00", "soon"),
        ("2026-03-09 08:00", "due"),
        ("2026-03-11 07:00", "late"),
        ("2026-03-12 07:00", "late"),
        ("2026-03-13 07:00", "late"),
    ]


def test_after_downtime_only_the_highest_rung_notifies() -> None:
    """All that passed is recorded at once, each with its own instant; one notice a term."""
    case = stage("handling")
    facts = case.tick("2026-03-20 08:00")
    assert rungs(facts, whole(case).id) == [
        ("soon", 0, False),
        ("due", 0, False),
        ("late", 0, False),
        ("late", 1, False),
        ("late", 2, True),
    ]
    assert rungs(facts, term(case, "step").id) == [("due", 0, False), ("late", 0, True)]
    assert local(facts[0].event.due_at) == "2026-03-06 08:00"
    assert case.tick() == []


def test_a_rung_before_the_start_never_sounds() -> None:
    """ "One day before" says nothing in a term of four hours."""
    case = Case("receiver1 file accept=true", rules=procedure(limit="4 hours"))
    assert rungs(case.tick("2026-03-02 14:00"), whole(case).id) == [("due", 0, True)]


def test_resume_fires_nothing_that_expired_in_the_pause() -> None:
    """Neither the rungs of a term in time, nor the escalations of a late one, sound at the resume."""
    case = stage("handling", "handler1 request-supplement", "@ 2026-03-10 08:00", "citizen1 supply")
    assert case.tick() == []
    assert case.dossier.alarms()[0].at > case.now
    late = stage("handling")
    late.tick("2026-03-11 08:00")
    late.run("head1 stop", "@ 2026-03-12 10:00", "head1 resume")
    assert late.tick() == []
    assert late.due == "2026-03-09 08:00"
    assert rungs(late.tick("2026-03-13 08:00"), whole(late).id) == [("late", 2, True)]


def test_a_fired_rung_that_lies_ahead_again_raises_the_generation() -> None:
    """After an extension the reminder sounds a second time, as another generation."""
    case = stage("handling")
    case.tick("2026-03-06 08:00")
    case.run("leader1 extend until=2026-03-20T01:00:00Z legal_basis=art.19")
    assert (whole(case).generation, whole(case).reached) == (1, (0, 0, 0))
    facts = case.tick("2026-03-19 08:00")
    assert rungs(facts, whole(case).id) == [("soon", 0, True)]
    assert [fact.event.generation for fact in facts if fact.event.term == whole(case).id] == [1]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-05 08:00", "2026-03-20 08:00"),  # nothing has fired yet
        ("2026-03-06 11:00", "2026-03-09 10:00"),  # the reminder has, and would have by now
    ],
)
def test_any_other_move_keeps_the_generation(now: str, until: str) -> None:
    """A due instant that moves without bringing a fired rung back is the same generation."""
    case = stage("handling")
    case.tick(now)
    case.do("leader1 extend", until=at(until), legal_basis="art. 19")
    assert (whole(case).generation, case.due) == (0, until)


# Extension


def test_an_extension_with_a_legal_basis_moves_the_due_instant() -> None:
    """The promised date becomes the due instant; the original stays on record."""
    case = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z legal_basis=art.19")
    found = row(case.dossier)
    assert (local(found.due_at), local(found.promised_at)) == ("2026-03-20 09:00", "2026-03-20 09:00")
    assert local(found.original_due_at) == "2026-03-09 08:00"


def test_an_extension_without_one_only_promises() -> None:
    """An apology's new date never erases the old one: the dossier is overdue all the same."""
    case = stage("issuing", "@ 2026-03-06 08:00", "leader1 extend until=2026-03-20T02:00:00Z")
    assert (case.due, local(case.dossier.promised_at)) == ("2026-03-09 08:00", "2026-03-20 09:00")
    case.run("@ 2026-03-12 08:00", "clerk1 complete number=1 date=2026-03-12T01:00:00Z")
    assert case.dossier.timeliness == "overdue"


# Correction


def test_a_corrected_completion_never_stopped_the_clock() -> None:
    """The step is open again under its old number and due date, and its passed rungs are recorded."""
    case = stage("handling")
    task, due = case.dossier.task, term(case, "step").due_at
    case.run("handler1 complete", "@ 2026-03-04 08:00", "handler1 correct")
    assert case.dossier.task == task
    assert task is not None
    reopened = case.dossier.term_of(task.id)
    assert reopened is not None
    assert (reopened.due_at, reopened.running) == (due, True)
    assert [t.id for t in case.dossier.terms if t.of == "step" and t.running] == [task.id]
    assert rungs(case.tick(), task.id) == [("due", 0, False), ("late", 0, True)]


def test_a_corrected_issue_undoes_ready() -> None:
    """Ready, timeliness and the number are gone, the decision stays, the dossier's clock runs on."""
    case = stage("ready", "@ 2026-03-12 08:00", "clerk1 correct")
    assert (case.dossier.ready_at, case.dossier.timeliness, case.status) == (None, None, "processing")
    assert case.dossier.result is not None
    assert (case.dossier.result.approved, case.dossier.result.number) == (True, None)
    assert (whole(case).running, case.due) == (True, "2026-03-09 08:00")
    assert rungs(case.tick(), whole(case).id)[-1] == ("late", 1, True)
    case.run("clerk1 complete number=13 date=2026-03-12T01:00:00Z")
    assert case.dossier.timeliness == "overdue"


def test_a_corrected_decision_is_none() -> None:
    """The result is as it was before: none, and the applicant may withdraw."""
    case = stage("issuing", "approver1 correct")
    assert (case.dossier.result, case.status) == (None, "processing")
    case.run("citizen1 withdraw")


def test_a_leader_corrects_too_but_only_the_last_completion() -> None:
    """One completion can be taken back, by who did it or a leader; not the one before it."""
    case = stage("reviewing", "leader1 correct")
    assert case.dossier.task is not None
    assert case.dossier.task.step == "handle"
    with pytest.raises(r.NotCorrectable):
        case.run("leader1 correct")


# Calendar


def test_an_amended_calendar_moves_open_terms() -> None:
    """A new holiday puts due dates off, and the original stays on record."""
    extra = special("2026-03-05", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], extra])
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop", "@ 2026-03-04 08:00", "head1 resume")
    assert case.due == "2026-03-10 08:00"
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    assert (case.due, local(whole(case).original_due_at)) == ("2026-03-11 08:00", "2026-03-09 08:00")
    assert case.dossier.calendar == amended
    assert local(term(case, "step").due_at) == "2026-03-04 14:00"


def test_an_amended_calendar_leaves_promised_dates() -> None:
    """A due instant that was extended is a promise, and no calendar moves it."""
    extra = special("2026-03-05", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], extra])
    case = stage("handling", "leader1 extend until=2026-03-20T02:00:00Z legal_basis=art.19")
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    assert case.due == "2026-03-20 09:00"


def test_a_calendar_amended_during_a_pause_counts_at_the_resume() -> None:
    """The paused term moves by the new holiday, and by the pause."""
    extra = special("2026-03-05", "holiday", "new feast")
    amended = calendar(version="vn-2026b", special=[*CALENDAR_DATA["special"], extra])
    case = stage("handling", "@ 2026-03-03 08:00", "head1 stop")
    case.do("admin1 amend-calendar", calendar=amended, decree="D1")
    case.run("@ 2026-03-06 08:00", "head1 resume")
    assert case.due == "2026-03-12 08:00"


# After the return, and what other systems say


def test_the_rating_window() -> None:
    """The citizen may rate for ten working days; then the dossier closes by itself."""
    case = stage("returned")
    assert (case.dossier.closed, local(case.dossier.rate_by)) == (False, "2026-03-16 08:00")
    assert case.tick("2026-03-16 08:00") == []
    assert case.dossier.next_call() == (at("2026-03-16 08:00") + RESOLUTION, "rating closes")
    assert [fact.kind for fact in case.tick("2026-03-16 08:01")] == ["rating-lapsed"]
    assert (case.dossier.closed, case.status) == (True, "returned")


def test_no_rating_window_closes_at_once() -> None:
    """Where nobody may rate, the return is the end."""
    case = stage("returned", rules=procedure(rating_window=None))
    assert (case.dossier.closed, case.dossier.rate_by) == (True, None)


def test_an_observation_is_taken_down_and_changes_nothing() -> None:
    """What another system says is a fact, with the rule it would have broken."""
    case = stage("handling")
    was = row(case.dossier)
    (fact,) = case.do("admin1 observe", label="end before start", deviation="FourEyes")
    assert (fact.event.label, fact.event.deviation) == ("end before start", "FourEyes")
    now = row(case.dossier)
    assert now == was.model_copy(update={"seq": now.seq, "head": now.head})


def test_an_extension_after_the_breach_makes_nothing_punctual() -> None:
    """With a legal basis it moved the due instant of what was late, and the result came early."""
    case = stage("deciding", "@ 2026-03-20 08:00")
    case.do("leader1 extend", until=at("2026-03-27 09:00"), legal_basis="art. 9")
    assert (case.due, local(case.dossier.promised_at)) == ("2026-03-09 08:00", "2026-03-27 09:00")
    case.run("approver1 approve", ISSUE)
    assert case.dossier.timeliness == "overdue"
    with pytest.raises(ValueError, match="legal_basis"):
        stage("handling").do("leader1 extend", until=at("2026-03-27 09:00"), legal_basis=" ")


def test_a_promise_for_a_day_off_moves_to_the_next_opening() -> None:
    """A Sunday at three in the morning became the due instant by law; a closing may stay."""
    for until, becomes in (
        ("2026-03-22 03:00", "2026-03-23 07:00"),
        ("2026-03-20 17:00", "2026-03-20 17:00"),
    ):
        case = stage("handling")
        case.do("leader1 extend", until=at(until), legal_basis="art. 9")
        assert (case.due, local(case.dossier.promised_at)) == (becomes, becomes)


def test_silence_ends_a_pause_when_it_lapses() -> None:
    """Whatever the clock was doing then: our own downtime is no pause."""
    rules = procedure(pausing={"consultation": "resume"}, consultation_silence="consent")
    late, punctual = (
        stage("handling", "@ 2026-03-03 10:00", "handler1 consult", rules=rules) for _ in range(2)
    )
    late.tick("2026-03-20 08:00")
    punctual.tick("2026-03-05 10:01")
    assert late.due == punctual.due == "2026-03-11 08:00"
    assert late.dossier.term is not None
    assert [local(pause.until) for pause in late.dossier.term.pauses] == ["2026-03-05 10:00"]


def test_opened_after_acknowledged_takes_nothing_back() -> None:
    """Two messages of a linked dossier came in the wrong order."""
    link = {"id": "tax", "step": "handle", "procedure": "x.tax", "unit": "tax"}
    case = stage("handling", rules=procedure(links=[link]))
    for what in ("acknowledged", "opened"):
        case.do("clock hear", what=what)
    assert case.dossier.links[0].news == "acknowledged"


def test_a_rest_by_limit_counts_from_the_moment_of_the_command() -> None:
    """A later click rests as long; the same request again changes nothing, whenever it comes."""
    for now, until in (("2026-03-10 09:00", "2026-03-12 09:00"), ("2026-03-11 14:00", "2026-03-13 14:00")):
        case = stage("handling", "@ 2026-03-10 09:00", "clock tick", f"@ {now}")
        case.run("leader1 acknowledge limit='2 days'")
        assert local(whole(case).rests_until) == until
        assert decide(case.dossier, case.commands[-1], at("2026-03-11 16:00")) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [("", "Field required"), ("limit='1 day' until=2026-03-11T09:00:00Z", "either a limit or an end")],
)
def test_a_rest_has_either_a_limit_or_an_end(given: str, said: str) -> None:
    """Without one it is refused by its field, with both as well."""
    with pytest.raises(ValueError, match=said):
        stage("handling", "@ 2026-03-10 09:00", "clock tick", f"leader1 acknowledge {given}")


ASKED, ASKED_FIRST = "handler1 request-supplement", "receiver1 request-supplement"
CONSENT = {"consultation_silence": "consent", "pausing": MORE_PAUSING}
DEADLINES: dict[str, tuple[str, tuple[str, ...], dict[str, Any], str, str, bool]] = {
    "supplement": ("handling", (ASKED,), {}, "2026-03-11 08:00", "citizen1 supply", True),
    "supplement at intake": ("filed", (ASKED_FIRST,), {}, "2026-03-11 08:00", "citizen1 supply", True),
    "consultation": ("handling", ("handler1 consult",), CONSENT, "2026-03-04 08:00", "clerk1 answer", True),
    "rating": ("returned", (), {}, "2026-03-16 08:00", "citizen1 rate", True),
    "payment": ("handling", ("receiver1 request-payment",), {}, "2026-11-20 08:00", "citizen1 pay", False),
    "pick-up": ("ready", (), {}, "2026-11-20 08:00", "returner1 return", False),
}
"""Stage, lines before, rules, deadline, what must be done by then, and whether the deadline ends it."""


@pytest.mark.parametrize("what", DEADLINES)
def test_at_the_very_instant_of_its_deadline_it_is_in_time(what: str) -> None:
    """The clock strikes first, as in the workflow, and takes nothing; a microsecond later it is too late."""
    where, before, changed, deadline, line, ends = DEADLINES[what]
    punctual, late = (stage(where, *before, rules=procedure(**changed)) for _ in range(2))
    punctual.tick(deadline)
    punctual.run(line)
    late.tick(deadline)
    late.now = at(deadline) + RESOLUTION
    late.tick()
    if not ends:
        late.run(line)
        return
    with pytest.raises((r.DossierClosed, r.NothingAsked)):
        late.run(line)


@pytest.mark.parametrize("measure", ["date", "instant"])
def test_a_result_and_a_legal_promise_at_the_due_instant_are_in_time(measure: str) -> None:
    """Ready at that instant is on time; with a legal basis its due instant may be moved at it."""
    rules = procedure(timeliness=measure)
    case = stage("deciding", "@ 2026-03-09 08:00", rules=rules)
    case.tick()
    case.run("approver1 approve", "clerk1 complete number=12 date=2026-03-09T01:00:00Z")
    assert case.dossier.timeliness == "on_time"
    moved = stage("deciding", "@ 2026-03-09 08:00", rules=rules)
    moved.tick()
    moved.run("leader1 extend until=2026-03-12T02:00:00Z legal_basis='art. 9'")
    assert moved.due == "2026-03-12 09:00"
