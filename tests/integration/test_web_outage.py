"""PostgreSQL or Temporal goes away while pages are open: people are told, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import pytest

from tests.present import day, present
from tests.running import Running, Telemetry, running, submission
from tests.waiting import until
from tests.web import Web, web


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
