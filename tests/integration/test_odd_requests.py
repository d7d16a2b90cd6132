"""The desk when something is odd: what cannot be kept, comes late, comes twice, or was left half done."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import asyncpg
import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models.refusals import DossierClosed, FourEyes, RequestReused
from motcua.desk import AnswerPending, Desk, DossierStuck, TemporalGone
from motcua.forms import InvalidCommand, InvalidSubmission
from motcua.temporal import connect
from tests.running import PLAIN, Life, Running, rulebook, submission
from tests.unit.office import STAFF, at

OPENED = at("2026-05-04 08:00")


async def as_owner(office: Running, sql: str, *values: object) -> None:
    """Change something behind the office's back."""
    connection = await asyncpg.connect(office.local.run.database_url)
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


async def test_a_late_retry_does_not_erase_what_is_on_record(office: Running) -> None:
    """When Temporal has forgotten a closed dossier the same request is refused; its text stays."""
    life = await Life.begin(office)
    await life.do("handler1 note", "mine", text="the file is blue")
    await life.run("citizen1 withdraw")
    await office.client.get_workflow_handle(life.code).result()
    forgetful = await connect(office.local.run.temporal.address, "empty", runtime=office.runtime)
    desk = Desk(forgetful, office.store, rulebook())
    for request_id, text in (("mine", "the file is blue"), ("other", "the file is red")):
        with pytest.raises(DossierClosed):
            await desk.act(life.code, "note", "handler1", {"text": text}, request_id)
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
    """It got the first answer, as if the second thing had been done."""
    life = await Life.begin(office, "receiver1 accept")
    await life.do("receiver1 note", "same", text="x")
    before = await life.kinds()
    for what in ("receiver1 claim", "receiver2 note"):
        with pytest.raises(RequestReused):
            await life.do(what, "same", **({"text": "x"} if "note" in what else {}))
    assert await life.kinds() == before


async def test_handed_in_again_but_by_an_officer(office: Running) -> None:
    """It got the first answer, “submitted”, as if accepting had not been asked for."""
    data = submission()
    code = (await office.desk.submit(data, at=OPENED)).code
    with pytest.raises(RequestReused, match=data["request_id"]):
        await office.desk.submit(data, officer="receiver1", at=OPENED)
    assert [fact.kind for fact in await office.store.facts(code)] == ["filed"]
