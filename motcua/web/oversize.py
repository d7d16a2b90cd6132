"""Requests that are too large: what was typed is kept, file contents are read to their end and dropped.

A browser reads no answer before it has sent everything. So the body is read whole, and the application gets a
small one in its place: every typed field, and each file without its content.
"""

from __future__ import annotations

import tempfile
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message, Receive

KEPT = 5_000_000
"""Bytes of typed fields, at most, that come back; nobody types as many."""
MOST_PARTS = 1_000
"""Fields and files of one form; those after them are left out. A page has a few dozen."""
READ = 10_000_000_000
"""Bytes of a body that are read before the connection is given up."""
IN_MEMORY = 1_000_000
"""Bytes of a body without a length that are held in memory; the rest lies in a temporary file."""


class Body:
    """The body of one request, of which `most` bytes are taken; `announced` is its length, if it has one."""

    def __init__(self, receive: Receive, content_type: bytes, announced: int | None, most: int) -> None:
        self._receive, self._type, self._announced, self.most = receive, content_type, announced, most
        self._small: bytes | None = None
        self.too_large = False
        """Known once the body has been read."""

    async def receive(self) -> Message:
        """What the application receives: the body as it comes, or the small one in its place."""
        if self._announced is not None and self._announced <= self.most:
            return await self._receive()
        if self._small is not None:
            return await self._receive()  # that the client went away
        rest = _Typed(self._type)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as whole:
            read, self.too_large = 0, self._announced is not None
            while True:
                message: dict[str, Any] = dict(await self._receive())
                if message["type"] != "http.request":
                    return message
                chunk = message.get("body", b"")
                read += len(chunk)
                if not self.too_large and read > self.most:
                    self.too_large = True
                    whole.seek(0)
                    while earlier := whole.read(65536):
                        rest.add(earlier)
                if self.too_large:
                    rest.add(chunk)
                else:
                    whole.write(chunk)
                if not message.get("more_body") or read > READ:
                    break
            if not self.too_large:
                whole.seek(0)
            self._small = rest.body() if self.too_large else whole.read()
        return {"type": "http.request", "body": self._small, "more_body": False}


class _Typed:
    """Collects the typed fields of a form as they come; one that does not fit is left out, never cut."""

    def __init__(self, content_type: bytes) -> None:
        kind, options = parse_options_header(content_type)
        self._boundary = options.get(b"boundary", b"")
        self._kept = bytearray()
        self._part, self._name, self._value = bytearray(), bytearray(), bytearray()
        self._is_file = self._fits = False
        self._parts = 0
        self._broken = False
        self._parser: MultipartParser | None = None
        if kind == b"multipart/form-data" and self._boundary:
            self._parser = MultipartParser(
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

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the form."""
        if self._parser is None:
            self._kept += chunk[: KEPT + 1 - len(self._kept)]
        elif not self._broken:
            try:
                self._parser.write(chunk)
            except FormParserError:
                self._broken = True

    def body(self) -> bytes:
        """The form without the contents of its files."""
        if self._parser is not None:
            return bytes(self._kept) + b"--" + self._boundary + b"--\r\n"
        return bytes(self._kept if len(self._kept) <= KEPT else self._kept.rpartition(b"&")[0])

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
        self._fits = self._fits and len(self._kept) + len(self._part) + end - start <= KEPT
        if self._fits:
            self._part += data[start:end]

    def _end(self) -> None:
        if self._fits and len(self._kept) + len(self._part) <= KEPT:
            self._kept += self._part + b"\r\n"
        self._parts += 1
        self._broken = self._broken or self._parts >= MOST_PARTS
