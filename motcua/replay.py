"""Replaying histories with the code that is deployed: does it still do what it did, and to which facts?"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol, runtime_checkable

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.converter import DefaultFailureConverter
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    StartActivityInput,
    StartLocalActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
    WorkflowRunner,
)
from temporalio.workflow import ActivityHandle

from activities.record import Batch
from models.base import Value
from models.chain import GENESIS
from models.dossier import Dossier
from models.facts import Fact
from models.service import Opening
from motcua.temporal import CONVERTER
from workflows.dossier import DossierWorkflow
from workflows.notice import NoticeWorkflow
from workflows.upkeep import UPKEEP, DigestWorkflow

WORKFLOWS = (DossierWorkflow, NoticeWorkflow, DigestWorkflow, *UPKEEP)
"""Everything that leaves a history."""
BEFORE, AFTER = 3, 2
"""So many events around the place of a divergence are shown."""


class Divergence(Value):
    """A history that the deployed code would not have written."""

    code: str
    """The id of the workflow: of a dossier, its code."""
    reason: str
    events: tuple[str, ...] = ()
    """What the history has around that place, one event a line; the one that does not fit is marked."""


class Head(NamedTuple):
    """Number and hash of a dossier's last fact; the hash stands for all facts before it."""

    seq: int
    hash: str


class Retold(NamedTuple):
    """What the deployed code makes of one history."""

    history: WorkflowHistory
    divergence: Divergence | None
    head: Head | None
    """Where a dossier's workflow stands at the end; None for other workflows, and where it diverged."""
    facts: tuple[Fact, ...]
    """What this run put on record, or took over because it was there first; in order."""
    told: tuple[str, int, str] | None = None
    """(notice, round, fate) of a notice's workflow that ended."""
    began: Head = Head(0, GENESIS)
    """The last fact before this run: another run recorded it, or the record had it at a restart."""
    handed: tuple[Fact, ...] = ()
    """Facts on their way to the record where the history ends; they may have got there or not."""


class Replayed(Value):
    """What came of a replay."""

    replayed: int
    diverged: tuple[Divergence, ...]
    heads: dict[str, Head]
    """By code, where each history led; it must be the head that PostgreSQL holds. Replay alone does not
    compare this: timers may differ in length, and local activities in what they are given."""


async def replay(
    histories: AsyncIterable[WorkflowHistory] | Iterable[WorkflowHistory],
    *,
    runner: WorkflowRunner | None,
    workflows: Sequence[type],
) -> Replayed:
    """Replay each history, one at a time; open dossiers may be among them.

    `runner` None runs the workflows outside the sandbox.
    """
    replayed, diverged, heads = 0, [], dict[str, Head]()
    async with aclosing(retell(histories, runner=runner, workflows=workflows)) as stories:
        async for retold in stories:
            replayed += 1
            code = retold.history.workflow_id
            if retold.divergence is not None:
                diverged.append(retold.divergence)
            elif retold.head is not None and retold.head.seq >= heads.get(code, Head(0, "")).seq:
                heads[code] = retold.head
    return Replayed(replayed=replayed, diverged=tuple(diverged), heads=heads)


async def retell(
    histories: AsyncIterable[WorkflowHistory] | Iterable[WorkflowHistory],
    *,
    runner: WorkflowRunner | None,
    workflows: Sequence[type],
) -> AsyncGenerator[Retold, None]:
    """Replay each history, one at a time, and tell what came of each before the next is read."""
    spy = _Spy()
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        # Errors in the clear: nobody writes them anywhere here, and somebody wants to read them.
        data_converter=dataclasses.replace(CONVERTER, failure_converter_class=DefaultFailureConverter),
        interceptors=[spy],
    )
    async with replayer.workflow_replay_iterator(_each(histories)) as results:
        async for result in results:
            code = result.history.workflow_id
            instance = spy.taken.get(code)
            if result.replay_failure is not None:
                divergence, head = _divergence(result.history, result.replay_failure), None
            else:
                divergence, head = None, None
                if isinstance(instance, _Standing):
                    dossier = instance.state()
                    head = Head(dossier.seq, dossier.head)
            facts = tuple(fact for _, fact in sorted(spy.facts.items()))
            handed = tuple(fact for batch in spy.handed for fact in batch.facts)
            told, began = spy.told, spy.began
            spy.clear()
            yield Retold(result.history, divergence, head, facts, told, began, handed)


async def _each(
    histories: AsyncIterable[WorkflowHistory] | Iterable[WorkflowHistory],
) -> AsyncIterator[WorkflowHistory]:
    if isinstance(histories, AsyncIterable):
        async for history in histories:
            yield history
    else:
        for history in histories:
            yield history


def _divergence(history: WorkflowHistory, failure: Exception) -> Divergence:
    """The sentence inside what the SDK's core prints of a failure, and the events around its place."""
    text = str(failure)
    found = re.search(r'message: "(.*?)", source: ', text)
    place = re.search(r"event_id: (\d+)|HistoryEvent\(id: (\d+)", text)
    events: tuple[str, ...] = ()
    if place is not None:
        number = int(place.group(1) or place.group(2))
        events = tuple(
            f"{'>' if event.event_id == number else ' '} {event.event_id:>4}  {_name(event.event_type)}"
            for event in history.events
            if number - BEFORE <= event.event_id <= number + AFTER
        )
    return Divergence(code=history.workflow_id, reason=found.group(1) if found else text, events=events)


def _name(number: int) -> str:
    words = EventType.Name(number).removeprefix("EVENT_TYPE_").split("_")  # type: ignore[arg-type]
    return "".join(word.capitalize() for word in words)


@runtime_checkable
class _Standing(Protocol):
    """A dossier's workflow; in the sandbox its class is not the one that is imported here."""

    def state(self) -> Dossier: ...


class _Spy(Interceptor):
    """Takes hold of the workflows that are replayed, and of what they record."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the last history."""
        self.taken: dict[str, object] = {}
        self.facts: dict[int, Fact] = {}
        self.handed: list[Batch] = []
        self.told: tuple[str, int, str] | None = None
        self.began = Head(0, GENESIS)

    def recorded(self, batch: Batch, handle: ActivityHandle[Any]) -> None:
        """A batch was handed over; it counts once the history says that it was recorded."""
        self.handed.append(batch)
        handle.add_done_callback(lambda done: self._answered(batch, done))

    def _answered(self, batch: Batch, done: Any) -> None:
        if done.cancelled() or not any(each is batch for each in self.handed):  # the history ends here
            return
        self.handed = [each for each in self.handed if each is not batch]
        if done.exception() is not None:  # it is handed over again, or the workflow failed
            return
        # Where other facts were there first (decision 0002), those count and not the batch's.
        self.facts.update((fact.seq, fact) for fact in done.result() or batch.facts)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - Temporal's name for it
    ) -> type[WorkflowInboundInterceptor]:
        spy = self

        class Listen(WorkflowOutboundInterceptor):
            def start_local_activity(self, input: StartLocalActivityInput) -> ActivityHandle[Any]:  # noqa: A002
                handle = super().start_local_activity(input)
                if input.activity == "record":
                    spy.recorded(input.args[0], handle)
                return handle

            def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:  # noqa: A002
                handle = super().start_activity(input)
                if input.activity == "record":
                    spy.recorded(input.args[0], handle)
                return handle

        class Take(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Listen(outbound))

            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the same
                spy.taken[workflow.info().workflow_id] = workflow.instance()
                if isinstance(opening := input.args[0] if input.args else None, Opening):
                    spy.began = Head(opening.dossier.seq, opening.dossier.head)
                result = await super().execute_workflow(input)
                if input.type is NoticeWorkflow:
                    spy.told = (input.args[0].notice, input.args[0].round, result)
                return result

        return Take
