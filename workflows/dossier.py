"""One dossier, one durable workflow: receive, process, approve, return."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair
from temporalio.exceptions import ActivityError, ApplicationError

from activities.deliver import Delivering
from activities.record import Batch, Recording
from models.chain import request_digest
from models.commands import CLOCK, MESSENGER, Command, Tick
from models.dossier import Dossier
from models.facts import Fact
from models.fold import fold
from models.linked import Message, messages
from models.notices import occasions
from models.refusals import Problem, RequestReused
from models.rules import decide
from models.service import Answer, Held, Opening
from models.simulation import moment, struck
from models.view import row

STAGE = SearchAttributeKey.for_keyword("MotcuaStage")
OFFICE = SearchAttributeKey.for_keyword("MotcuaOffice")
UNIT = SearchAttributeKey.for_keyword("MotcuaUnit")
DUE = SearchAttributeKey.for_datetime("MotcuaDue")
SEARCH_ATTRIBUTES = (STAGE, OFFICE, UNIT, DUE)
"""Typed, and never personal data: Temporal does not encrypt search attributes."""


def attributes(d: Dossier) -> list[SearchAttributePair[Any]]:
    """What Temporal's own pages can be searched by, for a dossier as it stands."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STAGE, d.stage.value),
        SearchAttributePair(OFFICE, d.office),
        SearchAttributePair(UNIT, d.unit),
    ]
    if d.term is not None:
        pairs.append(SearchAttributePair(DUE, d.term.due_at))
    return pairs


def _differ(shown: object, value: object) -> bool:
    """Whether it is news; a due instant that the desk foresaw may be off by the way to the server."""
    if isinstance(shown, datetime) and isinstance(value, datetime):
        return abs(value - shown) >= timedelta(minutes=1)
    return shown != value


OPENED_AT = "motcua_opened_at"
"""In the memo of a simulated dossier's run that was begun anew: the office time at which that run started."""
TASK_QUEUE = "motcua"
"""The task queue that workers of dossiers listen on."""

log = structlog.get_logger()


class Request:
    """A command that waits for its answer."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.answer: Answer | None = None
        self.refusal: Problem | None = None

    @property
    def served(self) -> bool:
        """Whether the answer is there."""
        return self.answer is not None or self.refusal is not None


class Decision(NamedTuple):
    """What came of one look at the requests and the clock, before it is on record."""

    facts: list[Fact]
    state: Dossier
    requests: tuple[Request, ...]
    refusals: dict[Request, Problem]


@workflow.defn(name="Dossier", failure_exception_types=[Problem])
class DossierWorkflow:
    """Serves people and the clock, one at a time, until the dossier is closed."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        # Updates can arrive before `run` starts, so the state must stand from here on.
        self._dossier = opening.dossier
        self._opened_at = opening.opened_at
        self._shift = _shift(opening)
        self._stops_at = opening.stops_at
        """Where a simulated clock stops until its next planned act; None: it runs."""
        self._requests = [Request(opening.filing)] if opening.filing is not None else []
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at: datetime | None = None
        self._refused_clock_at: int | None = None
        """The fact after which a rule refused the clock; it is asked again once there is another."""
        self._deliveries: set[asyncio.Task[None]] = set()
        self._last_decided: tuple[Dossier, Command, datetime, list[Fact]] | None = None

    @workflow.run
    async def run(self, opening: Opening) -> Answer:
        """Receive, process, approve, return: a person acts or the clock strikes, and it goes on record."""
        for message in opening.messages:
            self._send(message)
        while not self._over():
            await self._somebody_asks_or_the_clock_strikes()
            decision = self._decide()
            if await self._recorded(decision):
                self._answer(decision)
                self._show()
            if workflow.info().is_continue_as_new_suggested() and not (
                self._requests or self._deliveries or self._dossier.closed
            ):
                await self._continue_as_new()
        return self._standing(self._dossier.seq)

    @workflow.update
    async def act(self, command: Command) -> Answer:
        """Ask something of the dossier; answered when it is on record, refused if a rule says so."""
        request = self._pending(command.id)
        if request is None:
            request = Request(command)
            self._requests.append(request)
        await workflow.wait_condition(lambda: request.served)
        if request.refusal is not None:
            raise request.refusal
        assert request.answer is not None
        return request.answer

    @act.validator
    def _allowed(self, command: Command) -> None:
        """Refuse what the rules forbid before it leaves a trace in the history."""
        pending = self._pending(command.id)
        if pending is not None and request_digest(pending.command) != request_digest(command):
            raise RequestReused(request_id=command.id)  # of what has been answered the rules know
        try:
            self._decided(self._dossier, command, self._clock())
        except Problem:
            raise
        except Exception:
            # A bug is not a refusal: let it through, so that it fails loudly where it is handled.
            log.exception("validator failed")

    def _decided(self, state: Dossier, command: Command, now: datetime) -> list[Fact]:
        """What the rules say; what the validator has just been told is not worked out again.

        Rules are pure, so it makes no difference that replays have no validator.
        """
        last = self._last_decided
        if last is None or last[0] is not state or last[1] != command or last[2] != now:
            self._last_decided = last = (state, command, now, decide(state, command, now))
        return last[3]

    def _pending(self, request_id: str) -> Request | None:
        """The request of this id that waits for its answer."""
        return next((request for request in self._requests if request.command.id == request_id), None)

    @workflow.query
    def state(self) -> Dossier:
        """The dossier as this workflow sees it (diagnosis: screens read PostgreSQL)."""
        return self._dossier

    def _clock(self) -> datetime:
        """The server's clock, shifted for simulated dossiers."""
        return workflow.now() + self._shift

    def _now(self) -> datetime:
        """Office time: what the clock says, or where it stops."""
        clock = self._clock()
        return clock if self._stops_at is None else min(clock, self._stops_at)

    def _move_stop(self, command: Command) -> None:
        """A planned command says where the clock stops next; somebody's own sets it running."""
        if command.simulated is not None:
            self._stops_at = command.simulated.stops_at or self._stops_at
        elif command.actor.id != MESSENGER.id:
            self._stops_at = None

    def _over(self) -> bool:
        """Nothing more can happen, and everybody has been answered."""
        busy = self._requests or self._deliveries or not workflow.all_handlers_finished()
        return self._dossier.closed and not busy

    async def _somebody_asks_or_the_clock_strikes(self) -> None:
        """Wait. One timer at a time: only an earlier alarm replaces the one that runs.

        An alarm that moved later lets the old timer fire and is armed anew then: two events saved for
        each step that is done in time.
        """
        call = self._dossier.next_call() if self._dossier.seq != self._refused_clock_at else None
        if call is not None and self._stops_at is not None and call[0] > self._stops_at:
            call = None
        if call is not None and (self._alarm_at is None or call[0] < self._alarm_at):
            if self._alarm is not None:
                self._alarm.cancel()
            at, what = call
            self._alarm_at = at
            delay = max(at - self._clock(), timedelta(milliseconds=1))
            self._alarm = asyncio.create_task(workflow.sleep(delay, summary=what))
        await workflow.wait_condition(lambda: bool(self._requests) or self._struck() or self._over())
        if self._struck():
            self._alarm = self._alarm_at = None

    def _struck(self) -> bool:
        return self._alarm is not None and self._alarm.done()

    def _decide(self) -> Decision:
        """What happens now: each request in turn, and before it all that the clock brings until then."""
        clock, state = self._clock(), self._dossier
        facts: list[Fact] = []
        refusals: dict[Request, Problem] = {}
        requests = tuple(self._requests)
        if not requests:
            state = self._strike(state, self._now(), facts)
        for request in requests:
            try:
                state = self._strike(state, moment(state, request.command, clock), facts)
                decided = self._decided(state, request.command, clock)
            except Problem as refusal:
                refusals[request] = refusal
            else:
                facts += decided
                state = fold(state, decided)
        return Decision(facts, state, requests, refusals)

    def _strike(self, state: Dossier, until: datetime, facts: list[Fact]) -> Dossier:
        """Add all that the clock brings until a moment to `facts`; the dossier after it."""
        while (call := state.next_call()) is not None and call[0] <= until:
            try:
                tick = Tick(id=f"tick-{state.seq + 1}", actor=CLOCK)
                ticked = decide(state, tick, struck(state, call[0], until))
            except Problem as problem:
                # The calendar ends, say. Left alone it would end the dossier: people must be able to mend it.
                log.error("the clock was refused", dossier=state.code, what=call[1], why=problem.message)
                self._refused_clock_at = state.seq
                break
            if not ticked:
                raise AssertionError(f"the clock strikes and nothing happens: {call}")  # or it would for ever
            facts += ticked
            state = fold(state, ticked)
        return state

    async def _recorded(self, decision: Decision) -> bool:
        """Put the facts on record. False when other facts were there first: then they are taken over.

        The row is written before Temporal knows of it. After a crash between the two the same work is
        done again, perhaps at another moment or in another order, and finds its numbers taken. What is
        on record stays; the requests that are still open are decided anew (decision 0002).
        """
        state = decision.state
        if decision.facts:
            told = tuple(occasions(state, decision.facts))
            stored = await self._record(Batch(facts=tuple(decision.facts), row=row(state), occasions=told))
            if stored:
                log.warning("facts were on record already", dossier=state.code, first=stored[0].seq)
                self._dossier = fold(self._dossier, stored)
                self._send_all(stored)
                return False
        self._dossier = state
        self._send_all(decision.facts)
        return True

    async def _record(self, batch: Batch) -> tuple[Fact, ...]:
        """A local activity while PostgreSQL answers at once, else a normal one for as long as it takes."""
        try:
            # One at a time, from the main coroutine only: concurrent local activities replay wrongly
            # (temporalio/sdk-python #1578, #1881).
            return await workflow.execute_local_activity_method(
                Recording.record,
                batch,
                start_to_close_timeout=timedelta(seconds=5),
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3),
            )
        except (ActivityError, ApplicationError):
            # What a local activity raises comes bare; only its timeouts are wrapped as an ActivityError.
            # It keeps its workflow task open, which costs events for each few seconds of waiting; a normal
            # activity waits for free.
            first, last = batch.facts[0].seq, batch.facts[-1].seq
            return await workflow.execute_activity_method(
                Recording.record,
                batch,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=5)),
                summary=f"record facts {first} to {last}",
            )

    def _send_all(self, facts: Iterable[Fact]) -> None:
        """Tell other dossiers what concerns them."""
        found = messages(self._dossier, facts)
        # In simulated time one after the other, so that the same caseload gives the same codes.
        for batch in [found] if self._dossier.simulated else [[message] for message in found]:
            if batch:
                self._send(*batch)

    def _send(self, *batch: Message) -> None:
        """Have messages delivered in turn. Nobody here waits for it, but the end does."""
        delivery = asyncio.create_task(self._deliver(batch))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, batch: Iterable[Message]) -> None:
        """As often as it takes: the other dossier's office may be away for days."""
        for message in batch:
            await workflow.execute_activity_method(
                Delivering.deliver,
                message,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
                summary=f"{message.kind} linked dossier",
            )

    def _answer(self, decision: Decision) -> None:
        """Tell each person what became of their request; those who came meanwhile are next."""
        d = self._dossier
        for request in decision.requests:
            refusal = request.refusal = decision.refusals.get(request)
            if refusal is None:  # a tick is answered, too, and may have brought nothing
                request.answer = self._standing(d.answered.get(request.command.id, d.seq))
            self._move_stop(request.command)
            log.info(
                "command",
                dossier=d.code,
                command=request.command.kind,
                actor=request.command.actor.id,
                refused=refusal.type if refusal else None,
                seq=d.seq,
                status=d.status,
            )
        self._requests = [request for request in self._requests if request not in decision.requests]

    def _standing(self, seq: int) -> Answer:
        d, task = self._dossier, self._dossier.task
        held = None
        if task is not None and task.assignee is not None and d.latest is not None:
            held = Held(task=task.id, role=task.role, unit=d.unit, assignee=task.assignee, at=d.latest)
        return Answer(
            code=d.code,
            seq=seq,
            stage=d.stage,
            status=d.status,
            received_at=d.received_at,
            due_at=d.term.due_at if d.term else None,
            held=held,
        )

    def _show(self) -> None:
        """Let Temporal's own pages tell where the dossier stands."""
        d = self._dossier
        workflow.set_current_details(f"**{d.status}** · {d.stage.value} · {d.seq} facts")
        shown = workflow.info().typed_search_attributes
        news = [
            pair.key.value_set(pair.value)
            for pair in attributes(d)
            if _differ(shown.get(pair.key), pair.value)
        ]
        # Each upsert is an event, so only news; the last one would be written to a closing workflow.
        if news and not d.closed:
            workflow.upsert_search_attributes(news)

    async def _continue_as_new(self) -> None:
        """A guard against endless histories; a normal dossier stays far below the server's advice."""
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or bool(self._requests))
        if self._requests:  # somebody came meanwhile: they are served first
            return
        workflow.continue_as_new(
            Opening(
                dossier=self._dossier,
                opened_at=self._opened_at,
                shift=self._shift,
                stops_at=self._stops_at,
            )
        )


def _shift(opening: Opening) -> timedelta:
    if opening.shift is not None:
        return opening.shift
    if opening.opened_at is None:
        return timedelta(0)
    # Not `start_time`, which is that of the first task: clocks are read and moved from the workflow's start.
    return opening.opened_at - workflow.info().workflow_start_time
