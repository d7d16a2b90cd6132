"""What is known of an archived history, beside its bytes."""

from __future__ import annotations

import gzip
import hashlib
import zlib

from models.base import Instant, Value
from models.refusals import CheckFailed

HERE = "postgresql"
"""The place of bytes that lie in PostgreSQL; else it is the address of an object."""


class Archived(Value):
    """A closed history of Temporal that was kept."""

    run: str
    workflow: str
    type: str
    status: str
    """How it ended: completed, continued as new, …"""
    closed_at: Instant
    events: int
    size: int
    """Bytes of the history, a `temporal.api.history.v1.History`, before they were compressed."""
    sha256: str
    """Of these bytes."""
    place: str


class HistoryDamaged(CheckFailed):
    """The bytes of an archived history are not those that were archived."""

    sentence = "The archived history {run} of {workflow} {what}."


def unpacked(archived: Archived, packed: bytes | None) -> bytes:
    """The bytes of a history, held against what is known of it; HistoryDamaged where they are not those."""

    def damaged(what: str) -> HistoryDamaged:
        return HistoryDamaged(run=archived.run, workflow=archived.workflow, what=what)

    if packed is None:
        raise damaged("is not where it was put")
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged("cannot be unpacked") from error
    if hashlib.sha256(content).hexdigest() != archived.sha256:
        raise damaged("does not match its SHA-256")
    return content


class Swept(Value):
    """What a sweep of the archive did."""

    closed: int = 0
    """Histories that Temporal had closed."""
    archived: int = 0
    """Those of them that were new to the archive."""
    lost: int = 0
    """Those that were gone before they could be fetched."""


class Gap(Value):
    """Closed histories that are not archived although they should be by now."""

    missing: int = 0
    oldest: Instant | None = None
    """When the oldest of them closed."""
    lost: tuple[str, ...] = ()
    """Dossiers that ended, of which neither Temporal nor the archive has a history any more."""


class Verification(Value):
    """What a verification of the whole record came to."""

    dossiers: int
    facts: int
    broken: int
    """Places at which the record does not hold; `audit verify` names them, and so does the log."""


class Difference(Value):
    """Where history, facts and read model do not say the same of a dossier, or the code diverged."""

    code: str
    run: str | None = None
    what: str
    lines: tuple[str, ...] = ()
    """What may help to see why, for people."""


class Replays(Value):
    """What came of running the deployed code over histories again."""

    replayed: int
    """Histories that were gone through."""
    diverged: tuple[Difference, ...] = ()
    """Histories that the deployed code would not have written."""
    differing: tuple[Difference, ...] = ()
    """Dossiers of which history, facts and read model do not say the same."""
