"""A dossier as it stood: its facts, folded anew under the rules that are kept with them.

The one place where a dossier is rebuilt from the record. Today's catalogue plays no part: the first fact
names procedure and calendar by their fingerprints.
"""

from __future__ import annotations

from datetime import datetime

from models.base import Value
from models.calendar import Calendar
from models.dossier import Dossier
from models.facts import Fact, Filed
from models.fold import fold
from models.procedure import Procedure
from models.refusals import BadInput, CheckFailed, UnknownDossier
from motcua.store import Store


class RulesMissing(CheckFailed):
    """The rules that a dossier was received under are not on record."""

    sentence = "Dossier {code} cannot be folded: its {kind} {fingerprint} is not on record."


class NoSuchFact(BadInput):
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


async def recall(store: Store, code: str) -> Past:
    """What is on record of a dossier."""
    row, facts = await store.row(code), await store.facts(code)
    if row is None or not facts:
        raise UnknownDossier(code=code)
    filed = facts[0].event
    assert isinstance(filed, Filed)
    bodies = {}
    for kind, known in (("procedure", filed.rules), ("calendar", filed.calendar)):
        bodies[kind] = await store.rules(known)
        if bodies[kind] is None:
            raise RulesMissing(code=code, kind=kind, fingerprint=known)
    unfiled = Dossier(
        code=code,
        office=row.office,
        procedure=Procedure.model_validate_json(bodies["procedure"] or ""),
        calendar=Calendar.model_validate_json(bodies["calendar"] or ""),
        simulated=filed.simulated,
    )
    return Past(unfiled=unfiled, facts=tuple(facts))
