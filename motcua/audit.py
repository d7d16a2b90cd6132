"""The audit: is the record whole and unaltered, and does it say what the facts say?"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from models.base import Value
from models.calendar import Calendar
from models.chain import GENESIS, digest, fingerprint
from models.procedure import Procedure
from motcua.store import Store


class Broken(Value):
    """One place at which the record does not hold."""

    code: str
    seq: int
    what: str


class Verified(Value):
    """What a verification found."""

    dossiers: int
    facts: int
    broken: tuple[Broken, ...]


async def verify(store: Store, tell: Callable[[int], None] = lambda _: None) -> Verified:
    """Check every chain link by link, that the read model ends where the chains end, and the rules kept.

    What the read model says beside that, private data and notices are not compared. Streams: memory does
    not grow with the office. `tell` hears the number of facts checked so far.
    """
    broken: list[Broken] = []
    dossiers = facts = 0
    heads = store.heads()
    head = await anext(heads, None)
    async for code, chain in _by_dossier(store.every_fact()):
        while head is not None and head[0] < code:
            broken.append(Broken(code=head[0], seq=head[1], what="no facts are on record"))
            head = await anext(heads, None)
        seq, link = 0, GENESIS
        for row in chain:
            found = _checked(code, row, seq, link)
            broken += found
            seq, link = row["seq"], row["hash"]
        dossiers += 1
        facts += len(chain)
        if head is None or head[0] != code:
            broken.append(Broken(code=code, seq=seq, what="is missing from the read model"))
            continue
        if head[1:] != (seq, link):
            what = f"the read model ends at fact {head[1]}, the chain at fact {seq}"
            broken.append(Broken(code=code, seq=seq, what=what))
        head = await anext(heads, None)
        if dossiers % 100 == 0:
            tell(facts)
    while head is not None:
        broken.append(Broken(code=head[0], seq=head[1], what="no facts are on record"))
        head = await anext(heads, None)
    tell(facts)
    broken += await _altered_rules(store)
    return Verified(dossiers=dossiers, facts=facts, broken=tuple(broken))


async def _altered_rules(store: Store) -> list[Broken]:
    """Procedures and calendars that are not what their fingerprint, which facts name, says they are."""
    kinds: dict[str, type[Procedure] | type[Calendar]] = {"procedure": Procedure, "calendar": Calendar}
    found = []
    for known, kind, body in await store.every_rule():
        try:
            altered = fingerprint(kinds[kind].model_validate_json(body)) != known
        except ValidationError:
            altered = True
        if altered:
            found.append(Broken(code=f"{kind} {known}", seq=0, what="content does not match its fingerprint"))
    return found


def _checked(code: str, row: dict[str, Any], seq: int, link: str) -> list[Broken]:
    """What is wrong with a fact that should follow fact `seq` with hash `link`."""
    found = []
    if row["seq"] != seq + 1:
        found.append(Broken(code=code, seq=seq + 1, what=f"fact {seq + 1} is missing"))
    elif row["prev_hash"] != link:
        found.append(Broken(code=code, seq=row["seq"], what="does not follow the fact before it"))
    hashed = digest(
        code=code,
        seq=row["seq"],
        kind=row["kind"],
        at=_instant(row["at"]),
        actor=row["actor"],
        unit=row["unit"],
        command=row["command"],
        data=json.loads(row["data"]),
        prev_hash=row["prev_hash"],
    )
    if hashed != row["hash"]:
        found.append(Broken(code=code, seq=row["seq"], what="content does not match its hash"))
    return found


async def _by_dossier(
    rows: AsyncIterator[dict[str, Any]],
) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    code, chain = "", list[dict[str, Any]]()
    async for row in rows:
        if row["code"] != code and chain:
            yield code, chain
            chain = []
        code = row["code"]
        chain.append(row)
    if chain:
        yield code, chain


def _instant(at: datetime) -> str:
    """As models/chain.py says: RFC 3339 in UTC, without a fraction when it is whole."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
