"""The bare lifecycle: what any durable workflow with four human steps costs, and nothing of an office."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

from models.commands import Command
from models.procedure import Stage
from models.service import Answer

STEPS = 4
"""Acknowledged updates of a lifecycle: receive, process, approve, return."""

LIMIT = timedelta(days=5)


@workflow.defn(name="Bare")
class BareWorkflow:
    """Waits for four updates, with a deadline for each; records nothing and decides nothing."""

    @workflow.init
    def __init__(self, code: str) -> None:
        self._code = code
        self._done = 0

    @workflow.run
    async def run(self, code: str) -> Answer:
        """Arm the timer anew for every step."""
        for step in range(STEPS):
            await self._stepped(step)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._standing()

    @workflow.update
    async def act(self, command: Command) -> Answer:
        """Take a step; answered with the new state."""
        self._done += 1
        return self._standing()

    async def _stepped(self, step: int) -> None:
        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(lambda: self._done > step, timeout=LIMIT)

    def _standing(self) -> Answer:
        # The values that the product answers with, so that both pay for the same bytes and validation.
        return Answer(
            code=self._code,
            seq=self._done,
            stage=Stage.CLOSED if self._done == STEPS else Stage.PROCESS,
            status="returned" if self._done == STEPS else "processing",
            received_at=workflow.info().start_time,
            due_at=workflow.info().start_time + LIMIT,
        )
