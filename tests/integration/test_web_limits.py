"""Slow, stalled and absent clients: they keep nobody out, and leave no stack trace behind."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from starlette.routing import Route

from motcua.web import connections
from motcua.web.app import create_app
from motcua.web.connections import BoundedProtocol
from tests.running import Running, always_open, submission
from tests.waiting import PATIENCE
from tests.web import Web, web

HALF = b"POST /sign-in HTTP/1.1\r\nHost: desk\r\nContent-Type: application/x-www-form-urlencoded\r\n"
REQUESTS = {
    "nothing at all": b"",
    "half a header": b"GET /healthz HTTP/1.1\r\nHost: de",
    "no body": HALF + b"Content-Length: 100\r\n\r\n",
    "half a body": HALF + b"Content-Length: 100\r\n\r\nname=hand",
}


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """The desk of the office that runs."""
    async with web(office, always_open()) as served:
        yield served


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """What libraries and motcua itself log meanwhile; a stack trace fails the test."""
    lines: list[str] = []
    with caplog.at_level(logging.WARNING):
        yield lines
    out, err = capfd.readouterr()
    everything = "\n".join([out, err, caplog.text, *lines])
    assert "Traceback" not in everything
    assert "Exception in ASGI application" not in everything


def place(served: Web) -> tuple[str, int]:
    """The host and port of a desk."""
    parts = urlsplit(served.url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@asynccontextmanager
async def half_sent(served: Web, sent: bytes, count: int = 1) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections on which a request was begun and never goes on."""
    opened = [await asyncio.open_connection(*place(served)) for _ in range(count)]
    try:
        for _, writer in opened:
            writer.write(sent)
            with suppress(OSError):
                await writer.drain()
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


@pytest.mark.parametrize("kind", REQUESTS)
async def test_half_sent_requests_are_closed_after_a_while(
    desk: Web, kind: str, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """Whatever part of a request is missing; a header that drips in gains no time."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.5)
    async with half_sent(desk, REQUESTS[kind]) as (reader,), asyncio.timeout(PATIENCE):
        with suppress(ConnectionResetError):
            while await reader.read(1000):
                pass


async def test_a_header_that_drips_in_gains_no_time(
    desk: Web, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """One byte now and then is how a slow client keeps a connection for ever."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    reader, writer = await asyncio.open_connection(*place(desk))
    writer.write(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
    with suppress(OSError):
        async with asyncio.timeout(PATIENCE):
            while not reader.at_eof():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.02)
    writer.transport.abort()


async def test_a_slow_upload_that_goes_on_is_waited_for(
    desk: Web, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """A body earns time by what has come: at 1,000 bytes a second it may take as long as it likes."""
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(*place(desk))
    writer.write(HALF + b"Content-Length: 40000\r\n\r\n")
    for _ in range(20):
        writer.write(b"a" * 2000)
        await writer.drain()
        await asyncio.sleep(0.05)  # longer than BODY_SECONDS in all
    assert (await reader.readline()).startswith(b"HTTP/1.1 ")
    writer.transport.abort()


@pytest.mark.parametrize("kind", REQUESTS)
async def test_over_the_bound_the_oldest_wait_is_ended(
    desk: Web, kind: str, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """However many half-sent requests there are, somebody who really asks is answered."""
    monkeypatch.setattr(BoundedProtocol, "most", 20)
    for server_class in BoundedProtocol.__subclasses__():
        monkeypatch.setattr(server_class, "most", 20)
    client = httpx.AsyncClient(base_url=desk.url, timeout=PATIENCE)
    async with half_sent(desk, REQUESTS[kind], 100) as readers, client:
        for _ in range(5):
            assert (await client.get("/healthz", headers={"connection": "close"})).status_code == 200
        assert (await client.get("/sign-in")).status_code == 200
        ended = [reader.at_eof() or reader.exception() is not None for reader in readers]
        assert sum(ended) >= 80


async def test_a_client_that_goes_away_leaves_no_stack_trace(desk: Web, logged: list[str]) -> None:
    """In the middle of an upload, of a page, or of the stream of changes."""
    visitor = await desk.visitor("handler1")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    head = f"Host: {urlsplit(desk.url).netloc}\r\nCookie: {cookie}\r\n"
    answer = await desk.house.desk.submit(submission("usual"), officer="receiver1")
    form = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000\r\n\r\n"
    part = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + "x" * 100_000
    for request in (
        f"POST /dossiers/{answer.code}/attach HTTP/1.1\r\n{head}{form}{part}",
        f"POST /dossiers/{answer.code}/note HTTP/1.1\r\n{head}{form}",
        f"POST /sign-in HTTP/1.1\r\n{head}{form}{part}",
        f"POST /track/{answer.code}/rate HTTP/1.1\r\n{head}{form}{part}",
        f"POST /nowhere HTTP/1.1\r\n{head}{form}{part}",
        f"GET /inbox HTTP/1.1\r\n{head}\r\n",
        f"GET /dossiers/{answer.code} HTTP/1.1\r\n{head}\r\n",
        f"GET /events HTTP/1.1\r\n{head}\r\n",
        f"GET /inbox HTTP/1.1\r\n{head}\r\nGET /inb",
    ):
        for waits in (False, True):
            reader, writer = await asyncio.open_connection(*place(desk))
            writer.write(request.encode())
            await writer.drain()
            if waits and "GET" in request:
                await reader.readline()
            writer.transport.abort()
        assert (await visitor.get("/inbox")).status == 200
    await desk.house.desk.act(answer.code, "note", "handler1", {"text": "told to nobody"})


async def test_head_works_wherever_get_does(desk: Web) -> None:
    """The same status and header as GET, on every address of the desk, and no body."""
    code = (await desk.house.desk.submit(submission("usual"), officer="receiver1")).code
    head1, guest = await desk.visitor("head1"), await desk.visitor()
    paths = {
        re.sub(r"\{(\w+)\}", lambda found: code if found[1] == "code" else "1", route.path)
        for route in _routes(desk)
        if "GET" in (route.methods or ())
    }
    assert len(paths) > 20
    assert {"/", "/healthz", "/readyz", "/inbox", f"/dossiers/{code}", f"/track/{code}"} <= paths
    for visitor in (head1, guest):
        for path in sorted((paths | {"/static/desk.css", "/nowhere"}) - {"/events"}):
            got = await visitor.client.get(path, follow_redirects=False)
            asked = await visitor.client.head(path, follow_redirects=False)
            assert (path, asked.status_code) == (path, got.status_code)
            assert asked.content == b""
            assert asked.headers.get("content-type") == got.headers.get("content-type"), path
    stream = await head1.client.head("/events")
    assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def _routes(desk: Web) -> list[Route]:
    found: list[Route] = []
    for route in create_app(desk.house)._app.routes:
        parts = getattr(route, "original_router", None)  # of an included router
        found += [each for each in (parts.routes if parts else [route]) if isinstance(each, Route)]
    return found


AWAY = {
    "too many connections": "53300",
    "disk full": "53100",
    "out of memory": "53200",
    "configuration limit": "53400",
    "shutting down": "57P01",
    "crashed": "57P02",
    "starting": "57P03",
    "cancelled": "57014",
    "connection failure": "08006",
    "input/output error": "58030",
    "read only": "25006",
}


@pytest.mark.parametrize("kind", AWAY)
async def test_a_database_that_cannot_work_now_is_a_service_that_is_away(
    office: Running, desk: Web, kind: str
) -> None:
    """503, with what was typed kept in the page, and nothing done; 500 said that it was a bug."""
    code = (await desk.house.desk.submit(submission("usual"), officer="receiver1")).code
    visitor = await desk.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    owner = await asyncpg.connect(office.local.run.admin_database_url)
    try:
        await owner.execute(
            "create function away() returns trigger language plpgsql as"
            f" $$ begin raise exception 'away' using errcode = '{AWAY[kind]}'; end $$;"
            "create trigger away before insert on private for each row execute function away()"
        )
        lost = await visitor.send(form, text="đừng mất")
        assert lost.status == 503
        again = lost.form(f"/dossiers/{code}/note")
        assert dict(again.fields)["text"] == "đừng mất"
    finally:
        await owner.execute("drop trigger if exists away on private; drop function if exists away")
        await owner.close()
    assert (await visitor.send(again)).status == 200
    assert [fact.kind for fact in await desk.house.store.facts(code)].count("noted") == 1
