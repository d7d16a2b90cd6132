"""Virtual time: the server moves the clock of one simulated dossier forward (its own time skipping).

The only user of the server's time skipping. Each dossier has a clock of its own, which starts at the office
time in its `Opening` and only goes forward.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import FastForwardConfig, TimeSkippingConfig, WorkflowExecution
from temporalio.api.enums.v1 import FastForwardPollingResult
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionTimeSkippingRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from models.refusals import Unreachable
from motcua.temporal import AWAY
from workflows.dossier import OPENED_AT

NOTHING = timedelta(0)
SKIPS = 10_000
"""Timers that one forward may skip; at the server's 200 a long life would hang half way."""
ONE_FORWARD = 15.0
"""Seconds to wait for the end of a forward before looking again: after a restart, or when its budget of
skips is spent, the server never tells of it."""
_OVER = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


class ClockStuck(Unreachable):
    """The server does not move a dossier's clock."""

    sentence = "The clock of dossier {code} could not be moved to {target}: {reason}"


class VirtualClocks:
    """The office clocks of simulated dossiers.

    `patience` is how many seconds a server may be away before a forward is given up.
    """

    def __init__(self, client: Client, *, patience: float = 180.0) -> None:
        # Dossiers start without skipping: they would skip every alarm as soon as nobody acts.
        self._client, self._patience = client, patience

    async def now(self, code: str, opened_at: datetime) -> datetime | None:
        """The office time of a dossier that was opened at `opened_at`; None when its workflow has ended."""
        reading = await self._read(code, opened_at)
        return None if reading is None else reading[0]

    async def forward(self, code: str, opened_at: datetime, target: datetime) -> datetime | None:
        """Move a dossier's clock to an absolute office time, unless it is there; returns the time it had.

        None when its workflow has ended, be it on the way. Nothing may be sent to the dossier meanwhile: the
        server would skip past alarms that are due. An absolute target makes trying again harmless: it can
        never overshoot.
        """
        loop = asyncio.get_running_loop()
        until, reason = loop.time() + self._patience, "it did not answer"
        while loop.time() < until:
            try:
                reading = await self._read(code, opened_at)
                if reading is None:
                    return None
                now, moving = reading
                if not moving:
                    if target - now <= NOTHING:
                        return now
                    async with asyncio.timeout(ONE_FORWARD):
                        outcome = await self._skip(code, target - now)
                    if outcome == "there":
                        return target
                    if outcome == "ended":
                        return None
                reason = "another forward is under way"
            except TimeoutError:
                reason = f"the server did not finish within {ONE_FORWARD:g} s"
            except RPCError as error:
                if error.status in _OVER:
                    return None
                if error.status not in AWAY:
                    raise
                reason = error.message
            await asyncio.sleep(0.1)
        raise ClockStuck(code=code, target=target.isoformat(), reason=reason)

    async def _skip(self, code: str, duration: timedelta) -> Literal["there", "ended", "replaced"]:
        """One forward, by a length of time, and its end: there, the workflow ended, or another replaced it.

        The SDK's TimeSkipper sends the length again when a server dies in the middle of the call. One that
        had it on its disk already then moves the clock twice as far. So it is sent once; `forward` looks
        where the clock is before it sends another.
        """
        forward = FastForwardConfig(id=str(uuid.uuid4()))
        forward.duration.FromTimedelta(duration)
        skipping = TimeSkippingConfig(enabled=True, max_session_skip_count=SKIPS, fast_forward_config=forward)
        service, namespace = self._client.workflow_service, self._client.namespace
        execution = WorkflowExecution(workflow_id=code)
        await service.update_workflow_execution_options(
            UpdateWorkflowExecutionOptionsRequest(
                namespace=namespace,
                workflow_execution=execution,
                workflow_execution_options=WorkflowExecutionOptions(time_skipping_config=skipping),
                update_mask=FieldMask(paths=["time_skipping_config"]),
                identity=self._client.identity,
            ),
            retry=False,
        )
        asked = PollWorkflowExecutionTimeSkippingRequest(
            namespace=namespace, workflow_execution=execution, fast_forward_id=forward.id
        )
        while True:
            told = await service.poll_workflow_execution_time_skipping(asked, retry=True)
            match told.fast_forward_polling_result:
                case FastForwardPollingResult.FAST_FORWARD_POLLING_RESULT_FAST_FORWARD_COMPLETED:
                    return "there"
                case FastForwardPollingResult.FAST_FORWARD_POLLING_RESULT_FAST_FORWARD_FAILED:
                    return "replaced" if "does not match" in told.failed_reason else "ended"

    async def _read(self, code: str, opened_at: datetime) -> tuple[datetime, bool] | None:
        """The office time on a dossier's clock, and whether a forward is under way."""
        description = await self._client.get_workflow_handle(code).describe(rpc_timeout=timedelta(seconds=10))
        if description.close_time is not None:
            return None
        # A run that was begun anew from the facts has a clock that starts where theirs ended.
        if (again := await description.memo_value(OPENED_AT, None)) is not None:
            opened_at = datetime.fromisoformat(again)
        extended = description.raw_description.workflow_extended_info
        if not extended.HasField("time_skipping_info"):
            return opened_at + (datetime.now(UTC) - description.start_time), False
        info = extended.time_skipping_info
        now = info.current_time.ToDatetime(UTC)
        moving = (
            info.effective_config.enabled
            and bool(info.fast_forward_info.fast_forward_id)
            and not info.fast_forward_info.has_completed
        )
        return opened_at + (now - description.start_time), moving
