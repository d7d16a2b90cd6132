"""Which notices facts give rise to. A notice is known by its key and so exists once, whatever is retried."""

from __future__ import annotations

from collections.abc import Iterable

from models.base import Instant, Value
from models.facts import Fact, RungReached


class Notice(Value):
    """One message to one recipient over one channel.

    The key is (code, term, generation, rung, occurrence, recipient, channel). `recipient` is a role,
    "assignee" or "applicant"; who that is gets settled when the notice is sent.
    """

    code: str
    term: int
    generation: int
    rung: int
    occurrence: int
    recipient: str
    channel: str
    alarm: str
    name: str
    due_at: Instant
    fact: int


def notices(code: str, facts: Iterable[Fact]) -> list[Notice]:
    """The notices of newly recorded facts, one for each recipient of a rung that notifies."""
    return [
        Notice(
            code=code,
            term=event.term,
            generation=event.generation,
            rung=event.rung,
            occurrence=event.occurrence,
            recipient=recipient,
            channel="desk",
            alarm=event.alarm,
            name=event.name,
            due_at=event.due_at,
            fact=fact.seq,
        )
        for fact in facts
        if isinstance(event := fact.event, RungReached) and event.notify
        for recipient in event.to
    ]
