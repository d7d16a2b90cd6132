"""Seals: what an office signs of its whole record, and the proof that a dossier is under one.

The log of an office is a list of heads: each says that the chain of `code` had the hash `hash` at its fact
`seq`. It only grows. A seal stands over the first `size` heads of it through the root of their Merkle tree
(models/merkle.py), is linked to the seal before it, and is signed. All that is hashed or signed here is
canonical JSON as in models/chain.py: keys sorted at every level, no blanks, UTF-8 unescaped, numbers only as
integers.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from models.base import Instant, Value
from models.chain import GENESIS, broken_links, canonical
from models.facts import Fact
from models.merkle import leaf_hash, root_by
from models.visible import Visible

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hex."""
Signature = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]
"""Ed25519 (RFC 8032) in lower-case hex."""
KeyId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
"""The first 16 digits of the SHA-256 of a public key's 32 bytes."""


class Head(Value):
    """Where a chain ended when it was sealed: a leaf of the log."""

    code: str
    seq: int = Field(ge=1)
    hash: Hash

    @property
    def leaf(self) -> bytes:
        """Its hash as a leaf of the tree."""
        return leaf_hash(canonical(self.model_dump(mode="json")))


class Statement(Value):
    """What a seal says."""

    what: Literal["motcua-seal"] = "motcua-seal"
    office: str
    number: int = Field(ge=1)
    """Seals of an office are numbered from 1."""
    at: Instant
    size: int = Field(ge=0)
    """How many heads of the log it stands over."""
    root: Hash
    previous: Hash
    """The hash of the seal before it; 64 zeros before the first."""
    key: KeyId

    @property
    def text(self) -> bytes:
        """What is signed."""
        return canonical(self.model_dump(mode="json"))


class Seal(Value):
    """A signed statement."""

    statement: Statement
    signature: Signature

    @property
    def number(self) -> int:
        """Its number."""
        return self.statement.number

    @property
    def stamped(self) -> bytes:
        """What a time-stamping authority is given: the statement and its signature, as one would print it."""
        return self.statement.text + b"\n" + self.signature.encode()

    @property
    def hash(self) -> str:
        """What the next seal names."""
        return hashlib.sha256(self.stamped).hexdigest()


class KeyAdded(Value):
    """A key signs seals from a number on; each but the first is itself signed by the one before."""

    what: Literal["motcua-key"] = "motcua-key"
    office: str
    id: KeyId
    public: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    since: int = Field(ge=1)
    """The number of the first seal that it signs."""
    by: KeyId | None = None
    signature: Signature | None = None
    """By the key before, over this without its signature."""

    @property
    def text(self) -> bytes:
        """What is signed."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))


class KeyRevoked(Value):
    """A key is not believed from a moment on: what it signed counts only where a stamp is older."""

    what: Literal["motcua-key-revoked"] = "motcua-key-revoked"
    office: str
    id: KeyId
    at: Instant
    reason: Visible = Field(max_length=500)
    by: KeyId
    signature: Signature | None = None
    """By a later key, over this without its signature."""

    @property
    def text(self) -> bytes:
        """What is signed."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))


KeyWord = Annotated[KeyAdded | KeyRevoked, Field(discriminator="what")]


class Keys(Value):
    """The public list of an office's keys, in the order in which it came about."""

    words: Annotated[tuple[KeyWord, ...], Field(max_length=500)]

    def added(self, key: str) -> KeyAdded | None:
        """The word by which a key came."""
        return next((word for word in self.words if isinstance(word, KeyAdded) and word.id == key), None)

    def revoked(self, key: str) -> KeyRevoked | None:
        """The word by which a key is not believed any more."""
        return next((word for word in self.words if isinstance(word, KeyRevoked) and word.id == key), None)

    def signer(self, number: int) -> KeyAdded | None:
        """The key that signs a seal of this number."""
        found = [word for word in self.words if isinstance(word, KeyAdded) and word.since <= number]
        return found[-1] if found else None


class Proof(Value):
    """All that is needed to check one dossier against a seal: no database, no office."""

    what: Literal["motcua-proof"] = "motcua-proof"
    code: str
    facts: tuple[Fact, ...]
    """From the first to the one that the seal stands over."""
    index: int = Field(ge=0)
    """The place of the dossier's head in the log."""
    path: tuple[Hash, ...]
    """The Merkle path (RFC 9162 §2.1.3) from that leaf to the seal's root."""
    seal: Seal
    stamp: str | None = None
    """The time-stamping authority's answer for the seal (RFC 3161, DER, in base64)."""
    keys: Keys

    @classmethod
    def read(cls, content: bytes) -> Proof:
        """A proof from a file, which must say each thing as proofs say it; ValueError where it is none."""
        proof = cls.model_validate_json(content)
        if json.loads(content) != proof.model_dump(mode="json"):
            raise ValueError("it is not written as proofs are")
        return proof

    def faults(self) -> list[str]:
        """What does not hold between the facts and the root; who signed is another question."""
        found = [f"fact {seq}: {what}" for seq, what in broken_links(self.code, self.facts)]
        if not self.facts:
            return ["it has no facts"]
        last = self.facts[-1]
        # Unchecked: a hash that is none leads to no root, either.
        head = Head.model_construct(code=self.code, seq=last.seq, hash=last.hash)
        size, root = self.seal.statement.size, self.seal.statement.root
        if root_by(head.leaf, self.index, size, self.path) != root:
            found.append(
                f"its path does not lead from fact {last.seq} to the root of seal {self.seal.number}"
            )
        return found


def broken_seals(seals: list[Seal]) -> list[tuple[int, str]]:
    """Where a row of seals, from the first, is not linked as it should be: (number, what is wrong)."""
    found = []
    number, previous, at, size = 0, GENESIS, None, 0
    for seal in seals:
        said = seal.statement
        if said.number != number + 1:
            found.append((number + 1, f"seal {number + 1} is missing"))
        elif said.previous != previous:
            found.append((said.number, "does not follow the seal before it"))
        if at is not None and said.at < at:
            found.append((said.number, "is dated before the seal before it"))
        if said.size < size:
            found.append((said.number, "stands over fewer heads than the seal before it"))
        number, previous, at, size = said.number, seal.hash, said.at, said.size
    return found
