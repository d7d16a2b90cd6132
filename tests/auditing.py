"""Checks of the record for tests: with all their arguments, of which the product's functions default none."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.x509 import Certificate

from models.archive import Replays
from motcua.audit import Verified, verify
from motcua.proof.keys import KeyRing
from motcua.replays import Replaying
from motcua.store import Store
from motcua.store.proof import Shelf


def nobody(*_: object) -> None:
    """Receive progress that no test looks at."""


async def verified(
    store: Store,
    ring: KeyRing,
    *,
    shelf: Shelf | None = None,
    roots: Sequence[Certificate] = (),
    spread_over: tuple[str, int] | None = None,
) -> Verified:
    """A verification of the whole record, against a key ring of the test's own."""
    return await verify(
        store,
        nobody,
        office=ring.office,
        outside=ring,
        shelf=shelf,
        roots=roots,
        spread_over=spread_over,
        workflows=None,
    )


async def replayed(replaying: Replaying, code: str | None = None) -> Replays:
    """A replay of every history, or of one workflow's, in this process."""
    return await replaying.all(nobody, since=None, code=code, jobs=None)
