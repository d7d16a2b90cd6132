"""The inbox: what burns comes first, and nothing that it says is wrong over lunch, weekends and holidays."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

import httpx
import pytest

from motcua.web import live
from tests.present import present
from tests.running import Life, Running, submission
from tests.unit.office import CALENDAR, at
from tests.waiting import PATIENCE, a_few_at_once, until
from tests.web import Answered, Visitor, Web, web

RACES = int(os.environ.get("RACES", "50"))
PROCESSING = ("receiver1 accept", "receiver1 complete")


class Clock:
    """Office time as a test wants it."""

    def __init__(self, moment: str) -> None:
        self.moment = at(moment)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The clock of the desk that shows simulated dossiers."""
    return Clock("2026-03-02 08:00")


@pytest.fixture(scope="module")
async def then(office: Running, clock: Clock) -> AsyncIterator[Web]:
    """A desk in March 2026, by the sample calendar."""
    async with web(office, CALENDAR, clock=clock) as served:
        yield served


@pytest.fixture(scope="module")
async def now(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, present()) as served:
        yield served


def line(page: Answered, code: str) -> str:
    """What the list says of a dossier."""
    rows = re.findall(r"<tr[^>]*data-code=.*?</tr>", page.text, re.DOTALL)
    row = next(row for row in rows if f'data-code="{code}"' in row)
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


# 2026-03-02 is a Monday. The step "handle" has 1.5 days, the dossier 5 days; Hùng Kings' day is on 27 April.
@pytest.mark.parametrize(
    ("opened", "moment", "state", "left"),
    [
        ("2026-03-02 08:00", "2026-03-02 08:00", "due soon", "1 working day 4 hours left"),
        ("2026-03-02 08:00", "2026-03-02 12:15", "due soon", "1 working day 30 minutes left"),
        ("2026-03-06 14:00", "2026-03-07 10:00", "due soon", "1 working day 1 hour left"),
        ("2026-03-06 14:00", "2026-03-08 23:00", "due soon", "1 working day 1 hour left"),
        ("2026-03-06 14:00", "2026-03-10 07:30", "due today", "30 working minutes left"),
        ("2026-04-24 14:00", "2026-04-26 09:00", "due soon", "1 working day 1 hour left"),
        ("2026-04-24 14:00", "2026-04-28 07:00", "due soon", "1 working day 1 hour left"),
        ("2026-04-24 14:00", "2026-04-29 09:30", "late", "late by 1 working hour 29 minutes"),
        ("2026-03-06 14:00", "2026-03-14 12:00", "late", "late by 3 working days 6 hours 59 minutes"),
    ],
)
async def test_the_countdown_is_in_working_time(
    office: Running, then: Web, clock: Clock, opened: str, moment: str, state: str, left: str
) -> None:
    """Lunch, weekend and holiday take nothing from it; what has passed is counted the same way."""
    life = await Life.begin(office, *PROCESSING, opened=opened)
    clock.moment = at(moment)
    visitor = await then.visitor("handler1")
    page = await visitor.get(f"/inbox?q={life.code}")
    assert f" {state} {left} " in line(page, life.code)
    vietnamese = await (await then.visitor("handler1", language="vi")).get(f"/inbox?q={life.code}")
    assert "làm việc" in line(vietnamese, life.code)


async def test_a_paused_clock_stands_still(office: Running, then: Web, clock: Clock) -> None:
    """It shows what was left when it stopped, however long ago that is; behind those that run."""
    asked = "handler1 request-payment amount=5000"
    life = await Life.begin(office, *PROCESSING, asked, opened="2026-03-02 08:00")
    running = await Life.begin(office, *PROCESSING, opened="2026-03-02 08:00")
    clock.moment = at("2026-03-20 08:00")
    visitor = await then.visitor("handler1")
    shown = line(await visitor.get(f"/inbox?view=unit&q={life.code}"), life.code)
    assert " paused 4 working days 7 hours 59 minutes left" in shown
    found = await codes(visitor, "/inbox?view=unit")
    assert found.index(running.code) < found.index(life.code)


async def test_what_is_ready_is_not_late(office: Running, then: Web, clock: Clock) -> None:
    """A result that nobody picks up has no deadline."""
    life = await Life.begin(
        office,
        *PROCESSING,
        *("handler1 complete", "leader1 complete", "approver1 approve"),
        "clerk1 complete number=1/GP date=2026-03-02T09:00",
    )
    clock.moment = at("2026-06-01 08:00")
    page = await (await then.visitor("returner1")).get(f"/inbox?q={life.code}")
    assert " no deadline " in line(page, life.code)


async def csrf(visitor: Visitor) -> str:
    """The token that a visitor's forms hold."""
    return dict((await visitor.get("/absences")).form("/absences").fields)["csrf"]


async def codes(visitor: Visitor, path: str) -> list[str]:
    """Every code of a list, page by page."""
    found: list[str] = []
    while path:
        page = await visitor.get(path)
        found += re.findall(r'data-code="([^"]+)"', page.text)
        link = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = link[1].replace("&amp;", "&") if link else ""
    return found


async def test_paging_shows_each_task_once_in_the_order_of_urgency(
    office: Running, then: Web, clock: Clock
) -> None:
    """Also when tasks come and go between two pages."""
    lives = await a_few_at_once(
        Life.begin(office, opened=f"2026-05-{4 + number % 5:02} {8 + number % 3:02}:00")
        for number in range(70)
    )
    clock.moment = at("2026-05-08 16:00")
    visitor = await then.visitor("receiver1")
    found = await codes(visitor, "/inbox?view=unit&step=intake")
    assert len(found) == len(set(found))
    assert {life.code for life in lives} <= set(found)
    rows = await office.store._pool.fetch(
        "select code from tasks where unit = 'demo' and step = 'intake' order by place, urgent_at, code"
    )
    assert found == [row["code"] for row in rows]
    first = await visitor.get("/inbox?view=unit&step=intake")
    shown = re.findall(r'data-code="([^"]+)"', first.text)
    further = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert further is not None
    await office.desk.act(shown[0], "refuse", "receiver1", {"reason": "vì vậy"})
    rest = await codes(visitor, further[1].replace("&amp;", "&"))
    assert shown + rest == found


async def test_states_narrow_and_their_numbers_are_right(office: Running, then: Web, clock: Clock) -> None:
    """Each state's number is the length of its list; together they are everything."""
    await Life.begin(office, *PROCESSING, opened="2026-05-07 08:00")
    clock.moment = at("2026-05-08 10:00")
    visitor = await then.visitor("handler1")
    page = await visitor.get("/inbox?view=unit")
    link = r'<a class="(\w+)" href="[^"]*state=[^"]*"[^>]*><strong>(\d+)</strong>'
    told = dict(re.findall(link, page.text))
    assert set(told) == {"late", "today", "soon", "comfortable", "paused", "waiting"}
    whole = await codes(visitor, "/inbox?view=unit")
    parts = {state: await codes(visitor, f"/inbox?view=unit&state={state}") for state in told}
    assert {state: len(found) for state, found in parts.items()} == {s: int(n) for s, n in told.items()}
    assert sorted(code for part in parts.values() for code in part) == sorted(whole)


TYPED = [
    *("nguyen thi thu", "NGUYỄN THỊ THU", "thu nguyễn", "thu  hươ"),
    *("0912 345", "345 678", "0912345678", "+84 912.345.678", "(+84)912-345-678"),
    *("079099123", "079 099 123 456"),
]
NUMBERS = [
    *("0987.654.321", "0987-654-321", "0987654321"),
    *("+84 987 654 321", "0084987654321", "+84 (0)987 654321", "(+84)987654321"),
]
ODD = ["'", "a:* | b", "!!", "\\", "%", "(((", "<script>", "&", "a" * 500, "💥"]


@pytest.mark.parametrize("words", TYPED)
async def test_applicants_are_found_as_people_type_them(office: Running, then: Web, words: str) -> None:
    """Without marks, in another order, by a part, by telephone or identity number."""
    applicant = {"name": "Nguyễn Thị Thu Hường", "phone": "0912 345 678", "id_number": "079099123456"}
    life = await Life.begin(office, applicant=applicant)
    visitor = await then.visitor("receiver1")
    for path in ("/inbox", "/search"):
        page = await visitor.get(path, params={"q": words, **({"view": "unit"} if path == "/inbox" else {})})
        assert life.code in page.text
        other = await visitor.get(path, params={"q": "khong co ai"})
        assert life.code not in other.text


async def test_a_code_is_found_as_people_read_it_off_a_paper(office: Running, then: Web) -> None:
    """By the staff's search, the inbox and the tracking page alike."""
    life = await Life.begin(office)
    parts = life.code.split("-")
    visitor, guest = await then.visitor("receiver1"), await then.visitor()
    for typed in (life.code, life.code.lower(), " ".join(parts), "".join(parts).lower(), "–".join(parts)):
        assert life.code in (await visitor.get("/search", params={"q": typed})).text
        assert life.code in (await visitor.get("/inbox", params={"q": typed, "view": "unit"})).text
        assert (await guest.get("/track", params={"code": typed})).status == 200


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_is_found_by_its_digits(office: Running, then: Web, number: str) -> None:
    """However it was written down (found as one with dots that nobody could find)."""
    life = await Life.begin(office, applicant={"name": "Trần Văn Số", "phone": number})
    visitor = await then.visitor("receiver1")
    for typed in ("0987654321", "0987 65", "0987.654.321", "+84987654321"):
        assert life.code in (await visitor.get("/search", params={"q": typed})).text
    assert life.code not in (await visitor.get("/search", params={"q": "0987654322"})).text


@pytest.mark.parametrize("words", ODD)
async def test_nothing_that_is_typed_breaks_the_search(then: Web, words: str) -> None:
    """What is no word finds nothing, and says so."""
    visitor = await then.visitor("receiver1")
    for path in ("/inbox", "/search"):
        page = await visitor.get(path, params={"q": words})
        assert page.status == 200
        assert "<script>" not in page.text.replace("<script src", "")


@pytest.mark.parametrize(
    "query",
    [
        *("view=nothing", "after=x", "after=0~yesterday~A", "after=9~2026-01-01T00:00:00%2B00:00~A"),
        *("after=0~2026-01-01~A", "q=%00", "step=%00", "%00=1"),
    ],
)
async def test_addresses_that_are_none(then: Web, query: str) -> None:
    """Told so, not broken."""
    visitor = await then.visitor("handler1")
    assert (await visitor.get(f"/inbox?{query}")).status == 422


async def real(now: Web, count: int, *lines: str) -> list[str]:
    """Dossiers in real time that have come so far."""

    async def one() -> str:
        answer = await now.house.desk.submit(submission("usual"), officer="receiver1")
        for text in lines:
            who, kind = text.split()
            await now.house.desk.act(answer.code, kind, who)
        return answer.code

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def key(now: Web, code: str) -> str:
    """What a list's box for a dossier says: its code, its task, and the last fact that was seen."""
    row = await now.house.desk.row(code)
    return f"{code}:{row.tasks[0].id}:{row.seq}"


async def test_bulk_acts_say_what_became_of_each(now: Web) -> None:
    """A colleague's claim is not touched; what is not possible is said, the rest is done; twice is once."""
    free = await real(now, 5, "receiver1 complete")
    taken = await real(now, 2, "receiver1 complete", "handler2 claim")
    visitor = await now.visitor("handler1")
    form = (await visitor.get("/inbox?view=unit")).form("/inbox/bulk")
    chosen = [await key(now, code) for code in free + taken]
    for _ in range(2):
        done = await visitor.send(form, task=chosen, act="claim")
        assert "5 done, 2 not." in done.words
        assert done.words.count("is with Phạm Văn Dũng") == 2
    rows = [await now.house.desk.row(code) for code in free + taken]
    assert [row.tasks[0].assignee for row in rows] == ["handler1"] * 5 + ["handler2"] * 2
    facts = [fact.kind for fact in await now.house.store.facts(free[0])]
    assert facts.count("claimed") == 1
    for act, some in (("complete", free[:3]), ("release", free[3:])):
        form = (await visitor.get("/inbox?view=mine")).form("/inbox/bulk")
        done = await visitor.send(form, task=[await key(now, code) for code in some], act=act)
        assert f"{len(some)} done, 0 not." in done.words
    nothing = await visitor.send(form, act="claim")
    assert nothing.status == 422
    assert "Choose at least one" in nothing.words


@pytest.mark.slow  # two people claim the same task again and again
async def test_races_for_a_task(now: Web) -> None:
    """Two officers claim the same task at once: one wins, the other is told by whom. RACES=1000 for more."""
    one, two = await now.visitor("handler1"), await now.visitor("handler2")
    token = {visitor: await csrf(visitor) for visitor in (one, two)}
    names = {one: "Lê Thị Cúc", two: "Phạm Văn Dũng"}
    wins = {one: 0, two: 0}
    code = task = ""

    async def claim(visitor: Visitor, number: int) -> httpx.Response:
        data = {"csrf": token[visitor], "batch": f"race-{number}-{names[visitor][:2]}"}
        return await visitor.client.post(f"/inbox/claim?task={task}", data=data)

    for number in range(RACES):
        if number % 50 == 0:  # facts pile up; a fresh dossier keeps each race as long as the first
            (code,) = await real(now, 1, "receiver1 complete")
        task = await key(now, code)
        both = await asyncio.gather(claim(one, number), claim(two, number))
        answers = dict(zip((one, two), both, strict=True))
        (winner,) = [each for each, answer in answers.items() if answer.url.path == "/inbox"]
        (loser,) = {one, two} - {winner}
        assert f"is with {names[winner]}" in Answered(answers[loser]).words
        wins[winner] += 1
        user = "handler1" if winner is one else "handler2"
        assert (await now.house.desk.row(code)).tasks[0].assignee == user
        await now.house.desk.act(code, "release", user)
    assert sum(wins.values()) == RACES
    assert min(wins.values()) > 0


async def test_a_kept_view_is_an_address(now: Web) -> None:
    """Kept under a name, given to a colleague, forgotten again; only one's own."""
    visitor, other = await now.visitor("handler1"), await now.visitor("handler2")
    page = await visitor.get("/inbox?view=unit&state=late&q=nguyen")
    kept = await visitor.send(page.form("/filters"), name="Trễ của đơn vị")
    assert kept.path.startswith("/inbox?view=unit")
    assert "Trễ của đơn vị" in kept.words
    assert "Trễ của đơn vị" not in (await other.get("/inbox")).words
    assert (await other.get("/inbox?view=unit&state=late&q=nguyen")).status == 200
    form = kept.form("/filters/")
    await other.client.post(form.action, data={"csrf": await csrf(other)})
    assert "Trễ của đơn vị" in (await visitor.get("/inbox")).words
    await visitor.send(form)
    assert "Trễ của đơn vị" not in (await visitor.get("/inbox")).words
    for blank in ("\u3164", "\u200b\u2800", " "):  # a link that nobody sees, and nobody could drop
        assert (await visitor.send(page.form("/filters"), name=blank)).status == 422
    for address in ("https://evil.example", "/inbox?<script>", "//evil", "/people"):
        assert (await visitor.send(page.form("/filters"), name="x", address=address)).status == 422


async def test_an_open_page_hears_of_what_changes(now: Web) -> None:
    """Within a moment, and only of what its visitor may see."""
    mine, others = await now.visitor("handler1"), await now.visitor("police1")
    heard: dict[Visitor, list[str]] = {mine: [], others: []}

    async def listen(visitor: Visitor) -> None:
        async with visitor.client.stream("GET", "/events") as stream:
            async for text in stream.aiter_lines():
                if text.startswith("data:"):
                    heard[visitor].append(text[6:].strip())

    listening = [asyncio.create_task(listen(visitor)) for visitor in (mine, others)]
    try:

        async def listens() -> bool:
            return all(heard.values())  # each is told at once to look, for it brought no mark

        await until(listens)
        (code,) = await real(now, 1, "receiver1 complete")

        async def told() -> bool:
            return any(text.startswith(code) for text in heard[mine])

        await until(told)
        assert not any(text.startswith(code) for text in heard[others])
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


async def test_what_changes_while_a_page_is_on_its_way_is_told(now: Web) -> None:
    """Found as a dossier's page that never said it had changed: the change came before its stream did."""
    visitor, other = await now.visitor("handler1"), await now.visitor("police1")
    (code,) = await real(now, 1, "receiver1 complete")
    page = await visitor.get(f"/dossiers/{code}")
    (mark,) = re.findall(r'data-live="(/events\?since=[^"]+)"', page.text)
    await now.house.desk.act(code, "note", "leader1", {"text": "xem lại"})
    row = await now.house.store.row(code)
    assert row is not None

    async def first(who: Visitor, address: str) -> str:
        async with asyncio.timeout(PATIENCE), who.client.stream("GET", address) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    return line.removeprefix("data:").strip()
        raise AssertionError("the stream ended")

    assert await first(visitor, f"{mark}&dossier={code}") == f"{code} {row.seq}"
    assert await first(visitor, mark) == "0"
    assert await first(other, f"{mark}&dossier={code}") == f"{code} 0"


async def test_changes_at_once_are_told_at_once(now: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each open page has one line for a dossier, with its last fact, however many came in a moment."""
    visitor = await now.visitor("handler1")
    (code,) = await real(now, 1, "receiver1 complete")
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def note(text: str) -> str:
        answer = await now.house.desk.act(code, "note", "leader1", {"text": text})
        return f"{code} {answer.seq}"

    async def listen() -> None:
        async with visitor.client.stream("GET", "/events") as stream:
            async for line in stream.aiter_lines():
                if line.startswith(f"data: {code}"):
                    heard.put_nowait(line.removeprefix("data: "))

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(PATIENCE):
            first = await note("the first opens a moment, which ends before the others come")
            while await heard.get() != first:
                pass
            monkeypatch.setattr(live, "GATHERED", 10.0)  # a moment long enough for a busy machine
            notes = [await note(f"{number}") for number in range(3)]
            assert await heard.get() == notes[-1]
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
