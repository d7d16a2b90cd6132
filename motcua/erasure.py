"""Erasing personal data: after its period, on request or by order; never under a hold, always on record."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from models.commands import Actor
from models.facts import LinkedTo
from models.journal import Basis, Erased, Happening, HoldLifted, HoldPlaced, Line
from models.keeping import Cleared, Ended, Paper
from models.refusals import BadInput, Forbidden, Refusal, UnknownDossier
from models.rights import OFFICE
from motcua.store import Store
from motcua.store.proof import ProofRecord

BASES: tuple[Basis, ...] = get_args(Basis)
_PAPER: TypeAdapter[str] = TypeAdapter(Paper)


class MayNotErase(Forbidden):
    """Erasing is for those who answer for the office, or for its servers; a hold may be an auditor's, too."""

    sentence = "{actor} may not do this; it is for {roles}."


class BadPaper(BadInput):
    """What should be the number of a paper and is not."""

    sentence = "{paper} is no number of a paper: up to 80 letters, digits and / . , : ( ) - _; no names."


class UnknownBasis(BadInput):
    """No such reason to erase."""

    sentence = "Personal data is erased by {known}; not by {basis}."


class UnderHold(Refusal):
    """A hold keeps all that a dossier has."""

    sentence = "Nothing of dossier {code} may be erased: a hold is on it."


class NotOverYet(Refusal):
    """Somebody may still need what would be erased."""

    sentence = "Dossier {code} is {status}; what it holds can be erased once it is over."


class StillNeeded(Refusal):
    """A linked dossier refers to the same person's data."""

    sentence = "Nothing of dossier {code} may be erased: {linked}, opened for it, needs it still."


class LiesWithAnother(Refusal):
    """What a linked dossier refers to lies with the one that asked for it."""

    sentence = "Dossier {code} has no rows of its own; what it refers to is erased with dossier {parent}."


class NothingToErase(Refusal):
    """All of it is gone already."""

    sentence = "Dossier {code} holds nothing that could be erased any more."


class NoSuchHold(Refusal):
    """There is nothing to lift."""

    sentence = "There is no hold on dossier {code}."


class HeldAlready(Refusal):
    """One hold is enough; who needs another says so when it is lifted."""

    sentence = "There is a hold on dossier {code} already."


class Erasure:
    """Erases, and keeps from erasing, in one office."""

    def __init__(self, store: Store, office: str, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._record = ProofRecord(store, office)

    async def erase(
        self, code: str, basis: str, paper: str, actor: Actor, ended: Ended | None
    ) -> tuple[str, ...]:
        """Erase personal data and free text of a dossier that is over; returns the ids of what is gone.

        Where it goes because its period has `ended`, that of each dossier opened for it must have, too; None
        where it goes by order or on request.
        """
        known = _known(basis)
        _entitled("erase", paper, actor)
        standing = await self._record.standing(code)
        if standing is None:
            raise UnknownDossier(code=code)
        if standing.outcome is None:
            raise NotOverYet(code=code, status=standing.status)

        def line(ids: tuple[str, ...]) -> Line:
            return self._line(actor, Erased(code=code, basis=known, paper=paper, ids=ids))

        gone = await self._record.erase(code, line, ended)
        if gone == code:
            raise UnderHold(code=code)
        if isinstance(gone, str):
            raise StillNeeded(code=code, linked=gone)
        if not gone:
            parent = next(
                (
                    fact.event.parent
                    for fact in await self._store.facts(code)
                    if isinstance(fact.event, LinkedTo)
                ),
                None,
            )
            raise NothingToErase(code=code) if parent is None else LiesWithAnother(code=code, parent=parent)
        return gone

    async def due(
        self,
        ended: Ended,
        paper: str,
        actor: Actor,
        basis: str,
        tell: Callable[[Cleared], None],
    ) -> Cleared:
        """Erase what dossiers hold whose period is over; those that something keeps stay, and are counted."""
        done = Cleared()
        _known(basis)
        _entitled("erase", paper, actor)
        async for code in self._record.erasable(ended):
            try:
                await self.erase(code, basis, paper, actor, ended)
            except Refusal:  # a hold, or a linked dossier that still needs it
                done = Cleared(erased=done.erased, kept=done.kept + 1)
            else:
                done = Cleared(erased=done.erased + 1, kept=done.kept)
            tell(done)
        return done

    async def hold(self, code: str, paper: str, actor: Actor) -> None:
        """Keep all that a dossier has from being erased."""
        _entitled("hold", paper, actor)
        if await self._record.standing(code) is None:
            raise UnknownDossier(code=code)
        if not await self._record.hold(
            code, self._line(actor, HoldPlaced(code=code, paper=paper)), placed=True
        ):
            raise HeldAlready(code=code)

    async def lift(self, code: str, paper: str, actor: Actor) -> None:
        """End a hold."""
        _entitled("hold", paper, actor)
        if not await self._record.hold(
            code, self._line(actor, HoldLifted(code=code, paper=paper)), placed=False
        ):
            raise NoSuchHold(code=code)

    async def holds(self) -> list[dict[str, Any]]:
        """The holds that are on dossiers: code, since when, by whom, by which paper."""
        return await self._record.holds()

    def _line(self, actor: Actor, event: Happening) -> Line:
        return Line(
            at=self._clock(), actor=actor.id, command=f"{event.kind}/{secrets.token_hex(8)}", event=event
        )


def _known(basis: str) -> Basis:
    for each in BASES:
        if each == basis:
            return each
    raise UnknownBasis(basis=basis[:40], known=", ".join(BASES))


def _entitled(what: str, paper: str, actor: Actor) -> None:
    """Who may do it, and by a paper whose number can stand in the journal for ever."""
    if not actor.has(*OFFICE[what]):
        raise MayNotErase(actor=actor.id, roles=", ".join(OFFICE[what]))
    try:
        _PAPER.validate_python(paper)
    except ValidationError:
        raise BadPaper(paper=paper[:100]) from None
