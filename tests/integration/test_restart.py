"""An open dossier without a workflow: every check names it; restarted, it is worked to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import asyncpg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

import motcua.missing
from models.archive import Replays
from models.chain import broken_links
from models.commands import CLOCK, Actor, Tick
from models.dossier import Dossier
from models.facts import Fact, RungReached
from models.fold import fold
from models.journal import DossierRestarted, RestartAsked
from models.limits import Limit
from models.linked import OpenLinked, Tell
from models.procedure import Role
from models.refusals import DossierClosed, RequestReused, UnknownDossier, Unreachable
from models.rules import decide
from models.service import Opening, Restarted
from models.simulation import struck
from motcua.archive import Archive
from motcua.audit import Verified
from motcua.desk import Desk, WorkflowMissing
from motcua.erasure import Erasure
from motcua.links import Messages
from motcua.missing import Missing, MissingWatch
from motcua.replays import Replaying, Where
from motcua.restarts import (
    BadRestartReason,
    MayNotRestart,
    RecordBehind,
    RecordBroken,
    Restarts,
    TemporalAway,
    WorkflowRuns,
)
from motcua.store.proof import ProofRecord
from tests.auditing import nobody
from tests.integration.test_linked import Together, child_done
from tests.present import now
from tests.running import (
    ISSUE,
    OFFICE,
    PLAIN,
    Life,
    Running,
    Telemetry,
    always_open,
    asked,
    elsewhere,
    rulebook,
    running,
    scrape,
    submission,
    until,
)
from tests.unit.office import CALENDAR, STAFF, at
from tests.web import web
from workflows.dossier import DossierWorkflow

ADMIN = Actor(id="admin1", roles=(Role.ADMINISTRATOR,), unit="demo")
LEADER = Actor(id="head1", roles=(Role.OFFICE_LEADER,), unit="demo")
REASON = "Máy chủ Temporal hỏng đĩa ngày 02/3"
Way = Literal["terminated", "deleted"]
WAYS = ("terminated", "another server")
pytestmark = pytest.mark.timeout(300)


class Stage(NamedTuple):
    """How a dossier gets to a stage, and from there to its end."""

    there: tuple[str, ...]
    onward: tuple[str, ...]
    procedure: str = "unrated"


RECEIVED = ("receiver1 accept",)
PROCESS = (*RECEIVED, "receiver1 complete")
APPROVE = (*PROCESS, "handler1 complete", "leader1 complete")
READY = (*APPROVE, "approver1 approve", ISSUE)
RETURN = "returner1 return"
FROM_APPROVE = ("approver1 approve", ISSUE, RETURN)
FROM_PROCESS = ("handler1 complete", "leader1 complete", *FROM_APPROVE)
STAGES = {
    "submitted": Stage((), ("receiver1 accept", "receiver1 complete", *FROM_PROCESS)),
    "received": Stage(RECEIVED, ("receiver1 complete", *FROM_PROCESS)),
    "process": Stage(PROCESS, FROM_PROCESS),
    "claimed": Stage((*PROCESS, "handler1 claim"), FROM_PROCESS),
    "supplement": Stage(
        (*PROCESS, "handler1 request-supplement reason=plan"),
        ("citizen1 supply", *FROM_PROCESS),
        "patient",
    ),
    "payment": Stage(
        (*PROCESS, "handler1 request-payment amount=5000"),
        ("citizen1 pay amount=5000 receipt=7", *FROM_PROCESS),
    ),
    "stopped": Stage((*PROCESS, "leader1 stop reason=court"), ("leader1 resume", *FROM_PROCESS)),
    "consultation": Stage(
        (*PROCESS, "handler1 consult agency=tax"), ("handler1 answer agency=tax reply=yes", *FROM_PROCESS)
    ),
    "silent consent": Stage((*PROCESS, "handler1 consult agency=tax"), FROM_PROCESS, "consented"),
    "approve": Stage(APPROVE, FROM_APPROVE),
    "ready": Stage(READY, (RETURN,)),
    "rating": Stage((*READY, RETURN), ("citizen1 rate score=5",), "usual"),
}


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: the whole of it is audited."""
    async with running(tmp_path_factory.mktemp("restarted"), telemetry.runtime) as office:
        yield office


def restarts(shop: Running) -> Restarts:
    """What restarts its dossiers."""
    return Restarts(shop.client, shop.store, OFFICE, now)


async def lose(shop: Running, code: str, way: Way) -> None:
    """Have a dossier's workflow ended from outside, or have Temporal forget it as well."""
    await shop.client.get_workflow_handle(code).terminate("the test")

    async def listed() -> bool:
        running = f"ExecutionStatus = 'Running' AND WorkflowId = '{code}'"
        return (await shop.client.count_workflows(running)).count == 0

    await until(listed)  # Temporal's list is written a moment later
    if way == "deleted":
        await forget(shop, code)


async def forget(shop: Running, code: str) -> None:
    """Have Temporal delete what it knows of a workflow."""
    request = DeleteWorkflowExecutionRequest(
        namespace=shop.client.namespace, workflow_execution=WorkflowExecution(workflow_id=code)
    )
    await shop.client.workflow_service.delete_workflow_execution(request)

    async def forgotten() -> bool:
        try:
            await shop.client.get_workflow_handle(code).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await until(forgotten, "the end of its history")


async def verified(shop: Running) -> Verified:
    """What `audit verify` finds."""
    return await shop.verify()


async def replayed(shop: Running, code: str) -> Replays:
    """What `audit replay CODE` finds."""
    where = Where(None, None, shop.url, OFFICE, "")
    return await Replaying(shop.client, shop.store, where).all(nobody, since=None, code=code, jobs=None)


async def entries(shop: Running, code: str) -> list[tuple[str, DossierRestarted]]:
    """What the journal says of restarts of a dossier: by whom, and what."""
    lines = await ProofRecord(shop.store, OFFICE).journal_about(code)
    return [(each.actor, each.event) for each in lines if isinstance(each.event, DossierRestarted)]


async def asked_for(shop: Running, code: str) -> list[tuple[str, RestartAsked]]:
    """Which restarts of a dossier were asked for, as the journal says: by whom, and what."""
    lines = await ProofRecord(shop.store, OFFICE).journal_about(code)
    return [(each.actor, each.event) for each in lines if isinstance(each.event, RestartAsked)]


async def sound(shop: Running, code: str) -> None:
    """Chain, read model, histories and workflows say the same of a dossier."""
    facts = await shop.store.facts(code)
    assert broken_links(code, facts) == []
    rungs = [
        (event.term, event.generation, event.rung, event.occurrence)
        for event in (fact.event for fact in facts)
        if isinstance(event, RungReached)
    ]
    assert len(rungs) == len(set(rungs))
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    found = await replayed(shop, code)
    assert (found.diverged, found.differing) == ((), ())
    assert [broken for broken in (await verified(shop)).broken if code in (broken.code, "journal")] == []


def ticked(state: Dossier, moment: datetime) -> list[tuple[str, bool]]:
    """By the rules alone: what the clock brings by a moment, and whether anybody is told."""
    facts: list[Fact] = []
    while (call := state.next_call()) is not None and call[0] <= moment:
        tick = Tick(id=f"tick-{state.seq + 1}", actor=CLOCK)
        brought = decide(state, tick, struck(state, call[0], moment))
        facts += brought
        state = fold(state, brought)
    return told(facts)


def told(facts: list[Fact]) -> list[tuple[str, bool]]:
    """What happened, and whether an alarm notifies."""
    return [
        (
            f"{event.term} {event.name}" if isinstance(event, RungReached) else event.kind,
            getattr(event, "notify", False),
        )
        for event in (fact.event for fact in facts)
    ]


@pytest.fixture(scope="module")
async def moved(shop: Running) -> AsyncIterator[Running]:
    """Its Temporal server was lost with its disk, and another stands in its place."""
    option = "frontend.WorkflowTimeSkippingEnabled=true"
    async with elsewhere(shop, "--dynamic-config-value", option) as office:
        yield office


@pytest.mark.slow  # each stage, lost in each way
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", STAGES)
async def test_a_restarted_dossier_goes_on_from_its_facts(
    shop: Running, moved: Running, stage: str, way: str
) -> None:
    """Alarms before, during and after the gap sound once; then it is worked to its end, and audits agree."""
    there, onward, procedure = STAGES[stage]
    life = await Life.begin(shop, *there, procedure=procedure)
    note = await life.do("handler1 note", "before", text="first") if stage != "submitted" else None
    call = (await shop.refolded(life.code)).next_call()
    if stage != "rating" and call is not None:
        await life.forward(call[0])  # one has sounded
    before, state = await life.facts(), await shop.refolded(life.code)
    await lose(shop, life.code, "terminated")
    if way == "another server":
        shop = life.office = moved
    assert await Missing(shop.client, shop.store).among([life.code]) == [life.code]
    call = state.next_call()
    back = before[-1].at + timedelta(hours=1)
    if stage != "rating" and call is not None:
        back = max(back, call[0] + timedelta(minutes=1))  # the next came due meanwhile
    expected = ticked(state, back)
    done = await restarts(shop).restart(life.code, ADMIN, REASON, back)
    assert (done.code, done.seq, done.status) == (life.code, len(before), state.status)

    async def caught_up() -> bool:
        return len(await life.facts()) >= len(before) + len(expected)

    await until(caught_up)
    facts = await life.facts()
    assert facts[: len(before)] == before
    assert told(facts[len(before) :]) == expected
    assert all(fact.at <= back + timedelta(minutes=1) for fact in facts)
    if note is not None:
        assert (await life.do("handler1 note", "before", text="first")).seq == note.seq
        with pytest.raises(RequestReused):
            await life.do("handler1 note", "before", text="another")
    assert await shop.state(life.code) == await shop.refolded(life.code)
    call = (await shop.refolded(life.code)).next_call()
    if stage != "rating" and call is not None:
        await life.forward(call[0])  # and one after it
        assert (await shop.refolded(life.code)).seq > len(facts)
    for line in onward:
        today = (await life.facts())[-1].at.isoformat()
        await life.run(line.replace("2026-03-02T09:00", today))
    assert (await shop.desk.row(life.code)).stage == "closed"
    await shop.client.get_workflow_handle(life.code).result()
    await sound(shop, life.code)
    ((actor, entry),) = await entries(shop, life.code)
    assert (actor, entry.seq, entry.head) == (ADMIN.id, len(before), before[-1].hash)
    ((_, wanted),) = await asked_for(shop, life.code)
    assert (await shop.store.private(life.code))[wanted.reason.id] == REASON


async def test_every_check_names_it_until_it_is_restarted(shop: Running, telemetry: Telemetry) -> None:
    """`verify`, `replay` and the metric, batch by batch; running, closed and new ones are not named."""
    lives = [await Life.begin(shop, *RECEIVED) for _ in range(4)]
    closed = await Life.begin(shop, *PLAIN, procedure="unrated")
    await lose(shop, lives[0].code, "terminated")
    await lose(shop, lives[3].code, "deleted")
    gone = {lives[0].code, lives[3].code}
    watch = MissingWatch(shop.client, shop.store, shop.runtime.metric_meter)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(motcua.missing, "BATCH_SIZE", 2)
        found = await watch.look()
    assert gone <= set(found)
    assert not {closed.code, lives[1].code, lives[2].code} & set(found)
    assert await scrape(telemetry.port, "motcua_dossiers_without_workflow") >= 2
    named = {broken.code for broken in (await verified(shop)).broken if "no workflow" in broken.what}
    assert gone <= named
    assert not {closed.code, lives[1].code, lives[2].code} & named
    for life in lives:
        differing = [each.what for each in (await replayed(shop, life.code)).differing]
        assert any("no workflow" in what for what in differing) is (life.code in gone)
    for code in gone:
        with pytest.raises(WorkflowMissing, match="dossiers restart"):
            await shop.desk.act(code, "note", STAFF["handler1"], {"text": "?"})
        await restarts(shop).restart(code, LEADER, REASON)
    assert not gone & set(await watch.look())
    assert not gone & {broken.code for broken in (await verified(shop)).broken}
    for life in lives:
        await sound(shop, life.code)


async def test_refused(shop: Running) -> None:
    """A workflow that runs, a closed dossier, an unknown code, the wrong person, no reason."""
    life, closed = await Life.begin(shop, *RECEIVED), await Life.begin(shop, *PLAIN, procedure="unrated")
    with pytest.raises(WorkflowRuns):
        await restarts(shop).restart(life.code, ADMIN, REASON)
    with pytest.raises(DossierClosed):
        await restarts(shop).restart(closed.code, ADMIN, REASON)
    with pytest.raises(UnknownDossier):
        await restarts(shop).restart("H53.26-260302-9999", ADMIN, REASON)
    await lose(shop, life.code, "terminated")
    for reason in ("", "  \n", "\u200b", "\u3164", "x" * 501, "a\0b"):
        with pytest.raises(BadRestartReason):
            await restarts(shop).restart(life.code, ADMIN, reason)
    for role in Role:
        if role not in (Role.ADMINISTRATOR, Role.OFFICE_LEADER):
            with pytest.raises(MayNotRestart):
                await restarts(shop).restart(life.code, Actor(id="x", roles=(role,), unit="demo"), REASON)
    assert await entries(shop, life.code) == []
    await restarts(shop).restart(life.code, ADMIN, REASON)
    with pytest.raises(WorkflowRuns):
        await restarts(shop).restart(life.code, ADMIN, REASON)
    assert len(await entries(shop, life.code)) == 1


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (
            "update facts set actor = 'x' where code = $1 and seq = 2",
            "fact 2 content does not match its hash",
        ),
        ("delete from facts where code = $1 and seq = 2", "fact 2 is missing"),
        ("update facts set data = '{}' where code = $1 and seq = 2", "cannot be read"),
        ("delete from facts where code = $1 and seq = 3", "the read model ends at fact 3"),
    ],
)
async def test_facts_that_do_not_hold_are_not_gone_on_from(shop: Running, sql: str, what: str) -> None:
    """The first broken place is named, nothing is started, and nothing stands in the journal."""
    life = await Life.begin(shop, *RECEIVED)
    await lose(shop, life.code, "terminated")
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        kept = await connection.fetch("select * from facts where code = $1", life.code)
        await connection.execute("set session_replication_role = replica")
        await connection.execute(sql, life.code)
        with pytest.raises(RecordBroken, match=what):
            await restarts(shop).restart(life.code, ADMIN, REASON)
        await connection.execute("delete from facts where code = $1", life.code)
        await connection.copy_records_to_table("facts", records=[tuple(row.values()) for row in kept])
    finally:
        await connection.close()
    assert await entries(shop, life.code) == []
    described = await shop.client.get_workflow_handle(life.code).describe()
    assert described.status is WorkflowExecutionStatus.TERMINATED
    await restarts(shop).restart(life.code, ADMIN, REASON)
    await sound(shop, life.code)


class Severed(Interceptor):
    """The way to Temporal is lost at a start: before it gets there, or before its answer does."""

    def __init__(self, when: Literal["before", "after"]) -> None:
        self.when = when

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - its name
        """Take the place of the next one for starts."""
        when = self.when

        class Start(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
                if when == "after":
                    await super().start_workflow(input)
                raise RPCError("severed", RPCStatusCode.UNAVAILABLE, b"")

        return Start(next)


def severed(shop: Running, when: Literal["before", "after"]) -> Restarts:
    """What restarts dossiers over a line that is lost at the start."""
    client = Client(**{**shop.client.config(), "interceptors": [Severed(when)]})
    return Restarts(client, shop.store, OFFICE, now)


async def test_a_restart_that_never_got_to_temporal_is_not_called_one(shop: Running) -> None:
    """The journal said that a dossier was restarted, and nothing ran."""
    life = await Life.begin(shop, *PROCESS)
    await lose(shop, life.code, "terminated")
    for _ in range(3):
        with pytest.raises(TemporalAway):
            await severed(shop, "before").restart(life.code, ADMIN, REASON)
        assert await entries(shop, life.code) == []
        assert [actor for actor, _ in await asked_for(shop, life.code)] == [ADMIN.id]
    with pytest.raises(TemporalAway):
        await severed(shop, "before").restart(life.code, LEADER, REASON)
    done = await restarts(shop).restart(life.code, ADMIN, REASON)
    ((actor, event),) = await entries(shop, life.code)
    assert (actor, event.run) == (ADMIN.id, done.run)
    assert [actor for actor, _ in await asked_for(shop, life.code)] == [ADMIN.id, LEADER.id]
    await sound(shop, life.code)
    await lose(shop, life.code, "terminated")
    again = await restarts(shop).restart(life.code, ADMIN, REASON)  # no facts in between, the same words
    assert again.run != done.run
    assert [event.run for _, event in await entries(shop, life.code)] == [done.run, again.run]
    await sound(shop, life.code)


@pytest.mark.parametrize("asks", ["the same", "another"])
async def test_a_restart_whose_answer_was_lost_gets_its_entry_when_asked_again(
    shop: Running, asks: str
) -> None:
    """It runs, and nobody knew: the journal tells of it under the name of the one who had asked first."""
    life = await Life.begin(shop, *PROCESS)
    await lose(shop, life.code, "terminated")
    with pytest.raises(TemporalAway):
        await severed(shop, "after").restart(life.code, ADMIN, REASON)
    assert await entries(shop, life.code) == []
    described = await shop.client.get_workflow_handle(life.code).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    if asks == "the same":
        assert (await restarts(shop).restart(life.code, ADMIN, REASON)).run == described.run_id
    with pytest.raises(WorkflowRuns):
        await restarts(shop).restart(life.code, LEADER, "another reason")
    with pytest.raises(WorkflowRuns):
        await restarts(shop).restart(life.code, ADMIN, REASON)
    ((actor, event),) = await entries(shop, life.code)
    assert (actor, event.run) == (ADMIN.id, described.run_id)
    assert len(await asked_for(shop, life.code)) == 1
    await sound(shop, life.code)


async def test_a_record_of_an_older_backup_is_named_and_not_gone_on_from(shop: Running) -> None:
    """A history that goes on beyond the record was passed over, and the dossier began anew before its end."""
    life = await Life.begin(shop, *RECEIVED)
    tables = ("facts", "dossiers", "tasks", "terms")
    connection = await asyncpg.connect(shop.local.run.admin_database_url)

    async def kept() -> dict[str, list[Any]]:
        found = {
            each: await connection.fetch(f"select * from {each} where code = $1", life.code)
            for each in tables
        }
        return {name: [tuple(row.values()) for row in rows] for name, rows in found.items()}

    async def put_back(backup: dict[str, list[Any]]) -> None:
        for each in reversed(tables):
            await connection.execute(f"delete from {each} where code = $1", life.code)
        for each in tables:
            await connection.copy_records_to_table(each, records=backup[each])

    async def named() -> list[str]:
        return [broken.what for broken in (await verified(shop)).broken if broken.code == life.code]

    try:
        await connection.execute("set session_replication_role = replica")
        backup = await kept()
        await life.run("receiver1 complete", "handler1 claim")
        await lose(shop, life.code, "terminated")
        whole = await kept()
        await put_back(backup)
        (what,) = await named()
        assert f"goes to fact {len(whole['facts'])}" in what
        with pytest.raises(RecordBehind, match=f"goes to fact {len(whole['facts'])}"):
            await restarts(shop).restart(life.code, ADMIN, REASON)
        assert await asked_for(shop, life.code) == []
        await put_back(whole)
    finally:
        await connection.close()
    assert "dossiers restart" in (await named())[0]
    await restarts(shop).restart(life.code, ADMIN, REASON)
    assert await named() == []
    await sound(shop, life.code)


async def test_of_two_restarts_at_once_one_wins(shop: Running) -> None:
    """One run, one entry; the others are told that it runs."""
    life = await Life.begin(shop, *PROCESS)
    await lose(shop, life.code, "terminated")
    outcomes = await asyncio.gather(
        *(restarts(shop).restart(life.code, ADMIN, f"{REASON} {n}") for n in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(Restarted) == 1
    assert [type(outcome) for outcome in outcomes].count(WorkflowRuns) == 4
    assert len(await entries(shop, life.code)) == 1
    await sound(shop, life.code)


async def test_lost_again_and_again(shop: Running) -> None:
    """Several runs of one dossier, each from the facts of the one before; each has its entry."""
    life = await Life.begin(shop, *RECEIVED, procedure="unrated")
    archive = Archive(shop.client, ProofRecord(shop.store, OFFICE), None)
    lines = ["receiver1 complete", *FROM_PROCESS]
    for number, line in enumerate(lines):
        way: Way = "deleted" if number == 2 else "terminated"
        await lose(shop, life.code, way)
        if number % 2:
            await archive.sweep(nobody)
        await restarts(shop).restart(life.code, ADMIN, f"{REASON} {number}")
        await life.run(line)
    await shop.client.get_workflow_handle(life.code).result()
    assert len(await entries(shop, life.code)) == len(lines)
    await sound(shop, life.code)
    await archive.sweep(nobody)
    kept = [each.status async for each in ProofRecord(shop.store, OFFICE).histories(life.code, None)]
    assert (kept.count("completed"), set(kept)) == (1, {"completed", "terminated"})
    await sound(shop, life.code)


async def test_facts_that_no_history_tells_of(shop: Running) -> None:
    """Recorded, and then the run was terminated before Temporal knew: they stay, and replay agrees."""
    life = await Life.begin(shop, *PROCESS, procedure="unrated")
    await life.put_on_record(asked("handler1", "claim", "mine"), after=timedelta(seconds=5))
    await lose(shop, life.code, "terminated")
    await restarts(shop).restart(life.code, ADMIN, REASON)
    answer = await life.do("handler1 claim", "mine")
    assert (await life.facts())[answer.seq - 1].kind == "claimed"
    await sound(shop, life.code)
    await life.run(*FROM_PROCESS)
    await sound(shop, life.code)


@pytest.mark.slow  # a due instant comes in real time
async def test_a_real_dossier_keeps_the_real_time(shop: Running) -> None:
    """What came due while nobody could sound it sounds at the restart, once, and the office time is now."""
    desk = Desk(shop.client, shop.store, rulebook(always_open()))
    code = (await desk.submit(submission("fixed"))).code
    due_at = now() + timedelta(seconds=20)
    await desk.act(code, "accept", STAFF["receiver1"], {"due": str(Limit.fixed(due_at))})
    await lose(shop, code, "terminated")

    async def passed() -> bool:
        return now() > due_at

    await until(passed)
    assert [fact.kind for fact in await shop.store.facts(code)].count("rung-reached") == 0
    begun = now()
    await restarts(shop).restart(code, ADMIN, REASON)

    async def sounded() -> list[Fact]:
        return [fact for fact in await shop.store.facts(code) if fact.kind == "rung-reached"]

    (rung,) = await until(sounded)
    assert rung.at >= begun - timedelta(seconds=2)
    assert [(e.name, e.notify) for e in (rung.event,) if isinstance(e, RungReached)] == [("due", True)]
    await sound(shop, code)
    await desk.act(code, "withdraw", STAFF["citizen1"])


async def test_an_intake_whose_workflow_was_ended_is_begun_again(shop: Running) -> None:
    """Before its first fact it is the sweep's: it is not named, and the sweep files it."""

    class Cut(Desk):
        """Its workflow is terminated before a worker has seen it."""

        async def _begin(self, code: str, taken: object = None) -> object:  # type: ignore[override]
            kept = Opening.model_validate_json(await self._store.pending_of(code) or "")
            opening = kept.model_copy(update={"dossier": kept.dossier.model_copy(update={"code": code})})
            handle = await self._client.start_workflow(
                DossierWorkflow.run, opening, id=code, task_queue="nobody", start_delay=timedelta(hours=1)
            )
            await handle.terminate()
            raise Unreachable(service="Temporal", reason=code)

    with pytest.raises(Unreachable) as cut:
        await Cut(shop.client, shop.store, rulebook()).submit(submission("usual"), at=at("2026-03-02 08:00"))
    code = str(cut.value.facts["reason"])
    _, missing = await Missing(shop.client, shop.store).all()
    assert code not in missing
    assert await shop.desk.sweep(0) >= 1
    assert [fact.kind for fact in await shop.store.facts(code)] == ["filed"]
    await sound(shop, code)


async def test_the_reason_of_a_restart(shop: Running) -> None:
    """Shown to auditors; altered it is named, and erased with the dossier's other words it is not."""
    life = await Life.begin(shop, *PROCESS, procedure="unrated")
    await lose(shop, life.code, "terminated")
    await restarts(shop).restart(life.code, ADMIN, REASON)
    async with web(shop, CALENDAR) as desk:
        auditor = await desk.visitor("auditor1")
        page = await auditor.get(f"/dossiers/{life.code}/audit")
        assert "workflow restarted from the facts" in page.words
        assert REASON in page.words
    ((_, wanted),) = await asked_for(shop, life.code)
    name = wanted.reason.id

    async def named() -> list[str]:
        return [broken.what for broken in (await verified(shop)).broken if name in broken.what]

    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        await connection.execute("""update private set content = '"other"' where id = $1""", name)
        assert await named() == [f"what it refers to was altered: {name}"]
        content = json.dumps(REASON, ensure_ascii=False)
        await connection.execute("update private set content = $2::jsonb where id = $1", name, content)
        assert await named() == []
        await life.run("citizen1 withdraw")
        eraser = Erasure(shop.store, OFFICE, now)
        assert name in await eraser.erase(life.code, "request", "CV 1", LEADER, None)
        assert await named() == []
    finally:
        await connection.close()


class Away:
    """A messenger that reaches nobody until it is let."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.away = True
        real_open, real_tell = Messages.open, Messages.tell

        async def open_(messages: Messages, message: OpenLinked) -> None:
            self._check()
            await real_open(messages, message)

        async def tell(messages: Messages, message: Tell) -> None:
            self._check()
            await real_tell(messages, message)

        patched.setattr(Messages, "open", open_)
        patched.setattr(Messages, "tell", tell)

    def _check(self) -> None:
        if self.away:
            raise Unreachable(service="the other office", reason="test")


async def test_messages_of_linked_dossiers_arrive_once(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parent and child are lost with messages on their way; each arrives once, and both get to their end."""
    messenger = Away(monkeypatch)
    life = await Life.begin(shop, procedure="x.land-transfer", officer="receiver1")
    await life.run("receiver1 complete", "handler1 complete")  # asks the tax office, which hears nothing
    await lose(shop, life.code, "terminated")
    messenger.away = False
    await restarts(shop).restart(life.code, ADMIN, REASON)
    tax = await Together(shop, life).add(life, "tax")
    messenger.away = True
    await tax.do("tax1 accept")
    await lose(shop, tax.code, "terminated")
    messenger.away = False
    await restarts(shop).restart(tax.code, ADMIN, REASON)
    await Together(shop, life).hears(life, "tax", lambda linked: linked.news == "acknowledged")
    await lose(shop, life.code, "terminated")  # and now it waits for a child that knows nothing of that
    await child_done(tax, "tax", "TB-7")
    await restarts(shop).restart(life.code, ADMIN, REASON)
    await Together(shop, life).hears(life, "tax", lambda linked: linked.news == "ready")
    await life.run("handler1 complete", "leader1 complete", *FROM_APPROVE, "citizen1 rate score=4")
    await shop.client.get_workflow_handle(life.code).result()
    for code in (life.code, tax.code):
        await sound(shop, code)
    heard = [(fact.event.link, fact.event.what) for fact in await life.facts() if fact.event.kind == "heard"]
    assert heard == [("tax", "opened"), ("tax", "acknowledged"), ("tax", "ready")]
    children = await shop.store.facts_of([tax.code])
    assert len(children) == 1


@pytest.mark.parametrize("way", ["terminated", "deleted"])
async def test_a_closed_dossier_delivers_what_was_cut_off(
    shop: Running, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    """Its workflow was lost after its last fact: the dossier that waits for it would have waited for ever."""
    messenger = Away(monkeypatch)
    messenger.away = False
    life = await Life.begin(shop, procedure="x.land-transfer", officer="receiver1")
    await life.run("receiver1 complete", "handler1 complete")
    tax = await Together(shop, life).add(life, "tax")
    await tax.do("tax1 accept")
    await Together(shop, life).hears(life, "tax", lambda linked: linked.news == "acknowledged")
    watch = MissingWatch(shop.client, shop.store, shop.runtime.metric_meter)
    messenger.away = True
    await tax.run("citizen1 withdraw")
    assert (await shop.desk.row(tax.code)).stage == "closed"
    assert tax.code not in await watch.look()  # it is being delivered
    await lose(shop, tax.code, way)
    messenger.away = False
    assert tax.code in await watch.look()
    named = [broken.what for broken in (await verified(shop)).broken if broken.code == tax.code]
    assert ["has not heard" in what for what in named] == [True]
    assert any("has not heard" in each.what for each in (await replayed(shop, tax.code)).differing)
    facts = await tax.facts()
    done = await restarts(shop).restart(tax.code, ADMIN, REASON)
    assert done.stage == "closed"
    await Together(shop, life).hears(life, "tax", lambda linked: linked.news == "withdrawn")
    await shop.client.get_workflow_handle(tax.code).result()
    assert await tax.facts() == facts
    assert tax.code not in await watch.look()
    with pytest.raises(DossierClosed):
        await restarts(shop).restart(tax.code, ADMIN, REASON)
    assert len(await entries(shop, tax.code)) == 1
    await life.run("citizen1 withdraw")
    for code in (life.code, tax.code):
        await sound(shop, code)


async def test_a_withdrawn_dossier_calls_back_what_it_could_not(
    shop: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way round: the agency would go on with what nobody needs any more."""
    messenger = Away(monkeypatch)
    messenger.away = False
    life = await Life.begin(shop, procedure="x.land-transfer", officer="receiver1")
    await life.run("receiver1 complete", "handler1 complete")
    tax = await Together(shop, life).add(life, "tax")
    messenger.away = True
    await life.run("citizen1 withdraw")
    await lose(shop, life.code, "terminated")
    messenger.away = False
    watch = MissingWatch(shop.client, shop.store, shop.runtime.metric_meter)
    assert life.code in await watch.look()
    await restarts(shop).restart(life.code, ADMIN, REASON)
    await shop.client.get_workflow_handle(tax.code).result()
    assert (await shop.desk.row(tax.code)).status == "withdrawn"
    assert not {life.code, tax.code} & set(await watch.look())
