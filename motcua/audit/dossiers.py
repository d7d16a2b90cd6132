"""Dossiers under audit: chains, the read model, sealed heads, and what facts refer to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from pydantic import ValidationError

from models.chain import GENESIS, digest, instant, salted
from models.dossier import Dossier
from models.facts import Fact
from models.fold import fold
from models.notices import Occasion, occasions
from models.refusals import CheckFailed
from models.view import DossierRow, row
from motcua.audit.found import UNREADABLE, Broken, Part, added_up, reason, unreadable
from motcua.past import Rules
from motcua.store import Store
from motcua.store.record import Kept, Record, references

MONTH = timedelta(days=31)
"""By so much the moment of telling may be another than today's calendar gives: no closure was longer."""


class Auditor:
    """Looks through dossiers, some at a time; what many of them share is read once."""

    def __init__(self, store: Store) -> None:
        self._record, self._rules = Record(store), Rules(store)

    async def look(self, codes: Sequence[str]) -> Part:
        """What does not hold with these dossiers."""
        try:
            kept = await self._record.of(codes)
        except UNREADABLE as error:
            if len(codes) == 1:
                return Part(dossiers=1, facts=0, broken=(unreadable(codes[0], error),))
            return added_up([await self.look([code]) for code in codes])
        broken: list[Broken] = []
        facts = 0
        for code in codes:
            try:
                async for seq, what in self._dossier(code, kept):
                    broken.append(Broken(code=code, seq=seq, what=what))
            except UNREADABLE as error:
                broken.append(unreadable(code, error))
            facts += len(kept.facts.get(code, ()))
        return Part(dossiers=len(codes), facts=facts, broken=tuple(broken))

    async def _dossier(self, code: str, kept: Kept) -> Any:
        rows, told = kept.facts.get(code, []), kept.rows.get(code)
        if not rows:
            seq = told["seq"] if told else 0
            yield seq, "no facts are on record"
        links = list(broken_rows(code, rows))
        for each in links:
            yield each
        for each in sealed_faults(code, rows, kept.sealed.get(code, [])):
            yield each
        for each in private_faults(rows, kept.private, kept.erased):
            yield each
        if not rows:
            return
        last = rows[-1]
        if told is None:
            yield last["seq"], "is missing from the read model"
        elif (told["seq"], told["head"]) != (last["seq"], last["hash"]):
            yield last["seq"], f"the read model ends at fact {told['seq']}, the chain at fact {last['seq']}"
        elif not links:
            try:
                facts = self._record.facts(rows)
                dossier = fold(await self._rules.unfiled(code, told["office"], facts), facts)
            except (CheckFailed, ValidationError, ValueError) as error:
                yield last["seq"], f"its facts cannot be folded: {reason(error)}"
                return
            for what in row_faults(told, dossier):
                yield last["seq"], what
            for what in kept.derived.get(code, []):
                yield last["seq"], what
            for each in occasion_faults(dossier, facts, kept.occasions.get(code, [])):
                yield each
            for fact, notice in kept.uncalled.get(code, []):
                yield fact, f"nothing called for the notice {notice} as it stands"


def row_faults(told: dict[str, Any], dossier: Dossier) -> list[str]:
    """Where a row of the read model does not say what the dossier says."""
    try:
        shown = DossierRow.model_validate_json(json.dumps(told))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return [f"the read model cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"]
    should = row(dossier)
    return [
        f"the read model says {name} {_short(getattr(shown, name))},"
        f" the facts {_short(getattr(should, name))}"
        for name in DossierRow.model_fields
        if getattr(shown, name) != getattr(should, name)
    ]


def occasion_faults(
    dossier: Dossier, facts: Sequence[Fact], kept: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, str]]:
    """Where what people were to be told is not what these facts had to tell."""
    place = attrgetter("term", "generation", "rung", "occurrence")
    should = {place(each): each for each in occasions(dossier, facts)}
    for each in kept:
        there = Occasion.model_construct(**{name: each[name] for name in Occasion.model_fields})
        called = should.pop(place(there), None)
        if called is None:
            yield there.fact, f"people were to be told {there.name!r}, which no fact called for"
            continue
        for name in Occasion.model_fields:
            mine, its = getattr(there, name), getattr(called, name)
            mine = tuple(mine) if isinstance(mine, list) else mine
            # When the office opened next is a matter of the calendar of that day.
            if name == "tell_at" and abs(mine - its) <= MONTH:
                continue
            if mine != its:
                yield called.fact, f"what people were to be told has {name} {_short(mine)}, not {_short(its)}"
    for missing in should.values():
        yield missing.fact, f"that people were to be told {missing.name!r} is gone"


def broken_rows(code: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Where a chain, as plain rows, does not hold; the office's journal is one, too."""
    seq, link = 0, GENESIS
    for kept in rows:
        if kept["seq"] != seq + 1:
            yield seq + 1, f"fact {seq + 1} is missing"
        elif kept["prev_hash"] != link:
            yield kept["seq"], "does not follow the fact before it"
        if hash_of(code, kept) != kept["hash"]:
            yield kept["seq"], "content does not match its hash"
        seq, link = kept["seq"], kept["hash"]


def hash_of(code: str, kept: dict[str, Any]) -> str:
    """The hash that a row should have."""
    return digest(
        code=code,
        seq=kept["seq"],
        kind=kept["kind"],
        at=instant(kept["at"]),
        actor=kept["actor"],
        unit=kept["unit"],
        command=kept["command"],
        data=json.loads(kept["data"]),
        prev_hash=kept["prev_hash"],
    )


def sealed_faults(
    code: str, rows: Sequence[dict[str, Any]], sealed: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[int, str]]:
    """Where a chain is not what was sealed: (seal, seq, hash) of each of its heads in the log."""
    hashes = {kept["seq"]: kept["hash"] for kept in rows}
    for seal, seq, sealed_hash in sealed:
        if seq not in hashes:
            yield seq, f"fact {seq} is missing, over which seal {seal} stands"
        elif hashes[seq] != sealed_hash:
            yield seq, f"fact {seq} is not the one over which seal {seal} stands"


def private_faults(
    rows: Sequence[dict[str, Any]], private: dict[str, Any], erased: frozenset[str]
) -> Iterator[tuple[int, str]]:
    """Where personal data or free text is not what a fact refers to."""
    # A linked dossier's applicant lies with the one that asked for it.
    own = all(kept["kind"] != "linked-to" for kept in rows)
    for kept in rows:
        for name, said in references(kept):
            there = private.get(name)
            if there is None:
                if name not in erased:
                    yield kept["seq"], f"what it refers to is gone, and no erasure tells of it: {name}"
                continue
            if salted(there["salt"], json.loads(there["content"])) != said:
                yield kept["seq"], f"what it refers to was altered: {name}"
            elif own and there["code"] != kept["code"]:
                yield kept["seq"], f"what it refers to lies with dossier {there['code']}: {name}"
            elif (document := _document(there["content"])) is not None and there["file"] != document:
                gone = "is gone" if there["file"] is None else "was replaced"
                yield kept["seq"], f"the document it refers to {gone}: {name}"


def _document(content: str) -> str | None:
    """The hash that a document's row tells; None for words."""
    told = json.loads(content)
    whole = isinstance(told, dict) and told.keys() >= {"name", "type", "size", "sha256"}
    return str(told["sha256"]) if whole else None


def _short(value: object) -> str:
    text = f"{value:%Y-%m-%d %H:%M:%S}Z" if isinstance(value, datetime) else repr(value)
    return text if len(text) < 60 else text[:57] + "…"
