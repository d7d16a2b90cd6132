"""Through whose hands a dossier went: the rows of its control slip, derived from its facts and never kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from models import facts as f
from models.base import Instant, Reference, Value
from models.commands import MESSENGER
from models.dossier import Dossier
from models.facts import Fact
from models.fold import apply
from models.procedure import Role
from models.timeliness import Timeliness, measured

Way = Literal[
    "filed", "forward", "sent-back", "transferred", "corrected", "returned", "refused", "withdrawn", "stopped"
]
"""How a dossier changed hands; the last four bring it back to the applicant, and a final stop to nobody."""
Happening = Literal[
    "supplement", "stop", "payment", "consultation", "linked", "resumed", "extended", "rejected"
]


class Station(Value):
    """Where a dossier can be: a step at a unit, and the role that does it there."""

    unit: str
    step: str
    role: Role


class Remark(Value):
    """What happened to the dossier while somebody had it."""

    what: Happening
    at: Instant
    until: Instant | None = None
    """The new date, where one was promised; by when something is to be brought."""
    name: str = ""
    """Who is waited for: the agency that was asked."""
    text: Reference | None = None


class Handover(Value):
    """A dossier changed hands, and what became of it there."""

    seq: int
    """The number of the fact by which it did."""
    way: Way
    at: Instant
    source: Station | None
    """None: the applicant."""
    target: Station | None
    """None: the applicant, or nobody where it was stopped for good."""
    giver: str
    """Who handed it on: a user, the citizen where it was filed (whoever keyed it in), the clock, or the
    messenger of another dossier."""
    receiver: str | None
    """Who took or did the step; None while nobody has."""
    due_at: Instant | None = None
    """When the step was due as it stood at its end; None where it has no limit of its own."""
    done_at: Instant | None = None
    result: Timeliness | None = None
    """How the step ended against its term; None while it is open, or where it was taken from its officer."""
    reason: Reference | None = None
    remarks: tuple[Remark, ...] = ()


def handovers(unfiled: Dossier, facts: Iterable[Fact]) -> list[Handover]:
    """The handovers that these facts tell of, in their order; the last one may still be open."""
    slip = _Slip()
    before = unfiled
    for fact in facts:
        after = apply(before, fact)
        slip.take(before, fact, after)
        before = after
    return slip.rows


class _Slip:
    """The rows so far. Only the last one can be open; those before it never change again."""

    def __init__(self) -> None:
        self.rows: list[Handover] = []
        self._way: Way = "forward"
        self._reason: Reference | None = None
        self._source: Station | None = None

    def take(self, before: Dossier, fact: Fact, after: Dossier) -> None:
        """The rows after one more fact."""
        match fact.event:
            case f.Filed():
                giver = MESSENGER.id if fact.actor == MESSENGER.id else "citizen"
                self._hand(after, fact, "filed", giver=giver)
            case f.Accepted():
                self._done(before, fact)
            case f.StepOpened():
                self._hand(after, fact, self._way, giver=fact.actor, reason=self._reason)
                self._way, self._reason = "forward", None
            case f.Claimed():
                self._change(receiver=fact.actor)
            case f.Released():
                self._change(receiver=None)
            case f.Assigned() as e:
                self._change(receiver=e.to)
            case f.Decided(approved=False, reason=reason):
                self._done(before, fact)
                remark = Remark(what="rejected", at=fact.at, text=reason)
                self._change(remarks=(*self.rows[-1].remarks, remark))
            case f.StepCompleted() | f.Decided():
                self._done(before, fact)
            case f.SentBack() as e:
                self._done(before, fact)
                self._way, self._reason = "sent-back", e.reason
            case f.Transferred() as e:
                self._left(before)
                self._hand(after, fact, "transferred", giver=fact.actor, reason=e.reason)
            case f.Corrected() as e:
                self._left(before)
                self._hand(after, fact, "corrected", giver=fact.actor, reason=e.reason)
            case f.Returned():
                self._done(before, fact)
                self._end(fact, "returned", None)
            case f.Refused() as e:
                self._done(before, fact)
                self._end(fact, "refused", e.reason)
            case f.Withdrawn() as e:
                self._left(before)
                self._end(fact, "withdrawn", e.reason)
            case f.Stopped(final=True) as e:
                self._left(before)
                self._end(fact, "stopped", e.reason)
            case _:
                self._change(remarks=(*self.rows[-1].remarks, *_remarks(fact)))
                if after.task is not None:  # its due instant may have moved
                    self._change(due_at=_due(after))

    def _hand(
        self, after: Dossier, fact: Fact, way: Way, *, giver: str, reason: Reference | None = None
    ) -> None:
        task = after.task
        if task is None:  # a unit took over a dossier with which nothing is to be done
            return
        target = Station(unit=after.unit, step=task.step, role=task.role)
        self.rows.append(
            Handover(
                seq=fact.seq,
                way=way,
                at=fact.at,
                source=self._source,
                target=target,
                giver=giver,
                receiver=task.assignee,
                due_at=_due(after),
                reason=reason,
            )
        )
        self._source = target

    def _done(self, before: Dossier, fact: Fact) -> None:
        """The step was done by whoever this fact names, in its time or not."""
        term = before.term_of(before.task.id) if before.task else None
        at = (term and term.paused_at) or fact.at  # what ends while the clock stands still
        result = measured(before.calendar, before.measure(term), term.due_at, at) if term else None
        self._change(receiver=fact.actor, due_at=_due(before), done_at=fact.at, result=result)

    def _left(self, before: Dossier) -> None:
        """The step was taken from whoever had it: that is no result of theirs."""
        if before.task is not None:
            self._change(due_at=_due(before))

    def _end(self, fact: Fact, way: Way, reason: Reference | None) -> None:
        self.rows.append(
            Handover(
                seq=fact.seq,
                way=way,
                at=fact.at,
                source=self._source,
                target=None,
                giver=fact.actor,
                receiver=None,
                reason=reason,
            )
        )

    def _change(self, **changes: object) -> None:
        self.rows[-1] = self.rows[-1].model_copy(update=changes)


def _due(d: Dossier) -> datetime | None:
    """When the open task is due, where it has a term."""
    term = d.term_of(d.task.id) if d.task else None
    return term.due_at if term else None


def _remarks(fact: Fact) -> Iterator[Remark]:
    match fact.event:
        case f.SupplementRequested(reason=text, due_at=until):
            yield Remark(what="supplement", at=fact.at, until=until, text=text)
        case f.Stopped(reason=text):
            yield Remark(what="stop", at=fact.at, text=text)
        case f.ClockPaused(reason="payment" | "consultation" | "linked" as what, mode=mode, name=name) if (
            mode != "none"
        ):
            yield Remark(what=what, at=fact.at, name=name if what == "consultation" else "")
        case f.ClockResumed(until=until):
            yield Remark(what="resumed", at=until or fact.at)
        case f.Extended(reason=text, promised_at=until):
            yield Remark(what="extended", at=fact.at, until=until, text=text)
