"""The hash chain of a dossier's facts, written so that a stranger can check it.

`hash` is SHA-256 over the canonical JSON of a fact: an object with exactly the keys `code seq kind at
actor unit command data prev_hash`, keys sorted at every level, no blanks, UTF-8 unescaped, numbers only
as integers. `at` is RFC 3339 in UTC as in `2026-01-31T10:00:00.123456Z`, without a fraction when it is
whole. The first fact's `prev_hash` is 64 zeros. Hashes are lower-case hex.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from models.base import Reference, Value
from models.commands import Asked
from models.facts import Event, Fact

GENESIS = "0" * 64


def canonical(value: Any) -> bytes:
    """The bytes of plain JSON that are hashed or signed: keys sorted, no blanks, UTF-8 unescaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def instant(at: datetime) -> str:
    """A moment as it is hashed: RFC 3339 in UTC, without a fraction where it is whole."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def salted(salt: str, content: Any) -> str:
    """The hash by which a fact refers to an erasable row."""
    return hashlib.sha256(salt.encode() + canonical(content)).hexdigest()


def encode(
    *, code: str, seq: int, at: str, actor: str, unit: str, command: str, kind: str, data: Any, prev_hash: str
) -> bytes:
    """The canonical bytes of a fact; `data` is the event's JSON without its kind."""
    parts = {
        "code": code,
        "seq": seq,
        "kind": kind,
        "at": at,
        "actor": actor,
        "unit": unit,
        "command": command,
        "data": data,
        "prev_hash": prev_hash,
    }
    return canonical(parts)


def digest(**parts: Any) -> str:
    """The hash of a fact given by its parts (see `encode`)."""
    return hashlib.sha256(encode(**parts)).hexdigest()


def fingerprint(value: Value) -> str:
    """SHA-256 (hex) over the canonical JSON of a procedure or calendar: names the exact rules used."""
    return hashlib.sha256(canonical(value.model_dump(mode="json"))).hexdigest()


def request_digest(command: Asked) -> str:
    """What a command asks and of whom it comes, as 16 hex characters: the same for the same request.

    Left out is what may differ when a request is sent again: roles and colleagues as the desk knows them on
    that day, the page that was looked at, planned moments, and the salted hashes of free texts (the store
    compares those).
    """
    plain = command.model_dump(mode="json", exclude={"id", "actor", "seen", "holder", "simulated"})
    for name in plain:
        if isinstance(value := getattr(command, name), Reference):
            plain[name] = value.id
    return hashlib.sha256(canonical({**plain, "actor": command.actor.id})).hexdigest()[:16]


def fact_hash(code: str, fact: Fact) -> str:
    """The hash that a fact should carry."""
    plain = fact.model_dump(mode="json")
    data = plain["event"]
    return digest(
        code=code,
        seq=fact.seq,
        kind=data.pop("kind"),
        at=plain["at"],
        actor=fact.actor,
        unit=fact.unit,
        command=fact.command,
        data=data,
        prev_hash=fact.prev_hash,
    )


def seal(
    code: str, events: Sequence[Event], *, after: int, head: str, at: datetime, command: Asked
) -> list[Fact]:
    """Events turned into facts that follow fact number `after`, whose hash is `head`."""
    facts = []
    for event in events:
        after += 1
        unsealed = Fact(
            seq=after,
            at=at,
            actor=command.actor.id,
            unit=command.actor.unit,
            command=command.id,
            event=event,
            prev_hash=head,
            hash="",
        )
        head = fact_hash(code, unsealed)
        facts.append(unsealed.model_copy(update={"hash": head}))
    return facts


def broken_links(code: str, facts: Iterable[Fact]) -> list[tuple[int, str]]:
    """Where a dossier's chain does not hold: (sequence number, what is wrong)."""
    found = []
    expected_seq, head = 1, GENESIS
    for fact in facts:
        if fact.seq != expected_seq:
            found.append((expected_seq, f"fact {expected_seq} is missing"))
        elif fact.prev_hash != head:
            found.append((fact.seq, "does not follow the fact before it"))
        if fact_hash(code, fact) != fact.hash:
            found.append((fact.seq, "content does not match its hash"))
        expected_seq, head = fact.seq + 1, fact.hash
    return found
