"""Whatever headers a request has: an answer, never an error of the desk's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.running import Running, always_open
from tests.waiting import PATIENCE
from tests.web import Web, web

FORM = b"multipart/form-data; boundary="
PART = b'--b\r\nContent-Disposition: form-data; name="back"\r\n\r\nxn--\xff\r\n--b--\r\n'
HEADERS = {
    "long boundary": b"Content-Type: " + FORM + b"y" * 257,
    "very long boundary": b"Content-Type: " + FORM + b"y" * 20_000,
    "no boundary": b"Content-Type: multipart/form-data",
    "empty boundary": b"Content-Type: " + FORM,
    "boundary that is no text": b"Content-Type: " + FORM + b"\xff\xfe",
    "quotation mark": b"Content-Type: " + FORM + b'"',
    "many parameters": b"Content-Type: " + FORM + b"b" + b";a=b" * 5_000,
    **{
        f"charset {name}": b"Content-Type: " + FORM + b"b; charset=" + name.encode()
        for name in ("idna", "punycode", "undefined", "utf-7", "utf-16", "hex", "rot13", "nonsense", "..")
    },
    "charset of a plain form": b"Content-Type: application/x-www-form-urlencoded; charset=undefined",
    "no type": b"Content-Type: \xff",
    "referer that is no address": b"Referer: http://[",
    "origin that is no address": b"Origin: http://[",
    "host that is no address": b"Host: [",
    "language": b"Cookie: motcua_language=\xff",
    "session": b"Cookie: motcua=\xe1\xbb\x87",
    "agent": b"User-Agent: \xff\xfe",
    "forwarded": b"X-Forwarded-For: \xff, nonsense" + b"y" * 500,
    "fragment": b"X-Fragment: \xff",
}
LENGTHS = {
    "negative": b"Content-Length: -5",
    "no number": b"Content-Length: five",
    "raised": b"Content-Length: \xb2",
    "many digits": b"Content-Length: " + b"9" * 5_000,
    "two": b"Content-Length: 5\r\nContent-Length: 6",
    "both": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "encoding": b"Transfer-Encoding: gzip",
    "encodings": b"Transfer-Encoding: gzip, chunked",
}
ADDRESSES = (
    "GET /healthz", "GET /", "GET /inbox", "GET /events", "HEAD /track", "GET /static/desk.css",
    "GET /nowhere", "POST /sign-in", "POST /inbox/bulk", "POST /track/x/rate",
    "POST /nowhere", "POST /healthz",
)  # fmt: skip

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """The desk of the office that runs."""
    async with web(office, always_open()) as served:
        yield served


async def answer(desk: Web, address: str, header: bytes, body: bytes | None) -> tuple[int, str]:
    """The status and the text of an answer to a request with one more header."""
    place = urlsplit(desk.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        host = b"" if header.startswith(b"Host") else f"Host: {place.netloc}\r\n".encode()
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        writer.write(address.encode() + b" HTTP/1.1\r\nConnection: close\r\n" + host + length + header)
        writer.write(b"\r\n\r\n" + (body or b"0\r\n\r\n"))
        async with asyncio.timeout(PATIENCE):
            got = await reader.read()
    finally:
        writer.transport.abort()
    return int(got.split(b" ", 2)[1]), got.decode(errors="replace")


@pytest.mark.parametrize("kind", [*HEADERS, *LENGTHS])
async def test_an_odd_header_is_answered(
    desk: Web, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """On every kind of address, and without a stack trace; what names no body needs none that can be read."""
    with caplog.at_level(logging.WARNING):
        for address in ADDRESSES:
            header, body = (HEADERS[kind], PART) if kind in HEADERS else (LENGTHS[kind], None)
            status, text = await answer(desk, address, header, None if address.startswith("GET") else body)
            assert status < 500, (address, text[:200])
            if kind in HEADERS and address == "GET /healthz":
                assert status == 200
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("kind", ["long boundary", "empty boundary", "charset undefined"])
async def test_a_form_that_cannot_be_read_is_told_so(desk: Web, kind: str) -> None:
    """With the office's own page: it was an empty answer, or none at all for as long as the client waited."""
    for address in ("POST /sign-in", "POST /track/x/rate"):
        status, text = await answer(desk, address, HEADERS[kind], PART)
        assert status == 400, address
        assert "<main" in text
