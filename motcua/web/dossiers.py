"""One dossier: where it stands, what may be done with it now, and everything that happened."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from models.commands import own_request_id
from models.dossier import Dossier
from models.explanation import explained
from models.facts import Fact
from models.offers import offers
from models.people import Directory
from models.refusals import BadInput, Forbidden, Outdated, Problem, UnknownDossier, Unreachable
from models.terms import Term
from models.timeliness import Due, pressing
from models.view import DossierRow
from motcua.documents import TYPES, kept
from motcua.past import Past
from motcua.store.notices import NoticeFilter
from motcua.web import asking, names, words
from motcua.web.doors import Member, resend, typed_form, whole
from motcua.web.guard import check_body, status_of
from motcua.web.visit import Visit, track

router = APIRouter()

_CODE = re.compile(r"[A-Za-z0-9.-]{1,60}")


class NotYours(Forbidden):
    """A dossier of another unit."""

    sentence = "Dossier {code} is with another unit; {actor} sees those of {unit}."


async def row_for(visit: Visit, code: str) -> DossierRow:
    """A dossier's row; refused to those who may not see it."""
    row = await visit.house.store.row(code) if _CODE.fullmatch(code) else None
    if row is None:
        raise UnknownDossier(code=code[:60])
    if not visit.person.may_see(row.unit):
        raise NotYours(code=code, actor=visit.person.id, unit=visit.person.unit)
    return row


class Opened:
    """A dossier as the record has it, with what was written beside it."""

    def __init__(
        self, visit: Visit, code: str, past: Past, dossier: Dossier, private: dict[str, Any]
    ) -> None:
        self.visit, self.code, self.past, self.dossier, self.private = visit, code, past, dossier, private

    @classmethod
    async def of(cls, visit: Visit, code: str) -> Opened:
        """Read it; refused to those who may not see it."""
        store = visit.house.store
        row, facts = await row_for(visit, code), await store.facts(code)
        past = Past(unfiled=await visit.house.rules.unfiled(code, row.office, facts), facts=tuple(facts))
        dossier = past.at()
        private = await store.private(code)
        applicant = dossier.applicant
        if applicant is not None and applicant.id not in private:  # a linked dossier's lies elsewhere
            private[applicant.id] = await store.private_row(applicant.id)
        return cls(visit, code, past, dossier, private)

    @property
    def now(self) -> datetime:
        """Office time; of a simulated dossier never before its last fact."""
        last = self.past.facts[-1].at
        return max(self.visit.now, last) if self.dossier.simulated else self.visit.now

    def line(self, fact: Fact, directory: Directory) -> dict[str, Any]:
        """A line of the timeline; `directory` says who is away now."""
        return {
            "seq": fact.seq,
            "at": fact.at,
            "who": self.visit.who(fact.actor, directory),
            "by_clock": fact.actor in ("clock", "messenger"),
            "kind": fact.kind,
            "said": words.said(fact, self.visit, self.dossier),
            "texts": words.texts(fact, self.private),
        }


@router.get("/dossiers/{code}")
async def show(visit: Member, code: str, done: str = "") -> Response:
    """The dossier's page."""
    return await _page(visit, code, done=done)


async def _page(
    visit: Visit,
    code: str,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    opened: str = "",
    given: dict[str, str] | None = None,
    seen: int | None = None,
    request_id: str = "",
) -> Response:
    shown = await Opened.of(visit, code)
    await visit.saw("dossier", code)  # also where a form was refused: the page shows all of it again
    d, say = shown.dossier, visit.say
    offered = offers(d, visit.actor, shown.now)
    directory = await visit.house.directory(shown.now)
    forms = [asking.form(offered[name], visit, d, directory) for name in names.COMMANDS if name in offered]
    lines = [shown.line(fact, directory) for fact in shown.past.facts]
    applicant = shown.private.get(d.applicant.id) if d.applicant else None
    notices = await visit.house.notices.listed(NoticeFilter(code=code, limit=50))
    there = opened in offered
    term = _urgent(d, shown.now)
    urgent = term.due_at if term else None
    overdue_from = d.overdue_from(term) if term else None
    edges = visit.house.edges(shown.now)
    return visit.page(
        "dossier.html",
        status=status,
        d=d,
        code=code,
        now=shown.now,
        procedure=visit.procedure_name(d.procedure.code, d.procedure.version.isoformat()),
        step=visit.step_name(d.procedure.code, d.procedure.version.isoformat(), d.task.step)
        if d.task
        else "",
        state=edges.state(1 if d.paused else 0, urgent, overdue_from) if urgent else None,
        urgent=urgent,
        overdue_from=overdue_from,
        of=words.term_name(visit, d, term.of, term.name) if term and term.of != "dossier" else "",
        track=track(d.stage, d.outcome),
        applicant=applicant,
        papers=words.papers(shown.private.get(d.papers.id) if d.papers else None),
        forms=forms,
        documents=kept(tuple(shown.past.facts), shown.private),
        endings=",".join(end for ends in TYPES.values() for end in ends.split()),
        request_id=request_id or str(uuid.uuid4()),
        terms=_terms(shown),
        lines=list(reversed(lines)),
        news=[line for line in lines if seen is not None and line["seq"] > seen],
        notes=[line for line in lines if line["kind"] == "noted"],
        notices=notices,
        directory=directory,
        printable=_printable(shown),
        waits=[(wait, words.awaited(visit, d, wait)) for wait in d.waits],
        links=[(link, visit.unit_name(link.unit)) for link in d.links],
        done=done if done in names.COMMANDS else "",
        problem=problem,
        opened=opened,
        given=given or {},
        there=there,
        typed=[] if there else visit.typed((given or {}).items()),
        words=names,
        say=say,
    )


def _urgent(d: Dossier, now: datetime) -> Term | None:
    """The term to show of those that are the office's to keep: what is overdue, else what is due next."""
    if d.ready_at is not None or d.outcome is not None:
        return None
    own = [t for t in d.terms if t.closed_at is None and t.of in ("intake", "step", "dossier")]
    due = pressing((Due(term.due_at, d.overdue_from(term)) for term in own), now)
    return next((t for t in own if due and (t.due_at, d.overdue_from(t)) == due), None)


def _terms(shown: Opened) -> list[dict[str, Any]]:
    """Every deadline, the open ones first, with the days that it is made of."""
    visit, d = shown.visit, shown.dossier
    found = [
        {
            "term": term,
            "name": words.term_name(visit, d, term.of, term.name),
            "left": ""
            if term.closed_at or term.paused
            else visit.countdown(term.due_at, term.overdue_from, at=shown.now),
            "late": not term.closed_at and not term.paused and term.overdue_from <= shown.now,
        }
        for term in explained(shown.past.unfiled, shown.past.facts)
    ]
    return sorted(found, key=lambda each: (each["term"].closed_at is not None, each["term"].id))


def _printable(shown: Opened) -> list[str]:
    """The papers that there is something to print of."""
    kinds = {fact.kind for fact in shown.past.facts}
    rejected = shown.dossier.result is not None and not shown.dossier.result.approved
    there = {
        "receipt": "accepted" in kinds,
        "supplement": "supplement-requested" in kinds,
        "refusal": "refused" in kinds or rejected,
        "apology": "extended" in kinds,
        "stop": bool({"withdrawn", "stopped"} & kinds),
        "control-slip": True,
    }
    return [kind for kind, is_there in there.items() if is_there]


@router.post("/dossiers/{code}/{command}")
async def act(visit: Member, request: Request, code: str, command: str) -> Response:
    """Carry out a command. The same form again gets the first answer; an old page is told what is new."""
    if command not in names.COMMANDS:
        raise UnknownPage(what=command[:60])
    try:
        await row_for(visit, code)
    except NotYours:
        if command != "transfer":  # sent again, it is answered although the dossier has gone
            raise
    form = await typed_form(request)
    request_id, seen = str(form.get("request_id", ""))[:200], str(form.get("seen", ""))
    given = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    try:
        check_body(request)
        if request_id:
            own_request_id(request_id)
        data, upload = asking.read(command, form)
        if (last := whole(seen)) is not None:
            data["seen"] = last
        document = None
        if upload is not None:
            document = await visit.house.documents.received(upload.filename or "", await upload.read())
        await visit.house.desk.act(code, command, visit.actor, data, request_id or None, document)
    except Unreachable as problem:
        return resend(visit, f"/dossiers/{code}/{command}", form, problem)
    except Outdated as problem:
        return await _page(
            visit,
            code,
            status=409,
            problem=visit.problem(problem),
            opened=command,
            given=given,
            seen=int(seen),
        )
    except Problem as problem:
        return await _page(
            visit,
            code,
            status=status_of(problem),
            problem=visit.problem(problem),
            opened=command,
            given=given,
        )
    if command == "transfer" and not visit.person.sees_all:
        return visit.go(f"/inbox?done={command}")  # it is not theirs to see any more
    return visit.go(f"/dossiers/{code}?done={command}")


class UnknownPage(BadInput):
    """Nothing here is called so."""

    sentence = "There is no {what} here."


@router.get("/dossiers/{code}/documents/{number}")
async def document(visit: Member, code: str, number: int) -> Response:
    """A document, by the number of the fact that it came with."""
    await row_for(visit, code)
    found = await visit.house.documents.given(code, number)
    await visit.saw("document", code, str(number))
    return Response(
        found.content,
        media_type=found.type,
        headers={
            # Pictures and PDFs open beside the page; what Word could run is only ever saved.
            "Content-Disposition": _disposition(found.name, shown=found.type in _SHOWN),
            "Cache-Control": "no-store",
        },
    )


_SHOWN = ("application/pdf", "image/jpeg", "image/png")


def _disposition(name: str, *, shown: bool) -> str:
    """Under which name a file is kept (RFC 6266)."""
    return f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}"


@router.get("/dossiers/{code}/papers/{kind}.pdf")
async def paper(visit: Member, code: str, kind: str, seq: int | None = None) -> Response:
    """A paper of the dossier, made anew from its facts."""
    await row_for(visit, code)
    made = await visit.house.papers.make(kind, code, seq=seq)
    await visit.saw("paper", code, kind)
    return Response(
        made.content,
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{made.name}"',
            "Cache-Control": "no-store",
        },
    )
