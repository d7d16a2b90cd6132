"""What a caseload is made of: cases, each with the moments at which people act. Never an outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from models.chain import canonical
from models.chain import fingerprint as named
from motcua.desk import Rulebook


class Act(NamedTuple):
    """Somebody asks something of a dossier at an office time."""

    at: datetime
    command: str
    user: str
    data: Mapping[str, Any] = MappingProxyType({})
    stand_in: str | None = None
    """Who does it when a rule refuses the one named above; the refusal becomes a recorded deviation."""


class Case(NamedTuple):
    """One dossier: how it is handed in, and who acts on it when."""

    submission: dict[str, Any]
    at: datetime
    officer: str | None
    """Of the counter, who accepts it in the same breath."""
    acts: tuple[Act, ...]
    until: datetime | None = None
    """Where its clock is left when nobody acts any more; None leaves it where the last act was."""
    seed: str | None = None
    """From what the salts of invented people's data are drawn; None: at random, as for real people."""

    asks_others: bool = False
    """Whether its dossier asks other agencies, whose dossiers are left where its clock is."""

    @property
    def request_id(self) -> str:
        """Known for ever: the same caseload again finds this dossier and adds nothing."""
        return str(self.submission["request_id"])

    def act_id(self, number: int) -> str:
        """The command id of an act."""
        return f"{self.request_id}#{number}"


def fingerprint(cases: Sequence[Case], book: Rulebook) -> str:
    """SHA-256 (hex) of all that decides a caseload's facts: its acts, and the rules and people they meet.

    An office is called after it: a caseload that was changed is another one, and is played anew.
    """
    users = {
        user for case in cases for user in (case.officer, *_users(case)) if user not in (None, "citizen")
    }
    days = {(str(case.submission["procedure"]), book.calendar.local(case.at).date()) for case in cases}
    return hashlib.sha256(
        canonical(
            {
                "office": book.office,
                "calendar": named(book.calendar),
                "procedures": sorted({named(book.procedure(code, day)) for code, day in days}),
                "agencies": sorted({(day.isoformat(), book.agency(day)) for _, day in days}),
                "units": {unit: span.model_dump(mode="json") for unit, span in book.units.items()},
                "people": {user: book.actor(str(user)).model_dump(mode="json") for user in users},
                "cases": [_plain(case) for case in cases],
            }
        )
    ).hexdigest()


def _users(case: Case) -> list[str | None]:
    return [user for act in case.acts for user in (act.user, act.stand_in)]


def _plain(case: Case) -> list[Any]:
    acts = [[act.at.isoformat(), act.command, act.user, dict(act.data), act.stand_in] for act in case.acts]
    until = case.until and case.until.isoformat()
    return [case.submission, case.at.isoformat(), case.officer, acts, until, case.seed, case.asks_others]
