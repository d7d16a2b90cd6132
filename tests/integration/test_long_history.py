"""The guard against endless histories: a dossier continues as a new run and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from models.chain import broken_links
from models.refusals import DossierClosed, RequestReused
from tests.running import Life, Running, impatient, submission
from tests.unit.office import at


@pytest.fixture(scope="module")
async def hasty(office: Running) -> AsyncIterator[Running]:
    """The same office on a Temporal server that suggests to continue as new every 40 events."""
    async with impatient(office) as hasty:
        yield hasty


async def runs(client: Client, code: str) -> int:
    """How many runs a dossier has had."""
    description = await client.get_workflow_handle(code).describe()
    count, run_id = 1, description.run_id
    while True:
        history = await client.get_workflow_handle(code, run_id=run_id).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        if not started.continued_execution_run_id:
            return count
        count, run_id = count + 1, started.continued_execution_run_id


async def test_a_dossier_goes_on_in_a_new_run(hasty: Running) -> None:
    """State, office time, chain and first answers go with it; commands that come meanwhile are served."""
    life = await Life.begin(hasty, "receiver1 accept")
    first = await life.do("receiver1 note", "mine", text="note 0")
    for number in range(1, 12):
        await life.do("receiver1 note", text=f"note {number}")
    assert await runs(hasty.client, life.code) > 1
    facts = await life.facts()
    assert [fact.kind for fact in facts[3:]] == ["noted"] * 12
    assert broken_links(life.code, facts) == []
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    assert facts[-1].at - facts[0].at < timedelta(minutes=1)
    assert (await life.do("receiver1 note", "mine", text="note 0")).seq == first.seq
    with pytest.raises(RequestReused):
        await life.do("receiver1 note", "mine", text="note 1")
    with pytest.raises(RequestReused):
        await life.do("receiver2 claim", "mine")
    assert await life.facts() == facts
    assert await hasty.state(life.code) == await hasty.refolded(life.code)
    assert (await life.do("receiver1 complete")).stage == "process"


async def test_a_closed_dossier_does_not_continue(hasty: Running) -> None:
    """However long its history: its last run has its last answers, and keeps them."""
    data = submission("unrated")
    code = (await hasty.desk.submit(data, at=at("2026-03-02 08:00"))).code
    life = Life(hasty, code, at("2026-03-02 08:00"))
    handle = hasty.client.get_workflow_handle(code)
    number = 0
    while (await handle.describe()).history_length < 39:
        number += 1
        await life.do("receiver1 note", text=f"note {number}")
    withdrawn = await life.do("citizen1 withdraw", "last")
    await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert await runs(hasty.client, code) == 1
    assert await life.do("citizen1 withdraw", "last") == withdrawn
    with pytest.raises(DossierClosed):
        await life.do("receiver1 note", text="too late")


async def test_many_at_once_meanwhile(hasty: Running) -> None:
    """Everybody is answered although the dossier continues under their hands, each once."""
    life = await Life.begin(hasty, "receiver1 accept")

    async def lane(name: str) -> list[int]:
        return [(await life.do("receiver1 note", f"{name}-{n}", text=f"{name} {n}")).seq for n in range(12)]

    answers = await asyncio.gather(*[lane(name) for name in "abcde"])
    facts = await life.facts()
    assert sorted(seq for lane in answers for seq in lane) == [f.seq for f in facts if f.kind == "noted"]
    assert len({fact.command for fact in facts if fact.kind == "noted"}) == 60
    assert await runs(hasty.client, life.code) > 3
