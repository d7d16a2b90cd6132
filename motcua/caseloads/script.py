"""What a caseload is made of: cases, each with the moments at which people act. Never an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple


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

    @property
    def request_id(self) -> str:
        """Known for ever: the same caseload again finds this dossier and adds nothing."""
        return str(self.submission["request_id"])

    def act_id(self, number: int) -> str:
        """The command id of an act."""
        return f"{self.request_id}#{number}"
