"""The audit: is the record whole and unaltered, and does it say what the facts say?

What can be proved by it, from what, and until when: docs/audit.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from cryptography.x509 import Certificate

from motcua.audit.crew import spread
from motcua.audit.dossiers import Auditor
from motcua.audit.found import UNREADABLE, Broken, Part, Verified, unreadable
from motcua.audit.whole import (
    JOURNAL,
    Journal,
    Outside,
    Workflows,
    altered_rules,
    archive_holds,
    journal_words_hold,
    key_faults,
    not_moved,
    seals_hold,
    views_hold,
)
from motcua.store import Store
from motcua.store.proof import ProofRecord, Shelf
from motcua.store.record import Record
from motcua.store.views import ViewRecord

__all__ = ["Broken", "Verified", "verify"]

TOGETHER = 200
"""Dossiers that are looked at together: so many are in memory at once, for each process."""
TRIES, PAUSE = 2, 0.5
FEW = 2000
"""So many dossiers are looked through before it is worth to start processes."""


async def verify(
    store: Store,
    tell: Callable[[int], None],
    *,
    office: str,
    outside: Outside,
    shelf: Shelf | None,
    roots: Sequence[Certificate],
    spread_over: tuple[str, int] | None,
    workflows: Workflows | None,
) -> Verified:
    """Check the whole record against itself, and against the keys and copies kept `outside` the database.

    No argument has a default: a check that lacks one of them passes over something, or names what is intact.
    Within the product `motcua.keeper.verify_office` alone calls this, with everything that the office has.

    Streams: memory does not grow with the office. `tell` receives the number of facts checked so far.
    `shelf` is None where archived histories are kept in PostgreSQL alone. `spread_over` is the database's
    address and the number of processes for large offices; None checks in this process. `workflows` is None
    where Temporal cannot be asked, and then open dossiers without a workflow are not looked for.
    """
    record, facts = Record(store), 0
    dossiers, broken = 0, list[Broken]()

    def take(part: Part) -> None:
        nonlocal dossiers, facts
        dossiers, facts = dossiers + part.dossiers, facts + part.facts
        broken.extend(part.broken)
        tell(facts)

    pieces = record.codes(TOGETHER, office)
    if spread_over is not None and (await store.counts())["dossiers"] > FEW:
        url, jobs = spread_over
        async for part in spread(partial(_auditor, url), pieces, jobs):
            take(part)
    else:
        auditor = Auditor(store)
        async for codes in pieces:
            take(await auditor.look(codes))
    broken.sort(key=lambda each: (each.code, each.seq))
    whole = await _whole(store, office, outside, shelf, roots)
    for _ in range(TRIES):
        if not whole.broken:
            break
        # Somebody may have sealed, archived or changed a key between two looks: what is wrong stays so.
        await asyncio.sleep(PAUSE)
        again = await _whole(store, office, outside, shelf, roots)
        named = set(whole.broken)
        whole = again.model_copy(update={"broken": tuple(each for each in again.broken if each in named)})
    asked, unmoved = await not_moved(workflows)
    return whole.model_copy(
        update={
            "dossiers": dossiers,
            "facts": facts,
            "broken": (*broken, *unmoved, *whole.broken),
            "workflows": asked,
        }
    )


async def _whole(
    store: Store, office: str, outside: Outside, shelf: Shelf | None, roots: Sequence[Certificate]
) -> Verified:
    """What is of the office as a whole; a part that cannot be read keeps no other from being looked at."""
    broken: list[Broken] = []
    proof = ProofRecord(store, office)
    journal = Journal(office)
    seals = sealed = histories = 0

    async def rules() -> None:
        broken.extend(await altered_rules(store))

    async def read() -> None:
        try:
            await journal.read(proof, await proof.sealed_heads(office))
        finally:
            broken.extend(journal.broken)

    async def words() -> None:
        broken.extend(await journal_words_hold(Record(store), journal))

    async def keys() -> None:
        broken.extend(key_faults(outside.keys.words, journal.words))

    async def log() -> None:
        nonlocal seals, sealed
        faults, seals, sealed = await seals_hold(proof, outside, roots)
        broken.extend(faults)

    async def archive() -> None:
        nonlocal histories
        faults, histories = await archive_holds(proof, shelf)
        broken.extend(faults)

    async def views() -> None:
        broken.extend(await views_hold(ViewRecord(store), journal))

    parts = {
        "rules": rules,
        JOURNAL: read,
        "words": words,
        "keys": keys,
        "seals": log,
        "archive": archive,
        "views": views,
    }
    for name, part in parts.items():
        try:
            await part()
        except UNREADABLE as error:
            broken.append(unreadable(name, error))
    return Verified(
        dossiers=0,
        facts=0,
        broken=tuple(broken),
        journal=journal.entries,
        seals=seals,
        sealed=sealed,
        histories=histories,
        workflows=None,
    )


@asynccontextmanager
async def _auditor(url: str) -> AsyncIterator[Callable[[Sequence[str]], Awaitable[Part]]]:
    """What a process of the crew looks through dossiers with."""
    async with Store.connect(url, most=2) as store:
        yield Auditor(store).look
