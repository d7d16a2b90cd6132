"""The control slip: through whose hands a dossier went, and what became of each step."""

from __future__ import annotations

from itertools import product

from models.handovers import Handover, handovers
from tests.unit.office import STORY, TEXT, Case, local, procedure, stage


def slip(case: Case) -> list[Handover]:
    """The rows of a dossier's control slip."""
    return handovers(case.empty, case.facts)


def short(row: Handover) -> tuple[str, str | None, str | None, str, str | None, str | None]:
    """Way, from which step to which, giver, receiver and result."""
    source, target = (place.step if place else None for place in (row.source, row.target))
    return row.way, source, target, row.giver, row.receiver, row.result


def test_the_plain_way_through_the_office() -> None:
    """From the applicant and back: each step with its giver, its receiver and its result."""
    case = Case(
        *STORY[:2],
        "@ 2026-03-02 09:00",
        *STORY[2:3],
        "handler1 claim",
        "@ 2026-03-03 10:00",
        *STORY[3:4],
        "@ 2026-03-03 16:00",
        *STORY[4:],
    )
    assert [short(row) for row in slip(case)] == [
        ("filed", None, "intake", "citizen", "receiver1", "early"),
        ("forward", "intake", "digitise", "receiver1", "receiver1", "early"),
        ("forward", "digitise", "handle", "receiver1", "handler1", "early"),
        ("forward", "handle", "review", "handler1", "leader1", "on_time"),  # at the very instant
        ("forward", "review", "decide", "leader1", "approver1", "early"),
        ("forward", "decide", "issue", "approver1", "clerk1", "early"),
        ("forward", "issue", "hand-over", "clerk1", "returner1", None),  # its time is the citizen's
        ("returned", "hand-over", None, "returner1", None, None),
    ]
    handled = slip(case)[2]
    assert (local(handled.at), local(handled.done_at)) == ("2026-03-02 09:00", "2026-03-03 10:00")
    assert local(handled.due_at) == "2026-03-03 15:00"


def test_an_open_step_has_no_result_and_perhaps_nobody() -> None:
    """Claimed, given back, given to somebody else."""
    case = stage("handling")
    assert short(slip(case)[-1]) == ("forward", "digitise", "handle", "receiver1", None, None)
    assert slip(case.run("handler1 claim"))[-1].receiver == "handler1"
    assert slip(case.run("handler1 release"))[-1].receiver is None
    row = slip(case.run("leader1 assign to=handler2"))[-1]
    assert (row.receiver, row.result, row.done_at) == ("handler2", None, None)


def test_a_late_step_is_overdue() -> None:
    """Against its own term, by the instant, whatever the measure of the whole dossier."""
    for measure, (when, result) in product(
        ("date", "instant"),
        (("11:29", "early"), ("14:00", "on_time"), ("14:01", "overdue")),
    ):
        rules = procedure(timeliness=measure)
        case = stage("handling", f"@ 2026-03-03 {when}", "handler1 complete", rules=rules)
        assert local(slip(case)[2].due_at) == "2026-03-03 14:00"
        assert slip(case)[2].result == result


def test_what_is_refused_while_it_waits_is_held_against_where_the_clock_stood() -> None:
    """Papers asked for in time at intake, refused days later: its check was in time."""
    case = stage("filed", "receiver1 request-supplement", "@ 2026-03-06 08:00", "receiver1 refuse")
    assert slip(case)[0].result == "early"


def test_what_is_sent_back_comes_again() -> None:
    """To the same officer, with the reason; the first time stays as it was."""
    case = stage("deciding", "approver1 send-back step=handle", "@ 2026-03-05 08:00", "handler1 complete")
    rows = slip(case)
    assert [short(row)[:5] for row in rows[2:]] == [
        ("forward", "digitise", "handle", "receiver1", "handler1"),
        ("forward", "handle", "review", "handler1", "leader1"),
        ("forward", "review", "decide", "leader1", "approver1"),
        ("sent-back", "decide", "handle", "approver1", "handler1"),
        ("forward", "handle", "review", "handler1", "leader1"),
    ]
    assert (rows[5].reason, rows[5].result, rows[6].reason) == (TEXT, "overdue", None)


def test_a_transfer_is_no_result() -> None:
    """Another unit goes on with the step, on the clock that runs."""
    case = stage("handling", "handler1 claim", "leader1 transfer", "stranger1 complete")
    left, taken, following = slip(case)[2:]
    assert (left.receiver, left.result, left.done_at) == ("handler1", None, None)
    assert short(taken) == ("transferred", "handle", "handle", "leader1", "stranger1", "early")
    assert taken.source is not None
    assert taken.target is not None
    assert (taken.source.unit, taken.target.unit) == ("demo", "elsewhere")
    assert taken.due_at == left.due_at
    assert following.source == taken.target


def test_a_correction_gives_the_step_back() -> None:
    """The mis-keyed completion stays on the slip; the step is open again on its old clock."""
    case = stage("reviewing", "handler1 correct")
    done, next_step, again = slip(case)[2:]
    assert (done.receiver, done.result) == ("handler1", "early")
    assert (next_step.receiver, next_step.result) == (None, None)
    assert short(again)[:4] == ("corrected", "review", "handle", "handler1")
    assert (again.due_at, again.reason, again.done_at) == (done.due_at, TEXT, None)


def test_a_pause_moves_the_due_instant_and_is_remarked() -> None:
    """What was asked of the applicant stands beside the step, with its text."""
    case = stage("handling", "handler1 request-supplement", "@ 2026-03-04 08:00", "citizen1 supply")
    row = slip(case)[-1]
    assert [(remark.what, local(remark.at), remark.text) for remark in row.remarks] == [
        ("supplement", "2026-03-02 08:00", TEXT),
        ("resumed", "2026-03-04 08:00", None),
    ]
    assert local(row.due_at) == "2026-03-05 14:00"
    case.run("receiver1 request-payment", "receiver1 pay", "head1 stop", "head1 resume")
    case.run("leader1 extend until=2026-03-20T02:00:00Z")
    words = [remark.what for remark in slip(case)[-1].remarks[2:]]
    assert words == ["payment", "resumed", "stop", "resumed", "extended"]


def test_the_clock_stops_what_nobody_completed() -> None:
    """The last row is the clock's; whoever had the dossier gets no result."""
    case = stage("handling", "handler1 request-supplement")
    case.tick("2026-03-20 08:00")
    held, ended = slip(case)[-2:]
    assert case.status == "stopped"
    assert (held.result, held.done_at) == (None, None)
    assert short(ended) == ("stopped", "handle", None, "clock", None, None)


def test_ends_without_a_result() -> None:
    """Refused at intake, withdrawn on the way, and another agency's dossier that a messenger brings."""
    refused = slip(Case("receiver1 file", "receiver1 refuse"))
    assert [short(row)[0] for row in refused] == ["filed", "refused"]
    assert (refused[0].result, refused[1].reason) == ("early", TEXT)
    withdrawn = slip(stage("handling", "citizen1 withdraw"))
    assert short(withdrawn[-1]) == ("withdrawn", "handle", None, "citizen1", None, None)


def test_the_slip_only_grows() -> None:
    """Each fact adds to the slip or ends its last row; the rows before it never change."""
    case = stage("deciding", "approver1 send-back step=handle", "leader1 transfer", "stranger1 complete")
    before: list[Handover] = []
    for count in range(1, len(case.facts) + 1):
        rows = handovers(case.empty, case.facts[:count])
        assert rows[: max(len(before) - 1, 0)] == before[:-1]
        before = rows
