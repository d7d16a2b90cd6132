"""Documents of a dossier: which files are taken, what looks through them, and how they are kept and found.

The fact says which document (a reference with its hash); what it is called lies in a row that can be erased,
and its bytes lie beside that row.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import posixpath
import re
import zipfile
from contextlib import closing, suppress
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from models.base import Reference
from models.facts import Attached, Fact, Issued
from models.refusals import BadInput, CheckFailed, NoSuchPart, UnknownDossier, Unreachable
from models.visible import shows
from motcua.store import Store

TYPES = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg .jpeg",
    "image/png": ".png",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
}
"""What is taken, and by which endings. Macros are not: .docm and .xlsm have types of their own."""

_PARTS = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_OPEN = "application/vnd.oasis.opendocument."
_DAMAGED = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError)
"""What zipfile says of an archive that is broken, locked, or packed or named as it does not know."""
_NAME = 150
_CHUNK = 1 << 16


class DocumentRefused(BadInput):
    """A file of a kind that is not taken."""

    sentence = (
        "{name} is not taken: it is no PDF, JPEG, PNG, Word, Excel or OpenDocument file without macros."
    )


class MisnamedDocument(BadInput):
    """A file whose name says that it is something else."""

    sentence = "{name} is not taken: it is called otherwise than what it is ({type})."


class EmptyDocument(BadInput):
    """A file with nothing in it."""

    sentence = "{name} is empty. Choose the file again."


class DocumentTooLarge(BadInput):
    """A file beyond the limit."""

    sentence = "{name} has {size} MB; at most {most} MB are taken."


class Infected(BadInput):
    """A file in which the scanner has found something."""

    sentence = "{name} is not taken: the virus scanner found {found} in it."


class ScannerAway(Unreachable):
    """The virus scanner does not answer: no file is taken unseen."""

    sentence = "The virus scanner cannot be reached ({reason}). The file was not kept; send it again later."


class UnknownDocument(NoSuchPart):
    """No such document, or it has been erased."""

    sentence = "Dossier {code} has no document {number}, or it has been erased."


class DocumentChanged(CheckFailed):
    """The bytes are not those that the record speaks of."""

    sentence = "Document {number} of dossier {code} is not what was handed in: its hash differs."


class Document(NamedTuple):
    """A file that may be kept."""

    name: str
    type: str
    content: bytes

    @property
    def told(self) -> dict[str, Any]:
        """What is said of it in the row that can be erased; `size` is in bytes."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"name": self.name, "type": self.type, "size": len(self.content), "sha256": digest}


class Scanner(Protocol):
    """Something that looks for what must not come in."""

    async def found(self, content: bytes) -> str | None:
        """What it has found, by name; None for a clean file. Raises ScannerAway."""


class Clamd:
    """ClamAV's daemon (its INSTREAM command), at host:port or at the path of a socket."""

    def __init__(self, address: str, *, timeout: float = 30.0) -> None:
        self._address, self._timeout = address, timeout

    async def found(self, content: bytes) -> str | None:
        """Send it the file, and read its verdict."""
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await self._open()
                with closing(writer):
                    writer.write(b"zINSTREAM\0")
                    # A daemon with a smaller limit of its own hangs up in the middle, after it has said so.
                    with suppress(ConnectionError):
                        for start in range(0, len(content), _CHUNK):
                            part = content[start : start + _CHUNK]
                            writer.write(len(part).to_bytes(4, "big") + part)
                            await writer.drain()
                        writer.write(bytes(4))
                        await writer.drain()
                    said = (await reader.read(1000)).decode(errors="replace").strip("\0\n ")
        except (OSError, TimeoutError) as error:
            raise ScannerAway(reason=str(error) or type(error).__name__) from error
        if said == "stream: OK":
            return None
        if said.startswith("stream: ") and said.endswith(" FOUND"):
            return said.removeprefix("stream: ").removesuffix(" FOUND")
        raise ScannerAway(reason=said or "it hung up")

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        url = urlsplit(f"//{self._address}")
        return await asyncio.open_connection(url.hostname, url.port or 3310)


class Kept(NamedTuple):
    """A document of a dossier, as its page lists it."""

    fact: Fact
    issued: bool
    """Whether it is the result itself."""
    told: dict[str, Any] | None
    """Name, type, size and hash; None once it has been erased."""


class Documents:
    """Takes files in and gives them out."""

    def __init__(self, store: Store, *, most_mb: int = 20, scanner: Scanner | None = None) -> None:
        self._store, self._scanner, self.most_mb = store, scanner, most_mb

    async def received(self, name: str, content: bytes) -> Document:
        """A file as it may be kept, judged by what it is and not by its name. Nothing is stored yet."""
        name = _plain(name)
        if not content:
            raise EmptyDocument(name=name)
        if len(content) > self.most_mb * 1_000_000:
            raise DocumentTooLarge(name=name, size=-(-len(content) // 1_000_000), most=self.most_mb)
        kind = await asyncio.to_thread(type_of, content)
        if kind is None:
            raise DocumentRefused(name=name)
        if PurePosixPath(name.lower()).suffix not in TYPES[kind].split():
            raise MisnamedDocument(name=name, type=TYPES[kind].split()[0])
        if self._scanner is not None and (found := await self._scanner.found(content)) is not None:
            raise Infected(name=name, found=found)
        return Document(name, kind, content)

    async def given(self, code: str, number: int) -> Document:
        """The document that came with a fact of a dossier; whoever asks must be one who may see that."""
        facts = await self._store.facts(code)
        if not facts:
            raise UnknownDossier(code=code)
        fact = next((each for each in facts if each.seq == number), None)
        reference = None if fact is None else reference_of(fact)
        if reference is None:
            raise UnknownDocument(code=code, number=number)
        told = _known(await self._store.private_row(reference.id))
        content = await self._store.file(reference.id)
        if told is None or content is None:
            raise UnknownDocument(code=code, number=number)
        document = Document(told["name"], told["type"], content)
        if document.told != told:
            raise DocumentChanged(code=code, number=number)
        return document


def kept(facts: tuple[Fact, ...], private: dict[str, Any]) -> list[Kept]:
    """The documents of a dossier: the result first, then as they came."""
    found = (
        Kept(fact, isinstance(fact.event, Issued), _known(private.get(reference.id)))
        for fact in facts
        if (reference := reference_of(fact)) is not None
    )
    return sorted(found, key=lambda each: not each.issued)


def _known(told: Any) -> dict[str, Any] | None:
    """What is said of a document; None of one that is erased, or that an earlier version took words for."""
    whole = isinstance(told, dict) and told.keys() >= {"name", "type", "size", "sha256"}
    return told if whole else None


def reference_of(fact: Fact) -> Reference | None:
    """The document that came with a fact."""
    match fact.event:
        case Attached(document=reference) | Issued(file=reference):
            return reference
    return None


_TYPES, _MOST_DECLARED = "[Content_Types].xml", 1_000_000


def type_of(content: bytes) -> str | None:
    """What a file is by what is in it; None for everything that is not taken."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return _office(content) if content.startswith(b"PK\x03\x04") else None


def _office(content: bytes) -> str | None:
    """The kind of a zipped office document. Only its list of parts is read: what it holds may be a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = set(archive.namelist())
            if any(
                part.lower().endswith("vbaproject.bin")
                or posixpath.normpath(part).lstrip("/").startswith(("Basic/", "Scripts/"))
                for part in parts
            ):
                return None
            if _TYPES in parts and _declares_macros(archive):
                return None
            if "mimetype" in parts:
                said = _said(archive, archive.getinfo("mimetype"))
                return said if said.startswith(_OPEN) and said in TYPES else None
    except _DAMAGED:
        return None
    return next((kind for part, kind in _PARTS.items() if part in parts), None)


def _declares_macros(archive: zipfile.ZipFile) -> bool:
    """Whether an Office file says of some part, whatever its name, that it holds macros; or says too much."""
    with archive.open(_TYPES) as part:
        declared = part.read(_MOST_DECLARED)  # no more is unpacked, whatever size the archive gives
    return len(declared) == _MOST_DECLARED or re.search(rb"(?i)vbaproject|macroenabled", declared) is not None


def _said(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> str:
    """What an OpenDocument file says that it is: stored as it is, as its standard wants it.

    The size that an archive gives binds nobody: a few bytes that are packed may unpack to gigabytes.
    """
    stored = part.compress_type == zipfile.ZIP_STORED and part.compress_size == part.file_size < 100
    return archive.read(part).decode("ascii", "replace") if stored else ""


def _plain(name: str) -> str:
    """A file's name, short enough, without the folders that some browsers send and what cannot be seen."""
    name = PureWindowsPath(name).name.strip()
    name = "".join(each for each in name if each.isprintable())
    if len(name) > _NAME:
        end = PurePosixPath(name).suffix[:10]
        name = name[: _NAME - len(end)] + end
    return name if shows(name) else "?"
