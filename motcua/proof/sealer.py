"""Sealing: the heads of all chains enter the log; its root is linked to the last one, signed and stamped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime

from models.chain import GENESIS
from models.journal import Line, SealKeyAdded, SealKeyRevoked, ViewsClosed, view_line
from models.merkle import Inclusion, Tree
from models.refusals import CheckFailed, Refusal, UnknownDossier
from models.seals import Head, KeyAdded, KeyRevoked, Proof, Seal, Statement
from motcua.proof.keys import KeyRing
from motcua.proof.stamps import Authority
from motcua.store import Store
from motcua.store.proof import ProofRecord, Sealing
from motcua.store.views import ViewRecord

AT_ONCE = 2000
"""Heads that are added to the log by one statement."""


class ClockWentBack(CheckFailed):
    """It is earlier than when the last seal was made."""

    sentence = "It is {now}, but seal {number} was made at {at}: the clock went back. Nothing was sealed."


class LogAltered(CheckFailed):
    """The log is not what the last seal stands over."""

    sentence = (
        "The log of heads is not what seal {number} stands over. Nothing was sealed; look with: audit verify"
    )


class SealsDiffer(CheckFailed):
    """The seals on record are not those that were made."""

    sentence = (
        "Seal {number} on record is not the one that was kept outside the database. Nothing was sealed."
    )


class NotSealedYet(Refusal):
    """No seal stands over the dossier yet."""

    sentence = "No seal stands over dossier {code} yet; seal the record now with: audit seal"


class Sealer:
    """Seals the record of one office, and proves by its seals."""

    def __init__(
        self, store: Store, ring: KeyRing, clock: Callable[[], datetime], authority: Authority | None
    ) -> None:
        self._store, self._ring, self._clock, self._authority = store, ring, clock, authority
        self._record, self._views = ProofRecord(store, ring.office), ViewRecord(store)

    async def seal(self, actor: str) -> Seal:
        """Seal the record as it stands now."""
        async with self._record.alone() as look:
            if not self._ring.keys.words:
                self._ring.add(since=1)
            await self._tell_of_keys(actor)
            await self._close_views(actor)
            async with look() as seen:
                seals, seal = await self._sealed(seen)
            # Afterwards: a copy of a seal that the database never had would look like one that was taken out.
            self._ring.copy([*seals, seal])
        return seal

    async def _sealed(self, look: Sealing) -> tuple[list[Seal], Seal]:
        """(the seals before, the one that is made)."""
        seals = await look.seals()
        self._agree(seals)
        last, now = seals[-1] if seals else None, self._clock()
        if last is not None and now < last.statement.at:
            raise ClockWentBack(now=_plain(now), number=last.number, at=_plain(last.statement.at))
        tree = await self._grown(look, last)
        number = last.number + 1 if last else 1
        key = self._ring.keys.signer(number)
        assert key is not None  # there is one from seal 1 on
        statement = Statement(
            office=self._ring.office,
            number=number,
            at=now,
            size=tree.size,
            root=tree.root,
            previous=last.hash if last else GENESIS,
            key=key.id,
        )
        seal = self._ring.sign(statement)
        await look.seal(seal)
        return seals, seal

    async def stamp(self) -> int:
        """Have every seal stamped that is not; returns how many were. The authority may be away for days."""
        if self._authority is None:
            return 0
        waiting = await self._record.unstamped()
        for seal in waiting:
            await self._record.keep_stamp(seal.number, await self._authority.stamp(seal))
        return len(waiting)

    async def rotate(self, actor: str) -> KeyAdded:
        """Begin another key with the next seal."""
        async with self._record.alone():
            word = self._ring.add(since=await self._next() if self._ring.keys.words else 1)
            await self._tell_of_keys(actor)
        return word

    async def revoke(self, key: str, at: datetime, reason: str, actor: str) -> KeyRevoked:
        """Say that a key is not believed from a moment on."""
        async with self._record.alone():
            word = self._ring.revoke(key, at, reason, await self._next())
            await self._tell_of_keys(actor)
        return word

    async def prove(self, code: str) -> tuple[Proof, int]:
        """What proves a dossier on another machine, and how many facts it has since it was sealed."""
        facts = await self._store.facts(code)
        if not facts:
            raise UnknownDossier(code=code)
        sealed = await self._record.sealed(code)
        if sealed is None:
            raise NotSealedYet(code=code)
        position, number, seq = sealed
        seal = await self._record.seal(number)
        assert seal is not None  # the schema says so
        way = Inclusion(position, seal.statement.size)
        async for _, _, head in self._record.log(until=seal.statement.size):
            way.add(head.leaf)
        stamp = await self._record.stamp(number)
        proof = Proof(
            code=code,
            facts=tuple(facts[:seq]),
            index=position,
            path=way.path,
            seal=seal,
            stamp=base64.b64encode(stamp).decode() if stamp is not None else None,
            keys=self._ring.keys,
        )
        return proof, len(facts) - seq

    async def _next(self) -> int:
        seals = await self._record.seals()
        return seals[-1].number + 1 if seals else 1

    async def _tell_of_keys(self, actor: str) -> None:
        """Every word on keys is in the journal, too, and so under the next seal."""
        now = self._clock()
        lines = [
            Line(
                at=now,
                actor=actor,
                command=f"{'key' if isinstance(word, KeyAdded) else 'revoke'}/{word.id}",
                event=SealKeyAdded(word=word) if isinstance(word, KeyAdded) else SealKeyRevoked(word=word),
            )
            for word in self._ring.keys.words
        ]
        await self._record.write(lines, ())

    async def _close_views(self, actor: str) -> None:
        """The looks so far are hashed into the journal."""
        (last,) = await self._record.journal_of("views-closed", 1) or (None,)
        after = last.event.until if last is not None and isinstance(last.event, ViewsClosed) else 0
        until = await self._views.last()
        count, digest = 0, hashlib.sha256()
        async for view in self._views.between(after, until):
            count += 1
            digest.update(view_line(view))
        if count:
            event = ViewsClosed(after=after, until=until, count=count, sha256=digest.hexdigest())
            line = Line(at=self._clock(), actor=actor, command=f"views/{until}", event=event)
            await self._record.write([line], ())

    def _agree(self, seals: list[Seal]) -> None:
        """The seals on record are those that were made; a crash may have cost the copy of the last."""
        copies = self._ring.copies() or []
        for n, copy in enumerate(copies):
            if n >= len(seals) or seals[n] != copy:
                raise SealsDiffer(number=copy.number)
        if len(seals) > len(copies) + 1:
            raise SealsDiffer(number=len(copies) + 1)

    async def _grown(self, look: Sealing, last: Seal | None) -> Tree:
        """The tree over the log, after what is not in it yet has been added."""
        tree = Tree()
        async for head in look.log():
            tree.add(head.leaf)
        if last is not None and (tree.size, tree.root) != (last.statement.size, last.statement.root):
            raise LogAltered(number=last.number)
        number = last.number + 1 if last else 1
        waiting: list[Head] = []

        async def add() -> None:
            await look.add(tree.size, number, waiting)
            for head in waiting:
                tree.add(head.leaf)
            waiting.clear()

        async for head in look.unsealed():
            waiting.append(head)
            if len(waiting) == AT_ONCE:
                await add()
        seq, end = await look.journal_end()
        if seq > await look.sealed(self._ring.office):
            waiting.append(Head(code=self._ring.office, seq=seq, hash=end))
        if waiting:
            await add()
        return tree


def _plain(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
