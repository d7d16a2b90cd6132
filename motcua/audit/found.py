"""What an audit answers."""

from __future__ import annotations

from collections.abc import Sequence

from models.base import Value
from models.refusals import Unreachable


class Broken(Value):
    """One place at which the record does not hold."""

    code: str
    """A dossier's code, or what else it is of: `journal`, `seal 3`, `history RUN`, `procedure …`."""
    seq: int
    """The number of the fact, or of the journal's entry; 0 where it is of none."""
    what: str


UNREADABLE = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(AssertionError, RecursionError),
)
"""What reading raises where somebody has put there what no program of ours writes. An audit names the place
and goes on: whoever spoils one row must not have all others believed."""


def unreadable(code: str, error: Exception) -> Broken:
    """The place at which something cannot be read."""
    return Broken(code=code, seq=0, what=f"it cannot be read: {reason(error)}")


def reason(error: Exception) -> str:
    """What an error says, on one line; some say nothing but what they are."""
    said = str(error).splitlines()
    return f"{type(error).__name__}: {said[0][:200]}" if said else type(error).__name__


class Part(Value):
    """What was found in a part of the record."""

    dossiers: int
    facts: int
    broken: tuple[Broken, ...]


class WorkflowsNotAsked(Unreachable):
    """A verification could not look for the workflows of open dossiers: it is none of the whole record."""

    sentence = "Temporal could not be asked: open dossiers without a workflow were NOT looked for."


class Verified(Value):
    """What a verification found."""

    dossiers: int
    facts: int
    broken: tuple[Broken, ...]
    journal: int
    """Entries of the office's journal."""
    seals: int
    sealed: int
    """Heads in the log that seals stand over."""
    histories: int
    """Archived histories whose bytes are those that were archived."""
    workflows: int | None
    """Open dossiers whose workflow Temporal was asked for; None where it could not be asked."""

    @property
    def gap(self) -> WorkflowsNotAsked | None:
        """What was not looked at. With a gap nothing may be said to be whole, even if nothing is broken."""
        return WorkflowsNotAsked() if self.workflows is None else None


def added_up(parts: Sequence[Part]) -> Part:
    """Several parts as one."""
    return Part(
        dossiers=sum(part.dossiers for part in parts),
        facts=sum(part.facts for part in parts),
        broken=tuple(broken for part in parts for broken in part.broken),
    )
