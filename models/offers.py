"""What a person may ask of a dossier now: found by asking `decide`, so that no second opinion can differ."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from models import commands as c
from models.base import Reference, Value
from models.commands import Actor
from models.dossier import Dossier
from models.limits import Limit
from models.refusals import Problem
from models.rules import decide
from models.terms import due, starts

_SOMETHING = Reference(id="", hash="")
_SOMEBODY = "-"
"""No user id: it has handled nothing."""


class Offer(Value):
    """A command that would be allowed, with what there is to choose from."""

    command: str
    choices: tuple[str, ...] = ()
    """The steps to send back to, or the agencies whose answer is awaited."""


def offers(d: Dossier, actor: Actor, at: datetime) -> dict[str, Offer]:
    """Each command that `decide` would allow this person at this instant, in the order of the procedure.

    Each is tried with data that fit; other data may still be refused.
    """
    found: dict[str, Offer] = {}
    for command, choice in _probes(d, actor, at):
        try:
            decide(d, command, at)
        except Problem:
            continue
        kind = command.kind  # type: ignore[attr-defined]
        choices = found[kind].choices if kind in found else ()
        found[kind] = Offer(command=kind, choices=(*choices, *([choice] if choice else [])))
    return found


def _probes(d: Dossier, actor: Actor, at: datetime) -> Iterator[tuple[c.Asked, str | None]]:
    """Commands with data that fit where the dossier stands, each with what it chose."""
    who: dict[str, Any] = {"id": "offer", "actor": actor}
    issues = d.task is not None and any(step.id == d.task.step and step.issues for step in d.procedure.steps)
    result: dict[str, Any] = {"number": "1", "date": at} if issues else {}
    try:
        later = d.calendar.add_days(max(at, d.term.due_at if d.term else at), 1)
        rest = due(d.calendar, d.procedure.rest_limit, starts(d.calendar, at))
    except Problem:  # the calendar ends: no later date can be given
        later = rest = at
    fixed = Limit.fixed(later) if d.procedure.limit is None else None
    plain: tuple[c.Asked, ...] = (
        c.Claim(**who),
        c.Accept(**who, due=fixed),
        c.Refuse(**who, reason=_SOMETHING),
        c.Complete(**who, **result),
        c.Decide(**who, kind="approve", **result),
        c.Decide(**who, kind="reject", reason=_SOMETHING, **result),
        c.Return(**who),
        c.RequestSupplement(**who, reason=_SOMETHING),
        c.Supply(**who),
        c.RequestPayment(**who, amount=1),
        c.Pay(**who, amount=d.payment or 1, receipt="1"),
        c.Consult(**who, agency=_SOMEBODY),
        c.Release(**who),
        c.Assign(**who, to=_SOMEBODY),
        c.Transfer(**who, unit=_SOMEBODY),
        c.Apologise(**who, until=later),
        c.DismissApology(**who, reason=_SOMETHING),
        c.Extend(**who, until=later, reason=_SOMETHING),
        c.Acknowledge(**who, until=rest),
        c.Stop(**who, reason=_SOMETHING),
        c.Resume(**who),
        c.Correct(**who, reason=_SOMETHING),
        c.Withdraw(**who),
        c.Note(**who, text=_SOMETHING),
        c.Attach(**who, document=_SOMETHING),
        c.Rate(**who, score=5),
    )
    yield from ((command, None) for command in plain)
    for step in d.procedure.steps:
        yield c.SendBack(**who, step=step.id, reason=_SOMETHING), step.id
    for term in d.terms:
        if term.of == "consultation" and term.closed_at is None:
            yield c.Answer(**who, agency=term.name), term.name
