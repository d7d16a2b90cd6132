"""Audits in the browser: what was done and seen of one dossier, and across them."""

from __future__ import annotations

import contextlib
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from models.base import YEARS, keeps
from models.people import Directory
from models.refusals import BadInput, Problem, http_status
from models.view import DossierRow, row
from motcua.erasure import BASES
from motcua.papers.sheets import AuditSheet, Part, Sheets
from motcua.store.notices import NoticeFilter
from motcua.store.views import PATTERNS, Suspicion, TraceFilter
from motcua.web import names
from motcua.web.doors import Member, form_of, whole
from motcua.web.dossiers import Opened, row_for
from motcua.web.language import marked as _
from motcua.web.visit import Visit

router = APIRouter()
UNUSUAL = 50
"""So many are shown of each kind of what is unusual."""
LINES, DAYS, SHOWN = 100, 31, 500
"""Lines of a page; days that are looked through for what is unusual, unless told otherwise; looks at one
dossier on its page, while print and JSON have them all."""


class NotADay(BadInput):
    """What should be a date and is not."""

    sentence = "{text} is not a date; write it like 2026-03-02."


class NotSure(BadInput):
    """What cannot be taken back is asked for twice."""

    sentence = "Nothing was erased: to erase, write the code {code} once more."


class UnknownHoldAct(BadInput):
    """Nothing that can be done there."""

    sentence = "{act} is nothing that can be done with what a dossier holds."


@router.get("/dossiers/{code}/audit")
async def dossier(visit: Member, code: str, at: str = "", form: str = "", done: str = "") -> Response:
    """Who did and saw what, and how the dossier stood after any fact; as a page, JSON or PDF."""
    visit.must("audit")
    return await _dossier(visit, code, at, form, done=done)


async def _dossier(
    visit: Visit,
    code: str,
    at: str = "",
    form: str = "",
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    given: dict[str, str] | None = None,
) -> Response:
    shown = await Opened.of(visit, code)
    await visit.saw("history", code, form if form in ("json", "pdf") else at[:9])
    house = visit.house
    seq = whole(at)
    last = len(shown.past.facts)
    seq = seq if seq is not None and 1 <= seq <= last else last
    stood = row(shown.past.at(seq))
    views = await house.views.of(code, None if form in ("json", "pdf") else SHOWN + 1)
    notices = await house.notices.listed(NoticeFilter(code=code, limit=10_000))
    journal = await house.proof.journal_about(code)
    archived = [each async for each in house.proof.histories(code, None)]
    sealed, directory = await house.proof.sealed(code), await house.directory(visit.now)
    if form == "json":
        told: dict[str, Any] = {
            "code": code,
            "at": seq,
            "stood": stood.model_dump(mode="json"),
            "facts": [fact.model_dump(mode="json") for fact in shown.past.facts],
            "views": [{**view, "at": view["at"].isoformat()} for view in views],
            "notices": [{"notice": each["id"], "state": each["state"]} for each in notices],
            "journal": [entry.model_dump(mode="json") for entry in journal],
            "histories": [each.model_dump(mode="json") for each in archived],
            "sealed": {"seal": sealed[1], "fact": sealed[2]} if sealed else None,
        }
        name = f'attachment; filename="{code}.audit.json"'
        return JSONResponse(told, headers={"Cache-Control": "no-store", "Content-Disposition": name})
    if form == "pdf":
        sheet = _sheet(visit, shown, stood, seq, views, directory)
        content = await Sheets(house.catalog_dir).audit(sheet, visit.now)
        name = f'inline; filename="{code}.audit.pdf"'
        headers = {"Cache-Control": "no-store", "Content-Disposition": name}
        return Response(content, media_type="application/pdf", headers=headers)
    held = next((entry for entry in reversed(journal) if entry.event.kind.startswith("hold-")), None)
    kept = await house.store.private(code)
    return visit.page(
        "audit-dossier.html",
        status=status,
        done=done if done in ("hold", "lift", "erase") else "",
        problem=problem,
        given=given or dict.fromkeys(("act", "paper", "basis", "sure"), ""),
        held=held if held is not None and held.event.kind == "hold-placed" else None,
        bases=BASES,
        over=shown.dossier.outcome is not None,
        holds_data=bool(kept),
        kept=kept,
        code=code,
        shown=stood,
        seq=seq,
        last=last,
        directory=directory,
        lines=[{**shown.line(fact, directory), "fact": fact} for fact in reversed(shown.past.facts)],
        views=views[:SHOWN],
        more_views=len(views) > SHOWN,
        notices=notices,
        journal=journal,
        archived=archived,
        sealed=sealed,
        words=names,
    )


@router.post("/dossiers/{code}/audit/{act}")
async def keep_or_erase(visit: Member, request: Request, code: str, act: str) -> Response:
    """Place a hold, lift it, or erase what the dossier holds of persons."""
    visit.must("audit")
    await row_for(visit, code)
    form = await form_of(request)
    given = {key: str(form.get(key, "")).strip() for key in ("paper", "basis", "sure")}
    erasure = visit.house.erasure
    try:
        match act:
            case "hold":
                await erasure.hold(code, given["paper"], visit.actor)
            case "lift":
                await erasure.lift(code, given["paper"], visit.actor)
            case "erase":
                if given["sure"] != code:
                    raise NotSure(code=code)
                await erasure.erase(code, given["basis"], given["paper"], visit.actor, None)
            case _:
                raise UnknownHoldAct(act=act[:40])
    except Problem as problem:
        told = {**given, "act": act}
        return await _dossier(
            visit, code, status=http_status(problem), problem=visit.problem(problem), given=told
        )
    return visit.go(f"/dossiers/{code}/audit?done={act}")


def _sheet(
    visit: Visit,
    shown: Opened,
    stood: DossierRow,
    seq: int,
    views: list[dict[str, Any]],
    directory: Directory,
) -> AuditSheet:
    """The same in print."""
    say = visit.say
    lines = [shown.line(fact, directory) for fact in shown.past.facts]
    done = tuple(
        (
            str(fact.seq),
            visit.exact(fact.at),
            f"{line['who']} ({fact.actor})",
            "\n".join([line["said"], *line["texts"]]),
            fact.hash[:16],
        )
        for fact, line in zip(shown.past.facts, lines, strict=True)
    )
    seen = tuple(
        (
            visit.exact(each["at"]),
            f"{visit.who(each['person'], directory)} ({each['person']})",
            f"{say(names.SIGHTS[each['what']])}"
            f" {say(names.PAPERS.get(each['about'], each['about']))}".strip(),
            each["address"],
        )
        for each in reversed(views)
    )
    when, who, what = say(_("When")), say(_("Who")), say(_("What"))
    return AuditSheet(
        language=visit.language,
        title=say(_("Audit of %(code)s"), code=stood.code) % {"code": stood.code},
        unit=visit.unit_name(stood.unit),
        code=stood.code,
        printed=f"{visit.person.name} ({visit.person.id}), {visit.exact(visit.now)}",
        stood=(
            (say(_("State")), visit.formats.status(stood.status)),
            (say(_("Fact")), f"{seq} / {len(shown.past.facts)}"),
            (say(_("Unit")), visit.unit_name(stood.unit)),
            (say(_("Received")), visit.when(stood.received_at)),
            (say(_("Due")), visit.when(stood.due_at)),
        ),
        parts=(
            Part(
                title=say(_("What was done")),
                columns=(say(_("Fact")), when, who, what, say(_("Hash"))),
                widths=(12, 36, 58, 0, 34),
                rows=done,
                none="",
            ),
            Part(
                title=say(_("Who saw it")),
                columns=(when, who, what, say(_("From"))),
                widths=(36, 70, 0, 40),
                rows=seen,
                none=say(_("Nobody.")),
            ),
        ),
    )


@router.get("/audit")
async def audit(visit: Member, request: Request) -> Response:
    """Acts and looks across dossiers, and what is unusual among them."""
    visit.must("audit")
    asked = request.query_params
    given = {key: asked.get(key, "").strip() for key in ("person", "unit", "kind", "since", "until")}
    first, final = _day(given["since"]), _day(given["until"])
    since = visit.midnight(first) if first else None
    until = visit.midnight(final + timedelta(days=1)) if final else None  # in local days: some have 25 hours
    wanted = TraceFilter(
        person=given["person"] or None,
        unit=given["unit"] or None,
        within=visit.unit,
        kind=given["kind"] or None,
        since=since,
        until=until,
        after=_after(asked.get("at", ""), asked.get("place", "")),
        limit=LINES + 1,
    )
    await visit.saw("traces", None, given["person"][:60])
    rows = await visit.house.views.traces(wanted)
    following = None
    if len(rows) > LINES:
        end = rows[LINES - 1]
        following = visit.address(at=end["at"].isoformat(), place=end["place"])
    last = until or visit.now + timedelta(days=1)
    unusual = await visit.house.views.suspicions(
        since or last - timedelta(days=DAYS),
        last,
        visit.house.calendar.zone,
        visit.unit or wanted.unit,
        UNUSUAL,
    )
    if given["person"]:
        unusual = [each for each in unusual if each.person == given["person"]]
    return visit.page(
        "audit.html",
        directory=await visit.house.directory(visit.now),
        rows=rows[:LINES],
        following=following,
        given=given,
        unusual=[(pattern, [each for each in unusual if each.pattern == pattern]) for pattern in PATTERNS],
        some=bool(unusual),
        reason=lambda each: _reason(visit, each),
        staff=sorted(
            (person for person in visit.house.people.values() if visit.person.may_see(person.unit)),
            key=lambda person: person.name,
        ),
        words=names,
    )


def _reason(visit: Visit, each: Suspicion) -> str:
    return visit.say(names.PATTERNS[each.pattern][1], n=visit.formats.number(each.number))


def _day(text: str) -> date | None:
    """An office date; None for none."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise NotADay(text=text[:20]) from error
    if not keeps(day):
        raise NotADay(text=text[:20])
    return day


def _after(at: str, place: str) -> tuple[datetime, str] | None:
    """Where the page before ended; the first page for anything that is no such place."""
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is not None and moment.year in YEARS and place:
            return moment, place[:100]
    return None
