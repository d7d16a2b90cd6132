"""The desk's own machine is full: that is a service that is away, and what was typed comes back.

Real limits of the system: a device that is always full, the largest size of a file, the number of open files.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from motcua.web import oversize
from motcua.web.visit import COOKIE
from tests.files import PDF
from tests.integration.test_web_documents import kinds, to_be_issued
from tests.running import Running, always_open
from tests.waiting import PATIENCE, until
from tests.web import PASSWORD, Answered, Form, Visitor, Web, web

TYPED = 'Đã gọi "ông Ân" & bà Bé'
LARGE = PDF + bytes(1_900_000)
"""More than is held in memory, and less than is taken."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """The desk of the office that runs."""
    async with web(office, always_open()) as served:
        yield served


@contextmanager
def limited(kind: int, value: int) -> Iterator[None]:
    """A limit of this process, which is the desk's, for a while."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def opened() -> IO[bytes]:
    """A file on a device that is always full."""
    return Path("/dev/full").open("w+b")


@contextmanager
def full(kind: str) -> Iterator[None]:
    """A machine without room."""
    if kind == "disk":
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tempfile, "TemporaryFile", lambda **_: opened())
            yield
    elif kind == "file size":
        with limited(resource.RLIMIT_FSIZE, 1_200_000):
            yield
    else:
        with limited(resource.RLIMIT_NOFILE, 3):  # those that are open stay so
            yield


async def begun(desk: Web) -> tuple[str, Visitor, Form]:
    """A dossier whose result is to be issued, somebody who may, and the form for it, filled in."""
    code = await to_be_issued(desk)
    clerk = await desk.visitor("clerk1")
    form = (await clerk.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    today = (await desk.house.store.facts(code))[-1].at.date().isoformat()
    filled = {**dict(form.fields), "note": TYPED, "number": "12/GP", "date": today}
    return code, clerk, Form(form.action, form.method, form.encoding, list(filled.items()))


async def sent(visitor: Visitor, form: Form, *, length: bool) -> Answered:
    """A form with a large file, with and without a length."""
    file = ("quyết định.pdf", LARGE, "application/pdf")
    request = visitor.client.build_request("POST", form.action, data=dict(form.fields), files={"file": file})
    content = await request.aread()

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 65536):
            yield content[at : at + 65536]

    headers = {"content-type": request.headers["content-type"]}
    body = content if length else chunks()
    return Answered(await visitor.client.post(form.action, content=body, headers=headers))


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("kind", ["disk", "file size", "open files"])
async def test_an_upload_that_finds_no_room_comes_back(desk: Web, kind: str, *, length: bool) -> None:
    """503 with what was typed, and nothing done; it was called a bug, and the note was lost with it."""
    code, clerk, form = await begun(desk)
    before = await kinds(desk, code)
    with full(kind):
        lost = await sent(clerk, form, length=length)
    assert lost.status == 503
    assert "out of space" in lost.words
    again = lost.form(form.action)
    assert dict(again.fields) == dict(form.fields)
    assert again.encoding == "multipart/form-data"
    assert await kinds(desk, code) == before
    done = await sent(clerk, again, length=length)
    assert done.status == 200, done.words[:300]
    assert (await kinds(desk, code)).count("issued") == 1


@pytest.mark.parametrize("length", [True, False])
async def test_an_upload_without_a_session_needs_no_room(desk: Web, *, length: bool) -> None:
    """Its file is not kept anyway."""
    _, clerk, form = await begun(desk)
    clerk.client.cookies.delete(COOKIE)
    with full("disk"):
        asked = await sent(clerk, form, length=length)
    assert asked.status == 401
    assert ("kept:note", TYPED) in asked.form("/sign-in").fields


async def test_no_file_can_be_opened(desk: Web) -> None:
    """A page that needs one says that the server is out of space, and is there again afterwards."""
    visitor = await desk.visitor("handler1")
    assert (await visitor.get("/healthz")).status == 200
    with full("open files"):
        away = await visitor.get("/static/desk.css")
    assert away.status == 503
    assert "out of space" in away.words
    assert (await visitor.get("/static/desk.css")).status == 200


async def test_another_error_of_the_system_stays_a_bug(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a file may not be read, say, does not pass by itself."""

    async def broken(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    _, visitor, form = await begun(desk)
    with monkeypatch.context() as patched:
        patched.setattr(desk.house.desk, "act", broken)
        page = await visitor.send(form)
    assert page.status == 500
    assert "Đã gọi" in page.text


async def test_a_long_text_survives_signing_in_again(desk: Web) -> None:
    """What is kept without a session fits into the form by which one signs in, and into the one after it."""
    _, visitor, form = await begun(desk)
    long = "Thôn Đông " * 60_000
    visitor.client.cookies.delete(COOKIE)
    parts = {name: (None, value) for name, value in {**dict(form.fields), "note": long}.items()}
    asked = Answered(await visitor.client.post(form.action, files=parts))
    assert asked.status == 401
    back = asked.form("/sign-in")
    fields = {**dict(back.fields), "name": "clerk1"}
    for password, status in (("wrong", 403), (PASSWORD, 200)):
        assert back.encoding == "multipart/form-data"
        parts = {name: (None, value) for name, value in {**fields, "password": password}.items()}
        answer = Answered(await visitor.client.post("/sign-in", files=parts))
        assert answer.status == status
        back = answer.form("/sign-in" if status == 403 else form.action)
        kept = dict(back.fields)
        assert kept["kept:note" if status == 403 else "note"] == long
    assert back.encoding == "multipart/form-data"


async def test_large_forms_without_a_session_take_turns(
    office: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many are read at once; one that waits in vain is told so, and nobody else waits."""
    monkeypatch.setattr(oversize, "GUEST_FORMS", 2)
    monkeypatch.setattr(oversize, "GUEST_SECONDS", 0.5)
    async with web(office, always_open()) as desk:
        code, clerk, form = await begun(desk)
        guest = await desk.visitor()
        place = urlsplit(desk.url)
        head = (
            f"POST {form.action} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 900000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        halves = [await asyncio.open_connection(place.hostname, place.port) for _ in range(2)]
        try:
            for _, writer in halves:
                writer.write(head.encode())
                await writer.drain()

            async def refused() -> Answered | None:
                answer = await sent(guest, form, length=True)
                return answer if answer.status == 503 else None

            busy = await until(refused)  # once both halves have their turns
            assert "Too many large forms" in busy.words
            small = await guest.send(form)
            assert small.status == 401
            done = await sent(clerk, form, length=True)
            assert (done.status, (await kinds(desk, code)).count("issued")) == (200, 1)
        finally:
            for _, writer in halves:
                writer.transport.abort()

        async def taken() -> Answered | None:
            answer = await sent(guest, form, length=True)
            return answer if answer.status == 401 else None

        assert ("kept:note", TYPED) in (await until(taken)).form("/sign-in").fields


def chunk(data: bytes) -> bytes:
    """A piece of a body without a length."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def sends(client: socket.socket, data: bytes) -> None:
    """Send it on a socket that does not block."""
    await asyncio.get_running_loop().sock_sendall(client, data)


async def test_a_body_without_end_loses_its_connection(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered once it is several times too long, and nothing more of it is read."""
    monkeypatch.setattr(oversize, "READ", 5_000_000)
    _, clerk, form = await begun(desk)
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.client.cookies.items())
    place = urlsplit(desk.url)
    head = (
        f"POST {form.action} HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {cookie}\r\n"
        "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    typed = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.fields
    )
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    with socket.create_connection((place.hostname, place.port)) as client:
        client.setblocking(False)
        sent, answer = 0, bytearray()
        async with asyncio.timeout(PATIENCE):
            try:
                await sends(client, head.encode() + chunk((typed + file).encode()))
                while sent < 400_000_000:
                    await sends(client, chunk(bytes(100_000)))
                    sent += 100_000
            except ConnectionError:
                pass  # the server has ended it; what it answered has come before that
            with suppress(ConnectionError):
                while more := await asyncio.get_running_loop().sock_recv(client, 100_000):
                    answer += more
    page = answer.partition(b"\r\n\r\n")[2]
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert "Đã gọi" in page.decode()
    assert sent < 20_000_000  # what lay in buffers between them is counted
