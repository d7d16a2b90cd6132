"""Replaying histories with the code that is deployed: does it still do what it did, and to which facts?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowRunner,
)

from models.base import Value
from motcua.temporal import CONVERTER
from workflows.dossier import DossierWorkflow


class Divergence(Value):
    """A dossier whose history the deployed code would not have written."""

    code: str
    reason: str


class Head(NamedTuple):
    """Number and hash of a dossier's last fact; the hash stands for all facts before it."""

    seq: int
    hash: str


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
    runner: WorkflowRunner | None = None,
    workflows: Sequence[type] = (DossierWorkflow,),
) -> Replayed:
    """Replay each history, one at a time; open dossiers may be among them."""
    instances = _Instances()
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        data_converter=CONVERTER,
        interceptors=[instances],
    )
    replayed, diverged, heads = 0, [], dict[str, Head]()
    async with replayer.workflow_replay_iterator(_each(histories)) as results:
        async for result in results:
            replayed += 1
            code = result.history.workflow_id
            dossier = instances.taken[code].state() if code in instances.taken else None
            instances.taken.clear()
            if result.replay_failure is not None:
                diverged.append(Divergence(code=code, reason=_reason(result.replay_failure)))
            elif dossier is not None and dossier.seq >= heads.get(code, Head(0, "")).seq:
                heads[code] = Head(dossier.seq, dossier.head)
    return Replayed(replayed=replayed, diverged=tuple(diverged), heads=heads)


async def _each(
    histories: AsyncIterable[WorkflowHistory] | Iterable[WorkflowHistory],
) -> AsyncIterator[WorkflowHistory]:
    if isinstance(histories, AsyncIterable):
        async for history in histories:
            yield history
    else:
        for history in histories:
            yield history


def _reason(failure: Exception) -> str:
    """The sentence inside what the SDK's core prints of a failure."""
    found = re.search(r'message: "(.*?)", source: ', str(failure))
    return found.group(1) if found else str(failure)


class _Instances(Interceptor):
    """Takes hold of the workflows that are replayed, to ask them where they stand."""

    def __init__(self) -> None:
        self.taken: dict[str, DossierWorkflow] = {}

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - Temporal's name for it
    ) -> type[WorkflowInboundInterceptor]:
        taken = self.taken

        class Take(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the same
                taken[workflow.info().workflow_id] = workflow.instance()
                return await super().execute_workflow(input)

        return Take
