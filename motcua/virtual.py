"""Virtual time: the server moves the clock of one simulated dossier forward (its own time skipping).

The only user of TimeSkipper. Each dossier has a clock of its own, which starts at the office time in its
`Opening` and only goes forward.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from models.refusals import Unreachable
from motcua.temporal import AWAY

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
        self._client = client
        # Not enabled at the start: a dossier would skip every alarm as soon as nobody acts.
        config = TimeSkippingConfig(enabled=False, max_session_skip_count=SKIPS)
        self._skipper = TimeSkipper(client, config=config)
        self._patience = patience

    async def now(self, code: str, opened_at: datetime) -> datetime | None:
        """The office time of a dossier that was opened at `opened_at`; None when its workflow has ended."""
        reading = await self._read(code)
        return None if reading is None else opened_at + reading[0]

    async def forward(self, code: str, opened_at: datetime, target: datetime) -> datetime | None:
        """Move a dossier's clock to an absolute office time, unless it is there; returns the time it had.

        None when its workflow has ended, be it on the way. Nothing may be sent to the dossier meanwhile: the
        server would skip past alarms that are due. An absolute target makes trying again harmless: it can
        never overshoot.
        """
        loop = asyncio.get_running_loop()
        until, reason = loop.time() + self._patience, "it did not answer"
        handle = self._client.get_workflow_handle(code)
        while loop.time() < until:
            try:
                reading = await self._read(code)
                if reading is None:
                    return None
                passed, moving = reading
                now = opened_at + passed
                if not moving:
                    if target - now <= NOTHING:
                        return now
                    async with asyncio.timeout(ONE_FORWARD):
                        there = await self._skipper.fast_forward(handle, target - now)
                    return target if there else None
                reason = "another forward is under way"
            except RuntimeError as error:  # another forward has taken this one's place
                reason = str(error)
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

    async def _read(self, code: str) -> tuple[timedelta, bool] | None:
        """How much time has passed on a dossier's clock, and whether a forward is under way."""
        description = await self._client.get_workflow_handle(code).describe(rpc_timeout=timedelta(seconds=10))
        if description.close_time is not None:
            return None
        extended = description.raw_description.workflow_extended_info
        if not extended.HasField("time_skipping_info"):
            return datetime.now(UTC) - description.start_time, False
        info = extended.time_skipping_info
        now = info.current_time.ToDatetime(UTC)
        moving = (
            info.effective_config.enabled
            and bool(info.fast_forward_info.fast_forward_id)
            and not info.fast_forward_info.has_completed
        )
        return now - description.start_time, moving
