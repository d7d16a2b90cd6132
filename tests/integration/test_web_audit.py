"""The auditor's pages: what was done and seen, how it stood, what is unusual; looking is on record, too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from models.procedure import Role
from motcua.accounts import Accounts, From, NotSignedIn
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.office import Staff
from motcua.store.views import TraceFilter, ViewRecord
from tests import pdf
from tests.files import PDF
from tests.present import always_open, present
from tests.running import CATALOGUE, PLAIN, SETTINGS, Life, Running, Telemetry, running
from tests.unit.office import at
from tests.web import PASSWORD, Answered, Visitor, Web, web


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: everything that anybody did there is looked through."""
    async with running(tmp_path_factory.mktemp("audited"), telemetry.runtime) as office:
        yield office


@pytest.fixture(scope="module")
async def desk(shop: Running) -> AsyncIterator[Web]:
    """Its pages."""
    async with web(shop, present()) as served:
        yield served


async def post(visitor: Visitor, path: str, **data: str) -> Answered:
    """What somebody sends without a form for it."""
    return Answered(await visitor.client.post(path, data=data))


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
    rows = await ViewRecord(shop.store).of(life.code, None)
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
    before = len(await views.of(life.code, None))
    refused = await handler.send(page.form(f"/dossiers/{life.code}/note"), text="")
    assert refused.status == 422
    assert len(await views.of(life.code, None)) > before

    async def lists(person: str) -> int:
        rows = await views.traces(TraceFilter(person=person, kind="saw-list", within=None))
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
    """Auditors, administrators and the office's leader; nobody else."""
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


async def test_a_hold_and_an_erasure_from_the_page(shop: Running, desk: Web) -> None:
    """Each with the number of a paper; a hold by auditors, too, an erasure by few, and asked for twice."""
    life = await Life.begin(shop, *PLAIN, procedure="unrated")
    page = f"/dossiers/{life.code}/audit"
    auditor, head = await desk.visitor("auditor1"), await desk.visitor("head1")
    shown = await auditor.get(page)
    assert {form.action for form in shown.forms if page in form.action} == {f"{page}/hold"}
    named = await auditor.send(shown.form(f"{page}/hold"), paper="vì bà <Lan>")
    assert (named.status, "is no number of a paper" in named.words) == (422, True)
    assert "vì bà <Lan>" in dict(named.form(f"{page}/hold").fields)["paper"]
    held = await auditor.send(shown.form(f"{page}/hold"), paper="KN 3/2026")
    assert "The hold is placed." in held.words
    assert "A hold keeps it from being erased" in held.words
    assert "KN 3/2026" in held.words
    twice = await auditor.send(shown.form(f"{page}/hold"), paper="KN 3/2026")
    assert (twice.status, "There is a hold on dossier" in twice.words) == (409, True)

    shown = await head.get(page)
    assert {form.action for form in shown.forms if page in form.action} == {f"{page}/lift"}
    erase = {"csrf": dict(shown.form(f"{page}/lift").fields)["csrf"], "paper": "CV 1", "basis": "request"}
    for visitor, status, words in (
        (head, 409, "a hold is on it"),
        (auditor, 403, "is for"),
        (await desk.visitor("leader1"), 403, "This page is for"),
    ):
        token = dict((await visitor.get("/absences")).form("/absences").fields)["csrf"]
        answer = await post(visitor, f"{page}/erase", **{**erase, "csrf": token, "sure": life.code})
        assert (answer.status, words in answer.words) == (status, True), answer.words
    assert await shop.store.private(life.code) != {}
    shown = await head.send(shown.form(f"{page}/lift"), paper="KN 3/2026-KL")
    form = shown.form(f"{page}/erase")
    for wrong, status, words in (
        ({"sure": "x"}, 422, "Nothing was erased"),
        ({"sure": ""}, 422, "Nothing was erased"),
        ({"basis": "whim"}, 422, "not by whim"),
        ({"paper": ""}, 422, "is no number of a paper"),
        ({"paper": "x" * 81}, 422, "is no number of a paper"),
    ):
        filled = {"sure": life.code, "basis": "request", "paper": "CV 1", **wrong}
        answer = await head.send(form, **filled)
        assert (answer.status, words in answer.words) == (status, True), answer.words
    assert await shop.store.private(life.code) != {}
    gone = await head.send(form, sure=life.code, basis="order", paper="QĐ 12/2026")
    assert (gone.status, "It is erased" in gone.words) == (200, True)
    assert "Nothing any more" in gone.words
    assert "QĐ 12/2026" in gone.words
    assert await shop.store.private(life.code) == {}
    again = await head.send(form, sure=life.code, basis="order", paper="QĐ 12/2026")
    assert (again.status, "holds nothing that could be erased" in again.words) == (409, True)
    assert (await post(head, f"{page}/burn", csrf=erase["csrf"])).status == 422
    missing = await post(head, "/dossiers/H53.26-260302-9999/audit/hold", csrf=erase["csrf"])
    assert missing.status == 404


async def test_a_hold_is_of_now_on_a_simulated_desk_too(shop: Running) -> None:
    """The journal had it years before the entries around it: the desk's clock was that of its dossiers."""
    life = await Life.begin(shop, "receiver1 accept")
    before = datetime.now(UTC)
    async with web(shop, present(), clock=lambda: at("2026-03-02 10:00")) as served:
        auditor = await served.visitor("auditor1")
        form = (await auditor.get(f"/dossiers/{life.code}/audit")).form(f"/dossiers/{life.code}/audit/hold")
        assert (await auditor.send(form, paper="KN 1")).status == 200
        (entry,) = await served.house.proof.journal_about(life.code)
    assert before <= entry.at <= datetime.now(UTC)


async def test_an_auditor_from_outside_sees_one_unit_for_a_while(shop: Running) -> None:
    """Its dossiers, what was done with and seen of them, and its people; before and after that, nothing."""
    moment, week = datetime.now(UTC), timedelta(days=7)  # read once: midnight may pass meanwhile
    calendar = always_open(moment)
    today = calendar.local(moment).date()

    def inspector(name: str, since: date, until: date, unit: str = "police") -> Staff:
        given = {"id": name, "name": name.title(), "roles": ["auditor"], "unit": unit, "scope": "unit"}
        return Staff.model_validate({**given, "from": since, "until": until})

    catalogue = Catalogue.load(SETTINGS.catalog_dir)
    more = {
        "now1": inspector("now1", today, today),
        "demo9": inspector("demo9", today - week, today + week, "demo"),
        "past1": inspector("past1", today - week, today - timedelta(days=1)),
        "later1": inspector("later1", today + timedelta(days=1), today + week),
    }
    staff = {**catalogue.office.staff, **more}
    catalogue.office = catalogue.office.model_copy(update={"staff": staff})
    life = await Life.begin(shop, *PLAIN, procedure="unrated")
    fixed = {"clock": lambda: moment, "today": lambda: today}
    async with web(shop, calendar, catalogue=catalogue, **fixed) as served:
        for name in ("past1", "later1"):
            assert (await (await served.visitor()).sign_in(name)).status == 403
        other, mine = await served.visitor("now1"), await served.visitor("demo9")
        leader = await served.visitor("leader1")
        await leader.get(f"/dossiers/{life.code}")
        assert (await mine.get(f"/dossiers/{life.code}/audit")).status == 200
        for path in ("", "/audit", "/audit?form=json", "/audit?form=pdf", "/papers/receipt.pdf"):
            assert (await other.get(f"/dossiers/{life.code}{path}")).status == 403, path
        token = dict((await other.get("/absences")).form("/absences").fields)["csrf"]
        held = await post(other, f"/dossiers/{life.code}/audit/hold", csrf=token, paper="KN 1")
        assert held.status == 403
        for path in ("/audit", "/audit?unit=demo", "/audit?person=leader1", f"/search?q={life.code}"):
            assert f"/dossiers/{life.code}" not in (await other.get(path)).text, path
        seen = await mine.get("/audit?person=leader1&kind=saw-dossier")
        assert life.code in seen.text
        assert 'name="unit"' not in seen.text
        assert 'value="police1"' not in seen.text
        book = await served.house.accounts.record.book("past1", None, 5)
        assert [(row["what"], row["why"]) for row in book] == [("refused", "outside their time")]
        admin = await served.visitor("admin1")
        assert "leader1" in (await admin.get("/book")).words
        assert "leader1" not in (await other.get("/book")).words
        assert "leader1" in (await mine.get("/book")).words


async def test_a_dossier_that_was_handed_to_another_unit(shop: Running) -> None:
    """Whoever sees one unit sees all that was done with what is there now, by whomever, and nothing else."""
    catalogue = Catalogue.load(SETTINGS.catalog_dir)
    scoped = {
        f"{unit}9": Staff(id=f"{unit}9", name=unit, roles=(Role.AUDITOR,), unit=unit, scope="unit")
        for unit in ("demo", "police")
    }
    staff = {**catalogue.office.staff, **scoped}
    catalogue.office = catalogue.office.model_copy(update={"staff": staff})
    life = await Life.begin(shop, *PLAIN[:3], "leader1 transfer unit=police")
    await life.do("head1 note", text="bàn giao")
    async with web(shop, present(), catalogue=catalogue) as served:
        left, here = await served.visitor("demo9"), await served.visitor("police9")
        assert (await left.get(f"/dossiers/{life.code}")).status == 403
        assert (await here.get(f"/dossiers/{life.code}")).status == 200
        assert f"/dossiers/{life.code}" not in (await left.get("/audit")).text
        assert f"/dossiers/{life.code}" in (await here.get("/audit?person=head1&kind=noted")).text
        assert f"/dossiers/{life.code}" in (await here.get("/audit?kind=transferred")).text


async def test_every_look_is_in_print_and_json(shop: Running, desk: Web) -> None:
    """After five hundred others the first one was gone, and nothing told of it."""
    life = await Life.begin(shop, "receiver1 accept")
    views = ViewRecord(shop.store)
    await views.saw("leader1", "10.0.0.9", "dossier", life.code, "")
    for _ in range(510):
        await views.saw("returner1", "10.0.0.1", "dossier", life.code, "")
    auditor = await desk.visitor("auditor1")
    told = json.loads((await auditor.get(f"/dossiers/{life.code}/audit?form=json")).text)
    assert len(told["views"]) == 512
    assert told["views"][-1]["person"] == "leader1"
    page = await auditor.get(f"/dossiers/{life.code}/audit")
    assert "There are more, and earlier ones" in page.words
    printed = await auditor.get(f"/dossiers/{life.code}/audit?form=pdf")
    assert "10.0.0.9" in pdf.text(printed.content)


async def test_a_session_ends_with_the_time_of_whom_it_is(shop: Running) -> None:
    """Not only the next sign-in is refused."""
    day = [date(2026, 3, 2)]
    staff = dict(CATALOGUE.office.staff)
    staff["auditor1"] = staff["auditor1"].model_copy(update={"until": day[0]})
    accounts = Accounts(shop.store, staff, lambda: day[0])
    await accounts.furnish(PASSWORD)
    token = await accounts.sign_in("auditor1", PASSWORD, From("127.0.0.1", "test"))
    assert (await accounts.session(token)).person.id == "auditor1"
    day[0] += timedelta(days=1)
    with pytest.raises(NotSignedIn):
        await accounts.session(token)


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
    whole = await views.traces(TraceFilter(limit=10_000, within=None))
    seen, after = [], None
    while rows := await views.traces(TraceFilter(limit=7, after=after, within=None)):
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
        await views.saw("clerk1", "127.0.0.1", "dossier", f"H53.26-260302-9{number:03}", "")
    found = await views.suspicions(
        at("2026-03-01 00:00"), datetime.now(UTC) + timedelta(days=1), "Asia/Ho_Chi_Minh", None, 50
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
    await ViewRecord(shop.store).saw("clerk1", "::1", "dossier", "x", "")
    connection = await asyncpg.connect(shop.local.run.admin_database_url)
    try:
        for sql in ("update views set person = 'x'", "delete from views", "truncate views"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        await connection.close()
