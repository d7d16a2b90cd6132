"""Changing the office's calendar: what a change would move, moving it, and taking it back.

Register first, then walk. From the moment an act is on record no dossier is taken in under the calendar of
before (migration 0004 has the lock), so the dossiers that the act has to reach are known and only get fewer.
Each is sent one command whose id says the change, the direction and the code: however often the act is
killed and begun again, a dossier answers that id with what it answered first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import structlog
from pydantic import ValidationError

from models import facts as f
from models.base import Instant, Value
from models.calendar import Calendar
from models.chain import fingerprint
from models.changes import (
    Act,
    Acts,
    Change,
    Direction,
    Ordered,
    amended,
    before,
    carries,
    closed_year,
    command_prefix,
    name_of,
    restored,
)
from models.commands import Actor, AmendCalendar
from models.dossier import Dossier
from models.facts import CalendarAmended, Fact
from models.fold import apply
from models.procedure import Role
from models.refusals import BadInput, DossierClosed, Phrase, Problem, Refusal, Unreachable, WrongRole
from models.rights import OFFICE
from models.rules import decide
from motcua.desk import Desk
from motcua.many import Tell, each, silently
from motcua.past import Rules
from motcua.store import Store
from motcua.store.changes import CalendarRecord

log = structlog.get_logger()

BATCH = 50
"""Dossiers whose facts a preview reads at a time."""
Fate = Literal["answered", "unaffected", "closed", "failed"]


class UnknownChange(BadInput):
    """Nobody has applied a change of this id."""

    sentence = "No calendar change has the id {change}; there is: {known}."


class ChangeDiffers(BadInput):
    """A change came again with other content."""

    sentence = "The calendar change {change} was applied with other content on {at}; give this one a new id."


class OfficeWouldClose(BadInput):
    """A change, together with those in force, leaves no day on which anything could fall due."""

    sentence = "With the changes in force, {change} would leave {first} to {last} without a working day."


class ChangeUndone(Refusal):
    """A change has been taken back, which cannot be done twice, nor undone."""

    sentence = "The calendar change {change} was undone by {actor} on {at}; what is to hold needs a new id."


class ChangeUnfinished(Refusal):
    """An earlier act has not reached every dossier."""

    sentence = "The calendar change {change} is half way: first finish it with calendar {act} {argument}."


class CalendarChangedSince(Refusal):
    """A change cannot be taken back from under a later one."""

    sentence = "{what} was changed since by {since}; the calendar change {change} cannot be undone under it."


# What would happen


class Shifted(Value):
    """A term that moves."""

    term: int
    of: str
    name: str
    was: Instant
    becomes: Instant
    late: Literal["newly", "saved"] | None
    """It would be late because of the change; or it is late, and would be in time."""
    ends: bool
    """Its end lies in the past then and would have its effect at once: the dossier stopped for good after a
    supplement that did not come, or silence taken for consent."""


class Letter(Value):
    """A date that somebody outside was told in writing."""

    kind: Literal["receipt", "extension", "supplement-request", "consultation", "link-request"]
    fact: int
    sent_at: Instant
    date: Instant


class Touched(Value):
    """An open dossier that a change moves, or in which it makes a promised date a day without hours."""

    code: str
    procedure: str
    unit: str
    status: str
    moves: tuple[Shifted, ...]
    letters: tuple[Letter, ...]
    refused: str | None = None
    """Why the change cannot be brought to it."""


@dataclass
class Totals:
    """What a preview comes to."""

    open: int = 0
    """Dossiers without an outcome."""
    amended: int = 0
    """Those of them that would count by the changed calendar."""
    dossiers: int = 0
    """Those in which a term moves."""
    terms: Counter[str] = field(default_factory=Counter)
    """The terms that move, by what they are of."""
    newly_late: int = 0
    """Dossiers whose whole term would be late by it."""
    saved: int = 0
    """Dossiers whose whole term is late and would be in time."""
    other_newly_late: int = 0
    """The same of terms of steps, supplements and the like."""
    other_saved: int = 0
    ends: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def count(self, touched: Touched) -> None:
        """Add a dossier."""
        self.dossiers += bool(touched.moves)
        self.refused += touched.refused is not None
        self.letters.update(letter.kind for letter in touched.letters)
        for move in touched.moves:
            self.terms[move.of] += 1
            self.ends += move.ends
            whole = move.of == "dossier"
            self.newly_late += whole and move.late == "newly"
            self.saved += whole and move.late == "saved"
            self.other_newly_late += not whole and move.late == "newly"
            self.other_saved += not whole and move.late == "saved"


# What has happened


class Failed(Value):
    """A dossier that did not take a change."""

    code: str
    type: str
    reason: str


class Outcome(Value):
    """What became of the open dossiers in one run of an act."""

    change: str
    direction: Direction
    moved: int
    unchanged: int
    """They count by the new calendar, and no term moves now."""
    unaffected: int
    """The changed days lie before their time, or beyond the calendar that they carry."""
    closed: int
    """Finished while the act was under way."""
    already: int
    """Done by an earlier run."""
    failed: tuple[Failed, ...]
    finished: bool
    """Whether every open dossier has answered; else the same act is to be run again."""


@dataclass
class _Tally:
    fates: Counter[Fate] = field(default_factory=Counter)
    answered: list[str] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    unreached: bool = False


@dataclass
class _Standing:
    """An open dossier as its facts tell."""

    dossier: Dossier
    facts: Sequence[Fact]
    unamended: Calendar | None
    """What it counted by before the change in question was brought to it."""

    @property
    def filed_on(self) -> date:
        return self.dossier.calendar.local(self.facts[0].at).date()


class Calendars:
    """The acts of the office's leader or an administrator on its calendar.

    A dossier that does not answer is asked again for `patience` seconds; when none has answered for so
    long, the act ends with what kept the last one from it.
    """

    def __init__(self, desk: Desk, store: Store, *, patience: float = 60.0) -> None:
        self._desk, self._store, self._record = desk, store, CalendarRecord(store)
        self._rules = Rules(store)
        self._patience, self._heard = patience, 0.0
        self._made: dict[Calendar, Calendar] = {}
        self._kept: set[Calendar] = set()

    async def preview(
        self, change: Change, totals: Totals, *, at: datetime | None = None
    ) -> AsyncIterator[Touched]:
        """The open dossiers that a change touches, in the order of their codes; `totals` is counted along.

        Asks no workflow and changes nothing. A simulated dossier stands where its last fact left it.
        """
        acts = await self._desk.refresh()
        self._may_apply(acts, change)
        self._stays_open(change)
        totals.open = await self._record.open_dossiers()
        order = Ordered(change=change, before=before(self._desk.rulebook.calendar, change))
        asker = Actor(id="preview", roles=(Role.ADMINISTRATOR,), unit="")
        async for standing in self._standing(change):
            calendar = self._target(standing, order, "apply")
            if calendar is None:
                continue
            totals.amended += 1
            moment = standing.facts[-1].at if standing.dossier.simulated else at or datetime.now(UTC)
            touched = _touched(standing, _command(order, "apply", standing, asker, calendar), moment)
            totals.count(touched)
            if touched.moves or touched.letters or touched.refused:
                yield touched

    async def apply(self, change: Change, user: str, tell: Tell = silently) -> Outcome:
        """Bring a change to every open dossier and to all that come; `tell` hears how many of how many."""
        actor = self._authorised(user)
        while True:
            acts = await self._desk.refresh()
            self._may_apply(acts, change)
            if acts.of(change.id):
                break
            self._stays_open(change)  # before it is on record: acts are never altered
            order = Ordered(change=change, before=before(self._desk.rulebook.calendar, change))
            if await self._record.add(acts, change.id, "apply", actor, order):
                log.info("calendar change ordered", change=change.id, actor=actor.id)
        return await self._carry_out(acts, change.id, "apply", tell)

    async def undo(self, change: str, user: str, tell: Tell = silently) -> Outcome:
        """Take a change back from every open dossier that counts by it, and from the office's calendar."""
        actor = self._authorised(user)
        while True:
            acts = await self._desk.refresh()
            self._may_undo(acts, change)
            if "undo" in acts.of(change):
                break
            if await self._record.add(acts, change, "undo", actor):
                log.info("calendar change taken back", change=change, actor=actor.id)
        return await self._carry_out(acts, change, "undo", tell)

    def _may_apply(self, acts: Acts, change: Change) -> None:
        mine, unfinished = acts.of(change.id), acts.unfinished
        if (undone := mine.get("undo")) is not None:
            raise ChangeUndone(change=change.id, actor=undone.actor.id, at=self._day(undone))
        if (begun := mine.get("apply")) is not None and begun.ordered and begun.ordered.change != change:
            raise ChangeDiffers(change=change.id, at=self._day(begun))
        if unfinished is not None and unfinished.change != change.id:
            raise _unfinished(unfinished.change, unfinished.act)

    def _may_undo(self, acts: Acts, change: str) -> None:
        mine, unfinished = acts.of(change), acts.unfinished
        if not mine:
            known = ", ".join(order.change.id for order in acts.in_force) or Phrase("none")
            raise UnknownChange(change=change, known=known)
        if (undone := mine.get("undone")) is not None:
            raise ChangeUndone(change=change, actor=undone.actor.id, at=self._day(undone))
        if change != acts.undoable:
            if unfinished is not None:
                raise _unfinished(unfinished.change, unfinished.act)
            raise CalendarChangedSince(
                what=Phrase("The calendar"), since=acts.in_force[-1].change.id, change=change
            )

    def _day(self, act: Act) -> date:
        """The office date of an act."""
        return self._desk.rulebook.calendar.local(act.at).date()

    def _authorised(self, user: str) -> Actor:
        actor = self._desk.rulebook.actor(user)
        allowed = OFFICE["change-calendar"]
        if not actor.has(*allowed):
            raise WrongRole(
                command="changing the calendar",
                needed=" or ".join(allowed),
                actor=user,
                roles=", ".join(actor.roles) or "none",
            )
        return actor

    # The walk

    async def _carry_out(self, acts: Acts, change: str, direction: Direction, tell: Tell) -> Outcome:
        begun = acts.of(change)
        order = begun["apply"].ordered
        assert order is not None
        # In the name of who ordered it, whoever finishes it: the same command, to the letter.
        actor = begun[direction].actor
        prefix = command_prefix(change, direction)
        already = await self._record.amended_so_far(prefix)
        tally = _Tally()
        await self._walk(order, direction, actor, tally, tell)
        if not tally.unreached:
            await self._finish(change, "applied" if direction == "apply" else "undone", actor)
        amendments, moved = await self._record.amendments(tally.answered, prefix)
        return Outcome(
            change=change,
            direction=direction,
            moved=moved,
            unchanged=amendments - moved,
            unaffected=tally.fates["unaffected"],
            closed=tally.fates["closed"],
            already=already,
            failed=tuple(sorted(tally.failed, key=lambda failed: failed.code)),
            finished=not tally.unreached,
        )

    async def _finish(self, change: str, act: Literal["applied", "undone"], actor: Actor) -> None:
        while act not in (acts := await self._desk.refresh()).of(change):
            await self._record.add(acts, change, act, actor)

    async def _walk(
        self, order: Ordered, direction: Direction, actor: Actor, tally: _Tally, tell: Tell
    ) -> None:
        """Go round until a round finds nobody new: an intake of before may get its first fact meanwhile."""
        seen: set[str] = set()
        self._heard = asyncio.get_running_loop().time()
        undoing = direction == "undo"
        while True:
            await self._begin_intakes(order.change, tally, undoing=undoing)
            codes = await self._record.without(order.change.id, undoing=undoing)
            fresh = [code for code in codes if code not in seen]
            if not fresh:
                return
            seen.update(fresh)

            async def ask(code: str) -> Fate:
                return await self._one(code, order, direction, actor, tally)

            tally.fates += await each(fresh, ask, tell)

    async def _begin_intakes(self, change: Change, tally: _Tally, *, undoing: bool) -> None:
        """Whoever took them in under the calendar of before may be dead: nobody else will wait for them."""
        for code in await self._record.intakes_without(change.id, undoing=undoing):
            try:
                await self._patiently(lambda code=code: self._desk.begin(code))  # type: ignore[misc]
            except Problem as problem:
                self._fail(tally, code, problem)

    async def _one(
        self, code: str, order: Ordered, direction: Direction, actor: Actor, tally: _Tally
    ) -> Fate:
        try:
            standing = await self._folded(code, await self._store.facts(code), order.change)
            calendar = self._target(standing, order, direction)
            if calendar is None:
                return "unaffected"
            await self._keep(calendar)
            command = _command(order, direction, standing, actor, calendar)
            await self._patiently(lambda: self._desk.send(code, command))
        except DossierClosed:
            return "closed"
        except Problem as problem:
            self._fail(tally, code, problem)
            return "failed"
        tally.answered.append(code)
        return "answered"

    def _fail(self, tally: _Tally, code: str, problem: Problem) -> None:
        away = isinstance(problem, Unreachable)
        if away and asyncio.get_running_loop().time() - self._heard > self._patience:
            raise problem  # it is not this dossier: nobody answers
        tally.failed.append(Failed(code=code, type=problem.type, reason=problem.message))
        tally.unreached |= away

    async def _patiently(self, ask: Callable[[], Any]) -> None:
        """Ask again, in the same words, while a service is away."""
        loop = asyncio.get_running_loop()
        until, delay = loop.time() + self._patience, 0.1
        while True:
            try:
                await ask()
            except Unreachable as problem:
                if loop.time() > until:
                    raise
                log.warning("waiting for a service", problem=problem.type, why=problem.message)
            except Problem:
                self._heard = loop.time()
                raise
            else:
                self._heard = loop.time()
                return
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def _keep(self, calendar: Calendar) -> None:
        """On record by its fingerprint, like those that dossiers are received under."""
        if calendar not in self._kept:
            await self._store.add_rules(fingerprint(calendar), "calendar", calendar.model_dump_json())
            self._kept.add(calendar)

    # Dossiers as their facts tell

    async def _standing(self, change: Change) -> AsyncIterator[_Standing]:
        """The open dossiers that do not count by a change yet."""
        codes = await self._record.without(change.id, undoing=False)
        for start in range(0, len(codes), BATCH):
            for code, facts in (await self._store.facts_of(codes[start : start + BATCH])).items():
                yield await self._folded(code, facts, change)

    async def _folded(self, code: str, facts: Sequence[Fact], change: Change) -> _Standing:
        dossier = await self._rules.unfiled(code, self._desk.rulebook.office, facts)
        unamended, applying = None, change.command("apply", code)
        for fact in facts:
            if fact.command == applying and isinstance(fact.event, CalendarAmended):
                unamended = dossier.calendar
            dossier = apply(dossier, fact)
        return _Standing(dossier, facts, unamended)

    def _stays_open(self, change: Change) -> None:
        """A file was held against the catalogue's calendar; this is the one in force, with other changes."""
        calendar = self._desk.rulebook.calendar
        if carries(calendar, change.id):
            return
        try:
            closed = closed_year(amended(calendar, change))
        except ValidationError:
            closed = calendar.first, calendar.last
        if closed is not None:
            raise OfficeWouldClose(change=change.id, first=closed[0], last=closed[1])

    def _target(self, standing: _Standing, order: Ordered, direction: Direction) -> Calendar | None:
        """The calendar that a dossier is to count by; None when the change does not concern it."""
        dossier, change = standing.dossier, order.change
        calendar = dossier.calendar
        if name_of(calendar) != change.calendar:
            return None
        concerned = any(standing.filed_on <= day.date <= calendar.last for day in change.days)
        if direction == "apply":
            if carries(calendar, change.id) or not concerned:
                return None
            return self._once(calendar, lambda: amended(calendar, change))
        # Who was taken in under it names it, also where its days lay behind: the change below it comes after.
        if not concerned and not carries(calendar, change.id):
            return None
        if not calendar.version.endswith(f"+{change.id}"):
            raise CalendarChangedSince(
                what=Phrase("The calendar of dossier {code}", code=dossier.code),
                since=calendar.version,
                change=change.id,
            )
        return standing.unamended or self._once(calendar, lambda: restored(calendar, order))

    def _once(self, calendar: Calendar, make: Callable[[], Calendar]) -> Calendar:
        """Dossiers of the same days share their calendar; making another of it takes a millisecond."""
        if calendar not in self._made:
            self._made[calendar] = make()
        return self._made[calendar]


def _unfinished(change: str, act: str) -> ChangeUnfinished:
    return ChangeUnfinished(change=change, act=act, argument="and its file" if act == "apply" else change)


def _command(
    order: Ordered, direction: Direction, standing: _Standing, actor: Actor, calendar: Calendar
) -> AmendCalendar:
    decree = order.change.decree
    return AmendCalendar(
        id=order.change.command(direction, standing.dossier.code),
        actor=actor,
        calendar=calendar,
        decree=decree if direction == "apply" else f"undone: {decree}",
    )


# What a change would do to one dossier


def _touched(standing: _Standing, command: AmendCalendar, at: datetime) -> Touched:
    dossier = standing.dossier
    moves, refused = tuple[Shifted, ...](), None
    try:
        (fact, *_) = decide(dossier, command, at)
    except Problem as problem:
        refused = problem.message
    else:
        moves = tuple(_shifted(dossier, apply(dossier, fact), at))
    moved = {(move.of, move.term) for move in moves}
    letters = [
        letter
        for letter, of in _letters(dossier, standing.facts)
        if of in moved or (letter.kind == "extension" and _closes(dossier.calendar, command.calendar, letter))
    ]
    return Touched(
        code=dossier.code,
        procedure=dossier.procedure.code,
        unit=dossier.unit,
        status=dossier.status,
        moves=moves,
        letters=tuple(letters),
        refused=refused,
    )


def _shifted(was: Dossier, becomes: Dossier, at: datetime) -> Iterator[Shifted]:
    lapsing = {term.id for end, term in becomes.lapses() if end <= at}
    for old, new in zip(was.terms, becomes.terms, strict=True):
        if old.due_at == new.due_at:
            continue
        moment = old.paused_at or at
        late_now, late_then = moment >= was.overdue_from(old), moment >= becomes.overdue_from(new)
        yield Shifted(
            term=old.id,
            of=old.of,
            name=old.name,
            was=old.due_at,
            becomes=new.due_at,
            late=None if late_now == late_then else "newly" if late_then else "saved",
            ends=old.id in lapsing and was.overdue_from(old) > at,
        )


def _letters(d: Dossier, facts: Sequence[Fact]) -> Iterator[tuple[Letter, tuple[str, int]]]:
    """The dates that went out in writing and still bind, each with the term that it is of."""
    whole = ("dossier", d.term.id if d.term else 0)
    running = {term.id for term in d.terms if term.closed_at is None}
    for fact in facts:
        match fact.event:
            case f.Accepted() as event:
                yield _letter("receipt", fact, event.due_at), whole
            case f.Extended() as event:
                yield _letter("extension", fact, event.promised_at), whole
            case f.SupplementRequested() as event if fact.seq in running:
                yield _letter("supplement-request", fact, event.due_at), ("supplement", fact.seq)
            case f.Consulted() as event if fact.seq in running:
                yield _letter("consultation", fact, event.due_at), ("consultation", fact.seq)
            case f.LinkRequested() as event if fact.seq in running:
                yield _letter("link-request", fact, event.due_at), ("link", fact.seq)


def _letter(kind: Any, fact: Fact, named: datetime) -> Letter:
    return Letter(kind=kind, fact=fact.seq, sent_at=fact.at, date=named)


def _closes(was: Calendar, becomes: Calendar, letter: Letter) -> bool:
    """Whether the day that somebody was told to come becomes one without hours."""
    day = was.local(letter.date).date()
    return bool(was.hours(day)) and not becomes.hours(day)
