"""What is audited of the office as a whole: rules, journal, keys, seals and their log, and the archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from cryptography.x509 import Certificate
from pydantic import ValidationError

from models.archive import Archived, HistoryDamaged, unpacked
from models.calendar import Calendar
from models.chain import GENESIS, fingerprint, salted
from models.journal import HistoryArchived, view_line
from models.merkle import Tree
from models.procedure import Procedure
from models.refusals import Unreachable
from models.seals import Keys, KeyWord, Seal, broken_seals
from motcua.audit.dossiers import hash_of, sealed_faults
from motcua.audit.found import Broken
from motcua.proof.check import seal_faults
from motcua.proof.keys import broken_keys
from motcua.proof.stamps import BadStamp, stamped_at
from motcua.store import Store
from motcua.store.proof import ProofRecord, Shelf
from motcua.store.record import Record, references
from motcua.store.views import ViewRecord

JOURNAL = "journal"
MOST = 50
"""So many looks out of their order are named; one is enough to begin with."""


class Outside(Protocol):
    """What an office keeps outside its database (a port; `motcua.proof.keys` has the real one)."""

    @property
    def keys(self) -> Keys:
        """The public keys that sign seals."""
        ...

    def copies(self) -> list[Seal] | None:
        """The seals as they were made; None where there is no copy."""
        ...


class Workflows(Protocol):
    """Which dossiers no workflow moves (a port; `motcua.missing` has the real one)."""

    async def faults(self) -> tuple[int, dict[str, str]]:
        """(open dossiers, what is wrong with those without a workflow); raises Unreachable where nobody
        answers."""
        ...


async def not_moved(workflows: Workflows | None) -> tuple[int | None, list[Broken]]:
    """(open dossiers asked about, dossiers that no workflow moves); None where Temporal cannot be asked."""
    if workflows is None:
        return None, []
    try:
        asked, faults = await workflows.faults()
    except Unreachable:
        return None, []
    return asked, [Broken(code=code, seq=0, what=what) for code, what in faults.items()]


async def altered_rules(store: Store) -> list[Broken]:
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


class Journal:
    """The journal, read once: whether it holds, and what it says of keys and looks."""

    def __init__(self, office: str) -> None:
        self._office = office
        self.broken: list[Broken] = []
        self.entries = 0
        self.words: list[dict[str, Any]] = []
        """What it says of keys, in order."""
        self.views: list[tuple[int, dict[str, Any]]] = []
        """What it says of looks that were counted, with the number of the entry."""
        self.hashes: dict[int, str] = {}
        self.references: list[tuple[int, str, str]] = []
        """(entry, id, hash) of the erasable words that it refers to."""

    async def read(self, record: ProofRecord, sealed: Sequence[tuple[int, int, str]]) -> None:
        """Go through it; `sealed` are its heads in the log."""
        seq, link = 0, GENESIS
        wanted = {number for _, number, _ in sealed}
        async for row in record.journal():
            if row["seq"] != seq + 1:
                self._break(seq + 1, f"entry {seq + 1} is missing")
            elif row["prev_hash"] != link:
                self._break(row["seq"], "does not follow the entry before it")
            if hash_of(self._office, row) != row["hash"]:
                self._break(row["seq"], "content does not match its hash")
            seq, link = row["seq"], row["hash"]
            self.entries += 1
            if seq in wanted:
                self.hashes[seq] = row["hash"]
            data = json.loads(row["data"])
            if not isinstance(data, dict):
                self._break(seq, "it cannot be read: it is no list of names and values")
                continue
            self.references += ((seq, *each) for each in references(row))
            # What does not hold by its hash is named above; here it must not stop the rest from being read.
            if row["kind"] in ("seal-key-added", "seal-key-revoked") and isinstance(data.get("word"), dict):
                self.words.append(data["word"])
            elif row["kind"] == "views-closed" and data.keys() >= {"after", "until", "count", "sha256"}:
                self.views.append((seq, data))
        rows = [{"seq": number, "hash": said} for number, said in self.hashes.items()]
        for number, what in sealed_faults(self._office, rows, sealed):
            self._break(number, what.replace("fact", "entry", 1))

    def _break(self, seq: int, what: str) -> None:
        self.broken.append(Broken(code=JOURNAL, seq=seq, what=what))


async def journal_words_hold(record: Record, journal: Journal) -> list[Broken]:
    """Where words that the journal refers to, the reasons of restarts, are not those that were written."""
    kept, erased = await record.privates([name for _, name, _ in journal.references])
    found = []
    for seq, name, said in journal.references:
        there = kept.get(name)
        if there is None:
            if name not in erased:
                what = f"what it refers to is gone, and no erasure tells of it: {name}"
                found.append(Broken(code=JOURNAL, seq=seq, what=what))
        elif salted(there["salt"], json.loads(there["content"])) != said:
            what = f"what it refers to was altered: {name}"
            found.append(Broken(code=JOURNAL, seq=seq, what=what))
    return found


def key_faults(words: Sequence[KeyWord], told: Sequence[dict[str, Any]]) -> list[Broken]:
    """Where the keys kept outside are not those that the journal tells of."""
    outside = [word.model_dump(mode="json") for word in words]
    faults = broken_keys(Keys(words=tuple(words)))
    faults += [
        f"keys.json does not have what the journal says of {word.get('id')}"
        for word in told
        if word not in outside
    ]
    faults += [
        f"the journal does not have what keys.json says of {word.get('id')}"
        for word in outside
        if word not in told
    ]
    return [Broken(code="keys", seq=0, what=what) for what in faults]


async def seals_hold(
    record: ProofRecord, outside: Outside, roots: Sequence[Certificate]
) -> tuple[list[Broken], int, int]:
    """(what is broken, seals, heads in the log): links, signatures, stamps, copies, and the root of each."""
    seals = await record.seals()
    found = [Broken(code=f"seal {number}", seq=0, what=what) for number, what in broken_seals(seals)]
    stamps = await record.stamps()
    copies, keys = outside.copies(), outside.keys
    found += _copies(seals, copies)
    believed = 0
    # Seals before it are named, one by the other, by one whose key is believed: they are older.
    for seal in reversed(seals):
        at = _stamped(seal, stamps.get(seal.number), roots, found)
        faults = seal_faults(seal, keys, Keys(words=()), at)
        if not faults:
            believed = max(believed, seal.number)
        elif (
            seal.number < believed and seal in (copies or ()) and keys.revoked(seal.statement.key) is not None
        ):
            faults = [each for each in faults if "revoked as of" not in each]
        found += (Broken(code=f"seal {seal.number}", seq=0, what=what) for what in faults)
    sizes: dict[int, list[Seal]] = {}
    for seal in seals:
        sizes.setdefault(seal.statement.size, []).append(seal)
    tree = Tree()

    def compare() -> None:
        for seal in sizes.pop(tree.size, ()):
            if tree.root != seal.statement.root:
                what = "its root is not that of the log; a head in it was changed, added or taken out"
                found.append(Broken(code=f"seal {seal.number}", seq=0, what=what))

    compare()
    async for position, _, head in record.log(until=None):
        if position != tree.size:
            what = f"heads {tree.size} to {position - 1} of the log are missing"
            found.append(Broken(code=f"log {tree.size}", seq=0, what=what))
            break
        tree.add(head.leaf)
        compare()
    for size, unmet in sizes.items():
        for seal in unmet:
            what = f"it stands over {size} heads, but the log has {tree.size}"
            found.append(Broken(code=f"seal {seal.number}", seq=0, what=what))
    if seals and tree.size > seals[-1].statement.size:
        what = f"the log has {tree.size} heads, but the last seal stands over {seals[-1].statement.size}"
        found.append(Broken(code=f"seal {seals[-1].number}", seq=0, what=what))
    return found, len(seals), tree.size


def _copies(seals: Sequence[Seal], copies: Sequence[Seal] | None) -> list[Broken]:
    if copies is None:
        what = "no copy of the seals is kept outside the database"
        return [Broken(code=f"seal {seals[0].number}", seq=0, what=what)] if seals else []
    there = {seal.number: seal for seal in seals}
    found = []
    for copy in copies:
        if copy.number not in there:
            what = "it was made, as the copy outside the database shows, and is not on record"
            found.append(Broken(code=f"seal {copy.number}", seq=0, what=what))
        elif there[copy.number] != copy:
            what = "it is not the one that was made, as the copy outside the database shows"
            found.append(Broken(code=f"seal {copy.number}", seq=0, what=what))
    # Of the last the copy may have been cut off by a crash; the next seal writes it.
    known = {copy.number for copy in copies}
    for seal in seals[:-1]:
        if seal.number not in known:
            what = "no copy of it was kept outside the database when it was made"
            found.append(Broken(code=f"seal {seal.number}", seq=0, what=what))
    return found


def _stamped(
    seal: Seal, stamp: bytes | None, roots: Sequence[Certificate], found: list[Broken]
) -> datetime | None:
    if stamp is None or not roots:
        return None
    try:
        return stamped_at(seal, stamp, roots, None)
    except BadStamp as bad:
        found.append(Broken(code=f"seal {seal.number}", seq=0, what=bad.message))
        return None


async def views_hold(views: ViewRecord, journal: Journal) -> list[Broken]:
    """Where the looks at personal data are not those that the journal has counted, or dated otherwise than in
    the order in which they were written.
    """
    found = []
    for seq, told in journal.views:
        if not all(type(told[name]) is int and 0 <= told[name] < 2**63 for name in ("after", "until")):
            found.append(
                Broken(code=JOURNAL, seq=seq, what="it cannot be read: it counts looks from no number")
            )
            continue
        count, digest = 0, hashlib.sha256()
        async for view in views.between(int(told["after"]), int(told["until"])):
            count += 1
            digest.update(view_line(view))
        if (count, digest.hexdigest()) != (told["count"], told["sha256"]):
            what = f"{told['count']} looks were counted in entry {seq}; there are {count}, or others"
            found.append(Broken(code="views", seq=seq, what=what))
    for number, at in await views.out_of_time(MOST):
        what = f"look {number} is dated {at:%Y-%m-%d %H:%M:%S}Z, well before the one written before it"
        found.append(Broken(code="views", seq=0, what=what))
    return found


async def archive_holds(record: ProofRecord, shelf: Shelf | None) -> tuple[list[Broken], int]:
    """(what is broken, histories whose bytes hold): each as the journal tells of it, and not one missing."""
    found: list[Broken] = []
    good = 0
    async for archived, told in record.histories_told():
        what = await _history(record, archived, told, shelf)
        if what is None:
            good += 1
        else:
            found.append(Broken(code=f"history {archived.run}", seq=0, what=f"of {archived.workflow} {what}"))
    what = "was archived, as the journal says, and is gone"
    found += [Broken(code=f"history {run}", seq=0, what=what) for run in await record.histories_gone()]
    return found, good


async def _history(
    record: ProofRecord, archived: Archived, told: dict[str, Any] | None, shelf: Shelf | None
) -> str | None:
    """What is wrong with an archived history."""
    if told is None:
        return "is not in the journal"
    try:
        event = HistoryArchived(**archived.model_dump(exclude={"place"}))
    except (ValidationError, ValueError, OverflowError):
        return "is not as the journal says"
    if event.model_dump(mode="json", exclude={"kind"}) != told:
        return "is not as the journal says"
    try:
        unpacked(archived, await record.packed(archived, shelf))
    except HistoryDamaged as damaged:
        return str(damaged.facts["what"])
    return None
