"""What somebody has typed comes back on every page that refuses a form, repeated fields too."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import pytest

from motcua.web import doors
from motcua.web.visit import COOKIE
from tests.integration.test_web_documents import to_be_issued
from tests.running import Running, always_open, submission
from tests.web import PASSWORD, Answered, Form, Visitor, Web, web

PEOPLE = ("receiver1", "handler1", "clerk1", "leader1", "head1", "admin1", "auditor1")
PAGES = (
    "/inbox",
    "/board",
    "/board/tasks",
    "/absences",
    "/calendar",
    "/counter?procedure=1.001612",
    "/search",
)
WORDS = ('Đơn "một" & <hai>', "Số {n}")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """The desk of the office that runs."""
    async with web(office, always_open()) as served:
        yield served


def filled(form: Form) -> list[tuple[str, str]]:
    """The fields of a form with words in each that a person fills in, none twice the same."""
    return [
        (name, value if name in form.hidden | form.chosen else f"{WORDS[at % 2]} {name} {at}")
        for at, (name, value) in enumerate(form.fields)
    ]


@pytest.fixture(scope="module")
async def forms(desk: Web) -> list[tuple[Visitor, Form]]:
    """Each form of the desk with something to fill in, and somebody who has it on a page."""
    new = [await desk.house.desk.submit(submission("usual"), officer="receiver1") for _ in range(2)]
    codes = [await to_be_issued(desk), *(answer.code for answer in new)]
    await desk.house.desk.act(codes[1], "complete", "receiver1")
    await desk.house.desk.act(codes[2], "withdraw", "receiver1")
    found: dict[str, tuple[Visitor, Form]] = {}
    for name in PEOPLE:
        visitor = await desk.visitor(name)
        pages = [*PAGES, *(f"/dossiers/{code}{more}" for code in codes for more in ("", "/audit"))]
        for page in pages:
            for form in (await visitor.get(page)).forms:
                kind = re.sub(r"/dossiers/[^/]+/", "/dossiers/*/", form.action)
                if form.method == "post" and {name for name, _ in form.fields} - form.hidden:
                    found.setdefault(kind, (visitor, form))
    expected = {"/counter", "/absences", "/calendar/preview", "/dossiers/*/note", "/dossiers/*/complete"}
    assert expected | {"/dossiers/*/audit/erase"} <= found.keys()
    assert len(found) > 15
    return list(found.values())


async def sent(visitor: Visitor, form: Form, fields: list[tuple[str, str]]) -> Answered:
    """A form with these fields, in this order, as a browser sends it."""
    parts = [(name, (None, value)) for name, value in fields]
    return Answered(await visitor.client.post(form.action, files=parts))


def lost(page: Answered, form: Form, fields: list[tuple[str, str]]) -> list[str]:
    """The words of a form that a page does not show."""
    shown = html.unescape(page.text)
    return [words for name, words in fields if name not in form.hidden and words not in shown]


async def test_words_come_back_from_a_form_of_an_earlier_sign_in(forms: list[tuple[Visitor, Form]]) -> None:
    """403: of seven papers one came back, and fields without a label not at all."""
    for visitor, form in forms:
        fields = [(name, "stale" if name == "csrf" else value) for name, value in filled(form)]
        page = await sent(visitor, form, fields)
        assert (form.action, page.status, lost(page, form, fields)) == (form.action, 403, [])


async def test_words_come_back_from_a_form_that_is_too_large(forms: list[tuple[Visitor, Form]]) -> None:
    """413, with or without a page of its own."""
    for visitor, form in forms:
        fields = [*filled(form), ("more", "x" * 2_200_000)]
        page = await sent(visitor, form, fields)
        assert (form.action, page.status, lost(page, form, fields[:-1])) == (form.action, 413, [])


async def test_words_come_back_from_a_bug(
    forms: list[tuple[Visitor, Form]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """500, wherever it is."""
    monkeypatch.setattr(doors, "hmac", None)
    for visitor, form in forms:
        fields = filled(form)
        page = await sent(visitor, form, fields)
        assert (form.action, page.status, lost(page, form, fields)) == (form.action, 500, [])


async def test_words_come_back_beside_a_character_that_cannot_be_kept(desk: Web) -> None:
    """All that was typed was gone because of a single NUL."""
    visitor = await desk.visitor("receiver1")
    form = (await visitor.get("/counter?procedure=1.001612")).form("/counter")
    fields = [(name, "NUL\0" if name == "phone" else value) for name, value in filled(form)]
    page = await sent(visitor, form, fields)
    assert (page.status, lost(page, form, fields)) == (422, ["NUL\0"])


async def test_words_wait_until_one_is_signed_in_again(desk: Web, forms: list[tuple[Visitor, Form]]) -> None:
    """401, a wrong password, and then each field as often as before, in its order."""
    for _, form in forms:
        fields = filled(form)
        guest = await desk.visitor()
        asked = (await sent(guest, form, fields)).form("/sign-in")
        kept = [(f"kept:{name}", value) for name, value in fields if name != "csrf"]
        assert [pair for pair in asked.fields if pair[0].startswith("kept:")] == kept
    _, form = next(each for each in forms if each[1].action == "/counter")
    visitor = await desk.visitor("receiver1")
    visitor.client.cookies.delete(COOKIE)
    asked = (await sent(visitor, form, filled(form))).form("/sign-in")
    for password in ("wrong", PASSWORD):
        given = [
            (name, {"name": "receiver1", "password": password}.get(name, value))
            for name, value in asked.fields
        ]
        page = await sent(visitor, asked, given)
        assert lost(page, form, filled(form)) == []
