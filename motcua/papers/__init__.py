"""The office's papers as PDF. Each is derived from the facts whenever it is wanted, and kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from models import facts as f
from models.base import Value
from models.calendar import Calendar
from models.dossier import Dossier
from models.facts import Event, Fact, LinkedTo
from models.refusals import BadInput, Phrase, Refusal
from models.units import UnknownUnit
from motcua.catalogue.office import Office
from motcua.catalogue.papers import KINDS, Form, FormSet, Kind, forms_on, read_forms
from motcua.papers import contents as say
from motcua.papers import words
from motcua.papers.directory import Directory
from motcua.papers.gather import Gathering
from motcua.papers.press import Press
from motcua.papers.samples import SAMPLES
from motcua.past import Past, recall
from motcua.store import Store
from motcua.store.register import Registered, received

__all__ = ["BadPeriod", "NoSuchPaper", "Paper", "Papers", "UnknownPaper"]

LONGEST = 366
"""Days of one register."""


class UnknownPaper(BadInput):
    """There is no such paper of a dossier."""

    sentence = "There is no paper {kind} of a dossier. Papers: {known}."


class NoSuchPaper(Refusal):
    """Nothing has happened that this paper could be about."""

    sentence = "There is no {kind} for dossier {code}: {reason}."


class NoSuchForm(Refusal):
    """The forms of a day have no such paper."""

    sentence = "There is no {kind} on {day}: {reason}."


class BadPeriod(BadInput):
    """A period that no register can be of."""

    sentence = "A register cannot go from {first} to {last}: {reason}"


class Paper(Value):
    """A paper as a file."""

    kind: Kind
    name: str
    """A name for the file, without a folder."""
    content: bytes
    form: str
    """The number of its form."""
    pages: int
    archivable: bool
    """False where a text holds a letter that the fonts lack, so that it is no PDF/A."""
    seq: int | None = None
    """The fact that it is about; None: a register."""


_ABOUT: Mapping[str, tuple[Callable[[Event], bool], Phrase]] = {
    "receipt": (lambda e: isinstance(e, f.Accepted), Phrase("it has not been accepted")),
    "supplement": (lambda e: isinstance(e, f.SupplementRequested), Phrase("no supplement was asked for")),
    "refusal": (
        lambda e: isinstance(e, f.Refused) or (isinstance(e, f.Decided) and not e.approved),
        Phrase("it was not refused"),
    ),
    "apology": (lambda e: isinstance(e, f.Extended), Phrase("no new date was promised")),
    "stop": (
        lambda e: isinstance(e, f.Withdrawn | f.Stopped),
        Phrase("it was neither withdrawn nor stopped"),
    ),
    "control-slip": (lambda _: True, Phrase("nothing has happened")),
}
"""Which facts a paper can be about, and what it means that there is none."""


def _said(kind: str, gathering: Gathering, head: say.Head) -> say.Said:
    gather: Mapping[str, Callable[[say.Head], say.Said]] = {
        "supplement": gathering.supplement,
        "refusal": gathering.refusal,
        "apology": gathering.apology,
        "stop": gathering.stop,
        "control-slip": gathering.control_slip,
    }
    return gather[kind](head)


class Papers:
    """Makes the papers of an office from its record."""

    def __init__(
        self, store: Store, office: Office, calendar: Calendar, catalog_dir: Path, public_url: str = ""
    ) -> None:
        """`public_url` is where citizens look dossiers up; without it a QR code holds the dossier's code."""
        self._store, self._calendar, self._who = store, calendar, Directory(office)
        self._forms = read_forms(catalog_dir)
        self._press = Press(catalog_dir / "papers")
        self._public_url = public_url.rstrip("/")
        for kind, invented in SAMPLES.items():
            for said in invented:
                self._press.try_out(kind, said)

    async def make(self, kind: str, code: str, *, seq: int | None = None) -> Paper:
        """A paper of a dossier as it stood after fact `seq`; the latest that it can be about unless told.

        Raises UnknownPaper, UnknownDossier, NoSuchFact, NoSuchPaper or NoSuchForm. The same facts give the
        same bytes, as long as nothing that they refer to has been erased.
        """
        if kind not in _ABOUT:
            raise UnknownPaper(kind=kind, known=", ".join(_ABOUT))
        past = await recall(self._store, code)
        fact = _subject(kind, past, seq)
        dossier = past.at(fact.seq)
        forms, form = self._form(kind, dossier)
        private = await self._private(dossier)
        gathering = Gathering(self._who, past.unfiled, past.facts[: fact.seq], dossier, private)
        head = gathering.head(forms, form)
        said = (
            await self._receipt(gathering, head, code) if kind == "receipt" else _said(kind, gathering, head)
        )
        printed = await asyncio.to_thread(self._press.pull, kind, said, fact.at)
        return Paper(
            kind=said_kind(kind),
            name=f"{code}-{kind}.pdf",
            form=form.number,
            seq=fact.seq,
            **printed.model_dump(),
        )

    async def register(self, first: date, last: date, *, unit: str | None = None) -> Paper:
        """The register of what one unit or each received from a day to a day, both included.

        Raises BadPeriod, UnknownUnit or NoSuchForm. The form is that of the last day.
        """
        if unit is not None and unit not in self._who.units:
            raise UnknownUnit(unit=unit, known=", ".join(self._who.units))
        if last < first:
            raise BadPeriod(first=first, last=last, reason=Phrase("it ends before it begins."))
        if (last - first).days >= LONGEST:
            raise BadPeriod(
                first=first, last=last, reason=Phrase("more than {days} days are too many.", days=LONGEST)
            )
        forms = forms_on(self._forms, last)
        form = forms.papers.get("register") if forms else None
        if forms is None or form is None:
            raise NoSuchForm(kind="register", day=last, reason=_lacks(forms))
        start = self._calendar.instant(first, time(0))
        end = self._calendar.instant(last + timedelta(days=1), time(0))
        rows = await received(self._store, start, end, unit)
        said = self._registered(forms, form, rows, first, last, unit)
        printed = await asyncio.to_thread(self._press.pull, "register", said, end)
        name = f"register-{first}-{last}.pdf"
        return Paper(kind="register", name=name, form=form.number, **printed.model_dump())

    def _form(self, kind: str, dossier: Dossier) -> tuple[FormSet, Form]:
        at = dossier.received_at or dossier.submitted_at
        assert at is not None
        day = dossier.calendar.local(at).date()
        forms = forms_on(self._forms, day)
        form = forms.papers.get(said_kind(kind)) if forms else None
        if forms is None or form is None:
            raise NoSuchForm(kind=kind, day=day, reason=_lacks(forms))
        return forms, form

    async def _receipt(self, gathering: Gathering, head: say.Head, code: str) -> say.Receipt:
        """Its QR code knows more than the address in print: with it one rates the service."""
        if not self._public_url:
            return gathering.receipt(head, None, code)
        link = await self._store.track_link(self._public_url, code)
        return gathering.receipt(head, f"{self._public_url}/track/{code}", link)

    async def _private(self, dossier: Dossier) -> dict[str, Any]:
        """The erasable rows of a dossier, and of those it was opened for: they keep the applicant's data."""
        found = await self._store.private(dossier.code)
        parent = dossier.parent.code if dossier.parent else None
        while parent is not None:
            found = {**await self._store.private(parent), **found}
            facts = await self._store.facts(parent)
            parent = next((fact.event.parent for fact in facts if isinstance(fact.event, LinkedTo)), None)
        return found

    def _registered(
        self,
        forms: FormSet,
        form: Form,
        rows: list[Registered],
        first: date,
        last: date,
        unit: str | None,
    ) -> say.Register:
        home = self._who.home(unit)
        return say.Register(
            head=say.Head(
                form=form.number,
                circular=forms.source,
                title=form.title,
                number=None,
                authority=home.authority,
                unit=home.name,
                dated=None,
                code=None,
                simulated=any(row.simulated for row in rows),
            ),
            first=words.short_date(first),
            last=words.short_date(last),
            books=tuple(
                say.Book(
                    unit=self._who.unit(each).name,
                    book=self._who.unit(each).book,
                    rows=tuple(self._who.entry(self._calendar, row) for row in rows if row.unit == each),
                )
                for each in dict.fromkeys(row.unit for row in rows)
            ),
        )


def said_kind(kind: str) -> Kind:
    """A kind that is known to be one."""
    return next(each for each in KINDS if each == kind)


def _lacks(forms: FormSet | None) -> Phrase:
    if forms is None:
        return Phrase("the catalogue has no forms for that day")
    return Phrase("{source} has no such form", source=forms.source)


def _subject(kind: str, past: Past, seq: int | None) -> Fact:
    """The fact that a paper is about."""
    fits, none = _ABOUT[kind]
    code = past.unfiled.code
    if seq is not None:
        past.at(seq)  # refuses a number that there is not
        fact = past.facts[seq - 1]
        if not fits(fact.event):
            reason = Phrase("it cannot be about fact {seq}", seq=seq)
            raise NoSuchPaper(kind=kind, code=code, reason=reason)
        return fact
    found = next((fact for fact in reversed(past.facts) if fits(fact.event)), None)
    if found is not None and isinstance(found.event, f.Decided):
        result = past.at().result
        if result is None or result.approved:  # corrected, or sent back and decided anew
            found = None
    if found is None:
        raise NoSuchPaper(kind=kind, code=code, reason=none)
    return found
