"""What the desk makes of errors on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from models.commands import Free
from models.procedure import Role
from models.service import Held
from motcua.desk import AnswerPending, Desk, TemporalGone


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RPCStatusCode.UNAVAILABLE, TemporalGone),
        # Seen when the server was killed in the middle of a call; it ended a whole run as a bug.
        (RPCStatusCode.UNKNOWN, TemporalGone),
        (RPCStatusCode.DEADLINE_EXCEEDED, AnswerPending),
        (RPCStatusCode.CANCELLED, AnswerPending),
        (RPCStatusCode.PERMISSION_DENIED, RPCError),
    ],
)
def test_a_server_killed_in_the_middle_of_a_call_is_away(
    status: RPCStatusCode, expected: type[Exception]
) -> None:
    """A service that is away is a problem for people; what nobody expects stays a bug."""
    desk = Desk(cast(Any, None), cast(Any, None), cast(Any, None))
    assert type(desk._explained(RPCError("transport error", status, b""), "id")) is expected


async def test_an_intake_that_nobody_can_read_keeps_no_other_from_being_looked_at() -> None:
    """It ended the desk, fifteen seconds after each start."""
    asked = []

    class Intakes:
        """Two intakes; what their workflows would begin with is of another release."""

        async def pending(self, _older_than: float) -> list[str]:
            return ["A", "B"]

        async def pending_of(self, code: str) -> str:
            asked.append(code)
            return '{"of": "another release"}'

    desk = Desk(cast(Any, None), cast(Any, Intakes()), cast(Any, None))
    assert await desk.sweep() == 0
    assert asked == ["A", "B"]


async def test_nobody_keeps_a_task_by_a_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that could be foreseen could be used up before: the task of who has gone stayed with them."""
    sent: list[Free] = []

    async def send(_code: str, command: Free) -> None:
        sent.append(command)

    desk = Desk(cast(Any, None), cast(Any, None), cast(Any, None))
    monkeypatch.setattr(desk, "send", send)
    moments = [datetime(2027, 5, 3, 0, 5, 0, microsecond, UTC) for microsecond in (1, 2)]
    for at in moments:
        held = Held(task=5, role=Role.HANDLER, unit="land", assignee="handler1", at=at)
        await desk.free("H53.26-270503-0001", held, 9, "left")
    assert len({command.id for command in sent}) == len(moments)
    assert {(command.task, command.assignee, command.why) for command in sent} == {(5, "handler1", "left")}
