"""PostgreSQL or Temporal goes away while pages are open: people are told, and nothing is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from motcua.descriptors import HEALTH_CONNECTIONS
from motcua.web.connections import BoundedProtocol
from motcua.web.live import STREAMS
from tests.present import day, present
from tests.running import Running, Telemetry, running, submission
from tests.waiting import PATIENCE, until
from tests.web import Answered, Form, Visitor, Web, web


@pytest.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own for the tests that break it."""
    async with running(tmp_path_factory.mktemp("fragile-web"), telemetry.runtime) as office:
        yield office


@pytest.fixture(scope="module")
async def desk(fragile: Running) -> AsyncIterator[Web]:
    """Its desk."""
    async with web(fragile, present()) as served:
        yield served


@asynccontextmanager
async def without(server: str, fragile: Running, desk: Web) -> AsyncIterator[None]:
    """A server that is away; meanwhile the desk gives up after a few seconds."""
    child = fragile.local.children[server]
    await child.stop()
    try:
        with pytest.MonkeyPatch.context() as hasty:
            hasty.setattr(desk.house.desk, "_timeout", 3.0)
            yield
    finally:
        await child.start()


async def processing(desk: Web) -> str:
    """A dossier that a handler may work on."""
    answer = await desk.house.desk.submit(submission("usual"), officer="receiver1")
    await desk.house.desk.act(answer.code, "complete", "receiver1")
    return answer.code


async def test_the_database_goes_away(fragile: Running, desk: Web) -> None:
    """Each page says so with 503, the citizen's too; what was typed is in the answer, to be sent again.

    It was gone from every form but those that reached a workflow: who asks is looked up first.
    """
    code = await processing(desk)
    visitor = await desk.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    receiver = await desk.visitor("receiver1")
    counter = (await receiver.get("/counter?procedure=1.001612")).form("/counter")
    absence = (await visitor.get("/absences")).form("/absences")
    stranger = await desk.visitor()
    asked = (await stranger.send(form, note="đừng mất")).form("/sign-in")
    inbox = (await visitor.get("/inbox")).form("/inbox/bulk")
    async with without("postgres", fragile, desk):
        for path in ("/inbox", f"/dossiers/{code}", f"/track/{code}", "/search?q=a"):
            page = await visitor.get(path)
            assert page.status == 503, path
            assert "PostgreSQL cannot be reached" in page.words
            assert "Errno" not in page.words
            assert "load this page again" in page.words
        assert (await visitor.get("/sign-in")).status == 200
        lost = await visitor.send(form, note="đừng mất")
        assert lost.status == 503
        again = lost.form(f"/dossiers/{code}/complete")
        assert dict(again.fields) == {**dict(form.fields), "note": "đừng mất"}
        waiting = await receiver.send(counter, name="Người Không Mất", how="accept", paper=["Đơn", "Giấy tờ"])
        assert waiting.status == 503
        away = await visitor.send(absence, since=str(day(500)), until=str(day(501)))
        claim = await visitor.send(inbox, f"/inbox/claim?task={code}:2:3")
        assert f'action="/inbox/claim?task={code}:2:3"' in claim.text
        guest = await desk.visitor()
        secret = await guest.client.post("/sign-in", data={"name": "handler1", "password": "ein Geheimnis"})
        assert (secret.status_code, "Geheimnis" in secret.text) == (503, False)
        # A form that waits for its sender to sign in waits on.
        waits = await stranger.send(asked, name="handler1", password="ein Geheimnis")
        assert (waits.status, "Geheimnis" in waits.text) == (503, False)
        assert dict(waits.form("/sign-in").fields) == {**dict(asked.fields), "name": "handler1"}

    async def back() -> bool:
        return (await visitor.get("/inbox")).status == 200

    await until(back)
    done = await visitor.send(again)
    assert done.status == 200
    assert "đừng mất" in done.words
    assert (await visitor.send(again)).status == 200
    assert [fact.kind for fact in await desk.house.store.facts(code)].count("step-completed") == 2
    for _ in range(2):
        assert (await receiver.send(waiting.form("/counter"))).status == 200
    found = await receiver.get("/search?q=nguoi khong mat")
    assert found.text.count('class="code" href="/dossiers/') == 1
    assert (await visitor.send(away.form("/absences"))).status == 200
    assert f"{day(500):%d/%m/%Y}" in (await visitor.get("/absences")).words


@pytest.mark.slow  # the desk waits for Temporal until its time limit
async def test_temporal_goes_away(fragile: Running, desk: Web) -> None:
    """Reading goes on; what is sent comes back as a page that can be sent again, and then it happens once."""
    code = await processing(desk)
    visitor = await desk.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    async with without("temporal", fragile, desk):
        assert (await visitor.get(f"/dossiers/{code}")).status == 200
        assert (await visitor.get("/inbox")).status == 200
        lost = await visitor.send(form, text="còn đây")
        assert lost.status == 503
        again = lost.form(f"/dossiers/{code}/note")
        assert dict(again.fields)["text"] == "còn đây"
        receiver = await desk.visitor("receiver1")
        page = await receiver.get("/counter?procedure=1.001612")
        waiting = await receiver.send(page.form("/counter"), name="Người Chờ", how="accept")
        assert waiting.status == 503

    async def taken() -> bool:
        return (await visitor.send(again)).status == 200

    await until(taken)
    await visitor.send(again)
    assert [fact.kind for fact in await desk.house.store.facts(code)].count("noted") == 1

    async def received() -> bool:
        return (await receiver.send(waiting.form("/counter"))).status == 200

    await until(received)
    found = await receiver.get("/search?q=nguoi cho")
    assert found.text.count('class="code" href="/dossiers/') == 1


@pytest.mark.slow  # both servers are away in turn
async def test_the_office_says_whether_it_is_ready(fragile: Running, desk: Web) -> None:
    """To anybody, as JSON that nobody keeps: what is needed is there, stands still, or is gone."""
    guest = await desk.visitor()

    async def ready() -> tuple[int, Any]:
        answer = await guest.client.get("/readyz")
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()

    async def says(status: int, **checks: bool) -> bool:
        live = await guest.client.get("/healthz")
        assert (live.status_code, live.json()) == (200, {"status": "live"})
        found = {"database": True, "temporal": True, "worker": True, **checks}
        words = "ready" if all(found.values()) else "not ready"
        return await ready() == (status, {"status": words, "checks": found})

    await until(lambda: says(200))
    main = psutil.Process(fragile.local.run.children["postgres"])
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        await until(lambda: says(503, database=False))
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    await until(lambda: says(200))
    temporal = fragile.local.children["temporal"]
    await temporal.stop()
    try:
        await until(lambda: says(503, temporal=False, worker=False))
    finally:
        await temporal.start()
    await until(lambda: says(200), "readiness")


async def test_an_open_stream_finds_its_way_back(fragile: Running, desk: Web) -> None:
    """After the database was away, pages are told to look again, and then of each change."""
    visitor = await desk.visitor("handler1")
    heard: list[str] = []

    async def listen() -> None:
        async with visitor.client.stream("GET", "/events") as stream:
            async for line in stream.aiter_lines():
                heard.extend([line.removeprefix("data:").strip()] if line.startswith("data:") else [])

    listening = asyncio.create_task(listen())
    try:
        first = await processing(desk)

        async def told_of(code: str) -> bool:
            return any(line.startswith(code) for line in heard)

        await until(lambda: told_of(first))
        postgres = fragile.local.children["postgres"]
        await postgres.stop()
        await postgres.start()

        async def anything() -> bool:
            return heard.count("0") > 1  # no code: anything may have changed; the first came at once

        await until(anything)
        second = await processing(desk)
        await until(lambda: told_of(second))
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def keys(page: Answered, codes: list[str]) -> list[str]:
    """What a list sends for the tasks of dossiers."""
    return [
        key for key in re.findall(r'name="task" value="([^"]+)"', page.text) if key.split(":")[0] in codes
    ]


@pytest.mark.slow  # the desk waits for Temporal until its time limit
async def test_bulk_acts_while_temporal_is_away(fragile: Running, desk: Web) -> None:
    """503 with the form, which then does the rest, and what was done before only once; it was 200."""
    codes = [await processing(desk) for _ in range(6)]
    handler, leader = await desk.visitor("handler1"), await desk.visitor("leader1")
    inbox = await handler.get("/inbox?view=free")
    claim, claimed = inbox.form("/inbox/bulk"), keys(inbox, codes[:2])
    free = await leader.get("/inbox?view=unit")
    assign, assigned = free.form("/inbox/bulk"), keys(free, codes[2:4])
    assert (len(claimed), len(assigned)) == (2, 2)
    assert (await handler.send(claim, task=claimed[:1], act="claim")).status == 200
    async with without("temporal", fragile, desk):
        waiting = [
            (handler, await handler.send(claim, task=claimed, act="claim")),
            (leader, await leader.send(assign, "/board/assign", task=assigned, to="handler2")),
            (leader, await leader.send(assign, "/board/acknowledge", code=codes[4:], days="2")),
        ]
        for _, page in waiting:
            assert page.status == 503
            assert "Send it again" in page.words
    forms = [
        (visitor, page.form(address))
        for (visitor, page), address in zip(
            waiting, ("/inbox/bulk", "/board/assign", "/board/acknowledge"), strict=True
        )
    ]
    for visitor, form in forms:

        async def taken(visitor: Visitor = visitor, form: Form = form) -> bool:
            return (await visitor.send(form)).status == 200

        await until(taken)
        assert (await visitor.send(form)).status == 200

    async def count(code: str, kind: str) -> int:
        return [fact.kind for fact in await desk.house.store.facts(code)].count(kind)

    assert [await count(code, "claimed") for code in codes[:2]] == [1, 1]
    assert [await count(code, "assigned") for code in codes[2:4]] == [1, 1]
    assert [await count(code, "acknowledged") for code in codes[4:]] == [0, 0]  # there are no alarms


async def test_health_is_answered_while_all_others_wait(
    fragile: Running, desk: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database stands still, and each connection has a whole request: no place was left for a check."""
    for server in BoundedProtocol.__subclasses__():
        monkeypatch.setattr(server, "most", 20)
    visitor = await desk.visitor("handler1")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    place = urlsplit(desk.url)
    request = f"GET /inbox HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: {cookie}\r\n\r\n".encode()
    main = psutil.Process(fragile.local.run.children["postgres"])
    processes, opened = [main, *main.children(recursive=True)], list[asyncio.StreamWriter]()
    for process in processes:
        process.suspend()
    try:
        for _ in range(15):
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            opened.append(writer)
            writer.write(request)
            await writer.drain()
        guest = await desk.visitor()
        for path, status in (("/healthz", 200), ("/readyz", 503)):
            answer = await guest.client.get(path, headers={"connection": "close"})
            assert (path, answer.status_code) == (path, status)
        page = await visitor.get("/inbox")
        assert page.status == 503
        assert "Too many people are using the desk" in page.words
        sent = await visitor.client.post("/inbox/bulk", data={"csrf": "a", "task": ["một", "hai"]})
        assert (sent.status_code, "một" in sent.text, "hai" in sent.text) == (503, True, True)
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        for writer in opened:
            writer.transport.abort()

    async def back() -> bool:
        return (await visitor.get("/inbox")).status == 200

    await until(back)


@pytest.mark.slow  # a stream ends at its next sign of life
async def test_streams_of_one_session_keep_nobody_out(desk: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has so many, of which the oldest ends; and streams of several give way to pages."""
    for server in BoundedProtocol.__subclasses__():
        monkeypatch.setattr(server, "most", STREAMS + HEALTH_CONNECTIONS + 4)
    place = urlsplit(desk.url)
    streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def listen(name: str, count: int) -> Visitor:
        visitor = await desk.visitor(name)
        await visitor.client.aclose()
        cookie = "; ".join(f"{key}={value}" for key, value in visitor.client.cookies.items())
        for _ in range(count):
            stream = await asyncio.open_connection(place.hostname, place.port)
            streams.append(stream)
            stream[1].write(f"GET /events HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n".encode())
            assert (await stream[0].readline()).startswith(b"HTTP/1.1 200 ")
        return visitor

    async def ended(stream: asyncio.StreamReader) -> bool:
        with suppress(ConnectionResetError):
            while await stream.read(10_000):
                pass
        return True

    try:
        await listen("handler1", STREAMS + 3)
        async with asyncio.timeout(PATIENCE):
            assert all([await ended(reader) for reader, _ in streams[:3]])
        await listen("leader1", 1)
        guest = await desk.visitor()
        for path in ("/healthz", "/readyz", "/track", "/sign-in"):
            answer = await guest.client.get(path, headers={"connection": "close"})
            assert (path, answer.status_code) == (path, 200)
        assert not streams[-1][0].at_eof()
    finally:
        for _, writer in streams:
            writer.transport.abort()
