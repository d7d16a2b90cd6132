"""The dossier's page and the counter: every form, filled in rightly and wrongly, by hand and by malice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest

from models.refusals import BadInput
from motcua.web.names import COMMANDS
from tests import pdf
from tests.present import day, present
from tests.running import Life, Running, fields_of, submission
from tests.unit.office import CALENDAR
from tests.web import Answered, Visitor, Web, web

EVIL = (
    """<script>alert(1)</script>"'><img src=x onerror=alert(2)> {{7919*7907}} ${7919*7907}"""
    """ &lt;b&gt; \u202e ]]> --> 𝕏"""
)
PROCESSING = ("receiver1 complete",)
DECIDING = (*PROCESSING, "handler1 complete", "leader1 complete")
RESULT = {"number": "12/GP"}
"""Its date is what the form proposes: now."""
APPROVED = (*DECIDING, "approver1 approve")


@pytest.fixture(scope="module")
async def now(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, present()) as served:
        yield served


async def real(now: Web, *lines: str, procedure: str = "usual", **more: Any) -> str:
    """A dossier in real time that has come so far."""
    answer = await now.house.desk.submit(submission(procedure, **more), officer="receiver1")
    for text in lines:
        who, kind, *_ = text.split()
        await now.house.desk.act(answer.code, kind, who, fields_of(text.split()[2:]))
    return answer.code


async def kinds(now: Web, code: str) -> list[str]:
    """What has happened to a dossier."""
    return [fact.kind for fact in await now.house.store.facts(code)]


@pytest.mark.parametrize(
    ("channel", "shown", "asked"),
    [("online", "Lệ phí: 0", ("", "")), ("counter", "Lệ phí: 100,000", ("lệ phí", "100000"))],
)
async def test_the_page_and_the_payment_form_have_the_price_of_the_channel(
    now: Web, channel: str, shown: str, asked: tuple[str, str]
) -> None:
    """Handed in online it costs nothing: the page and the form said 100,000, and the receipt 0."""
    code = await real(now, "receiver1 complete", procedure="charged", channel=channel)
    page = await (await now.visitor("handler1")).get(f"/dossiers/{code}")
    assert shown in page.words
    assert ("100,000" in page.words) == (channel == "counter")
    typed = dict(page.form(f"/dossiers/{code}/request-payment").fields)
    assert (typed["fee"], typed["amount"]) == asked


# Who, command, lines before it, fields, the fact that follows
ACTS: list[tuple[str, str, tuple[str, ...], dict[str, Any], str]] = [
    ("handler1", "claim", PROCESSING, {}, "claimed"),
    ("handler1", "release", (*PROCESSING, "handler1 claim"), {}, "released"),
    ("handler1", "complete", PROCESSING, {"note": "xong"}, "step-completed"),
    ("handler1", "send-back", PROCESSING, {"step": "digitise", "reason": "thiếu"}, "sent-back"),
    (
        "handler1",
        "request-supplement",
        PROCESSING,
        {"reason": "thiếu giấy", "papers": "Căn cước\r\nHộ khẩu", "limit": "5"},
        "supplement-requested",
    ),
    (
        "handler1",
        "supply",
        (*PROCESSING, "handler1 request-supplement reason=x"),
        {"papers": "Căn cước"},
        "supplied",
    ),
    (
        "handler1",
        "request-payment",
        PROCESSING,
        {"fee": "lệ phí", "amount": "100.000"},
        "payment-requested",
    ),
    (
        "clerk1",
        "pay",
        (*PROCESSING, "handler1 request-payment amount=5000"),
        {"amount": "5000", "receipt": "BL 7"},
        "paid",
    ),
    ("handler1", "consult", PROCESSING, {"agency": "Công an xã", "question": "có không?"}, "consulted"),
    (
        "handler1",
        "answer",
        (*PROCESSING, "handler1 consult agency=police"),
        {"agency": "police", "reply": "đồng ý"},
        "answered",
    ),
    ("approver1", "approve", DECIDING, {"reason": "đủ điều kiện"}, "decided"),
    ("approver1", "reject", DECIDING, {"reason": "không đủ"}, "decided"),
    ("clerk1", "complete", APPROVED, RESULT, "issued"),
    ("leader1", "assign", PROCESSING, {"to": "handler2"}, "assigned"),
    ("receiver1", "transfer", (), {"unit": "police", "reason": "đúng thẩm quyền"}, "transferred"),
    ("leader1", "extend", PROCESSING, {"until": f"{day(90)}T09:00", "reason": "phức tạp"}, "extended"),
    ("leader1", "stop", PROCESSING, {"reason": "có tranh chấp"}, "stopped"),
    ("leader1", "resume", (*PROCESSING, "leader1 stop reason=x"), {}, "clock-resumed"),
    ("handler1", "correct", (*PROCESSING, "handler1 complete"), {"reason": "bấm nhầm"}, "corrected"),
    ("receiver1", "withdraw", PROCESSING, {"reason": "dân xin rút"}, "withdrawn"),
    ("clerk1", "note", PROCESSING, {"text": "đã xem"}, "noted"),
]


@pytest.mark.parametrize(("who", "command", "before", "fields", "fact"), ACTS)
async def test_every_form_does_what_it_says(
    now: Web, who: str, command: str, before: tuple[str, ...], fields: dict[str, Any], fact: str
) -> None:
    """Once, however often it is sent; its words stand in the timeline; the page says that it is done."""
    code = await real(now, *before)
    visitor = await now.visitor(who)
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/{command}")
    assert set(fields) <= form.names
    done = await visitor.send(form, **fields)
    assert done.status == 200, done.words[:400]
    happened = await kinds(now, code)
    assert fact in happened
    assert "Done: " in done.words
    if done.path.startswith("/dossiers/"):  # passed on, it is not theirs to see any more
        for words in fields.values():
            if " " in words and "T" not in words:
                assert words.split("\r\n")[0] in done.words
    again = await visitor.send(form, **fields)
    assert again.status == 200, again.words[:300]
    assert await kinds(now, code) == happened


async def test_a_double_click_acts_once(now: Web) -> None:
    """Ten at the same time, too."""
    code = await real(now, *PROCESSING)
    visitor = await now.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    answers = await asyncio.gather(*(visitor.send(form, text="một lần") for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert (await kinds(now, code)).count("noted") == 1


async def test_a_stale_page_is_told_what_is_new(now: Web) -> None:
    """What was typed stays; what colleagues did meanwhile is listed; sent again it is done."""
    code = await real(now, *PROCESSING)
    visitor = await now.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    await now.house.desk.act(code, "note", "leader1", {"text": "chờ đã, thiếu chữ ký"})
    stale = await visitor.send(form, note="tôi đã xong việc")
    assert stale.status == 409
    assert "has changed since you looked at it" in stale.words
    assert "chờ đã, thiếu chữ ký" in stale.words
    again = stale.form(f"/dossiers/{code}/complete")
    assert dict(again.fields)["note"] == "tôi đã xong việc"
    assert dict(again.fields)["request_id"] != dict(form.fields)["request_id"]  # refused, that one is used up
    assert (await visitor.send(again)).status == 200
    assert (await kinds(now, code)).count("step-completed") == 2


async def test_what_the_clock_does_makes_no_page_stale(office: Running) -> None:
    """A reminder that sounds meanwhile is no reason to ask again."""
    life = await Life.begin(office, "receiver1 accept", "receiver1 complete", opened="2026-03-02 08:00")
    async with web(office, CALENDAR) as desk:
        visitor = await desk.visitor("handler1")
        form = (await visitor.get(f"/dossiers/{life.code}")).form(f"/dossiers/{life.code}/complete")
        await life.forward("2026-03-06 08:30")
        assert "rung-reached" in await life.kinds()
        assert (await visitor.send(form)).status == 200


@pytest.mark.slow  # each form there is, with a dossier of its own
@pytest.mark.parametrize(("who", "command", "before", "fields", "fact"), ACTS)
async def test_no_word_becomes_part_of_the_page(
    now: Web, who: str, command: str, before: tuple[str, ...], fields: dict[str, Any], fact: str
) -> None:
    """Script in each free text of each form: shown as it was typed, to staff and to the citizen."""
    code = await real(now, *before)
    visitor = await now.visitor(who)
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/{command}")
    free = {
        "note",
        "reason",
        "papers",
        "receipt",
        "agency",
        "question",
        "reply",
        "number",
        "text",
        "legal_basis",
    }
    filled = {
        name: EVIL if name in free and not (command == "answer" and name == "agency") else text
        for name, text in {**fields, **dict.fromkeys(form.names & free - {"agency"}, EVIL)}.items()
    }
    await visitor.send(form, **filled)
    head = await now.visitor("head1")
    guest = await now.visitor()
    for page in (await head.get(f"/dossiers/{code}"), await guest.get(f"/track/{code}")):
        assert page.status == 200
        unharmed(page)
    for path in ("/inbox?view=all", "/board", f"/search?q={code}"):
        unharmed(await head.get(path))


class _Harm(HTMLParser):
    """Finds what somebody else's words could have put into a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        foreign = tag == "script" and not str(given.get("src")).startswith("/static/")
        handlers = [name for name in given if name.startswith("on")]
        links = [
            text for text in (given.get("href"), given.get("action")) if str(text).startswith("javascript")
        ]
        if foreign or tag in ("img", "iframe", "object", "b", "i") or handlers or links:
            self.found.append(f"{tag} {given}")


def unharmed(page: Answered) -> None:
    """No script of anybody's, no handler, no element that somebody typed, nothing calculated."""
    harm = _Harm()
    harm.feed(page.text)
    assert harm.found == []
    assert str(7919 * 7907) not in page.words


async def test_an_applicant_with_a_script_for_a_name(now: Web) -> None:
    """In lists, on the page, on the board, at the counter and to the citizen."""
    evil = EVIL.replace("\u202e ", "")
    applicant = {
        "name": evil,
        "phone": "0<b>1",
        "address": evil,
        "id_number": "<i>",
        "email": "a'b@c.example",
    }
    code = await real(now, *PROCESSING, applicant=applicant, papers=[evil], request=evil)
    head, receiver = await now.visitor("head1"), await now.visitor("receiver1")
    for path in (
        f"/dossiers/{code}",
        "/inbox?view=all",
        "/search?q=alert",
        "/board/tasks?unit=demo&role=handler",
    ):
        unharmed(await head.get(path))
    unharmed(await receiver.get(f"/counter/received/{code}"))
    guest = await now.visitor()
    unharmed(await guest.get(f"/track/{code}"))
    for path in (
        f"/track/{EVIL}",
        f"/search?q={EVIL}",
        f"/inbox?view=unit&q={EVIL}",
        f"/dossiers/x?done={EVIL}",
    ):
        unharmed(await head.get(path.replace("{}", quote(EVIL))))


WRONG: list[tuple[str, str, tuple[str, ...], dict[str, Any], str]] = [
    ("handler1", "send-back", PROCESSING, {"step": "digitise", "reason": ""}, "Reason: Field required"),
    (
        "handler1",
        "send-back",
        PROCESSING,
        {"step": "nothing", "reason": "x"},
        "cannot be sent back to nothing",
    ),
    ("handler1", "send-back", PROCESSING, {"step": None, "reason": "x"}, "Step: Field required"),
    ("handler1", "send-back", PROCESSING, {"step": "digitise", "reason": "x" * 20_001}, "20,001 characters"),
    ("handler1", "request-supplement", PROCESSING, {"reason": "", "papers": "một giấy"}, "can be seen"),
    (
        "handler1",
        "request-supplement",
        PROCESSING,
        {"reason": "x", "limit": "five"},
        "five is no whole number",
    ),
    ("handler1", "request-supplement", PROCESSING, {"reason": "x", "limit": "0"}, "0 is not between"),
    ("handler1", "request-supplement", PROCESSING, {"reason": "x", "limit": "9" * 14}, "not between"),
    ("handler1", "request-payment", PROCESSING, {"amount": "-5", "fee": "phí"}, "is no whole number"),
    ("handler1", "request-payment", PROCESSING, {"amount": "0", "fee": "phí"}, "greater than 0"),
    ("handler1", "request-payment", PROCESSING, {"amount": "", "fee": "phí"}, "Field required"),
    ("handler1", "request-payment", PROCESSING, {"amount": "5000", "fee": "thuế"}, "fee"),
    ("handler1", "request-payment", PROCESSING, {"amount": "NaN", "fee": "phí"}, "is no whole number"),
    ("handler1", "consult", PROCESSING, {"agency": ""}, "Agency: Field required"),
    ("handler1", "consult", PROCESSING, {"agency": "x" * 201}, "at most 200"),
    ("clerk1", "complete", APPROVED, {"number": "", "date": ""}, "needs its number"),
    (
        "clerk1",
        "complete",
        APPROVED,
        {"number": "1", "date": "yesterday"},
        "Date of the",
    ),
    (
        "clerk1",
        "complete",
        APPROVED,
        {"number": "1", "date": "0001-01-01T00:00"},
        "year",
    ),
    ("approver1", "reject", DECIDING, {"reason": "  "}, "needs a reason"),
    ("leader1", "assign", PROCESSING, {"to": "nobody7"}, "nobody7"),
    ("leader1", "assign", PROCESSING, {"to": ""}, "Field required"),
    ("receiver1", "transfer", (), {"unit": "nowhere", "reason": "x"}, "nowhere"),
    ("receiver1", "transfer", (), {"unit": "demo", "reason": "x"}, "already with"),
    ("leader1", "extend", PROCESSING, {"until": "2020-01-01T09:00", "reason": "x"}, "must lie after now"),
    ("leader1", "extend", PROCESSING, {"until": "9999-12-31T23:59", "reason": "x"}, "9999"),
    ("leader1", "extend", PROCESSING, {"until": f"{day(90)}T09:00", "reason": ""}, "Field required"),
    ("clerk1", "note", PROCESSING, {"text": " \n "}, "Field required"),
    ("clerk1", "note", PROCESSING, {"text": "\u0000"}, "cannot be kept"),
]


@pytest.mark.slow  # each field there is, with a dossier of its own
@pytest.mark.parametrize(("who", "command", "before", "fields", "words"), WRONG)
async def test_wrong_fields_are_named(
    now: Web, who: str, command: str, before: tuple[str, ...], fields: dict[str, Any], words: str
) -> None:
    """In a sentence, with what was typed still there; nothing happens, and nothing is half done."""
    code = await real(now, *before)
    happened = await kinds(now, code)
    visitor = await now.visitor(who)
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/{command}")
    answer = await visitor.send(form, **fields)
    assert answer.status in (409, 422), answer.words[:300]
    assert words in answer.words, answer.words
    assert await kinds(now, code) == happened
    if "\0" not in fields.get("text", ""):
        kept = dict(answer.form(f"/dossiers/{code}/{command}").fields)
        for name, text in fields.items():
            if text and name not in ("step", "fee", "to", "unit"):
                assert kept[name].strip() == text.strip()
        await visitor.get("/language?to=vi&back=/inbox")
        assert "Field required" not in (await visitor.send(form, **fields)).words


@pytest.mark.parametrize("due", ["0001-01-01T00:00", "1899-12-31T00:00", "2026-03-01", "9999-12-31T23:59"])
async def test_a_due_date_that_cannot_be_is_a_wrong_field(office: Running, now: Web, due: str) -> None:
    """Before today, or beyond every calendar: on the page and for the command line, and nothing is done."""
    life = await Life.begin(office, procedure="fixed")
    with pytest.raises(BadInput):
        await office.desk.act(life.code, "accept", "receiver1", {"due": f"until {due}"})
    visitor = await now.visitor("receiver1")
    form = (await visitor.get(f"/dossiers/{life.code}")).form(f"/dossiers/{life.code}/accept")
    answered = await visitor.send(form, due=due)
    assert answered.status == 422, answered.words[:300]
    assert (await office.desk.row(life.code)).status == "submitted"
    with pytest.raises(BadInput):
        await office.desk.submit(submission("fixed", due_at=due), officer="receiver1")


async def test_commands_of_other_fields_are_refused(now: Web) -> None:
    """What a form does not have cannot be slipped in: no actor, no id, no field of another command."""
    code = await real(now, *PROCESSING)
    visitor = await now.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    for name, text in (("actor", "head1"), ("id", "x"), ("kind", "approve"), ("to", "handler2"), ("x", "1")):
        answer = await visitor.send(form, **{name: text})
        assert answer.status == 422, name
    assert (await visitor.send(form, seen="-1")).status in (200, 422)
    assert set(COMMANDS) >= {"complete"}


# The counter

FULL = {
    "name": "Nguyễn Thị Thu",
    "id_number": "079099000001",
    "phone": "0912345678",
    "email": "thu@example.org",
    "address": "Số 1, đường Hùng Vương",
    "owner": "Trần Văn Chủ",
    "channel": "counter",
    "result_by": "post",
    "paper": ["Tờ khai", "Căn cước công dân", ""],
    "originals": ["1", "", ""],
    "copies": ["", "2", ""],
}


async def taken_in(visitor: Visitor, **changes: Any) -> Answered:
    """Receive at the counter what is written above."""
    page = await visitor.get("/counter?procedure=1.001612")
    return await visitor.send(page.form("/counter"), **(FULL | changes))


async def test_a_dossier_is_received_at_the_counter(now: Web) -> None:
    """With the appointment that was shown before; sent twice it is one; the receipt prints."""
    visitor = await now.visitor("receiver1")
    page = await visitor.get("/counter?procedure=1.001612")
    shown = re.search(r'class="due">([^<]+)<', page.text)
    assert shown is not None
    form = page.form("/counter")
    done = await visitor.send(form, **FULL, how="accept")
    assert "Received" in done.words
    code = re.search(r"H53\.26-\d{6}-\d{4}", done.path)
    assert code is not None
    assert shown[1].split(" on ")[1] in done.words
    again = await visitor.send(form, **FULL, how="accept")
    assert again.path == done.path
    receipt = await visitor.get(f"/dossiers/{code[0]}/papers/receipt.pdf")
    assert receipt.content.startswith(b"%PDF")
    whole = await visitor.get(f"/dossiers/{code[0]}")
    for words in ("Nguyễn Thị Thu", "Trần Văn Chủ", "Căn cước công dân", "2 copies", "0912345678"):
        assert words in whole.words
    later = await visitor.send(
        (await visitor.get("/counter?procedure=1.001612")).form("/counter"), **FULL, how="later"
    )
    assert "Taken in, to be checked" in later.words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Full name"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "hai\ndòng"}, "line break"),
        ({"email": "không phải"}, "no e-mail address"),
        ({"email": "a@b.c\nBcc: x@y.z"}, "cannot be seen"),
        ({"phone": "1" * 51}, "at most 50"),
        ({"address": "x" * 501}, "at most 500"),
        ({"originals": ["một", "", ""]}, "entry 1"),
        ({"originals": ["-1", "", ""]}, "entry 1"),
        ({"copies": ["", "99999", ""]}, "entry 2"),
        ({"paper": ["x" * 1001, "", ""]}, "entry 1"),
        ({"channel": "pigeon"}, "How: Input should be"),
        ({"result_by": "pigeon"}, "Result wanted: Input should be"),
        ({"unit": "nowhere"}, "nowhere"),
        ({"procedure": "9.999999"}, "no procedure 9.999999"),
        ({"procedure": ""}, "no procedure"),
        ({"language": "fr"}, "Language: Input should be"),
        ({"due_at": f"{day(30)}T09:00"}, "sets the limit"),
        ({"unit": "police", "how": "accept"}, "belongs to the unit"),
    ],
)
async def test_wrong_submissions_are_told(now: Web, changes: dict[str, Any], words: str) -> None:
    """By field, with all that was typed still there; no dossier comes of it."""
    visitor = await now.visitor("receiver1")
    before = (await now.house.store.counts())["dossiers"]
    answer = await taken_in(visitor, **({"how": "accept"} | changes))
    assert answer.status in (403, 409, 422)
    assert words in answer.words
    assert (await now.house.store.counts())["dossiers"] == before
    if "procedure" not in changes:
        kept = answer.form("/counter")
        assert ("name", changes.get("name", FULL["name"]).replace("\n", "")) in [
            (name, text.replace("\n", "")) for name, text in kept.fields
        ]
        assert ("paper", "Căn cước công dân") in kept.fields or "paper" in changes


async def test_the_counter_takes_no_id_of_a_linked_dossier(now: Web) -> None:
    """The request id of the form is anybody's to write; what was typed comes back with a new one."""
    visitor = await now.visitor("receiver1")
    form = (await visitor.get("/counter?procedure=1.001612")).form("/counter")
    before = (await now.house.store.counts())["dossiers"]
    answer = await visitor.send(form, **FULL, request_id="H53.26-261130-0004/residence/1", how="accept")
    assert (answer.status, "slash" in answer.words) == (422, True)
    assert (await now.house.store.counts())["dossiers"] == before
    again = answer.form("/counter")
    assert "/" not in dict(again.fields)["request_id"]
    assert (await visitor.send(again, how="accept")).path.startswith("/counter/received/")


async def test_the_largest_payment_is_shown_and_a_larger_one_refused(now: Web) -> None:
    """One of 10^30 đồng was asked for, and no page of the dossier could be shown any more."""
    code = await real(now, *PROCESSING)
    for amount in (10**12 + 1, 10**30):
        with pytest.raises(BadInput, match="amount"):
            await now.house.desk.act(code, "request-payment", "handler1", {"amount": amount})
    visitor = await now.visitor("handler1")
    refused = await visitor.act(code, "request-payment", amount="1000000000001", fee="phí")
    assert refused.status == 422
    await now.house.desk.act(code, "request-payment", "handler1", {"amount": 10**12})
    page = await visitor.get(f"/dossiers/{code}")
    assert (page.status, "1,000,000,000,000" in page.words) == (200, True)


async def test_the_counter_is_the_receivers(now: Web) -> None:
    """Nobody else takes in, whatever they send."""
    receiver, handler = await now.visitor("receiver1"), await now.visitor("handler1")
    form = (await receiver.get("/counter?procedure=1.001612")).form("/counter")
    csrf = dict((await handler.get("/absences")).form("/absences").fields)["csrf"]
    assert (await handler.send(form, csrf=csrf, **FULL)).status == 403


# The citizen


async def test_the_public_page_tells_nothing_private(now: Web) -> None:
    """No name, no telephone, no word that anybody wrote, no officer."""
    secret = {
        "name": "Bí Mật Hoàn Toàn",
        "phone": "0987654321",
        "email": "bi@mat.example",
        "address": "Ngõ Kín",
    }
    code = await real(
        now,
        *(*PROCESSING, "handler1 note text=riêng-tư", "handler1 request-supplement reason=thiếu-giấy-kín"),
        applicant=secret,
        papers=["Giấy kín"],
    )
    guest = await now.visitor()
    page = await guest.get(f"/track/{code}")
    assert page.status == 200
    for word in ("Bí Mật", "0987", "bi@mat", "Ngõ", "riêng", "kín", "Kín", "handler1", "Lê Thị Cúc"):
        assert word not in page.text
    assert "Papers are missing" in page.words
    missing = await guest.get("/track/H53.26-991231-0001")
    assert missing.status == 404


async def test_nobody_walks_the_codes(now: Web) -> None:
    """They are numbered: an address that looks up many is told to wait."""
    guest = await now.visitor()
    statuses = [(await guest.get(f"/track/H53.26-991231-{n:04}")).status for n in range(45)]
    assert 429 in statuses
    assert statuses[-1] == 429


async def test_only_who_holds_the_receipt_rates(office: Running) -> None:
    """Once; the code alone is not enough, nor is another receipt's key."""
    async with web(office, present()) as desk:
        codes = [await real(desk, *APPROVED) for _ in range(2)]
        for each in codes:
            clerk = await desk.visitor("clerk1")
            await clerk.act(each, "complete", **RESULT)
            await desk.house.desk.act(each, "return", "returner1")
        code, other = codes
        key, others = await desk.house.store.track_key(code), await desk.house.store.track_key(other)
        guest = await desk.visitor()
        assert "How were you served" not in (await guest.get(f"/track/{code}")).words
        assert "How were you served" not in (await guest.get(f"/track/{code}?k={others}")).words
        receipt = await (await desk.visitor("handler1")).get(f"/dossiers/{code}/papers/receipt.pdf")
        assert pdf.qr_codes(receipt.content) == [f"{desk.url}/track/{code}?k={key}"]
        assert str(key) not in pdf.text(receipt.content)  # who only sees the paper's words knows no more
        page = await guest.get(f"/track/{code}?k={key}")
        form = page.form(f"/track/{code}/rate")
        for wrong in ("", "x", str(others)):
            assert (await guest.send(form, k=wrong, score="5")).status == 403
        for score in ("0", "6", "", "five", "5.5"):
            assert (await guest.send(form, score=score)).status == 422
        thanks = await guest.send(form, score="4", text=EVIL)
        assert "Thank you" in thanks.words
        unharmed(thanks)
        assert (await guest.send(form, score="4", text=EVIL)).status == 200
        assert (await guest.send(form, score="1")).status in (409, 422)
        assert (await kinds(desk, code)).count("rated") == 1


async def test_too_much_at_once_is_refused(now: Web) -> None:
    """A form of 30 MB, with and without a length; the server lives on."""
    visitor = await now.visitor("handler1")
    code = await real(now, *PROCESSING)
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    big = await visitor.send(form, text="x" * 30_000_000)
    assert big.status == 413
    assert "too large" in big.words
    local = await now.visitor("handler1", language="vi")
    again = await local.send((await local.get(f"/dossiers/{code}")).form(form.action), text="x" * 30_000_000)
    assert (again.status, "Quá lớn" in again.words) == (413, True)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a=" + b"x" * 100_000 + b"&"

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await visitor.client.post(form.action, content=chunks(), headers=headers)
    assert answer.status_code == 413
    many = await visitor.client.post(form.action, data={f"f{n}": "x" for n in range(5000)})
    assert many.status_code in (400, 403, 413, 422)
    assert (await visitor.get("/inbox")).status == 200
