"""A dossier as it stood: its facts, folded anew under the rules that are kept with them.

The one place where a dossier is rebuilt from the record. Today's catalogue plays no part: the first fact
names procedure and calendar by their fingerprints.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from models.base import Value
from models.calendar import Calendar
from models.dossier import Dossier
from models.facts import Fact, Filed
from models.fold import fold
from models.procedure import Procedure
from models.refusals import BadInput, CheckFailed, NoSuchPart, UnknownDossier
from motcua.store import Store

Rule = TypeVar("Rule", Procedure, Calendar)


class RulesMissing(CheckFailed):
    """The rules that a dossier was received under are not on record."""

    sentence = "Dossier {code} cannot be folded: its {kind} {fingerprint} is not on record."


class NoSuchFact(NoSuchPart):
    """A fact number that the dossier does not have."""

    sentence = "Dossier {code} has the facts 1 to {last}; there is no fact {seq}."


class BeforeItsTime(BadInput):
    """A moment before the dossier's first fact."""

    sentence = "Dossier {code} begins at {first}; there was nothing of it at {at}."


class Past(Value):
    """A dossier before its first fact, and all of its facts."""

    unfiled: Dossier
    facts: tuple[Fact, ...]

    def at(self, seq: int | None = None) -> Dossier:
        """The dossier as it stood after a fact; after the last one unless told."""
        if seq is None:
            seq = len(self.facts)
        if not 1 <= seq <= len(self.facts):
            raise NoSuchFact(code=self.unfiled.code, last=len(self.facts), seq=seq)
        return fold(self.unfiled, self.facts[:seq])

    def seq_at(self, moment: datetime) -> int:
        """The number of the last fact that had happened by a moment."""
        seq = max((fact.seq for fact in self.facts if fact.at <= moment), default=0)
        if not seq:
            first = self.unfiled.calendar.local(self.facts[0].at)
            asked = self.unfiled.calendar.local(moment)
            raise BeforeItsTime(
                code=self.unfiled.code, first=f"{first:%Y-%m-%d %H:%M:%S}", at=f"{asked:%Y-%m-%d %H:%M:%S}"
            )
        return seq


class Rules:
    """The rules that dossiers were received under; what many of them share is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Procedure | Calendar] = {}

    async def unfiled(self, code: str, office: str, facts: Sequence[Fact]) -> Dossier:
        """A dossier before the first of its facts; RulesMissing when what it names is not on record."""
        filed = facts[0].event
        assert isinstance(filed, Filed)
        return Dossier(
            code=code,
            office=office,
            procedure=await self._one(Procedure, filed.rules, code),
            calendar=await self._one(Calendar, filed.calendar, code),
            simulated=filed.simulated,
        )

    async def _one(self, kind: type[Rule], fingerprint: str, code: str) -> Rule:
        if fingerprint not in self._known:
            body = await self._store.rules(fingerprint)
            if body is None:
                raise RulesMissing(code=code, kind=kind.__name__.lower(), fingerprint=fingerprint)
            self._known[fingerprint] = kind.model_validate_json(body)
        found = self._known[fingerprint]
        assert isinstance(found, kind)
        return found


async def recall(store: Store, code: str) -> Past:
    """What is on record of a dossier."""
    row, facts = await store.row(code), await store.facts(code)
    if row is None or not facts:
        raise UnknownDossier(code=code)
    return Past(unfiled=await Rules(store).unfiled(code, row.office, facts), facts=tuple(facts))
