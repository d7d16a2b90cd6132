"""The auditor's pages: what was done and seen, how it stood, what is unusual; looking is on record, too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from motcua.store.views import TraceFilter, ViewRecord
from tests import pdf
from tests.files import PDF
from tests.running import PLAIN, Life, Running, Telemetry, always_open, running
from tests.unit.office import at
from tests.web import Web, web


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: everything that anybody did there is looked through."""
    async with running(tmp_path_factory.mktemp("audited"), telemetry.runtime) as office:
        yield office


@pytest.fixture(scope="module")
async def desk(shop: Running) -> AsyncIterator[Web]:
    """Its pages."""
    async with web(shop, always_open()) as served:
        yield served


async def test_who_saw_a_dossier(shop: Running, desk: Web) -> None:
    """Its page, a document, a paper, a search, the audit itself: each look is a row: who, and from where."""
    life = await Life.begin(shop, *PLAIN[:3])
    handler, auditor = await desk.visitor("handler1"), await desk.visitor("auditor1")
    await handler.get(f"/dossiers/{life.code}")
    attached = await handler.act(life.code, "attach", files={"document": ("đơn.pdf", PDF, "application/pdf")})
    assert attached.status == 200
    number = (await life.facts())[-1].seq
    assert (await handler.get(f"/dossiers/{life.code}/documents/{number}")).status == 200
    assert (await handler.get(f"/dossiers/{life.code}/papers/receipt.pdf")).status == 200
    await handler.get("/search?q=Bí+Mật")
    page = await auditor.get(f"/dossiers/{life.code}/audit")
    assert page.status == 200
    for words in (
        "Dossier opened",
        "Document opened",
        "Paper printed",
        "Audit of the dossier opened",
        "127.0.0.1",
    ):
        assert words in page.words, words
    rows = await ViewRecord(shop.store).of(life.code)
    assert [row["what"] for row in rows][:3] == ["history", "paper", "document"]
    assert {row["person"] for row in rows} == {"handler1", "auditor1"}
    searched = await auditor.get("/audit?kind=saw-search")
    assert "Searched" in searched.words
    assert "Bí Mật" not in searched.words  # what was looked for may be a name


async def test_no_look_passes_by(shop: Running, desk: Web) -> None:
    """Neither a form that was refused, nor a list that renews itself, nor the leader's list of tasks."""
    life = await Life.begin(shop, *PLAIN[:3])
    handler, leader = await desk.visitor("handler1"), await desk.visitor("leader1")
    views = ViewRecord(shop.store)
    page = await handler.get(f"/dossiers/{life.code}")
    before = len(await views.of(life.code))
    refused = await handler.send(page.form(f"/dossiers/{life.code}/note"), text="")
    assert refused.status == 422
    assert len(await views.of(life.code)) > before

    async def lists(person: str) -> int:
        rows = await views.traces(TraceFilter(person=person, kind="saw-list"))
        return len(rows)

    assert await lists("handler2") == 0
    other = await desk.visitor("handler2")
    seen = await lists("handler2")
    for _ in range(3):
        await other.get("/inbox?view=unit", headers={"X-Fragment": "list"})
    assert await lists("handler2") == max(seen, 1)
    seen = await lists("leader1")
    await leader.get("/board/tasks?unit=demo&role=receiver")
    assert await lists("leader1") == seen + 1


async def test_how_it_stood(shop: Running, desk: Web) -> None:
    """After each fact; and everything as JSON."""
    life = await Life.begin(shop, *PLAIN, procedure="unrated")
    auditor = await desk.visitor("auditor1")
    early = await auditor.get(f"/dossiers/{life.code}/audit?at=2")
    last = (await life.facts())[-1].seq
    assert f"How it stood after fact 2 of {last}" in early.words
    assert "One fact later" in early.words
    assert f"after fact {last} of {last}" in (await auditor.get(f"/dossiers/{life.code}/audit?at=zwei")).words
    told = json.loads((await auditor.get(f"/dossiers/{life.code}/audit?form=json&at=3")).text)
    assert (told["at"], len(told["facts"]), told["stood"]["seq"]) == (3, last, 3)
    assert told["views"][0]["person"] == "auditor1"
    printed = await auditor.get(f"/dossiers/{life.code}/audit?form=pdf")
    text = " ".join(pdf.text(printed.content).split())
    assert f"Audit of {life.code}" in text
    assert "Who saw it" in text
    assert "Dương Văn Phúc (auditor1)" in text


async def test_whom_the_pages_are_for(shop: Running, desk: Web) -> None:
    """Auditors, administrators and the office's leader; nobody else, and nothing can be done on them."""
    life = await Life.begin(shop, "receiver1 accept")
    for name, status in (
        ("auditor1", 200),
        ("admin1", 200),
        ("head1", 200),
        ("leader1", 403),
        ("handler1", 403),
    ):
        visitor = await desk.visitor(name)
        assert (await visitor.get("/audit")).status == status
        assert (await visitor.get(f"/dossiers/{life.code}/audit")).status == status
    auditor = await desk.visitor("auditor1")
    assert (await auditor.get("/dossiers/H53.26-260302-9999/audit")).status == 404
    assert (await auditor.get("/audit?since=yesterday")).status == 422
    for odd in (
        "/audit?at=0001-01-01T00:00:00%2B14:00&place=x",
        "/audit?at=x&place=y",
        "/audit?at=2026-03-02&place=",
        "/audit?person=%27&unit=x&kind=none",
    ):
        assert (await auditor.get(odd)).status == 200


async def test_acts_across_dossiers(shop: Running, desk: Web) -> None:
    """By person, unit, act and time; further, page after page, without a gap and none twice."""
    lives = [await Life.begin(shop, "receiver1 accept") for _ in range(3)]
    auditor = await desk.visitor("auditor1")
    page = await auditor.get("/audit?person=receiver1&kind=accepted&since=2026-03-02&until=2026-03-02")
    assert all(life.code in page.words for life in lives)
    assert "Received" in page.words
    assert lives[0].code not in (await auditor.get("/audit?person=handler2&kind=accepted")).words
    assert lives[0].code not in (await auditor.get("/audit?kind=accepted&until=2026-03-01")).words
    assert lives[0].code not in (await auditor.get("/audit?kind=accepted&unit=police")).words
    views = ViewRecord(shop.store)
    whole = await views.traces(TraceFilter(limit=10_000))
    seen, after = [], None
    while rows := await views.traces(TraceFilter(limit=7, after=after)):
        seen += rows
        after = rows[-1]["at"], rows[-1]["place"]
    assert [(row["at"], row["place"]) for row in seen] == [(row["at"], row["place"]) for row in whole]


async def test_what_is_unusual(shop: Running, desk: Web) -> None:
    """Each with its reason, and nothing that is not so."""
    hasty = await Life.begin(shop, *PLAIN[:6], procedure="unrated")
    await hasty.do("approver1 approve")
    back = await Life.begin(shop, *PLAIN[:5])
    for _ in range(2):
        await back.do("leader1 send-back", step="handle", reason="xem lại")
        await back.do("handler1 complete")
    night = await Life.begin(shop, "receiver1 accept", opened="2026-03-02 22:30")
    batch = [await Life.begin(shop, *PLAIN[:3]) for _ in range(5)]
    for life in batch:
        await life.do("head1 extend", until="2026-03-20T10:00", reason="chờ")
    views = ViewRecord(shop.store)
    calm = await Life.begin(shop, *PLAIN, procedure="unrated")
    for number in range(30):
        await views.saw("clerk1", "127.0.0.1", "dossier", f"H53.26-260302-9{number:03}")
    found = await views.suspicions(
        at("2026-03-01 00:00"), datetime.now(UTC) + timedelta(days=1), "Asia/Ho_Chi_Minh"
    )
    told = {(each.pattern, each.person) for each in found}
    assert ("hasty", "approver1") in told
    assert any(
        each.pattern == "back-and-forth" and (each.code, each.number) == (back.code, 2) for each in found
    )
    assert any(each.pattern == "at-night" and each.code == night.code for each in found)
    assert any(
        each.pattern == "extended-together" and (each.person, each.number) == ("head1", 5) for each in found
    )
    assert any(each.pattern == "curious" and (each.person, each.number) == ("clerk1", 30) for each in found)
    assert not any(each.code == calm.code for each in found if each.pattern != "at-night")
    page = await (await desk.visitor("auditor1")).get("/audit?since=2026-03-01")
    for words in (
        "Sent back and forth",
        "sent back 2 times",
        "Deadlines extended in batches",
        "Work at night",
    ):
        assert words in page.words


async def test_looks_are_never_changed(shop: Running, desk: Web) -> None:
    """Not by the application's role, nor by the owner as long as the trigger is there."""
    await ViewRecord(shop.store).saw("clerk1", "::1", "dossier", "x")
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        for sql in ("update views set person = 'x'", "delete from views", "truncate views"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        await connection.close()
