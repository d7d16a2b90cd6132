"""Another system's event log as a caseload: a mapping file says which column and event means what.

Taken from the log: hand-in, acceptance, fixed deadline, who did what when, when the result was ready. Not
taken: whether that was in time. That is the engine's to say.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.base import TYPED_YEARS
from models.calendar import Calendar
from models.commands import Actor
from models.faults import fault
from models.procedure import Role
from models.refusals import BadInput, Refusal
from models.reserved import OBSERVER_ID, is_reserved
from models.rights import STAFF
from models.timeliness import measured
from models.units import Span
from models.visible import shows
from motcua.caseloads.mapping import Mapping, Sources, check_recipients, read_mapping
from motcua.caseloads.rehearsal import Rehearsal
from motcua.caseloads.script import Act, Case
from motcua.catalogue.calendars import UnknownCalendar
from motcua.catalogue.files import BadCatalogue, in_one_line
from motcua.desk import Rulebook
from motcua.store import Store

_OFFICER = (Role.RECEIVER, Role.HANDLER, Role.APPROVER, Role.CLERK, Role.RETURNER)
_OBSERVER = Actor(id=OBSERVER_ID, roles=STAFF, unit="")
"""May stand in anywhere."""


class BadLog(BadInput):
    """A log that the mapping does not fit."""

    sentence = "{file}, line {line}: {reason}"

    def __init__(self, *, file: str, line: int, reason: str) -> None:
        super().__init__(file=file, line=line, reason=in_one_line(reason))


class EventLog:
    """A log read by a mapping: its cases, and an office for them."""

    def __init__(
        self, mapping: Mapping, calendar: Calendar, cases: list[Case], officers: dict[str, Actor]
    ) -> None:
        self.mapping, self.calendar, self.cases, self._officers = mapping, calendar, cases, officers

    @classmethod
    def read(cls, file: Path, mapping_file: Path, calendars: Callable[[str], Calendar]) -> EventLog:
        """Read a CSV log and rehearse its cases.

        A case that could not be imported to its end is refused with its line, and nothing is imported.
        """
        mapping = read_mapping(mapping_file)
        try:
            calendar = calendars(mapping.calendar)
        except UnknownCalendar as problem:
            raise BadCatalogue(file=mapping_file.name, field="calendar", reason=problem.message) from problem
        grouped = _grouped(file, mapping)
        end = max(row.at for rows in grouped.values() for row in rows)
        officers: dict[str, Actor] = {}
        readings = [_Reading(mapping, officers, file, rows) for rows in grouped.values()]
        log = cls(mapping, calendar, [reading.case(end) for reading in readings], officers)
        book = log.rulebook()
        check_recipients(mapping_file, mapping, book.units)
        for reading, case in zip(readings, log.cases, strict=True):
            reading.rehearse(case, book)
        return log

    def rulebook(self) -> Rulebook:
        """An office that has the log's units, and whose officers may do what the log says they did."""
        moments = [at for case in self.cases for at in (case.until, *(act.at for act in case.acts)) if at]
        moments += [datetime.fromisoformat(str(case.submission["due_at"])) for case in self.cases]
        return Rulebook(
            office=self.mapping.name,
            agency=lambda _: self.mapping.agency,
            units={str(case.submission["unit"]): Span() for case in self.cases},
            procedure=lambda code, day: self.mapping.procedure,
            actor={OBSERVER_ID: _OBSERVER, **self._officers}.__getitem__,
            calendar=self.calendar,
            ends=self.calendar.local(max(moments)).date(),
        )

    async def late(self, store: Store) -> dict[str, Any]:
        """How many results came after their deadline, by either measure, and the deviations by kind."""
        results = await store.results()
        counts = {
            f"late_by_{how}": sum(
                measured(self.calendar, how, due_at, ready_at) == "overdue" for ready_at, due_at in results
            )
            for how in ("instant", "date")
        }
        return {"closed": len(results), **counts, "deviations": await store.deviations()}


class _Row:
    """One line of the log."""

    def __init__(self, line: int, at: datetime, cells: dict[str, str]) -> None:
        self.line, self.at, self.cells = line, at, cells


def _grouped(file: Path, mapping: Mapping) -> dict[str, list[_Row]]:
    """The lines of each case, in the order of time; cases in the order in which they appear."""
    columns, grouped = mapping.columns, defaultdict[str, list[_Row]](list)
    rows = _rows(file)
    _, head = next(rows, (1, []))
    for names, reason in (
        ([name for name in columns.model_dump().values() if name not in head], "there is no column"),
        ([name for name in dict.fromkeys(head) if head.count(name) > 1], "twice or more there is the column"),
    ):
        if names:
            raise BadLog(file=file.name, line=1, reason=f"{reason} {', '.join(names)}")
    for line, cells in rows:
        if len(cells) != len(head):
            reason = f"it has {len(cells)} cells, the header {len(head)}"
            raise BadLog(file=file.name, line=line, reason=reason)
        row = dict(zip(head, cells, strict=True))
        if not shows(row[columns.case]):
            raise BadLog(file=file.name, line=line, reason=f"{columns.case} is empty")
        grouped[row[columns.case]].append(_Row(line, _time(file, line, columns.at, row[columns.at]), row))
    if not grouped:
        raise BadLog(file=file.name, line=1, reason="it has no cases")
    return {case: sorted(rows, key=lambda row: row.at) for case, rows in grouped.items()}


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line on which it begins; one may go on over several lines."""
    reader, line = csv.reader(io.StringIO(_text(file), newline=""), strict=True), 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadLog(file=file.name, line=line, reason=str(error)) from error


def _text(file: Path) -> str:
    """What the file says, in UTF-8 with or without a mark at its beginning."""
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadLog(file=file.name, line=1, reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        # Of the text alone: the decoder may have left the mark out of what it counts.
        line = error.object[: error.start].count(b"\n") + 1
        reason = "it is not in UTF-8; save it as CSV in UTF-8"
        raise BadLog(file=file.name, line=line, reason=reason) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadLog(file=file.name, line=line, reason="it holds a NUL; save it as CSV in UTF-8")
    return text


def _time(file: Path, line: int, column: str, text: str | None) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
        if at.year not in TYPED_YEARS:
            raise ValueError(text)
    except ValueError as error:
        raise BadLog(file=file.name, line=line, reason=f"{column}: {text!r} is not a time") from error
    if at.tzinfo is None:
        raise BadLog(file=file.name, line=line, reason=f"{column}: {text!r} has no offset from UTC")
    return at.astimezone(UTC)


class _Reading:
    """One case of the log, read by the mapping; `officers` are the users of the whole log."""

    def __init__(self, mapping: Mapping, officers: dict[str, Actor], file: Path, rows: list[_Row]) -> None:
        self.mapping, self.officers, self.file, self.rows = mapping, officers, file, rows
        self.first = rows[0]
        self.unit = self._name(self.first, mapping.columns.unit) or mapping.name

    def case(self, end: datetime) -> Case:
        """The case; one that was never ready is left open at the end of the log."""
        mapping, name = self.mapping, self.first.cells[self.mapping.columns.case]
        start = self._moment(mapping.accept.at)
        if start is None:
            raise self._bad(f"{name} was never accepted")
        ready = self._moment(mapping.ready.at)
        acts = [self._observed(row, start, ready) for row in self.rows]
        if ready is not None:
            acts += self._results(name, start, ready)
        columns = mapping.columns
        channel = mapping.channels.get(self.first.cells[columns.channel])
        if channel is None:
            raise self._bad(f"the mapping knows no channel {self.first.cells[columns.channel]!r}")
        due = _time(self.file, self.first.line, columns.due, self.first.cells[columns.due])
        return Case(
            submission={
                "request_id": f"{mapping.name}/{name}",
                "procedure": mapping.procedure.code,
                "channel": channel,
                "unit": self.unit,
                "applicant": {"name": name},
                "due_at": due.isoformat(),
            },
            at=start,
            officer=self._officer(mapping.accept.who),
            # A stable sort: what happens at the same moment keeps the order in which it was written down.
            acts=tuple(sorted(acts, key=lambda act: act.at)),
            until=None if ready else end,
        )

    def rehearse(self, case: Case, book: Rulebook) -> None:
        """Refuse what would end the import in the middle: a date outside the calendar, say."""
        try:
            Rehearsal.play(case, book)
        except (BadInput, Refusal) as problem:
            raise self._bad(problem.message) from problem

    def _bad(self, reason: str) -> BadLog:
        return BadLog(file=self.file.name, line=self.first.line, reason=reason)

    def _observed(self, row: _Row, start: datetime, ready: datetime | None) -> Act:
        """An event of the log as an observation; our rules would not have let work go on outside the life."""
        said: dict[str, Any] = {"label": row.cells[self.mapping.columns.event], "said_at": row.at.isoformat()}
        if row.at < start:
            said["deviation"] = "EventBeforeAcceptance"
        elif ready is not None and row.at > ready:
            said["deviation"] = "EventAfterReady"
        return Act(max(row.at, start), "observe", OBSERVER_ID, said)

    def _results(self, name: str, start: datetime, ready: datetime) -> list[Act]:
        """The result at its moment, then its return."""
        acts, at = [], max(ready, start)
        if ready < start:
            said = {"label": "ready", "said_at": ready.isoformat(), "deviation": "ReadyBeforeAcceptance"}
            acts.append(Act(at, "observe", OBSERVER_ID, said))
        decider = self._officer(self.mapping.ready.who)
        result = {"number": name, "date": at.isoformat()}  # none is dated before its dossier was accepted
        acts.append(Act(at, "complete", self._officer(self.mapping.handled.who), stand_in=OBSERVER_ID))
        acts.append(Act(at, "approve", decider, result, stand_in=OBSERVER_ID))
        acts.append(Act(max(at, self.rows[-1].at), "return", decider, stand_in=OBSERVER_ID))
        return acts

    def _moment(self, sources: Sources) -> datetime | None:
        for kind, name, row in self._looked_up(sources):
            if kind == "event":
                return row.at
            if row.cells[name]:
                return _time(self.file, row.line, name, row.cells[name])
        return None

    def _officer(self, sources: Sources) -> str:
        for kind, name, row in self._looked_up(sources):
            if who := self._name(row, self.mapping.columns.who if kind == "event" else name):
                return self._user(row, who)
        raise self._bad("nobody is named for it")

    def _user(self, row: _Row, who: str) -> str:
        """An officer as acts name them: by name and unit, so that each acts for the unit of the case."""
        user = f"{who}@{self.unit}"
        try:
            if is_reserved(who):
                raise ValueError(f"{who!r} is an id that motcua uses itself")
            known = self.officers.setdefault(user, Actor(id=who, roles=_OFFICER, unit=self.unit))
            if known.id != who:
                raise ValueError(f"{user!r} could be two people: {who!r} and {known.id!r}")
        except ValidationError as error:
            reason = f"an officer's name: {fault(dict(error.errors()[0]))}"
            raise BadLog(file=self.file.name, line=row.line, reason=reason) from error
        except ValueError as error:
            reason = f"an officer's name: {error}"
            raise BadLog(file=self.file.name, line=row.line, reason=reason) from error
        return user

    def _name(self, row: _Row, column: str) -> str:
        """The name in a cell, in one line; empty where the cell is."""
        cell = row.cells[column]
        if cell and not shows(cell):
            raise BadLog(file=self.file.name, line=row.line, reason=f"{column} shows nothing")
        return " ".join(cell.split())

    def _looked_up(self, sources: Sources) -> Iterable[tuple[str, str, _Row]]:
        """Each source that the case has: its kind, its name, and the line to read it from."""
        for source in sources:
            kind, _, name = source.partition(" ")
            if kind == "event":
                yield from ((kind, name, r) for r in self.rows if r.cells[self.mapping.columns.event] == name)
            elif kind == "column" and name in self.first.cells:
                yield kind, name, self.first
            else:
                reason = f"the log has no {source!r}: write 'column NAME' or 'event NAME'"
                raise BadLog(file=self.file.name, line=1, reason=reason)
