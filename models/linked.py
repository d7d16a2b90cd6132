"""Linked dossiers (liên thông): which are asked for, and what each has to tell the other.

Parent and child are dossiers like any other, each with its own workflow, terms and officers. They know of
each other by facts and speak by messages; nothing of the lifecycle exists twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from models import commands as c
from models import facts as f
from models.base import Instant, Reference, Value
from models.dossier import Dossier, Linked
from models.facts import Event, Fact
from models.fold import apply
from models.procedure import Link
from models.terms import due, starts


class OpenLinked(Value):
    """Open a dossier at another agency, for the applicant whose data is kept with the parent."""

    kind: Literal["open"] = "open"
    parent: str
    link: str
    round: int
    procedure: str
    unit: str
    applicant: Reference
    papers: Reference | None
    at: Instant
    """When it was asked for, on the parent's clock."""
    simulated: bool

    @property
    def request_id(self) -> str:
        """The same for ever, so that the dossier is opened once."""
        return f"{self.parent}/{self.link}/{self.round}"


class Tell(Value):
    """Ask something of another dossier in the name of this one."""

    kind: Literal["tell"] = "tell"
    to: str
    command: c.Hear | c.Withdraw


Message = Annotated[OpenLinked | Tell, Field(discriminator="kind")]
"""What one dossier sends another; delivered at least once, and done once."""


def wanted(d: Dossier, step: str) -> list[Link]:
    """The links that a step asks for when it opens: not those that are under way or have their result."""
    under_way = {linked.link for linked in d.links if not linked.over or linked.news == "ready"}
    return [link for link in d.procedure.links if link.step == step and link.id not in under_way]


def requested(d: Dossier, link: Link, at: datetime) -> f.LinkRequested:
    """The fact that asks the other agency."""
    start = starts(d.calendar, at)
    return f.LinkRequested(
        link=link.id,
        round=1 + sum(linked.link == link.id for linked in d.links),
        procedure=link.procedure,
        unit=link.unit,
        limit=link.acknowledge,
        started_at=start,
        due_at=due(d.calendar, link.acknowledge, start),
        mode=link.mode,
    )


def pending(d: Dossier, step: str) -> Linked | None:
    """A linked dossier that keeps this step from being completed."""
    here = {link.id for link in d.procedure.links if link.step == step}
    return next((linked for linked in d.links if linked.link in here and not linked.over), None)


def messages(d: Dossier, facts: Iterable[Fact]) -> list[Message]:
    """What these facts of a dossier, which now stands as given, have to be told to others."""
    found: list[Message] = []
    for fact in facts:
        event = fact.event
        if isinstance(event, f.LinkRequested):
            assert d.applicant is not None
            found.append(
                OpenLinked(
                    parent=d.code,
                    link=event.link,
                    round=event.round,
                    procedure=event.procedure,
                    unit=event.unit,
                    applicant=d.applicant,
                    papers=d.papers,
                    at=fact.at,
                    simulated=d.simulated,
                )
            )
        if d.parent is not None:
            found += (Tell(to=d.parent.code, command=news) for news in _news(d, d.parent.link, fact, event))
        if isinstance(event, f.Withdrawn) or (isinstance(event, f.Stopped) and event.final):
            # Nobody needs their results any more.
            found += (
                Tell(
                    to=linked.child,
                    command=c.Withdraw(
                        id=f"{d.code}/{fact.seq}", actor=c.MESSENGER, simulated=_at(d, fact.at)
                    ),
                )
                for linked in d.links
                if linked.child is not None and not linked.over
            )
    return found


def _at(d: Dossier, at: datetime) -> c.SimulatedTime | None:
    """The moment that a message of a simulated dossier carries."""
    return c.SimulatedTime(at=at) if d.simulated else None


def all_messages(unfiled: Dossier, facts: Iterable[Fact]) -> list[Message]:
    """Every message that these facts of a dossier led to, each from the state after its fact."""
    found: list[Message] = []
    for fact in facts:
        unfiled = apply(unfiled, fact)
        found += messages(unfiled, [fact])
    return found


def _news(d: Dossier, link: str, fact: Fact, event: Event) -> Iterator[c.Hear]:
    def hear(what: c.News, **more: object) -> c.Hear:
        told = {"link": link, "child": d.code, "what": what, "simulated": _at(d, fact.at), **more}
        return c.Hear.model_validate({"id": f"{d.code}/{fact.seq}", "actor": c.MESSENGER, **told})

    match event:
        case f.Accepted():
            yield hear("acknowledged", due_at=event.due_at)
        case f.BecameOverdue(due_at=due_at):
            term = d.term_of(event.term)
            assert term is not None
            yield hear("late", term=term.of, due_at=due_at)
        case f.Extended():
            yield hear("promised", due_at=event.promised_at)
        case f.Ready():
            yield hear("ready", timeliness=event.timeliness)
        case f.Refused():
            yield hear("refused")
        case f.Withdrawn():
            yield hear("withdrawn")
        case f.Stopped(final=True):
            yield hear("stopped")
