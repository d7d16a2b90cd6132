"""The office's journal: what happened to the record itself, chained by hash like a dossier's facts.

An entry is hashed exactly as a fact (models/chain.py), with the office's name for `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from models.base import Instant, Reference, Value, added
from models.chain import canonical, digest, instant
from models.keeping import Paper
from models.seals import Hash, KeyAdded, KeyRevoked


class HistoryArchived(Value):
    """A closed history of Temporal was put into the archive."""

    kind: Literal["history-archived"] = "history-archived"
    workflow: str
    run: str
    type: str
    status: str
    closed_at: Instant
    events: int
    size: int
    """Bytes before they were compressed."""
    sha256: Hash
    """Of these bytes."""


class SealKeyAdded(Value):
    """A key that signs seals came."""

    kind: Literal["seal-key-added"] = "seal-key-added"
    word: KeyAdded


class SealKeyRevoked(Value):
    """A key is not believed any more."""

    kind: Literal["seal-key-revoked"] = "seal-key-revoked"
    word: KeyRevoked


class HistoriesReplayed(Value):
    """The deployed code was run over histories again."""

    kind: Literal["histories-replayed"] = "histories-replayed"
    replayed: int
    diverged: int
    differing: int = added(0)
    """Dossiers of which history, facts and read model do not say the same."""


class RecordVerified(Value):
    """The whole record was verified."""

    kind: Literal["record-verified"] = "record-verified"
    dossiers: int
    facts: int
    broken: int
    """Places at which it did not hold."""


Basis = Literal["retention", "request", "order"]
"""Why personal data is erased: its period is over; the person asked; a court or an authority ordered it."""


class Erased(Value):
    """The personal data and free text of a dossier were erased; what refers to them says nothing any more."""

    kind: Literal["erased"] = "erased"
    code: str
    basis: Basis
    paper: Paper
    ids: tuple[str, ...]
    """Of the rows that were erased."""


class HoldPlaced(Value):
    """Nothing of a dossier may be erased: a complaint, an inspection or a court needs it."""

    kind: Literal["hold-placed"] = "hold-placed"
    code: str
    paper: Paper


class HoldLifted(Value):
    """A hold is over."""

    kind: Literal["hold-lifted"] = "hold-lifted"
    code: str
    paper: Paper


class ViewsClosed(Value):
    """Looks at personal data were counted and hashed; none is added to them any more."""

    kind: Literal["views-closed"] = "views-closed"
    after: int
    """The number of the last one before them; 0 at first."""
    until: int
    """The number of the last of them."""
    count: int
    sha256: Hash
    """Over the lines of `view_line`, in the order of their numbers."""


class RestartAsked(Value):
    """Somebody asked for a new workflow for a dossier that has none.

    Written before Temporal is asked: a restart without an entry cannot happen. Where no entry follows that it
    was restarted, it failed, or was cut off.
    """

    kind: Literal["restart-asked"] = "restart-asked"
    code: str
    seq: int
    """The number of the last fact on record."""
    head: Hash
    """Its hash."""
    reason: Reference


class DossierRestarted(Value):
    """A workflow was begun anew for a dossier that had none, from the facts on record."""

    kind: Literal["dossier-restarted"] = "dossier-restarted"
    code: str
    seq: int
    """The number of the fact from which it went on."""
    head: Hash
    """Its hash."""
    asked: str
    """The command of the entry by which it was asked for, with the reason."""
    run: str
    """The id of its run in Temporal."""


Happening = Annotated[
    HistoryArchived
    | SealKeyAdded
    | SealKeyRevoked
    | HistoriesReplayed
    | Erased
    | HoldPlaced
    | HoldLifted
    | ViewsClosed
    | RecordVerified
    | RestartAsked
    | DossierRestarted,
    Field(discriminator="kind"),
]


class Entry(Value):
    """A line of the journal."""

    seq: int
    at: Instant
    actor: str
    unit: str = ""
    command: str
    """The id of what was asked; unique, so that asking again writes nothing."""
    event: Happening
    prev_hash: str
    hash: str


class Line(Value):
    """What is to be written."""

    at: Instant
    actor: str
    command: str
    event: Happening


def plain(event: Happening) -> dict[str, Any]:
    """An event's data, without its kind."""
    return event.model_dump(mode="json", exclude={"kind"})


def view_line(view: Mapping[str, Any]) -> bytes:
    """A look as it is hashed: canonical JSON of its columns, and a line feed."""
    names = ("number", "person", "address", "what", "code", "about")
    return canonical({**{name: view[name] for name in names}, "at": instant(view["at"])}) + b"\n"


def write(office: str, lines: list[Line], *, after: int, head: str) -> list[Entry]:
    """Lines as the entries that follow entry number `after`, whose hash is `head`."""
    entries = []
    for line in lines:
        after += 1
        said = digest(
            code=office,
            seq=after,
            kind=line.event.kind,
            at=instant(line.at),
            actor=line.actor,
            unit="",
            command=line.command,
            data=plain(line.event),
            prev_hash=head,
        )
        entries.append(
            Entry(
                seq=after,
                at=line.at,
                actor=line.actor,
                command=line.command,
                event=line.event,
                prev_hash=head,
                hash=said,
            )
        )
        head = said
    return entries
