"""The leader's board: what only leaders do, through its pages, each with what it changes elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.running import CATALOGUE, Life, Running, Telemetry, running
from tests.unit.office import CALENDAR, at
from tests.web import Web, web

THEN = at("2026-03-10 09:00")
"""Office time of all pages here: a Tuesday, when dossiers of the Monday before are late."""
PRESSED = at("2026-03-11 14:00")
"""The afternoon of the day after."""
HANDLING = ("receiver1 accept", "receiver1 complete", "handler1 claim")


def then() -> datetime:
    """The clock of the desk."""
    return THEN


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Running]:
    """An office of its own: a change of the calendar reaches every dossier there is."""
    async with running(tmp_path_factory.mktemp("board"), telemetry.runtime) as office:
        yield office


@pytest.fixture
async def desk(office: Running) -> AsyncIterator[Web]:
    """Its desk, at that time."""
    async with web(office, CALENDAR, clock=then) as served:
        yield served


async def test_a_substitute_hears_the_alarms_until_the_absence_ends(office: Running, desk: Web) -> None:
    """Entered by the unit's leader on the page; told to the substitute; taken back on the page."""
    life = await Life.begin(office, *HANDLING)
    await life.forward(THEN)
    leader, other = await desk.visitor("leader1"), await desk.visitor("handler2")
    assert life.code not in (await other.get("/inbox")).words.partition("My work")[0]
    form = (await leader.get("/absences")).form("/absences")
    done = await leader.send(
        form, person="handler1", since="2026-03-09", until="2026-03-20", substitute="handler2"
    )
    assert done.status == 200, done.words[:300]
    assert "in place of" in (await other.get("/inbox")).words
    board = (await leader.get("/board")).words
    assert "away" in board
    name = CATALOGUE.office.staff["handler1"].name
    admin = await desk.visitor("admin1")
    await Life.begin(office, *HANDLING[:-1])  # a task that nobody has yet
    hand_out = "/board/tasks?unit=demo&role=handler&who="
    for visitor, page in (
        (leader, "/inbox?view=unit"),
        (leader, "/board"),
        (leader, f"{hand_out}handler1"),
        (admin, f"/dossiers/{life.code}/audit"),
        (leader, "/absences"),
        (leader, f"/dossiers/{life.code}"),
        (leader, hand_out),
        (admin, "/people"),
        (admin, "/audit"),
    ):
        shown = (await visitor.get(page)).words
        assert f"{name} (away until 20/03/2026)" in shown, page
    second = CATALOGUE.office.staff["handler2"].name
    form = (await leader.get("/absences")).form("/absences")
    await leader.send(form, person="handler2", since="2026-03-09", until="2026-03-20", substitute="")
    assert f"→ {second} (away until 20/03/2026)" in (await leader.get("/board")).words
    absences = await leader.get("/absences")
    assert f'data-label="Substitute">{second} (away until 20/03/2026)<' in absences.text
    ends = re.findall(r'action="(/absences/(\d+)/end)"', absences.text)
    await leader.send(absences.form(max(ends, key=lambda end: int(end[1]))[0]))
    form = (await leader.get("/absences")).form("/absences/")
    assert form.action.endswith("/end")
    stranger = await desk.visitor("police1")
    theirs = (await stranger.get("/absences")).form("/sign-out")
    refused = await stranger.send(theirs, form.action)
    assert refused.status in (403, 409), refused.words[:200]
    assert (await leader.send(form)).status == 200
    assert (await leader.send(form)).status == 422  # it is gone
    assert "in place of" not in (await other.get("/inbox")).words


@pytest.mark.parametrize(
    ("who", "fields", "status", "said"),
    [
        ("leader1", {"since": ""}, 422, "is no date"),
        ("leader1", {"since": "31/12/2026"}, 422, "is no date"),
        ("leader1", {"until": "2026-03-01"}, 422, "must not end before it begins"),
        ("leader1", {"person": "nobody"}, 422, "nobody"),
        ("leader1", {"person": "x" * 5000}, 422, ""),
        ("leader1", {"substitute": "handler1"}, 422, "nobody stands in for themselves"),
        ("leader1", {"substitute": "police1"}, 422, "may not see the dossiers"),
        ("leader1", {"person": "police1", "substitute": ""}, 409, "may not enter an absence"),
        ("handler2", {}, 409, "may not enter an absence"),
    ],
)
async def test_an_absence_that_is_wrong(
    desk: Web, who: str, fields: dict[str, str], status: int, said: str
) -> None:
    """Told with the reason; what was typed stays."""
    visitor = await desk.visitor(who)
    form = (await visitor.get("/absences")).form("/absences")
    sent = {"person": "handler1", "since": "2026-03-09", "until": "2026-03-20", "substitute": "", **fields}
    answer = await visitor.send(form, **sent)
    assert answer.status == status, answer.words[:300]
    assert said in answer.words
    if who == "leader1" and "until" not in fields:
        assert dict(answer.form("/absences").fields)["until"] == "2026-03-20"


async def test_one_enters_ones_own_absence(desk: Web) -> None:
    """Everybody may."""
    visitor = await desk.visitor("clerk1")
    form = (await visitor.get("/absences")).form("/absences")
    done = await visitor.send(form, since="2026-04-06", until="2026-04-07")
    assert done.status == 200
    assert "06/04" in done.words


async def test_many_are_handed_over_each_with_its_result(office: Running, desk: Web) -> None:
    """From one officer to another; what somebody has taken since the page was made is not taken from them."""
    lives = [await Life.begin(office, *HANDLING[:2]) for _ in range(4)]
    leader, other = await desk.visitor("leader1"), await desk.visitor("handler2")
    page = await leader.get("/board/tasks?unit=demo&role=handler&who=")
    form = page.form("/board/assign")
    await lives[0].do("handler2 claim")
    chosen = [
        value for value in _boxes(page.text) if value.partition(":")[0] in {life.code for life in lives}
    ]
    assert len(chosen) == 4
    done = await leader.send(form, task=chosen, to="handler1")
    assert done.status == 200
    assert done.words.count("now with Lê Thị Cúc") == 3
    assert "3 done, 1 not" in done.words
    assert "has changed since" in done.words
    rows = [await office.store.row(life.code) for life in lives]
    assert [row.tasks[0].assignee for row in rows if row] == ["handler2", *["handler1"] * 3]
    for wrong in ({"to": "nobody"}, {"to": ""}, {"task": []}, {"task": ["x"]}, {"task": ["H53-1:2:x"]}):
        assert (await leader.send(form, **{"task": chosen, "to": "handler1", **wrong})).status == 422, wrong
    theirs = (await other.get("/inbox")).form("/sign-out")
    assert (await other.send(theirs, "/board/assign", task=chosen, to="handler2")).status == 403


def _boxes(text: str) -> list[str]:
    return [part.partition('"')[0] for part in text.split('name="task" value="')[1:]]


async def test_alarms_rest_and_sound_again(office: Running, desk: Web) -> None:
    """Chosen on the board, for some working days; a wrong number does nothing."""
    life = await Life.begin(office, *HANDLING)
    await life.forward(THEN)
    leader = await desk.visitor("leader1")
    board = await leader.get("/board")
    form = board.form("/board/acknowledge")
    for wrong in ({"code": []}, {"code": life.code, "days": "x"}, {"code": life.code, "days": "-1"}):
        assert (await leader.send(form, **wrong)).status == 422, wrong
    done = await leader.send(form, code=[life.code, "H53-260101-9999"], days="2")
    assert "1 done, 1 not" in done.words
    assert "rests until" in done.words
    assert (await life.kinds()).count("acknowledged") == 1
    clock = desk.house.clock
    desk.house.clock = lambda: clock() + timedelta(seconds=7)  # a second click is no other request
    try:
        twice = await leader.send(form, code=[life.code, "H53-260101-9999"], days="2")
    finally:
        desk.house.clock = clock
    assert "1 done, 1 not" in twice.words
    assert (await life.kinds()).count("acknowledged") == 1
    again = (await leader.get("/board")).text
    assert f'name="code" value="{life.code}"' not in again


async def test_a_rest_counts_from_the_press_of_the_button(office: Running, desk: Web) -> None:
    """A board that has been open since yesterday gives as many working days as one that was just opened."""
    life = await Life.begin(office, *HANDLING)
    await life.forward(THEN)
    leader = await desk.visitor("leader1")
    form = (await leader.get("/board")).form("/board/acknowledge")
    await life.forward(PRESSED)
    clock = desk.house.clock
    desk.house.clock = lambda: PRESSED
    try:
        done = await leader.send(form, code=[life.code], days="2")
    finally:
        desk.house.clock = clock
    fact = (await life.facts())[-1]
    assert fact.event.kind == "acknowledged", done.words
    assert abs(fact.event.until - at("2026-03-13 14:00")) < timedelta(minutes=5)
    assert "rests until 14:0" in done.words
    assert "13 March 2026" in done.words


async def test_an_apology_is_confirmed_from_the_board(office: Running, desk: Web) -> None:
    """The draft stands there with the proposed date; on its dossier it is sent, or dismissed."""
    sent, idle = [
        await Life.begin(office, *HANDLING[:2], procedure="apologised", opened="2026-03-03 08:00")
        for _ in range(2)
    ]
    for life in (sent, idle):
        await life.forward(THEN)
        assert "apology-drafted" in await life.kinds()
    leader = await desk.visitor("leader1")
    board = await leader.get("/board")
    assert f'href="/dossiers/{sent.code}#do"' in board.text
    assert "proposes" in board.words
    done = await leader.act(sent.code, "apologise", reason="hồ sơ phức tạp")
    assert done.status == 200, done.words[:300]
    assert "New date promised" in done.words
    done = await leader.act(idle.code, "dismiss-apology", reason="sẽ xong trong ngày")
    assert done.status == 200, done.words[:300]
    board = await leader.get("/board")
    assert f"/dossiers/{sent.code}#do" not in board.text
    assert f"/dossiers/{idle.code}#do" not in board.text


FEAST = {
    "id": "feast-2026",
    "decree": "QĐ 12/2026",
    "title": "Nghỉ bù",
    "issued": "2026-03-01",
    "date": ["2026-03-12", "", "", ""],
    "kind": ["holiday"] * 4,
    "name": ["Lễ hội", "", "", ""],
    "half": ["morning"] * 4,
}


async def test_the_calendar_is_changed_and_changed_back(office: Running, desk: Web) -> None:
    """Previewed without an effect, applied by the office's leader, seen in the due date, taken back."""
    life = await Life.begin(office, *HANDLING[:2], opened="2026-03-10 08:00")
    before = await office.store.row(life.code)
    assert before is not None
    unit, head = await desk.visitor("leader1"), await desk.visitor("head1")
    page = await unit.get("/calendar?year=2026")
    seen = await unit.send(page.form("/calendar/preview"), **FEAST)
    assert seen.status == 200, seen.words[:300]
    assert "What the change would do" in seen.words
    assert life.code in seen.words
    assert 'formaction="/calendar/apply"' not in seen.text
    assert await office.store.row(life.code) == before
    refused = await unit.send(page.form("/calendar/preview"), "/calendar/apply", **FEAST)
    assert refused.status == 403

    form = (await head.get("/calendar?year=2026")).form("/calendar/preview")
    seen = await head.send(form, **FEAST)
    assert 'formaction="/calendar/apply"' in seen.text
    other = await head.send(seen.form("/calendar/preview"), "/calendar/apply", decree="QĐ 13/2026")
    assert other.status == 409  # what was changed after it was looked at is looked at again
    assert "not the change that was looked at" in other.words
    assert "Lễ hội" not in (await head.get("/calendar?year=2026")).words
    seen = await head.send(form, **FEAST)
    applied = await head.send(seen.form("/calendar/preview"), "/calendar/apply")
    assert applied.status == 200, applied.words[:300]
    assert "The change is in force" in applied.words
    assert "Lễ hội" in (await head.get("/calendar?year=2026")).words
    after = await office.store.row(life.code)
    assert after is not None
    assert after.due_at is not None
    assert before.due_at is not None
    assert after.due_at > before.due_at
    assert "QĐ 12/2026" in (await head.get(f"/dossiers/{life.code}")).words

    again = await head.send(form, "/calendar/apply", **{**FEAST, "title": "another"})
    assert again.status in (409, 422)
    undone = await head.send((await head.get("/calendar?year=2026")).form("/calendar/undo"))
    assert undone.status == 200, undone.words[:300]
    assert "The change is taken back" in undone.words
    assert 'action="/calendar/undo"' not in undone.text  # there is nothing left to take back
    back = await office.store.row(life.code)
    assert back is not None
    assert back.due_at == before.due_at


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "<script>"},
        {"id": "x" * 200},
        {"decree": ""},
        {"decree": "x" * 500},
        {"title": ""},
        {"issued": ""},
        {"issued": "yesterday"},
        {"date": ["", "", "", ""]},
        {"date": ["12/03/2026", "", "", ""]},
        {"date": ["1999-01-01", "", "", ""]},
        {"date": ["2026-03-12", "2026-03-12", "", ""]},
        {"kind": ["feast"] * 4},
        {"name": ["", "", "", ""]},
    ],
)
async def test_a_change_that_is_wrong(desk: Web, wrong: dict[str, str | list[str]]) -> None:
    """Told with the reason; what was typed stays, and nothing changes."""
    head = await desk.visitor("head1")
    form = (await head.get("/calendar?year=2026")).form("/calendar/preview")
    for where in ("/calendar/preview", "/calendar/apply"):
        answer = await head.send(form, where, **{**FEAST, "id": "wrong", **wrong})
        assert answer.status == 422, answer.words[:400]
        assert 'role="alert"' in answer.text
    assert "Lễ hội" not in (await head.get("/calendar?year=2026")).words
