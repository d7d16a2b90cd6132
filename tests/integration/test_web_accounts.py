"""Who gets in: passwords, locks, sessions, forms of others, and the book that remembers it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import httpx
import pytest

from motcua.accounts import ATTEMPTS, From
from tests.present import day, present
from tests.running import Running
from tests.web import PASSWORD, Web, web


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, present()) as served:
        yield served


async def book(desk: Web, person: str) -> list[str]:
    """What the book says of somebody, the first first."""
    rows = await desk.house.accounts.record.book(person, None, 1000)
    return [f"{row['what']} {row['why']}".strip() for row in reversed(rows)]


async def test_nobody_sees_anything_before_signing_in(desk: Web) -> None:
    """Every page leads to the door, and from there to where one wanted to go."""
    guest = await desk.visitor()
    for path in (
        "/inbox",
        "/board?unit=demo",
        "/dossiers/x",
        "/people",
        "/counter",
        "/search?q=a",
        "/rights",
    ):
        page = await guest.get(path)
        assert page.path.startswith("/sign-in")
        assert "name=password" not in page.path
    page = await guest.get("/board?unit=demo")
    again = await guest.send(page.form("/sign-in"), name="leader1", password=PASSWORD)
    assert (again.status, again.path) == (200, "/board?unit=demo")
    stranger = await desk.visitor()
    stream = await stranger.client.get("/events", headers={"accept": "text/event-stream"})
    assert (stream.status_code, stream.text) == (204, "")  # tells a browser not to ask again


async def test_a_wrong_password_and_a_name_that_nobody_has_look_the_same(desk: Web) -> None:
    """So nobody learns who works here; the book tells them apart."""
    guest, before = await desk.visitor(), len(await book(desk, "clerk1"))
    known, unknown = (
        await guest.sign_in("clerk1", "wrong wrong"),
        await guest.sign_in("nobody9", "wrong wrong"),
    )
    assert known.status == unknown.status == 403
    assert known.words.replace("clerk1", "") == unknown.words.replace("nobody9", "")
    assert (await book(desk, "clerk1"))[before:] == ["refused wrong password"]
    assert await book(desk, "nobody9") == ["refused no such account"]


async def test_too_many_wrong_passwords_lock_the_account(desk: Web) -> None:
    """Then the right one does not help either, until an administrator unlocks it; it is all in the book."""
    guest, admin, before = await desk.visitor(), await desk.visitor("admin1"), len(await book(desk, "tax1"))
    for _ in range(ATTEMPTS):
        assert (await guest.sign_in("tax1", "not this one")).status == 403
    locked = await guest.sign_in("tax1")
    assert locked.status == 403
    unknown = await guest.sign_in("nobody8")  # what is said of a locked one does not tell that there is one
    assert locked.words.replace("tax1", "") == unknown.words.replace("nobody8", "")
    page = await admin.get("/people")
    await admin.send(page.form("/people/tax1/unlock"))
    assert (await guest.sign_in("tax1")).status == 200
    wrong = ["refused wrong password"] * ATTEMPTS
    assert (await book(desk, "tax1"))[before:] == [
        *wrong,
        "locked 5 wrong passwords",
        "refused locked",
        "unlock",
        "signed-in",
    ]


async def test_tries_at_the_same_time_are_no_more_than_one_after_another(desk: Web) -> None:
    """A hundred at once must not be a hundred tries."""
    accounts, here = desk.house.accounts, From("127.0.0.1", "test")
    before = len(await book(desk, "tax2"))
    results = await asyncio.gather(
        *(accounts.sign_in("tax2", f"guess number {n}", here) for n in range(40)), return_exceptions=True
    )
    assert {type(result).__name__ for result in results} == {"SignInRefused"}
    tried = (await book(desk, "tax2"))[before:]
    assert (tried.count("refused wrong password"), tried.count("refused locked")) == (ATTEMPTS, 40 - ATTEMPTS)
    await accounts.record.unlock("tax2")


async def test_the_session_is_a_new_one_whatever_the_browser_brings(desk: Web) -> None:
    """Session fixation: a token that somebody planted is worth nothing, before and after."""
    guest = await desk.visitor()
    guest.client.cookies.set("motcua", "planted")
    await guest.sign_in("handler2")
    tokens = [cookie.value for cookie in guest.client.cookies.jar if cookie.name == "motcua"]
    assert "planted" not in tokens[-1:]
    other = await desk.visitor()
    other.client.cookies.set("motcua", "planted")
    assert (await other.get("/inbox")).path == "/sign-in"
    answer = await (await desk.visitor()).client.post(
        "/sign-in", data={"name": "handler2", "password": PASSWORD}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


async def test_signing_out_ends_it_in_the_record(desk: Web) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    visitor = await desk.visitor("handler2")
    stolen = await desk.visitor()
    stolen.client.cookies = httpx.Cookies(visitor.client.cookies)
    assert (await stolen.get("/inbox")).path == "/inbox"
    page = await visitor.get("/inbox")
    await visitor.send(page.form("/sign-out"))
    assert (await stolen.get("/inbox")).path == "/sign-in"


async def test_an_unused_session_ends(office: Running) -> None:
    """After the idle time, and after the whole time whatever one does."""
    async with web(office, present(), idle=timedelta(milliseconds=1)) as hasty:
        visitor = await hasty.visitor()
        await visitor.sign_in("handler2")
        assert (await visitor.get("/inbox")).path == "/sign-in"


async def test_forms_of_other_sites_and_other_sessions_do_nothing(desk: Web) -> None:
    """CSRF: a foreign origin, a missing token, somebody else's token, one of an earlier session."""
    visitor, other = await desk.visitor("handler1"), await desk.visitor("handler2")
    before = len(await book(desk, "handler1"))
    page = await visitor.get("/absences")
    form = page.form("/absences")
    fields = {**dict(form.fields), "since": str(day(30)), "until": str(day(31))}
    foreign = [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": desk.url},
        {"origin": "null"},
    ]
    for headers in foreign:
        refused = await visitor.client.post("/absences", data=fields, headers=headers)
        assert refused.status_code == 403
        assert "another site" in refused.text
    theirs = dict((await other.get("/absences")).form("/absences").fields)["csrf"]
    for token in ("", "x", theirs):
        answer = await visitor.client.post("/absences", data={**fields, "csrf": token})
        assert answer.status_code == 403
    assert (
        await visitor.client.post("/absences", data={k: v for k, v in fields.items() if k != "csrf"})
    ).status_code == 403
    assert await desk.house.notices.absence_rows(date(2027, 1, 4)) == []
    good = {"origin": desk.url, "sec-fetch-site": "same-origin"}
    assert (await visitor.client.post("/absences", data=fields, headers=good)).status_code == 200
    entered = [line for line in (await book(desk, "handler1"))[before:] if line.startswith("forbidden")]
    assert entered[0] == "forbidden POST /absences: FormFromElsewhere"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/x",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:/x",
        "\\\\evil",
    ],
)
async def test_no_link_of_ours_leads_elsewhere(desk: Web, back: str) -> None:
    """Open redirects: after signing in, after changing the language, after a bulk act."""
    guest = await desk.visitor()
    guest.client.follow_redirects = False
    page = await guest.get("/sign-in", params={"back": back})
    assert "evil" not in dict(page.form("/sign-in").fields)["back"]
    for answer in (
        await guest.client.get("/language", params={"to": "vi", "back": back}),
        await guest.client.post("/sign-in", data={"name": "handler2", "password": PASSWORD, "back": back}),
    ):
        assert answer.status_code == 303
        assert answer.headers["location"] == "/"


async def test_a_first_password_must_be_changed(desk: Web) -> None:
    """An administrator makes one and sees it once; with it one can do nothing but choose another."""
    admin = await desk.visitor("admin1")
    page = await admin.get("/people")
    shown = await admin.send(page.form("/people/insurance1/set-password"))
    made = shown.text.split('class="code big">')[1].split("<")[0]
    assert made not in (await admin.get("/people")).text
    guest = await desk.visitor()
    assert (await guest.sign_in("insurance1")).status == 403
    forced = await guest.sign_in("insurance1", made)
    assert forced.path == "/password"
    assert (await guest.get("/inbox")).path == "/password"
    form = (await guest.get("/password")).form("/password")
    for new, again, why in (
        ("short", "short", "10 to 200 characters"),
        ("insurance1 insurance1", "insurance1 insurance1", "too easy"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "too easy"),
        ("a good long one", "another long one", "not the same"),
        (made, made, "the one that you have"),
        ("x" * 201, "x" * 201, "10 to 200 characters"),
    ):
        refused = await guest.send(form, old=made, new=new, again=again)
        assert refused.status == 422
        assert why in refused.words
    assert (await guest.send(form, old="wrong", new="a good long one", again="a good long one")).status == 422
    changed = await guest.send(form, old=made, new="a good long one", again="a good long one")
    assert "is changed" in changed.words
    assert (await guest.get("/inbox")).path == "/inbox"
    assert (await (await desk.visitor()).sign_in("insurance1", made)).status == 403
    await desk.house.accounts.first_password("insurance1", "admin1", From("", ""), PASSWORD)


async def test_a_new_password_ends_all_other_sessions(desk: Web) -> None:
    """Whoever had the old one is out."""
    one, two = await desk.visitor("insurance2"), await desk.visitor("insurance2")
    form = (await one.get("/password")).form("/password")
    await one.send(form, old=PASSWORD, new="a good long one", again="a good long one")
    assert (await two.get("/inbox")).path == "/sign-in"
    assert (await one.get("/inbox")).path == "/inbox"
    await desk.house.accounts.first_password("insurance2", "admin1", From("", ""), PASSWORD)


async def test_a_closed_account_is_out_at_once(desk: Web) -> None:
    """And back in when it is opened; nobody closes their own."""
    admin, clerk = await desk.visitor("admin1"), await desk.visitor("returner1")
    await admin.send((await admin.get("/people")).form("/people/returner1/disable"))
    assert (await clerk.get("/inbox")).path == "/sign-in"
    assert (await clerk.sign_in("returner1")).status == 403
    await admin.send((await admin.get("/people")).form("/people/returner1/enable"))
    assert (await clerk.sign_in("returner1")).status == 200
    page = await admin.get("/people")
    mine = await admin.send(page.form("/people/returner1/set-password"), "/people/admin1/disable")
    assert mine.status == 422
    await desk.house.accounts.first_password("returner1", "admin1", From("", ""), PASSWORD)


async def test_accounts_are_the_administrators(desk: Web) -> None:
    """Nobody else sees them or touches them, and each attempt is in the book."""
    for user in ("handler1", "leader1", "head1", "auditor1"):
        visitor = await desk.visitor(user)
        page = await visitor.get("/absences")
        token = dict(page.form("/absences").fields)["csrf"]
        assert (await visitor.get("/people")).status == 403
        for act in ("set-password", "disable", "enable", "unlock", "sign-out"):
            answer = await visitor.client.post(f"/people/admin1/{act}", data={"csrf": token})
            assert answer.status_code == 403
        assert any("/people/admin1/disable" in line for line in await book(desk, user))
        assert (await visitor.get("/book")).status == (200 if user == "auditor1" else 403)


async def test_headers_keep_others_out(desk: Web) -> None:
    """On pages, refusals and files: no foreign script, no frame, no guessing of types; pages are not kept."""
    guest = await desk.visitor()
    page = await guest.get("/sign-in")
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    for path in ("/sign-in", "/nothing-here", "/track/none", style):
        answer = await guest.client.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        kept = "immutable" if path == style else "no-store"
        assert kept in answer.headers["cache-control"]


async def test_what_was_typed_outlives_the_session(desk: Web) -> None:
    """A form that is sent after the session has ended waits until one is signed in again; then it is sent."""
    visitor = await desk.visitor("handler1")
    form = (await visitor.get("/absences")).form("/absences")
    await desk.house.accounts.record.end_sessions("handler1", "test")
    asked = await visitor.send(form, since=str(day(60)), until=str(day(61)))
    assert asked.status == 401
    again = await visitor.send(asked.form("/sign-in"), name="handler1", password=PASSWORD)
    assert "Send it again" in again.words
    done = await visitor.send(again.form("/absences"))
    assert "It is entered" in done.words
    rows = await desk.house.notices.absence_rows(day(60))
    assert [str(row["since"]) for row in rows] == [str(day(60))]
    await desk.house.absences.end(rows[0]["number"], "handler1")


async def test_the_record_knows_no_password_and_no_token(desk: Web) -> None:
    """Who reads the tables can sign in as nobody."""
    visitor = await desk.visitor("police1")
    token = visitor.client.cookies["motcua"]
    async with desk.house.store._connection() as connection:
        rows = await connection.fetch(
            "select accounts::text as row from accounts union all select sessions::text from sessions"
        )
    everything = " ".join(row["row"] for row in rows)
    assert token not in everything
    assert PASSWORD not in everything
    assert "$argon2id$" in everything


async def test_the_book_is_never_changed(desk: Web) -> None:
    """Not even by the application itself."""
    async with desk.house.store._connection() as connection:
        for statement in ("delete from sign_ins", "update sign_ins set why = ''", "truncate sign_ins"):
            with pytest.raises(Exception, match=r"permission denied|never changed"):
                await connection.execute(statement)
