"""The deployed code, run over the histories of the whole office, and what it says held against the record.

Three sources say what happened to a dossier: Temporal's history (open, or archived), the facts in PostgreSQL,
and the read model. The history is replayed; what its workflow put on record then must be what is on record
now.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import NamedTuple

from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from models.archive import Archived, Difference, HistoryDamaged, Replays
from models.base import Value
from models.chain import GENESIS
from models.facts import Fact
from models.fold import fold
from models.refusals import CheckFailed
from motcua.archive import Archive, Shelf
from motcua.audit.crew import spread
from motcua.audit.dossiers import row_faults
from motcua.audit.found import UNREADABLE, reason
from motcua.missing import Missing
from motcua.past import Rules
from motcua.replay import WORKFLOWS, Head, Retold, retell
from motcua.shelf import S3Shelf
from motcua.store import Store
from motcua.store.proof import ProofRecord
from motcua.store.record import Record
from motcua.telemetry import configure_logging
from motcua.temporal import RPC_TIMEOUT, connect, reached
from workflows.notice import workflow_of

TOGETHER = 50
"""Workflows whose histories are replayed together: so many are in memory at once, for each process."""
FEW = 200
"""So many histories are gone through before it is worth to start processes."""
TRIES, PAUSE = 4, 1.0
"""How often, and after how many seconds, a dossier is looked at again that people may be working on."""
DOSSIER = "Dossier"
LISTED = 1000


class Where(NamedTuple):
    """Where an office's servers are, for a process that has nothing else."""

    address: str | None
    namespace: str | None
    url: str
    office: str
    archive_url: str
    """Where the archive's bytes lie; empty where that is PostgreSQL."""

    def shelf(self) -> Shelf | None:
        """The archive's store, where one is configured."""
        return S3Shelf(self.archive_url) if self.archive_url else None


class Told(Value):
    """All histories of one workflow, the earliest first."""

    workflow: str
    type: str
    archived: tuple[Archived, ...] = ()
    running: tuple[str, ...] = ()
    """Runs that only Temporal has: those that go on, and those that closed and are not archived yet."""


class Running(NamedTuple):
    """Runs of a workflow that only Temporal has: those that go on, and those that are not archived yet."""

    type: str
    runs: list[tuple[datetime, str]]
    """When each began, and its id."""


class Replaying:
    """Goes through the histories of one office."""

    def __init__(self, client: Client, store: Store, where: Where) -> None:
        self._client, self._where = client, where
        self._record = ProofRecord(store, where.office)
        self._archive = Archive(client, self._record, where.shelf())
        self._facts, self._rules = Record(store), Rules(store)
        self._missing = Missing(client, store)

    async def all(
        self,
        tell: Callable[[int, int], None],
        *,
        since: datetime | None,
        code: str | None,
        jobs: int | None,
    ) -> Replays:
        """Replay every history: of one dossier, of those that closed since a moment or are open, or all.

        `tell` receives how many histories have been gone through, and of how many. `jobs` is the number of
        processes; None takes one a core.
        """
        running = await self._running_runs(since, code)
        total = await self._record.history_count(code, since) + sum(
            len(runs.runs) for runs in running.values()
        )
        replayed, diverged, differing = 0, list[Difference](), list[Difference]()

        def take(part: Replays) -> None:
            nonlocal replayed
            replayed += part.replayed
            diverged.extend(part.diverged)
            differing.extend(part.differing)
            tell(replayed, total)

        alone = frozenset(running)
        pieces = self._pieces(since, code, running)
        if total > FEW:
            async for part in spread(partial(_replayer, self._where), pieces, jobs or os.cpu_count() or 1):
                take(part)
        else:
            async for piece in pieces:
                take(await self.look(piece))
        differing += await self._not_running(code)
        if since is None:
            differing += await self._without(alone, code)
            differing += await self._letters_alone(alone, code)
        return Replays(
            replayed=replayed,
            diverged=tuple(sorted(diverged, key=lambda each: each.code)),
            differing=tuple(sorted(differing, key=lambda each: each.code)),
        )

    async def look(self, told: Sequence[Told]) -> Replays:
        """Replay the histories of these workflows."""
        replayed, diverged, differing = 0, list[Difference](), list[Difference]()
        again = list(told)
        for attempt in range(TRIES):
            replayed, diverged_now, differing_now, busy = await self._once(again, replayed)
            diverged += diverged_now
            if not busy or attempt == TRIES - 1:
                differing += differing_now
                break
            # Somebody may have worked on it between the look at its history and the one at the record.
            names = {each.workflow for each in busy}
            differing += [each for each in differing_now if each.code not in names]
            replayed -= sum(len(each.archived) + len(each.running) for each in busy)
            diverged = [each for each in diverged if each.code not in names]
            await asyncio.sleep(PAUSE)
            again = [await self._anew(each) for each in busy]
        return Replays(replayed=replayed, diverged=tuple(diverged), differing=tuple(differing))

    async def _anew(self, told: Told) -> Told:
        """The histories of a workflow as they are now: it may have gone on, or been archived."""
        running = await self._running_runs(None, told.workflow)
        archived = tuple([each async for each in self._record.histories(told.workflow, None)])
        runs = running.get(told.workflow)
        there = {each.run for each in archived}
        left = tuple(run for _, run in sorted(runs.runs) if run not in there) if runs else ()
        return told.model_copy(update={"archived": archived, "running": left})

    async def _once(
        self, told: Sequence[Told], replayed: int
    ) -> tuple[int, list[Difference], list[Difference], list[Told]]:
        """(replayed so far, diverged, differing, those of the last two that are still being worked on)."""
        diverged, differing = list[Difference](), list[Difference]()
        fates: list[tuple[str, int, str]] = []
        stories: dict[str, list[Retold]] = defaultdict(list)
        unread: set[str] = set()

        async def histories() -> AsyncIterator[WorkflowHistory]:
            for each in told:
                for archived in each.archived:
                    try:
                        yield await self._archive.history(archived)
                    except HistoryDamaged as damaged:
                        unread.add(each.workflow)
                        what = damaged.message
                        differing.append(Difference(code=each.workflow, run=archived.run, what=what))
                for run in each.running:
                    history = await self._running(each.workflow, run)
                    if history is not None:
                        yield history

        async with aclosing(retell(histories(), runner=None, workflows=WORKFLOWS)) as told_again:
            async for retold in told_again:
                replayed += 1
                name = retold.history.workflow_id
                if retold.divergence is not None:
                    unread.add(name)
                    lines = retold.divergence.events
                    diverged.append(Difference(code=name, what=retold.divergence.reason, lines=lines))
                elif retold.told is not None:
                    fates.append(retold.told)
                else:
                    # Its events, which are most of what it weighs, are not needed any more.
                    stories[name].append(retold._replace(history=WorkflowHistory(name, [])))
        dossiers = [each for each in told if each.type == DOSSIER and each.workflow not in unread]
        found = await self._compare([each.workflow for each in dossiers], stories)
        differing += [*found, *await self._fates(fates)]
        names = {each.code for each in found}
        return (
            replayed,
            diverged,
            differing,
            [each for each in dossiers if each.running and each.workflow in names],
        )

    async def _running(self, workflow: str, run: str) -> WorkflowHistory | None:
        """The history of a run that Temporal has; None where it has forgotten it meanwhile."""
        handle = self._client.get_workflow_handle(workflow, run_id=run)
        try:
            return await handle.fetch_history(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _compare(self, codes: Sequence[str], stories: dict[str, list[Retold]]) -> list[Difference]:
        """Where what the histories say of these dossiers is not what is on record."""
        differing: list[Difference] = []
        try:
            kept = await self._facts.of(codes)
        except UNREADABLE as error:
            if len(codes) == 1:
                what = f"its record cannot be read: {reason(error)}"
                return [Difference(code=codes[0], what=what)]
            for code in codes:
                differing += await self._compare([code], stories)
            return differing
        for code in codes:
            try:
                facts = self._facts.facts(kept.facts.get(code, []))
            except UNREADABLE as error:
                what = f"its facts cannot be read: {reason(error)}"
                differing.append(Difference(code=code, what=what))
                continue
            found = facts_differ(code, stories[code], facts)
            shown = kept.rows.get(code)
            if not found and shown is not None and facts:
                try:
                    dossier = fold(await self._rules.unfiled(code, shown["office"], facts), facts)
                    found = row_faults(shown, dossier)
                except (CheckFailed, *UNREADABLE) as error:
                    found = [f"its facts cannot be folded: {reason(error)}"]
            elif shown is None:
                found = [*found, "it is missing from the read model"]
            differing += [Difference(code=code, what=what) for what in found]
        return differing

    async def _fates(self, told: Sequence[tuple[str, int, str]]) -> list[Difference]:
        """Where what became of a notice, as its workflow ended, is not what is on record."""
        known = await self._facts.fates([(notice, number) for notice, number, _ in told])
        differing = []
        for notice, number, fate in told:
            what = None
            if (notice, number) not in known:
                what = f"its history says that it was {fate}; there is no such notice on record"
            elif known[notice, number] != fate:
                said = known[notice, number] or "not ended"
                what = f"its history says that it was {fate}, the record that it was {said}"
            if what is not None:
                differing.append(Difference(code=workflow_of(notice, number), what=what))
        return differing

    async def _running_runs(self, since: datetime | None, code: str | None) -> dict[str, Running]:
        """By workflow, the runs that only Temporal has."""
        found: dict[str, Running] = {}
        query = f"WorkflowId = '{code}'" if code is not None else None
        some: list[WorkflowExecution] = []

        async def take() -> None:
            there = await self._record.archived_of([each.run_id for each in some])
            for each in some:
                if each.run_id not in there:
                    known = found.setdefault(each.id, Running(each.workflow_type, []))
                    known.runs.append((each.start_time, each.run_id))
            some.clear()

        async for execution in self._client.list_workflows(query, page_size=1000, rpc_timeout=RPC_TIMEOUT):
            closed = execution.close_time
            if since is None or closed is None or closed >= since:
                some.append(execution)
            if len(some) == LISTED:
                await take()
        await take()
        return found

    async def _pieces(
        self, since: datetime | None, code: str | None, running: dict[str, Running]
    ) -> AsyncIterator[list[Told]]:
        """All histories, grouped by workflow, some workflows at a time; the archive's are read as they go."""
        piece: list[Told] = []
        runs: list[Archived] = []

        def told() -> Told:
            there = {each.run for each in runs}
            more = running.pop(runs[0].workflow, None)
            left = [run for _, run in sorted(more.runs) if run not in there] if more else []
            return Told(
                workflow=runs[0].workflow, type=runs[0].type, archived=tuple(runs), running=tuple(left)
            )

        async for each in self._record.histories(code, since):
            if runs and runs[0].workflow != each.workflow:
                piece.append(told())
                runs = []
                if len(piece) == TOGETHER:
                    yield piece
                    piece = []
            runs.append(each)
        if runs:
            piece.append(told())
        for workflow in sorted(running):
            known = running[workflow]
            left = tuple(run for _, run in sorted(known.runs))
            piece.append(Told(workflow=workflow, type=known.type, running=left))
            if len(piece) == TOGETHER:
                yield piece
                piece = []
        if piece:
            yield piece

    async def _not_running(self, only: str | None) -> list[Difference]:
        """Dossiers that no workflow moves."""
        _, faults = await self._missing.faults(only)
        return [Difference(code=code, what=what) for code, what in faults.items()]

    async def _without(self, running: frozenset[str], only: str | None) -> list[Difference]:
        """Dossiers on record of which there is no history, neither in Temporal nor in the archive."""
        what = "no history of it is left, neither in Temporal nor in the archive"
        candidates = [each async for each in self._record.without_history(only) if each not in running]
        # One that was handed in meanwhile is in Temporal by now.
        return [Difference(code=each, what=what) for each in candidates if not await self._known(each)]

    async def _letters_alone(self, running: frozenset[str], only: str | None) -> list[Difference]:
        """Letters that were sent, as the record says, by nobody: there is no history of it."""
        if only is not None and not only.startswith("notice/"):
            return []
        found = []
        async for notice, number, outcome in self._record.deliveries_alone():
            name = workflow_of(notice, number)
            if name not in running and only in (None, name):
                found.append((name, outcome))
        return [
            Difference(code=name, what=f"the record says that it was {outcome}; no history of it is left")
            for name, outcome in found
            if not await self._known(name)
        ]

    async def _known(self, code: str) -> bool:
        """Whether Temporal has a workflow of this id."""
        try:
            await self._client.get_workflow_handle(code).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


def facts_differ(code: str, stories: Sequence[Retold], facts: Sequence[Fact]) -> list[str]:
    """Where the facts that a dossier's workflow put on record are not those that are there now.

    A run that was begun anew vouches, by the hash it began from, for facts that no history tells of: their
    worker died, or their run was terminated, between PostgreSQL and Temporal.
    """
    said: dict[int, Fact] = {}
    for story in stories:
        said.update((fact.seq, fact) for fact in story.facts)
    runs = sorted(stories, key=lambda story: (story.began, story.head or story.began))
    began = runs[-1].began if runs else Head(0, GENESIS)
    handed = {fact.seq: fact for fact in runs[-1].handed} if runs else {}
    there = {fact.seq: fact for fact in facts}
    if not said and not began.seq:
        if not facts or handed == there:
            return []
        return [f"its history tells of no fact, but {len(facts)} are on record"]
    first, last = min([*said, *([began.seq + 1] if began.seq else [])]), max([*said, began.seq])
    found = []
    for seq in range(first, max(last, len(facts)) + 1):
        mine, its = there.get(seq), said.get(seq)
        if mine is None and its is not None:
            found.append(f"fact {seq}, {_fact(its)}, is in its history and not on record")
        elif its is None and mine is not None and seq > began.seq and handed.get(seq) != mine:
            found.append(f"fact {seq}, {_fact(mine)}, is on record and not in its history")
        elif mine is not None and its is not None and mine != its:
            found.append(f"fact {seq}, {_fact(mine)}, has {_fields(mine, its)}")
    before = there.get(first - 1)
    if first > 1 and first in said and (before is None or before.hash != said[first].prev_hash):
        found.append(f"fact {first - 1} is not the one that its history goes on from")
    for start in sorted({story.began for story in stories if story.began.seq}):
        here = there.get(start.seq)
        if here is None or here.hash != start.hash:
            found.append(f"fact {start.seq} is not the one that its run began from")
    head = runs[-1].head
    reached = Head(last, said[last].hash) if last in said else began
    if not found and head is not None and head != reached:
        found.append(f"its history leads to fact {head.seq}, what it recorded to fact {last}")
    return list(dict.fromkeys(found))


def _fields(mine: Fact, its: Fact) -> str:
    """What two facts do not have in common: on record, and in the history."""
    left, right = mine.model_dump(mode="json"), its.model_dump(mode="json")
    left |= {f"event.{name}": value for name, value in left.pop("event").items()}
    right |= {f"event.{name}": value for name, value in right.pop("event").items()}
    names = [name for name in {**left, **right} if left.get(name) != right.get(name)]
    return ", ".join(
        f"{name} {left.get(name)!r} on record and {right.get(name)!r} in its history" for name in names
    )


def _fact(fact: Fact) -> str:
    return f"{fact.kind} by {fact.actor} at {fact.at:%Y-%m-%d %H:%M:%S.%f}Z ({fact.hash[:8]})"


@asynccontextmanager
async def _replayer(where: Where) -> AsyncIterator[Callable[[Sequence[Told]], Awaitable[Replays]]]:
    """What a process of the crew replays with."""
    # A workflow that is replayed has nothing to say, and the standard output is not its own.
    configure_logging("error")
    client = await connect(where.address, where.namespace)
    async with Store.connect(where.url, most=2) as store:
        replaying = Replaying(client, store, where)

        async def look(told: Sequence[Told]) -> Replays:
            with reached(where.address or ""):
                return await replaying.look(told)

        yield look
