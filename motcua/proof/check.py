"""Checking a proof on any machine: no database, no network, nothing of the office but its published keys."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from cryptography.x509 import Certificate

from models.base import Value
from models.seals import KeyAdded, KeyRevoked, Keys, Proof, Seal
from motcua.proof.keys import broken_keys, holds, key_id
from motcua.proof.stamps import BadStamp, stamped_at


class Checked(Value):
    """What a check found; a proof holds where there are no faults."""

    code: str
    facts: int
    seal: int
    at: datetime
    """When the seal says it was made."""
    stamped_at: datetime | None
    """By when an authority that is believed saw it."""
    faults: tuple[str, ...]


def check(proof: Proof, trusted: Keys, roots: Sequence[Certificate]) -> Checked:
    """Check a proof against an office's keys as it published them, and its stamp against authorities.

    With no `roots` no authority is believed, and a stamp counts for nothing.
    """
    faults = proof.faults()
    stamp_at = None
    if proof.stamp is not None and roots:
        try:
            stamp_at = stamped_at(proof.seal, base64.b64decode(proof.stamp, validate=True), roots, None)
        except BadStamp as bad:
            faults.append(bad.message)
        except binascii.Error:
            faults.append(f"the stamp of seal {proof.seal.number} is not base64")
    faults += told_faults(trusted, proof.keys)
    faults += seal_faults(proof.seal, trusted, proof.keys, stamp_at)
    return Checked(
        code=proof.code,
        facts=len(proof.facts),
        seal=proof.seal.number,
        at=proof.seal.statement.at,
        stamped_at=stamp_at,
        faults=tuple(faults),
    )


def told_faults(trusted: Keys, told: Keys) -> list[str]:
    """Where the keys that came with a proof do not hold, or are told otherwise than the office published."""
    published = {(word.what, word.id): word for word in trusted.words}
    return [
        *(f"of the keys that came with it: {what}" for what in broken_keys(told)),
        *(
            f"it tells of key {word.id} otherwise than the office published"
            for word in told.words
            if published.get((word.what, word.id), word) != word
        ),
    ]


def seal_faults(seal: Seal, trusted: Keys, told: Keys, stamp_at: datetime | None) -> list[str]:
    """What is wrong with who signed a seal. `told` are the keys that came with it; they count as far as keys
    that are trusted vouch for them."""
    said = seal.statement
    line = lineage(trusted, told)
    word = next((each for each in line if each.id == said.key), None)
    if word is None:
        return [f"seal {said.number} is signed by key {said.key}, which no trusted key vouches for"]
    if word.office != said.office:
        return [f"seal {said.number} is of {said.office}, its key of {word.office}"]
    if not holds(word.public, seal.signature, said.text):
        return [f"seal {said.number} does not bear the signature of key {said.key}"]
    signer = [each for each in line if each.since <= said.number][-1:]
    if signer != [word]:
        return [f"key {said.key} does not sign seal {said.number}"]
    revoked = revocation(said.key, trusted, told)
    if revoked is not None and (stamp_at is None or stamp_at >= revoked.at):
        how = "no stamp shows" if stamp_at is None else "its stamp does not show"
        return [
            f"seal {said.number} is signed by key {said.key}, revoked as of {revoked.at:%Y-%m-%d %H:%M:%S}Z"
            f" ({revoked.reason}), and {how} that it is older"
        ]
    return []


def lineage(trusted: Keys, told: Keys) -> list[KeyAdded]:
    """The keys that are believed, in the order in which they sign: those that are trusted, and what the last
    of them, and nobody before it, vouches for, one after another. A revoked key vouches for nothing."""
    line = sorted((w for w in trusted.words if isinstance(w, KeyAdded)), key=lambda word: word.since)
    for word in told.words:
        if not line or not isinstance(word, KeyAdded) or word in line:
            continue
        last = line[-1]
        if (
            word.by == last.id
            and word.since > last.since
            and key_id(word.public) == word.id
            and word.office == last.office
            and trusted.revoked(last.id) is None
            and holds(last.public, word.signature, word.text)
        ):
            line.append(word)
    return line


def revocation(key: str, trusted: Keys, told: Keys) -> KeyRevoked | None:
    """That a key is not believed any more, where that was published or is signed by another key that is."""
    if (word := trusted.revoked(key)) is not None:
        return word
    word = told.revoked(key)
    if word is None or word.by == key:
        return None
    by = next((each for each in lineage(trusted, told) if each.id == word.by), None)
    return word if by is not None and holds(by.public, word.signature, word.text) else None
