"""Bodies of requests: what was typed is kept where the rest is too large, or finds no room on the server.

A browser reads no answer before it has sent everything. So a body that is too large is read on, and the
application gets a small one in its place: every typed field, and each file without its content. The same
small one stands in where the disk is full, or no more files can be opened, while a body is being received.
"""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO, Any

import structlog
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from models.refusals import Unreachable

log = structlog.get_logger()

KEPT = 5_000_000
"""Bytes of typed fields, at most, that come back; nobody types as many."""
GUEST_KEPT, GUEST_MOST = 900_000, 1_000_000
"""The same of a body that comes without a session, and bytes of such a body that are taken. What is kept must
fit into the form by which one signs in again."""
GUEST_FORMS, GUEST_SECONDS = 16, 20.0
"""So many large bodies are taken at once that come without a session; another waits so long for its turn."""
SMALL = 100_000
"""Bytes of a body that is never large; it lies in memory, whatever becomes of the disk."""
MOST_PARTS = 1_000
"""Fields and files of one form; those after them are left out. A page has a few dozen."""
READ = 500_000_000
"""Bytes of a body after which its connection is ended: five times the largest upload that can be allowed."""
IN_MEMORY = 1_000_000
"""Bytes of a body without a length that are held in memory; the rest lies in a temporary file."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What the system says when it has no disk space, files or memory left; it may have some later on."""


class NoRoom(Unreachable):
    """The machine on which the desk runs is out of disk space, files or memory."""

    sentence = "The desk's server is out of space. Nothing was done; its administrator has to make room."


class TooManyForms(Unreachable):
    """More large forms without a session than are taken at once."""

    sentence = "Too many large forms are being sent at once. Wait a minute, then send yours again."


class GuestForms:
    """The turns of large bodies that come without a session: what all of them hold in memory is bounded."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(GUEST_FORMS)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one; TooManyForms where none is free in time."""
        try:
            async with asyncio.timeout(GUEST_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise TooManyForms from error
        try:
            yield
        finally:
            self._turns.release()


class Body:
    """The body of one request, of which `most` bytes are taken; `announced` is its length, if it has one."""

    def __init__(self, receive: Receive, content_type: bytes, announced: int | None, most: int) -> None:
        self._receive, self._announced, self.most = receive, announced, most
        self._typed = _Typed(content_type)
        self._read, self._ended = 0, False
        self._small: bytes | None = None
        self.too_large = self.too_long = False
        """Whether more than `most` bytes came, or more than are read; known once the body has been read."""
        self.no_room: OSError | None = None
        """Why the contents of its files are not there although they are not too large."""

    @property
    def large(self) -> bool:
        """Whether it may be; one without a length is."""
        return self._announced is None or self._announced > SMALL

    def restrict(self) -> None:
        """Take no more than from somebody without a session; before anything is read."""
        self.most, self._typed.most = min(self.most, GUEST_MOST), GUEST_KEPT

    async def receive(self) -> Message:
        """What the application receives: the body as it comes, or the small one in its place."""
        if self._small is not None:
            return await self._receive()  # that the client went away
        if self._announced is not None and self._announced <= self.most:
            return await self._next()
        return await self._gathered()

    async def without_files(self) -> bytes:
        """What was typed into the form, of which the application has read a part or all; reads the rest."""
        while not self._ended:
            if (await self._next())["type"] != "http.request":
                raise ClientDisconnect
        self._small = self._typed.body()
        return self._small

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = dict(await self._receive())
        if message["type"] == "http.request":
            chunk = message.get("body", b"")
            self._read += len(chunk)
            self.too_long = self._read > READ
            self._ended = not message.get("more_body") or self.too_long
            if self._announced is None or self._announced > min(SMALL, self.most):
                self._typed.add(chunk)
        return message

    async def _gathered(self) -> Message:
        """All of a body that is too large, or that may be."""
        whole: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see its end
        self.too_large = self._announced is not None
        try:
            while not self._ended:
                message = await self._next()
                if message["type"] != "http.request":
                    return message
                self.too_large = self.too_large or self._read > self.most
                if self.too_large or self.no_room:
                    continue
                try:
                    whole.write(message.get("body", b""))
                except OSError as error:
                    self._lacks(error)
            if not self.too_large and not self.no_room:
                try:
                    whole.seek(0)
                    self._small = whole.read()
                except OSError as error:
                    self._lacks(error)
        finally:
            with suppress(OSError):  # what it has not written yet finds no room, either
                whole.close()
        if self._small is None:
            self._small = self._typed.body()
        return {"type": "http.request", "body": self._small, "more_body": False}

    def _lacks(self, error: OSError) -> None:
        """Go on without the contents of files, where that is why they cannot be kept."""
        if error.errno not in NO_ROOM:
            raise error
        log.error("a body found no room", error=str(error))
        self.no_room = error


class _Typed:
    """Collects the typed fields of a form as they come; one that does not fit is left out, never cut."""

    def __init__(self, content_type: bytes) -> None:
        kind, options = parse_options_header(content_type)
        self.most = KEPT
        self._boundary = options.get(b"boundary", b"")
        self._kept = bytearray()
        self._part, self._name, self._value = bytearray(), bytearray(), bytearray()
        self._is_file = self._fits = False
        self._parts = 0
        self._broken = False
        self._is_multipart = kind == b"multipart/form-data" and bool(self._boundary)
        self._parser: MultipartParser | None = None

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the form."""
        if not self._is_multipart:
            self._kept += chunk[: self.most + 1 - len(self._kept)]
        elif not self._broken:
            try:
                # Made with the first bytes: a request without a form may name a boundary that it refuses.
                self._parser = self._parser or self._new_parser()
                self._parser.write(chunk)
            except FormParserError:
                self._broken = True

    def _new_parser(self) -> MultipartParser:
        return MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_begin": self._header,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": lambda: self._part.extend(b"\r\n"),
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def body(self) -> bytes:
        """The form without the contents of its files."""
        if self._is_multipart:
            return bytes(self._kept) + b"--" + self._boundary + b"--\r\n"
        return bytes(self._kept if len(self._kept) <= self.most else self._kept.rpartition(b"&")[0])

    def _begin(self) -> None:
        self._is_file, self._fits = False, True
        self._part[:] = b"--" + self._boundary + b"\r\n"

    def _header(self) -> None:
        self._name.clear()
        self._value.clear()

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._is_file = b"filename" in parse_options_header(bytes(self._value))[1]
        self._part += self._name + b": " + self._value + b"\r\n"

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            return
        self._fits = self._fits and len(self._kept) + len(self._part) + end - start <= self.most
        if self._fits:
            self._part += data[start:end]

    def _end(self) -> None:
        if self._fits and len(self._kept) + len(self._part) <= self.most:
            self._kept += self._part + b"\r\n"
        self._parts += 1
        self._broken = self._broken or self._parts >= MOST_PARTS
