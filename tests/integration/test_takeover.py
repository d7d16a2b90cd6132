"""A worker died between PostgreSQL and Temporal: what is on record stays, and the dossier goes on from it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from models.chain import broken_links
from models.commands import CLOCK, Tick
from models.procedure import Stage
from models.service import Answer, Opening
from motcua.desk import Desk
from tests.running import PLAIN, Life, Running, asked, count_events, rulebook, submission
from tests.unit.office import STAFF, at
from tests.waiting import until
from workflows.dossier import TASK_QUEUE, DossierWorkflow

HANDLING = PLAIN[:3]


async def test_the_same_command_was_on_record_already(office: Running) -> None:
    """Done again it comes out at another moment; the record stands, and the person is answered from it."""
    life = await Life.begin(office, *HANDLING)
    recorded = await life.put_on_record(asked("handler1", "complete", "mine"), after=timedelta(seconds=5))
    answer = await life.do("handler1 complete", "mine")
    facts = await life.facts()
    assert answer.seq == facts[-1].seq == recorded[-1].seq
    assert facts[-len(recorded) :] == recorded
    await life.run("leader1 complete")
    assert broken_links(life.code, await life.facts()) == []
    assert await office.state(life.code) == await office.refolded(life.code)


async def test_other_commands_were_on_record_already(office: Running) -> None:
    """They are taken over, whatever their order; those that still wait are decided anew after them."""
    life = await Life.begin(office, *HANDLING)
    first = asked("handler1", "claim", "a")
    second = asked("leader1", "assign", "b", to="handler2")
    recorded = await life.put_on_record(first, second, after=timedelta(seconds=5))
    outcomes = await asyncio.gather(
        life.do("handler1 claim", "a"),
        life.do("leader1 note", "c", text="who has it?"),
        life.do("leader1 assign", "b", to="handler2"),
    )
    assert [outcome.seq for outcome in outcomes] == [recorded[0].seq, recorded[1].seq + 1, recorded[1].seq]
    assert [fact.command for fact in (await life.facts())[-3:]] == ["a", "b", "c"]
    assert broken_links(life.code, await life.facts()) == []
    assert await office.state(life.code) == await office.refolded(life.code)


async def test_a_rung_was_on_record_already(office: Running) -> None:
    """The clock's own facts are taken over, too, and told of once; the next rung comes in its time."""
    life = await Life.begin(office, *HANDLING)
    at_five = timedelta(hours=8)  # 17:00, long before the handler's step is due
    state = await office.state(life.code)
    due = state.next_call()
    assert due
    tick = Tick(id=f"tick-{state.seq + 1}", actor=CLOCK)
    late = due[0] - (await life.facts())[-1].at + timedelta(seconds=30)
    assert late > at_five
    recorded = await life.put_on_record(tick, after=late)
    assert [fact.kind for fact in recorded] == ["rung-reached"]
    await life.forward("2026-03-04 10:00")
    facts = await life.facts()
    assert [fact.kind for fact in facts[-2:]] == ["rung-reached", "rung-reached"]
    assert facts[-2] == recorded[0]
    assert await office.state(life.code) == await office.refolded(life.code)


async def test_a_takeover_that_closes_the_dossier(office: Running) -> None:
    """The command that was on record is answered, and the workflow ends."""
    life = await Life.begin(office, *HANDLING)
    await life.put_on_record(asked("citizen1", "withdraw", "w"), after=timedelta(seconds=5))
    assert (await life.do("citizen1 withdraw", "w")).status == "withdrawn"
    await office.client.get_workflow_handle(life.code).result()
    events = count_events(await office.history(life.code))
    assert events["WORKFLOW_EXECUTION_COMPLETED"] == 1


class Forgetful(Desk):
    """Its server dies after it has stored a start, and before it has done anything about the update."""

    async def _begin(self, code: str, taken: object = None) -> Answer:
        kept = Opening.model_validate_json(await self._store.pending_of(code) or "")
        opening = kept.model_copy(update={"dossier": kept.dossier.model_copy(update={"code": code})})
        await self._client.start_workflow(DossierWorkflow.run, opening, id=code, task_queue=TASK_QUEUE)
        return Answer(
            code=code, seq=0, stage=Stage.RECEIVE, status="submitted", received_at=None, due_at=None
        )


async def test_a_start_whose_update_was_lost_files_all_the_same(office: Running) -> None:
    """An update lives in the memory of the server: a dossier on record was never filed in its workflow."""
    desk = Forgetful(office.client, office.store, rulebook())
    given = submission("usual")
    code = (await desk.submit(given, at=at("2026-03-02 08:00"))).code

    async def filed() -> bool:
        return [fact.kind for fact in await office.store.facts(code)] == ["filed"]

    await until(filed)
    assert (await office.desk.submit(given, at=at("2026-03-02 08:00"))).code == code
    assert (await office.desk.act(code, "accept", STAFF["receiver1"])).status == "received"
    assert await office.state(code) == await office.refolded(code)
