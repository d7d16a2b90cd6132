"""The proofs of an office's record as the command line asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from models.archive import Replays, Swept
from models.refusals import CheckFailed, UnknownDossier
from models.seals import Keys, Seal
from motcua.archive import Archive
from motcua.audit import Verified
from motcua.audit.found import UNREADABLE, reason
from motcua.config import Settings
from motcua.erasure import Erasure
from motcua.keeper import ring, sealer, verify_office, workflows
from motcua.replays import Replaying, Where
from motcua.store import BAD_VALUE, Store
from motcua.store.proof import ProofRecord
from motcua.temporal import connect


class RecordSpoiled(CheckFailed):
    """A command ended in an error, and the record does not hold."""

    sentence = (
        "The record does not hold, and this command cannot read it ({error}). {of}: {what}. `audit verify`"
        " names all such places; there are {number}."
    )


@asynccontextmanager
async def trusted(store: Store, settings: Settings, where: Where) -> AsyncIterator[None]:
    """Work with a record on trust; RecordSpoiled where an error of reading shows that it does not hold.

    It is verified only after such an error. Where it holds, the error is a bug and goes on.
    """
    try:
        yield
    except (*UNREADABLE, BAD_VALUE) as error:
        found = await verify_office(store, settings, where, None, lambda _: None)
        if not found.broken:
            raise
        first = found.broken[0]
        of = f"{first.code} fact {first.seq}" if first.seq else first.code
        raise RecordSpoiled(of=of, what=first.what, number=len(found.broken), error=reason(error)) from error


class Proving:
    """What proves the record of an office; Temporal is asked only where histories are."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        where: Where,
    ) -> None:
        self.store = store
        self._settings = settings
        self._where = where
        self._record = ProofRecord(store, where.office)
        self._ring = ring(settings, self._where)
        self.sealer = sealer(store, settings, self._where)
        self.erasure = Erasure(store, where.office, lambda: datetime.now(UTC))

    @property
    def keys(self) -> Keys:
        """The public keys of its seals."""
        return self._ring.keys

    async def verify(self, tell: Callable[[int], None]) -> Verified:
        """Check the whole record against itself and what is kept outside the database."""
        there = await workflows(self.store, self._where)
        return await verify_office(self.store, self._settings, self._where, there, tell)

    async def sweep(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet."""
        return await (await self._archive()).sweep(tell)

    async def replay(
        self,
        tell: Callable[[int, int], None],
        *,
        since: datetime | None,
        code: str | None,
        jobs: int | None,
    ) -> Replays:
        """Run this code over histories."""
        if code is not None and await self.store.row(code) is None:
            raise UnknownDossier(code=code)
        client = await connect(self._where.address, self._where.namespace)
        replaying = Replaying(client, self.store, self._where)
        return await replaying.all(tell, since=since, code=code, jobs=jobs)

    async def export(self, code: str, run: str | None) -> tuple[str, str]:
        """(run, history as JSON) of a dossier's last run, or of one of them."""
        return await (await self._archive()).export(code, run)

    async def seals(self) -> tuple[list[Seal], set[int]]:
        """The seals, and the numbers of those that are stamped."""
        return await self._record.seals(), set(await self._record.stamps())

    async def _archive(self) -> Archive:
        client = await connect(self._where.address, self._where.namespace)
        return Archive(client, self._record, self._where.shelf())
