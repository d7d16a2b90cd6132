"""The keys that sign seals: a folder outside the database, for whoever owns the database could sign else.

In it lie one private key a file (PEM, readable by its owner alone), `keys.json`, which is public, and
`seals.jsonl`, a copy of every seal as it was made.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from models.refusals import BadInput, Refusal, Unreachable
from models.seals import KeyAdded, KeyRevoked, Keys, KeyWord, Seal, Statement


class SealFolderUnusable(Unreachable):
    """The folder with the keys of the seals cannot be read or written."""

    sentence = "The seals' folder {path} cannot be used: {reason}"


class KeyMissing(Unreachable):
    """The private key that would sign is not there."""

    sentence = (
        "The key {key} that signs seals is not in {path};"
        " put it back, or begin another with: audit rotate-key --as USER"
    )


class UnknownKey(BadInput):
    """No such key signs, or signed, seals here."""

    sentence = "There is no key {key} among the keys of the seals."


class KeyStillSigns(Refusal):
    """The key that signs now cannot be revoked: nothing could be signed any more."""

    sentence = "The key {key} signs seals now; begin another first with: audit rotate-key --as USER"


class KeyRevokedBefore(Refusal):
    """A key is revoked once."""

    sentence = "The key {key} was revoked as of {at}."


def key_id(public: str) -> str:
    """The id of a public key given in hex."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def holds(public: str, signature: str | None, text: bytes) -> bool:
    """Whether a signature, in hex, is of this key, in hex, over these bytes."""
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def broken_keys(keys: Keys) -> list[str]:
    """What does not hold within a list of keys and revocations, each signed by another key."""
    found: list[str] = []
    known: dict[str, KeyAdded] = {}
    before: KeyAdded | None = None
    for word in keys.words:
        signer = known.get(word.by) if word.by is not None else None
        if isinstance(word, KeyAdded):
            if key_id(word.public) != word.id:
                found.append(f"key {word.id} is not the one whose id it bears")
            elif word.id in known:
                found.append(f"key {word.id} was added twice")
            elif before is not None and word.since < before.since:
                found.append(f"key {word.id} begins before key {before.id}")
            elif word.by is not None and (
                signer is not before or signer is None or not holds(signer.public, word.signature, word.text)
            ):
                found.append(f"key {word.id} was not added by the key before it")
            known[word.id] = before = word
        elif word.id not in known or signer is None or not holds(signer.public, word.signature, word.text):
            found.append(f"the revocation of key {word.id} is not signed by a key of the office")
    return found


class KeyRing:
    """The keys of one office, in a folder."""

    def __init__(self, folder: Path, office: str) -> None:
        self.folder, self.office = folder, office

    @property
    def keys(self) -> Keys:
        """The public list; empty before the first key."""
        text = self._read("keys.json")
        if text is None:
            return Keys(words=())
        try:
            return Keys.model_validate_json(text)
        except ValidationError as error:
            raise SealFolderUnusable(
                path=self.folder, reason=f"keys.json is damaged: {_first(error)}"
            ) from None

    def sign(self, statement: Statement) -> Seal:
        """A seal by the key that its statement names."""
        signature = self._private(statement.key).sign(statement.text)
        return Seal(statement=statement, signature=signature.hex())

    def add(self, since: int) -> KeyAdded:
        """A new key that signs from seal `since` on; the one before vouches for it where it is here."""
        keys = self.keys
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        before = keys.signer(since)
        word = KeyAdded(office=self.office, id=key_id(public), public=public, since=since)
        if before is not None and self._has(before.id):
            word = word.model_copy(update={"by": before.id})
            word = word.model_copy(update={"signature": self._private(before.id).sign(word.text).hex()})
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._write(f"{word.id}.pem", pem, 0o600)
        self._publish([*keys.words, word])
        return word

    def revoke(self, key: str, at: datetime, reason: str, next_seal: int) -> KeyRevoked:
        """Say that a key is not believed from `at` on, signed by the one that signs now."""
        keys = self.keys
        if keys.added(key) is None:
            raise UnknownKey(key=key)
        if (before := keys.revoked(key)) is not None:
            raise KeyRevokedBefore(key=key, at=f"{before.at:%Y-%m-%d %H:%M:%S}Z")
        signer = keys.signer(next_seal)
        if signer is None or signer.id == key:
            raise KeyStillSigns(key=key)
        word = KeyRevoked(office=self.office, id=key, at=at, reason=reason, by=signer.id)
        word = word.model_copy(update={"signature": self._private(signer.id).sign(word.text).hex()})
        self._publish([*keys.words, word])
        return word

    def copies(self) -> list[Seal] | None:
        """The seals as they were made; None where none was ever copied here."""
        text = self._read("seals.jsonl")
        if text is None:
            return None
        # A crash may have cut the last line off; it is written again with the next seal.
        whole = text[: text.rfind(b"\n") + 1].splitlines()
        try:
            return [Seal.model_validate_json(line) for line in whole]
        except ValidationError as error:
            raise SealFolderUnusable(
                path=self.folder, reason=f"seals.jsonl is damaged: {_first(error)}"
            ) from None

    def copy(self, seals: Sequence[Seal]) -> None:
        """Keep all these seals, from the first, outside the database."""
        lines = b"".join(seal.model_dump_json().encode() + b"\n" for seal in seals)
        self._write("seals.jsonl", lines, 0o644)

    def _publish(self, words: Sequence[KeyWord]) -> None:
        self._write("keys.json", Keys(words=tuple(words)).model_dump_json(indent=1).encode() + b"\n", 0o644)

    def _has(self, key: str) -> bool:
        return (self.folder / f"{key}.pem").exists()

    def _private(self, key: str) -> Ed25519PrivateKey:
        pem = self._read(f"{key}.pem")
        if pem is None:
            raise KeyMissing(key=key, path=self.folder)
        try:
            private = load_pem_private_key(pem, None)
        except ValueError as error:
            raise SealFolderUnusable(path=self.folder, reason=f"{key}.pem is no key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SealFolderUnusable(path=self.folder, reason=f"{key}.pem is no Ed25519 key")
        return private

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SealFolderUnusable(path=self.folder, reason=error.strerror or str(error)) from error

    def _write(self, name: str, content: bytes, mode: int) -> None:
        """Whole or not at all, and on disk before it is counted on."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self.folder / f".{name}.new"
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.folder / name)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise SealFolderUnusable(path=self.folder, reason=error.strerror or str(error)) from error


def read_keys(path: Path) -> Keys:
    """An office's public keys as it published them."""
    try:
        return Keys.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadKeys(path=path, reason=error.strerror or str(error)) from error
    except ValidationError as error:
        raise BadKeys(path=path, reason=_first(error)) from None


class BadKeys(BadInput):
    """A file that should be an office's public keys and is not."""

    sentence = "{path} does not hold an office's keys: {reason}"


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
