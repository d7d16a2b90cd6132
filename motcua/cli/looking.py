"""What people look at in one dossier: where it stands or stood, and how its deadlines came about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from models.calendar import Calendar
from models.explanation import Explained, explained
from models.facts import Event
from models.refusals import NoSuchPart
from models.view import DossierRow, row
from motcua.cli import printing
from motcua.cli.deadlines import moment
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.workshop import Workshop, work
from motcua.desk import Desk
from motcua.past import recall


class NoSuchTerm(NoSuchPart):
    """A term that the dossier does not have."""

    sentence = "Dossier {code} has the terms {known}; there is no term {term}."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""

    @app.command()
    def show(
        code: str,
        seq: Annotated[int | None, typer.Option("--at", help="As it stood after this fact.")] = None,
        as_of: Annotated[
            str | None, typer.Option("--as-of", help="As it stood then; without an offset: office time.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """One dossier: its state, tasks, terms and facts, now or as it stood."""
        if seq is not None and as_of is not None:
            raise typer.BadParameter("--at and --as-of exclude each other")
        work(_show(shop, code, seq, as_of, as_json=as_json))

    @app.command()
    def receipt(
        code: str,
        term: Annotated[int | None, typer.Option(help="Only this term, by its number.")] = None,
        as_json: Json = False,
    ) -> None:
        """How each deadline of a dossier came about, day by day."""
        work(_receipt(shop, code, term, as_json=as_json))


async def _show(shop: Workshop, code: str, seq: int | None, as_of: str | None, *, as_json: bool) -> None:
    known_form(code)
    async with shop.office() as (desk, store):
        calendar = desk.rulebook.calendar
        if seq is None and as_of is None:
            shown = await desk.show(code)
            view, facts = shown.row, shown.facts
        else:
            past = await recall(store, code)
            if as_of is not None:
                asked = moment(calendar, "--as-of", as_of)
                # A minute is meant to its end: what is shown as 07:57 had happened by 07:57.
                whole = asked.second == asked.microsecond == 0 and as_of.count(":") < 2
                seq = past.seq_at(asked + timedelta(seconds=59, microseconds=999_999) if whole else asked)
            view, facts = row(past.at(seq)), past.facts[:seq]
        if as_json:
            plain = [_fact(fact.model_dump(mode="json")) for fact in facts]
            printing.document({**view.model_dump(mode="json"), "facts": plain})
            return
        _print_dossier(desk, view)
        rows = [
            (f.seq, printing.office_time(calendar, f.at), f.kind, f.actor, _gist(calendar, f.event))
            for f in facts
        ]
        printing.table("\nfacts", ("#", "at", "what", "who", ""), rows)


async def _receipt(shop: Workshop, code: str, wanted: int | None, *, as_json: bool) -> None:
    known_form(code)
    async with shop.office() as (desk, store):
        past = await recall(store, code)
        terms = explained(past.unfiled, past.facts)
        if wanted is not None:
            known = ", ".join(str(term.id) for term in terms)
            terms = [term for term in terms if term.id == wanted]
            if not terms:
                raise NoSuchTerm(code=code, known=known, term=wanted)
        if as_json:
            printing.document({"code": code, "terms": [term.model_dump(mode="json") for term in terms]})
            return
        for term in terms:
            _print_term(desk.rulebook.calendar, term)


def _print_term(calendar: Calendar, term: Explained) -> None:
    def when(at: datetime | None) -> str:
        return printing.office_time(calendar, at)

    name = "" if term.name == term.of else f" {term.name}"
    limit = printing.shown(calendar, term.limit)
    print(f"\n{term.of}{name} (term {term.id}): {limit} from {when(term.started_at)}")
    rows = [
        (
            day.date,
            day.counted_minutes or "",
            day.why + (" (provisional)" if day.provisional else ""),
            day.source,
        )
        for day in term.days
    ]
    printing.table("", ("date", "minutes", "why", "source"), rows)
    for pause in term.pauses:
        notice = f" {pause.notice}" if pause.notice else ""
        until = f"to {when(pause.until)} ({pause.ended_by})" if pause.until else "still"
        print(f"paused: {pause.reason}{notice} from {when(pause.since)} ({pause.by}) {until}")
    for change in term.amendments:
        print(f"calendar {change.calendar} by {change.decree}: due {when(change.due_at)} (fact {change.seq})")
    for promise in term.promises:
        basis = f" on {promise.legal_basis}" if promise.legal_basis else ", which moves nothing"
        print(f"promised by {promise.by}: {when(promise.promised_at)}{basis} (fact {promise.seq})")
    first = f" (at first {when(term.original_due_at)})" if term.original_due_at != term.due_at else ""
    state = ", paused" if term.paused else f", closed {when(term.closed_at)}" if term.closed_at else ""
    print(f"due {when(term.due_at)}{first}{state}")


def _fact(plain: dict[str, Any]) -> dict[str, Any]:
    """A fact in the shape that others script against."""
    event = plain.pop("event")
    kind = event.pop("kind")
    return {"seq": plain["seq"], "kind": kind, "at": plain["at"], **plain, "data": event}


def _gist(calendar: Calendar, event: Event) -> str:
    """The few words of a fact that say most."""
    words = (
        *("step", "limit", "assignee", "to", "name", "timeliness", "number", "unit", "agency", "label"),
        *("link", "child", "what", "parent", "amount", "promised_at", "legal_basis", "notice", "decree"),
    )
    said = {key: printing.shown(calendar, value) for key in words if (value := getattr(event, key, None))}
    return "  ".join(f"{key}={value}" for key, value in said.items())


def _print_dossier(desk: Desk, view: DossierRow) -> None:
    local = desk.rulebook.calendar

    def when(at: datetime | None) -> str:
        return printing.office_time(local, at)

    moved = view.original_due_at != view.due_at
    first = f" (at first {when(view.original_due_at)})" if moved else ""
    pairs = [
        ("procedure", f"{view.procedure} ({view.version})"),
        ("unit", view.unit),
        ("stage, status", f"{view.stage.value}, {view.status} (national {view.national_status})"),
        ("received", when(view.received_at)),
        ("due", when(view.due_at) + first),
        ("promised", when(view.promised_at)),
        ("apology drafted", _draft(view, when)),
        ("ready", when(view.ready_at)),
        ("finished", when(view.finished_at)),
        ("timeliness", view.timeliness),
        ("paused", "yes" if view.paused else None),
    ]
    printing.table(view.code, ("", ""), [pair for pair in pairs if pair[1]])
    open_terms = [
        (t.id, t.of, t.name, printing.shown(local, t.limit), when(t.due_at), "paused" if t.paused else "")
        for t in view.terms
    ]
    if open_terms:
        printing.table("\nterms", ("#", "of", "", "limit", "due", ""), open_terms)
    if view.tasks:
        rows = [(t.id, t.step, t.role.value, t.assignee or "-", when(t.due_at)) for t in view.tasks]
        printing.table("\ntasks", ("#", "step", "role", "with", "due"), rows)


def _draft(view: DossierRow, when: Callable[[datetime | None], str]) -> str | None:
    if view.apology_at is None:
        return None
    return (
        f"{when(view.apology_at)} ({view.apology_reason}), proposes {when(view.apology_proposed_at) or '-'}"
    )
