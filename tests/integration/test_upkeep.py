"""What the office does by the clock: each workflow on a real worker, and the schedules that start them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import ScheduleHandle
from temporalio.common import MetricMeter

from models.archive import Replays, Swept
from models.calendar import Calendar
from models.commands import Actor
from models.keeping import Cleared
from models.people import Vacated
from models.procedure import Role
from motcua.audit.found import WorkflowsNotAsked
from motcua.desk import Desk
from motcua.keeper import Keeper
from motcua.proof.keys import KeyRing
from motcua.replay import WORKFLOWS, replay
from motcua.replays import Replaying
from motcua.schedules import ARCHIVE, ERASE, FREE, REPLAY, SEAL, keep_proof, keep_staffing
from motcua.store.proof import ProofRecord
from tests.auditing import nobody, replayed
from tests.running import (
    OFFICE,
    PLAIN,
    SETTINGS,
    Life,
    Running,
    Telemetry,
    always_open,
    elsewhere,
    rulebook,
    running,
    submission,
)
from tests.unit.office import PEOPLE
from tests.waiting import until
from workflows.upkeep import (
    UPKEEP_QUEUE,
    ArchiveWorkflow,
    EraseWorkflow,
    FreeWorkflow,
    ReplayWorkflow,
    SealWorkflow,
)


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own."""
    async with running(tmp_path_factory.mktemp("upkeep"), telemetry.runtime) as office:
        yield office


async def test_archive_seal_verify_and_replay_on_a_worker(shop: Running) -> None:
    """One after another, as in a night; what they did is in the journal, and their own histories replay."""
    life = await Life.begin(shop, *PLAIN, procedure="unrated")

    async def listed() -> bool:
        query = f"WorkflowId = '{life.code}' AND ExecutionStatus != 'Running'"
        return (await shop.client.count_workflows(query)).count == 1

    await until(listed)
    queue = {"task_queue": UPKEEP_QUEUE}
    swept = await shop.client.execute_workflow(ArchiveWorkflow.run, id="archive", **queue)
    assert isinstance(swept, Swept)
    assert (swept.archived, swept.lost) == (swept.closed, 0)
    assert await shop.client.execute_workflow(SealWorkflow.run, id="seal", **queue) == 1
    replays = await shop.client.execute_workflow(ReplayWorkflow.run, id="replay", **queue)
    assert isinstance(replays, Replays)
    assert replays.replayed >= 3
    assert (replays.diverged, replays.differing) == ((), ())
    record = ProofRecord(shop.store, OFFICE)
    (verified,) = await record.journal_of("record-verified", 9)
    assert verified.event.model_dump(exclude={"kind"})["broken"] == 0
    (replayed,) = await record.journal_of("histories-replayed", 9)
    assert replayed.event.model_dump(exclude={"kind"})["diverged"] == 0
    folder = SETTINGS.model_copy(update={"data_dir": shop.local.data_dir}).seals(shop.client.namespace)
    assert KeyRing(folder, OFFICE).copies() == await record.seals()
    own = [await shop.history(name) for name in ("archive", "seal", "replay")]
    assert (await replay(own, runner=None, workflows=WORKFLOWS)).diverged == ()


async def test_a_night_without_temporal_is_no_verification(shop: Running) -> None:
    """Where workflows cannot be looked for, the journal gets no entry, and the check fails to be repeated."""
    await shop.desk.submit(submission("unrated"), officer="receiver1")
    async with elsewhere(shop) as other:
        gone = other.client  # of a server that ends with this block
    settings = SETTINGS.model_copy(update={"data_dir": shop.local.data_dir})
    record = ProofRecord(shop.store, OFFICE)
    before = await record.journal_of("record-verified", 99)
    for client, entries in ((gone, 0), (shop.client, 1)):
        keeper = Keeper(client, shop.store, settings, shop.where, MetricMeter.noop, None, always_open())
        if client is gone:
            with pytest.raises(WorkflowsNotAsked):
                await keeper.verify(nobody)
        else:
            assert (await keeper.verify(nobody)).broken == 0
        assert len(await record.journal_of("record-verified", 99)) == len(before) + entries


async def test_what_is_over_for_ten_years_is_erased_by_night(shop: Running) -> None:
    """By the period in the office's file: the old one's data goes, by the rule's name; the other's stays."""
    week = [[{"opens": "07:30", "closes": "17:00"}]] * 5 + [[], []]
    then = {"version": "then", "first": "2016-01-01", "last": "2018-12-31", "week": week}
    desk = Desk(shop.client, shop.store, rulebook(Calendar.model_validate(then)))
    once = replace(shop, desk=desk)
    past = [line.replace("2026", "2016") for line in PLAIN]
    old = await Life.begin(once, *past, procedure="unrated", opened="2016-03-02 08:00")
    young = await Life.begin(shop, *PLAIN, procedure="unrated")
    done = await shop.client.execute_workflow(EraseWorkflow.run, id="erase", task_queue=UPKEEP_QUEUE)
    assert done == Cleared(erased=1)
    assert await shop.store.private(old.code) == {}
    assert await shop.store.private(young.code) != {}
    (entry,) = await ProofRecord(shop.store, OFFICE).journal_about(old.code)
    told = entry.event.model_dump(include={"kind", "code", "basis", "paper"})
    rule = "Danh mục thời hạn lưu trữ (mẫu)"
    assert told == {"kind": "erased", "code": old.code, "basis": "retention", "paper": rule}
    assert entry.actor == "clock"
    again = await shop.client.execute_workflow(EraseWorkflow.run, id="erase", task_queue=UPKEEP_QUEUE)
    assert again == Cleared()
    assert (await shop.verify()).broken == ()
    assert (await replay([await shop.history("erase")], runner=None, workflows=WORKFLOWS)).diverged == ()


async def test_tasks_of_people_who_are_gone_are_freed_by_night(shop: Running) -> None:
    """What is with somebody whom the catalogue does not name; the workflow's history replays."""
    ghost = Actor(id="ghost", roles=(Role.HANDLER,), unit="demo")
    trusting = Desk(shop.client, shop.store, rulebook(always_open(), person=PEOPLE.people.get))
    trusting.rulebook._person = None  # as an office that knows no dates
    code = (await trusting.submit(submission("unrated"), officer="receiver1")).code
    await trusting.act(code, "complete", "receiver1")
    await trusting.act(code, "claim", ghost)
    done = await shop.client.execute_workflow(FreeWorkflow.run, id="free", task_queue=UPKEEP_QUEUE)
    assert done == Vacated(freed=1)
    (fact,) = [fact for fact in await shop.store.facts(code) if fact.kind == "task-freed"]
    assert (fact.actor, fact.event.model_dump(include={"assignee", "why"})) == (
        "clock",
        {"assignee": "ghost", "why": "unknown"},
    )
    assert (await replay([await shop.history("free")], runner=None, workflows=WORKFLOWS)).diverged == ()


async def test_the_staff_is_looked_through_at_each_start(shop: Running) -> None:
    """Every day, and when a worker has read a catalogue that may have changed."""
    for starts in (1, 2):
        await keep_staffing(shop.client, "Asia/Ho_Chi_Minh")
        handle = shop.client.get_schedule_handle(FREE)

        async def begun(handle: ScheduleHandle = handle, starts: int = starts) -> bool:
            return (await handle.describe()).info.num_actions >= starts

        await until(begun)
    spec = (await handle.describe()).schedule.spec
    assert (spec.time_zone_name, spec.calendars[0].hour[0].start) == ("Asia/Ho_Chi_Minh", 0)


async def test_the_schedules(shop: Running) -> None:
    """Made once, renewed at each start; one that somebody paused stays so."""
    await keep_proof(shop.client, timedelta(hours=1), "Asia/Ho_Chi_Minh")
    archive = shop.client.get_schedule_handle(ARCHIVE)
    (spec,) = (await archive.describe()).schedule.spec.intervals
    assert spec.every == timedelta(minutes=10)
    await archive.pause(note="the disk is full")
    await keep_proof(shop.client, timedelta(days=90), "Asia/Ho_Chi_Minh")
    described = await archive.describe()
    assert described.schedule.spec.intervals[0].every == timedelta(hours=1)
    assert (described.schedule.state.paused, described.schedule.state.note) == (True, "the disk is full")
    for name, hour in ((SEAL, 0), (ERASE, 1), (REPLAY, 2)):
        spec_ = (await shop.client.get_schedule_handle(name).describe()).schedule.spec
        assert spec_.time_zone_name == "Asia/Ho_Chi_Minh"
        assert spec_.calendars[0].hour[0].start == hour


async def test_the_same_by_many_processes(
    shop: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is spread over processes finds what one finds, and says nothing of its own on standard output."""
    lives = [await Life.begin(shop, *PLAIN[:3]) for _ in range(3)]
    replaying = Replaying(shop.client, shop.store, shop.where)
    alone, checked = await replayed(replaying), await shop.verify()
    monkeypatch.setattr("motcua.replays.FEW", 0)
    monkeypatch.setattr("motcua.replays.TOGETHER", 2)
    monkeypatch.setattr("motcua.audit.FEW", 0)
    monkeypatch.setattr("motcua.audit.TOGETHER", 2)
    told: list[int] = []
    together = await replaying.all(lambda done, _: told.append(done), since=None, code=None, jobs=2)
    assert together == alone
    assert (told[-1], len(told)) == (alone.replayed, len(told))
    assert len(told) > 1
    assert await shop.verify() == checked
    assert checked.dossiers >= len(lives)
    assert capfd.readouterr().out == ""
