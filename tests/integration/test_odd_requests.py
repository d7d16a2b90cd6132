"""The desk when something is odd: what cannot be kept, comes late, comes twice, or was left half done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NoReturn

import asyncpg
import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models.refusals import BadRequestId, DossierClosed, FourEyes, Problem, RequestReused, WrongRole
from motcua.desk import AnswerPending, Desk, DossierStuck, TemporalGone
from motcua.forms import InvalidCommand, InvalidSubmission, private
from motcua.temporal import connect
from tests.present import now
from tests.running import PLAIN, Life, Running, always_open, asked, rulebook, submission
from tests.unit.office import STAFF, at
from tests.waiting import until

OPENED = at("2026-05-04 08:00")


async def as_owner(office: Running, sql: str, *values: object) -> None:
    """Change something behind the office's back."""
    connection = await asyncpg.connect(office.local.run.database_url)
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


async def test_a_late_retry_does_not_erase_what_is_on_record(office: Running) -> None:
    """When Temporal has forgotten a closed dossier its record gives the same answer; the text stays."""
    life = await Life.begin(office)
    first = await life.do("handler1 note", "mine", text="the file is blue")
    await life.run("citizen1 withdraw")
    await office.client.get_workflow_handle(life.code).result()
    forgetful = await connect(office.local.run.temporal.address, "empty", runtime=office.runtime)
    desk = Desk(forgetful, office.store, rulebook())
    assert (
        await desk.act(life.code, "note", "handler1", {"text": "the file is blue"}, "mine")
    ).seq == first.seq
    with pytest.raises(DossierClosed):
        await desk.act(life.code, "note", "handler1", {"text": "the file is red"}, "other")
    with pytest.raises(RequestReused, match="mine"):
        await desk.act(life.code, "stop", "leader1", {"reason": "the file is red"}, "mine")
    kept = (await office.store.private(life.code)).values()
    assert "the file is blue" in kept
    assert "the file is red" not in kept


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (RPCError("Workflow Task in failed state.", RPCStatusCode.FAILED_PRECONDITION, b""), DossierStuck),
        (RPCError("Timeout expired", RPCStatusCode.CANCELLED, b""), AnswerPending),
        (RPCError("", RPCStatusCode.UNAVAILABLE, b""), TemporalGone),
        (WorkflowUpdateRPCTimeoutOrCancelledError(), AnswerPending),
        (WorkflowUpdateFailedError(ApplicationError("No.", type="FourEyes")), FourEyes),
    ],
)
async def test_what_temporal_says_is_told_in_a_sentence(
    office: Running, error: Exception, problem: type[Exception]
) -> None:
    """Each of these has been seen; whatever else there is stays the bug that it is."""
    assert type(office.desk._explained(error, "mine")) is problem
    for bug in (KeyError("x"), WorkflowUpdateFailedError(ApplicationError("x", type="KeyError"))):
        assert office.desk._explained(bug, "mine") is bug


async def test_a_request_id_that_temporal_could_not_take(office: Running) -> None:
    """Two hundred letters of four bytes each: with who asks it was too long."""
    life = await Life.begin(office)
    wide = "𝕏" * 200
    with pytest.raises(InvalidCommand, match="at most 600 bytes"):
        await life.do("handler1 note", wide, text="mine")
    with pytest.raises(InvalidSubmission, match="at most 600 bytes"):
        await office.desk.submit(submission(request_id=wide), at=OPENED)
    await life.do("handler1 note", "ế" * 200, text="mine")


async def test_a_bug_keeps_its_cause(office: Running) -> None:
    """What no rule refused is raised as it came, with what Temporal says of it."""
    life = await Life.begin(office)

    class Raw(Desk):
        def _explained(self, error: Exception, request_id: str) -> Exception:
            return error

    desk = Raw(office.client, office.store, rulebook())
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await desk.act(life.code, "complete", STAFF["receiver1"])
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "WrongStage"


@pytest.mark.parametrize("text", ["12\0", "\ud800"])
async def test_text_that_postgres_cannot_keep_is_refused(office: Running, text: str) -> None:
    """Recorded it could never be, so the dossier would hang on it for ever."""
    life = await Life.begin(office, *PLAIN[:8])
    for data in ({"number": text, "date": "2026-03-04"}, {"number": "1", "date": "2026-03-04", "note": text}):
        with pytest.raises(InvalidCommand, match="cannot be kept"):
            await life.do("clerk1 complete", **data)
    with pytest.raises(InvalidCommand, match="request_id"):
        await life.do("approver1 note", text, text="hello")
    for more in ({"applicant": {"name": text}}, {"request_id": f"r{text}"}, {"papers": [{"title": [text]}]}):
        with pytest.raises(InvalidSubmission, match="cannot be kept"):
            await office.desk.submit(submission(**more), at=OPENED)
    assert (await life.do("approver1 note", text=r"still alive, not \u0000")).status == "processing"


async def test_a_submission_cannot_take_the_id_of_a_linked_dossier(office: Running) -> None:
    """Taken by somebody else's dossier it kept the other agency from ever being asked."""
    life = await Life.begin(office, "receiver1 accept", procedure="x.linked-birth")
    taken = f"{life.code}/residence/1"
    for officer in (None, "receiver1"):
        with pytest.raises(BadRequestId, match="slash"):
            await office.desk.submit(submission(request_id=taken), officer=officer)
    assert await office.desk.progress(taken) == (None, set())
    await life.run("receiver1 complete", "handler1 complete")

    async def asked_for() -> bool:
        return (await office.desk.progress(taken))[0] is not None

    await until(asked_for)


async def test_one_request_at_midnight_is_one_dossier(office: Running) -> None:
    """The same submission sent twice at once, on either side of midnight, gets one code and skips none."""
    data: dict[str, Any] = submission()
    days = [at("2026-10-20 08:00"), at("2026-10-21 08:00")]  # that nobody else hands anything in on
    answers = await asyncio.gather(*[office.desk.submit(data, at=day) for day in days * 3])
    assert len({answer.code for answer in answers}) == 1
    numbers = [(await office.desk.submit(submission(), at=day)).code[-4:] for day in days]
    assert sorted(numbers) == ["0001", "0002"]


class Dying(Desk):
    """A desk that dies between keeping an intake and starting its dossier."""

    async def _begin(self, code: str, taken: object = None) -> NoReturn:
        raise InterruptedError(code)


async def left_half_done(office: Running) -> str:
    """An intake without a first fact; returns its code."""
    desk = Dying(office.client, office.store, rulebook())
    with pytest.raises(InterruptedError) as caught:
        await desk.submit(submission(), at=OPENED)
    return str(caught.value)


async def test_the_sweep_finishes_intakes(office: Running) -> None:
    """A dossier that was taken in is begun, whatever became of its desk; one that cannot stops no other."""
    bad, good = await left_half_done(office), await left_half_done(office)
    spoil = "update pending set opening = jsonb_set(opening, '{filing,actor,roles}', '[]') where code = $1"
    await as_owner(office, spoil, bad)
    assert await office.desk.sweep(older_than=60) == 0
    assert await office.store.facts(good) == []
    assert await office.desk.sweep(older_than=0) == 1
    assert [fact.kind for fact in await office.store.facts(good)] == ["filed"]
    assert await office.store.facts(bad) == []
    await as_owner(office, "delete from pending where code = $1", bad)
    assert await office.desk.sweep(older_than=0) == 0


async def test_a_request_id_that_stood_for_something_else(office: Running) -> None:
    """It got the first answer, as if the second thing had been done: another command, person, or data."""
    life = await Life.begin(office, "receiver1 accept", "receiver1 complete")
    first = await life.do("receiver1 note", "same", text="x")
    await life.do("leader1 assign", "given", to="handler1")
    before = await life.kinds()
    for what, data in (
        ("receiver1 claim", {}),
        ("receiver2 note", {"text": "x"}),
        ("receiver1 note", {"text": "y"}),
    ):
        with pytest.raises(RequestReused):
            await life.do(what, "same", **data)
    for what, data in (("leader1 assign", {"to": "handler2"}), ("leader1 stop", {"reason": "no"})):
        with pytest.raises(RequestReused, match="given"):
            await life.do(what, "given", **data)
    assert (await life.do("receiver1 note", "same", text="x")).seq == first.seq
    assert await life.kinds() == before
    assert list((await office.store.private(life.code)).values()).count("no") == 0, "nothing is left behind"


async def test_a_refusal_takes_back_only_what_its_own_request_brought(office: Running) -> None:
    """A command whose fact is being recorded lost its text to a refused one under the same id."""
    life = await Life.begin(office, "receiver1 accept")
    await office.store.keep_private([private(life.code, "slow", "reason", "being recorded")])
    for what, data in (
        ("handler1 stop", {"reason": "being recorded"}),
        ("leader1 transfer", {"unit": "demo", "reason": "another"}),
    ):
        with pytest.raises(Problem):
            await life.do(what, "slow", **data)
    with pytest.raises(WrongRole):
        await life.do("handler1 stop", "fresh", reason="refused at once")
    kept = list((await office.store.private(life.code)).values())
    assert "being recorded" in kept
    assert "another" not in kept
    assert "refused at once" not in kept


async def test_a_request_id_after_the_end(office: Running) -> None:
    """A closed dossier answers what it has answered, refuses other data, and takes nothing new."""
    life = await Life.begin(office, "receiver1 accept", procedure="unrated")
    first = await life.do("receiver1 request-payment", "asked", amount=50_000)
    await life.do("citizen pay", "paid", amount=50_000, receipt="R-1")
    await life.do("citizen withdraw", "back")
    await office.client.get_workflow_handle(life.code).result()
    with pytest.raises(RequestReused, match="paid"):
        await life.do("citizen pay", "paid", amount=50_000, receipt="R-2")
    assert (await life.do("receiver1 request-payment", "asked", amount=50_000)).seq == first.seq
    with pytest.raises(DossierClosed):
        await life.do("citizen pay", "new", amount=50_000, receipt="R-1")
    recalled = asked("receiver1", "request-payment", "asked", amount=50_000)
    assert (await office.desk._from_the_record(life.code, recalled)).seq == first.seq


async def test_handed_in_again_but_by_an_officer(office: Running) -> None:
    """The same file with and without an officer is one request: the dossier and where it stands."""
    data = submission()
    first = await office.desk.submit(data, at=OPENED)
    again = await office.desk.submit(data, officer="receiver1", at=OPENED)
    assert (again.code, again.status) == (first.code, "submitted")
    assert [fact.kind for fact in await office.store.facts(first.code)] == ["filed"]
    with pytest.raises(RequestReused, match=data["request_id"]):
        await office.desk.submit({**data, "channel": "post"}, officer="receiver1", at=OPENED)


async def test_a_hand_in_that_lies_too_far_back(office: Running) -> None:
    """A real one is refused beyond the days that the office allows; known and simulated ones are not."""

    def handed_in(days: int, **more: Any) -> dict[str, Any]:
        return submission(submitted_at=(now() - timedelta(days=days)).isoformat(), **more)

    desk = Desk(office.client, office.store, rulebook(always_open()))
    strict = Desk(office.client, office.store, rulebook(always_open()), backdate_days=5)
    for refusing, days in ((desk, 31), (strict, 6), (desk, 4000)):
        with pytest.raises(InvalidSubmission, match="submitted_at: it lies more than"):
            await refusing.submit(handed_in(days))
    for taking, days in ((desk, 30), (strict, 5)):
        assert (await taking.submit(handed_in(days))).status == "submitted"
    known = handed_in(20)
    code = (await desk.submit(known)).code
    assert (await strict.submit(known)).code == code
    old = submission(submitted_at="2026-02-02T09:00")
    assert (await office.desk.submit(old, at=OPENED)).status == "submitted"
