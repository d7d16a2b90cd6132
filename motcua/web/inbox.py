"""The inbox: what is to be done, the most urgent first; and the search through all dossiers."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response

from models.base import YEARS
from models.commands import own_request_id
from models.refusals import BadInput
from models.timeliness import Due, pressing
from models.visible import shows
from motcua.store.screens import CODE_BEGINS, State, Wanted, own_and_dossier
from motcua.web.bulk import Chosen, chosen_tasks, with_each
from motcua.web.codes import whole_code
from motcua.web.doors import Member, form_of
from motcua.web.language import marked as _
from motcua.web.names import COMMANDS, STATES
from motcua.web.visit import Visit

router = APIRouter()

PAGE = 50
ALARMS = 50
"""So many are looked for in the bell: each costs the page a part of a millisecond."""
VIEWS = {
    "work": _("My work"),
    "mine": _("With me"),
    "free": _("To claim"),
    "unit": _("My unit"),
    "all": _("Whole office"),
}
BULK = {"claim": _("Claim"), "release": _("Release"), "complete": _("Complete")}
"""What can be done with many tasks at once: only what needs no further word."""
_NEVER = "never"
"""When a task is urgent that has no clock; PostgreSQL's infinity comes and goes as datetime.max."""
_CODE = re.compile(r"[A-Za-z0-9.-]{1,60}")


class BadAddress(BadInput):
    """An address with something in it that the page does not know."""

    sentence = "This address cannot be read: {what} is not known here."


@router.get("/inbox")
async def inbox(visit: Member, request: Request) -> Response:
    """Open tasks in the order of urgency, narrowed by what the address says."""
    visit.must("work")
    asked, house = request.query_params, visit.house
    view = asked.get("view", "work")
    if view not in VIEWS:
        raise BadAddress(what=view[:60])
    if view not in views(visit):
        view = "unit"  # a link from somebody who sees more than their own unit
    state = next((each for each in STATES if each == asked.get("state")), None)
    wanted = _wanted(visit, view, state)
    narrowed = wanted.model_copy(update=_narrowing(asked.get("q", ""), asked))
    edges = visit.edges
    rows, counts, directory = await asyncio.gather(
        house.screens.inbox(narrowed, edges, _place(asked.get("after")), PAGE + 1),
        house.screens.counts(wanted, edges),
        house.directory(visit.now),
    )
    tasks = [_shown(visit, row) for row in rows[:PAGE]]
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    page: dict[str, Any] = {
        "view": view,
        "views": views(visit),
        "state": state,
        "counts": counts,
        "directory": directory,
        "tasks": tasks,
        "q": asked.get("q", "")[:200],
        "steps": _steps(visit),
        "step": asked.get("step", ""),
        "procedure": asked.get("procedure", ""),
        "following": visit.address(after=_key(last), done=None) if last else None,
        "later": "after" in asked,
        "bulk": BULK,
        "done": done if (done := asked.get("done", "")) in COMMANDS else "",
        "bare": _bare(asked.multi_items()),
    }
    if request.headers.get("x-fragment") == "list":
        await visit.house.views.saw_lately(visit.person.id, visit.origin.address, "list", str(len(tasks)))
        return visit.page("inbox-list.html", **page)  # every open page asks for it: no more than it shows
    filters, _seen, rings = await asyncio.gather(
        house.screens.filters(visit.person.id),
        visit.saw("list", None, str(len(tasks))),
        house.bell.of(visit.person, visit.now, visit.today(), most=ALARMS),
    )
    return visit.page("inbox.html", filters=filters, rings=rings, all_rings=len(rings) < ALARMS, **page)


def views(visit: Visit) -> dict[str, str]:
    """Which parts of the office's work somebody may look at."""
    return {name: words for name, words in VIEWS.items() if name != "all" or visit.unit is None}


def _wanted(visit: Visit, view: str, state: State | None) -> Wanted:
    person = visit.person
    roles = tuple(role.value for role in person.roles)
    match view:
        case "mine":
            return Wanted(holder=person.id, state=state)
        case "free":
            return Wanted(unit=person.unit, holders=(), roles=roles, state=state)
        case "unit":
            return Wanted(unit=person.unit, state=state)
        case "all":
            return Wanted(state=state)
    return Wanted(unit=person.unit, holders=(person.id,), roles=roles, state=state)


def _narrowing(text: str, asked: Any) -> dict[str, str | None]:
    text = text.strip()[:200]
    code = whole_code(text)
    if code is None and CODE_BEGINS.match(text) and _CODE.fullmatch(text):
        code = text.upper()
    return {
        "code": code,
        "words": text if text and not code else None,
        "step": asked.get("step") or None,
        "procedure": asked.get("procedure") or None,
    }


def _steps(visit: Visit) -> list[tuple[str, str]]:
    """The steps of the office's procedures, each once, with a name."""
    found = {"intake": visit.say("Check and receive")}
    for procedure in visit.house.catalogue.procedures:
        for step in procedure.steps:
            found.setdefault(step.id, step.name if visit.language == "vi" else step.name_en)
    return list(found.items())


def _shown(visit: Visit, row: dict[str, Any]) -> dict[str, Any]:
    """A task with the words of its line."""
    edges = visit.edges
    urgent = row["urgent_at"]
    state = edges.state(row["place"], urgent, row["overdue_from"])
    left = ""
    if row["place"] == 0:
        due = pressing(own_and_dossier(row), visit.now) or Due(urgent, row["overdue_from"])
        urgent, left = due.at, visit.countdown(*due)
    elif row["place"] == 1 and row["paused_at"] and row["dossier_due_at"]:
        left = visit.countdown(row["dossier_due_at"], row["dossier_overdue_from"], at=row["paused_at"])
    return {
        **row,
        "state": state,
        "left": left,
        "due": visit.when(urgent) if row["place"] == 0 else "",
        "mine": row["assignee"] == visit.person.id,
        "free": row["assignee"] is None,
        "step_name": visit.step_name(row["procedure"], row["version"], row["step"]),
        "procedure_name": visit.procedure_name(row["procedure"], row["version"]),
        "key": f"{row['code']}:{row['id']}:{row['seq']}",
    }


def _key(row: dict[str, Any] | None) -> str | None:
    """A row's place in the order, for the address of the page that follows it."""
    if row is None:
        return None
    at = _NEVER if row["urgent_at"] == datetime.max else row["urgent_at"].isoformat()  # noqa: DTZ901
    return f"{row['place']}~{at}~{row['code']}"


def _place(key: str | None) -> tuple[int, datetime, str] | None:
    if not key:
        return None
    try:
        place, at, code = key.split("~")
        moment = datetime.max if at == _NEVER else datetime.fromisoformat(at)  # noqa: DTZ901
        if (
            (at != _NEVER and (moment.tzinfo is None or moment.year not in YEARS))
            or not _CODE.fullmatch(code)
            or place not in ("0", "1", "2")
        ):
            raise ValueError(key)
    except ValueError as error:
        raise BadAddress(what=key[:60]) from error
    return int(place), moment, code


def _bare(items: list[tuple[str, str]]) -> str:
    """The address of a view without what belongs to one look at it: this is what is kept and shared."""
    kept = [
        (key, value) for key, value in items if key in ("view", "state", "q", "step", "procedure") and value
    ]
    return "/inbox" + (f"?{urlencode(kept)}" if kept else "")


@router.post("/inbox/{act}")
async def bulk(visit: Member, request: Request, act: str, task: str = "") -> Response:
    """One act on each of the chosen tasks, with a result for each; what colleagues have is not touched."""
    visit.must("work")
    form = await form_of(request)
    batch = own_request_id(str(form.get("batch", "")))
    act = str(form.get("act", "")) if act == "bulk" else act
    if act not in BULK:
        raise BadAddress(what=act[:60])
    keys = [task] if task else [str(each) for each in form.getlist("task")]

    async def one(each: Chosen) -> str:
        data: dict[str, Any] = {"seen": each.seen} if act == "complete" else {"task": each.task}
        # The same form sent twice is the same request for each dossier.
        await visit.house.desk.act(each.code, act, visit.actor, data, f"{batch}/{each.code}")
        return visit.say("done")

    results = await with_each(visit, chosen_tasks(keys, 4 * PAGE), one)
    if len(results) == 1 and results[0].ok:
        return visit.go(_with_done(str(form.get("back", "")), act))
    return visit.page(
        "bulk.html", results=results, act=visit.say(BULK[act]), back=str(form.get("back", "/inbox"))
    )


def _with_done(back: str, act: str) -> str:
    back = re.sub(r"[?&]done=[a-z-]*", "", back)
    return f"{back}{'&' if '?' in back else '?'}done={act}" if back.startswith("/inbox") else "/inbox"


@router.post("/filters")
async def keep_filter(visit: Member, request: Request) -> Response:
    """Keep the present view under a name."""
    form = await form_of(request)
    name, address = " ".join(str(form.get("name", "")).split())[:60], str(form.get("address", ""))[:1000]
    if not name.isprintable() or not shows(name) or not re.fullmatch(r"/inbox(\?[^\s<>\"]*)?", address):
        raise BadAddress(what=visit.say("a name for the view"))
    await visit.house.screens.keep_filter(visit.person.id, name, address)
    return visit.go(address)


@router.post("/filters/{number}/drop")
async def drop_filter(visit: Member, number: Annotated[int, Path(ge=0, lt=2**63)]) -> Response:
    """Forget a kept view."""
    await visit.house.screens.drop_filter(visit.person.id, number)
    return visit.go("/inbox")


@router.get("/search")
async def search(visit: Member, request: Request) -> Response:
    """Dossiers by code, name, telephone or identity number, open or closed."""
    visit.must("work")
    asked = request.query_params
    text = asked.get("q", "").strip()[:200]
    wanted = whole_code(text) or text
    before = None
    if asked.get("before"):
        at, _, code = asked["before"].partition("~")
        try:
            before = datetime.fromisoformat(at), code
            if before[0].tzinfo is None or before[0].year not in YEARS:
                raise ValueError(at)
        except ValueError as error:
            raise BadAddress(what=asked["before"][:60]) from error
    rows = await visit.house.screens.search(visit.unit, wanted, before, PAGE + 1) if text or before else []
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    following = visit.address(before=f"{last['submitted_at'].isoformat()}~{last['code']}") if last else None
    if rows:
        await visit.saw("search", None, str(len(rows[:PAGE])))  # what was looked for may be a name
    return visit.page("search.html", q=text, rows=rows[:PAGE], following=following)
