"""Another system's event log as a caseload: a mapping file says which column and event means what.

Taken from the log: hand-in, acceptance, fixed deadline, who did what when, when the result was ready. Not
taken: whether that was in time. That is the engine's to say.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from models.base import TYPED_YEARS, Value
from models.calendar import Calendar
from models.commands import Actor
from models.procedure import Procedure, Role
from models.refusals import BadInput
from models.timeliness import measured
from models.units import Span
from models.visible import shows
from motcua.caseloads.player import OBSERVER
from motcua.caseloads.script import Act, Case
from motcua.catalogue.files import BadCatalogue, Text, check
from motcua.desk import Rulebook
from motcua.forms import read_command, read_submission
from motcua.store import Store

_OFFICER = (Role.RECEIVER, Role.HANDLER, Role.APPROVER, Role.CLERK, Role.RETURNER)
_ANYBODY = tuple(role for role in Role if role not in (Role.CITIZEN, Role.CLOCK))
Sources = tuple[Text, ...]
"""Where to look, in this order: "column NAME" of the case, or "event NAME" for its moment or its officer."""


class BadLog(BadInput):
    """A log that the mapping does not fit."""

    sentence = "{file}, line {line}: {reason}"


class Columns(Value):
    """What the columns are called."""

    case: Text
    channel: Text
    unit: Text
    due: Text
    event: Text
    who: Text
    at: Text


class Point(Value):
    """A moment that matters to the engine, and who brought it about."""

    at: Sources = Field(min_length=1)
    who: Sources = Field(min_length=1)


class Handled(Value):
    """Who worked on the dossier before it was decided."""

    who: Sources = Field(min_length=1)


class Mapping(Value):
    """A mapping file."""

    name: Text
    agency: Text
    calendar: Text
    columns: Columns
    channels: dict[str, Literal["online", "counter", "post"]]
    accept: Point
    ready: Point
    handled: Handled
    procedure: Procedure


class EventLog:
    """A log read by a mapping: its cases, and an office for them."""

    def __init__(
        self, mapping: Mapping, calendar: Calendar, cases: list[Case], units: frozenset[str]
    ) -> None:
        self.mapping, self.calendar, self.cases, self._units = mapping, calendar, cases, units

    @classmethod
    def read(cls, file: Path, mapping_file: Path, calendars: Callable[[str], Calendar]) -> EventLog:
        """Read a CSV log; what does not fit is refused with its line, and nothing is imported."""
        mapping = read_mapping(mapping_file)
        calendar = calendars(mapping.calendar)
        grouped = _grouped(file, mapping)
        end = max(row.at for rows in grouped.values() for row in rows)
        cases = [_Reading(mapping, calendar, file, rows).case(end) for rows in grouped.values()]
        units = frozenset(str(case.submission["unit"]) for case in cases)
        return cls(mapping, calendar, cases, units)

    def rulebook(self) -> Rulebook:
        """An office that has the log's units, and whose officers may do what the log says they did."""
        return Rulebook(
            office=self.mapping.name,
            agency=lambda _: self.mapping.agency,
            units={unit: Span() for unit in self._units},
            procedure=lambda code, day: self.mapping.procedure,
            actor=_actor,
            calendar=self.calendar,
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


def read_mapping(file: Path) -> Mapping:
    """A mapping from its file."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadCatalogue(file=file.name, field="file", reason=reason) from error
    if isinstance(data.get("procedure"), dict) and data["procedure"].get("limit") == "none":
        data["procedure"]["limit"] = None  # TOML has no null
    return check(Mapping, data, file.name)


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
    """One case of the log, read by the mapping."""

    def __init__(self, mapping: Mapping, calendar: Calendar, file: Path, rows: list[_Row]) -> None:
        self.mapping, self.calendar, self.file, self.rows = mapping, calendar, file, rows
        self.first = rows[0]
        self.unit = self.first.cells[mapping.columns.unit] or mapping.name

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
        case = Case(
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
        self._check(case)
        return case

    def _check(self, case: Case) -> None:
        """Refuse now what the desk would refuse in the middle of the import: a name too long, say."""
        try:
            read_submission(case.submission, self.calendar)
            for number, act in enumerate(case.acts):
                request_id = f"{case.act_id(number)}/deviation"
                for user in filter(None, (act.user, act.stand_in)):
                    read_command("", act.command, _actor(user), dict(act.data), request_id, self.calendar)
        except BadInput as problem:
            raise self._bad(problem.message) from problem
        except ValidationError as error:
            raise self._bad(f"an officer's name: {error.errors()[0]['msg']}") from error

    def _bad(self, reason: str) -> BadLog:
        return BadLog(file=self.file.name, line=self.first.line, reason=reason)

    def _observed(self, row: _Row, start: datetime, ready: datetime | None) -> Act:
        """An event of the log as an observation; our rules would not have let work go on outside the life."""
        said: dict[str, Any] = {"label": row.cells[self.mapping.columns.event], "said_at": row.at.isoformat()}
        if row.at < start:
            said["deviation"] = "EventBeforeAcceptance"
        elif ready is not None and row.at > ready:
            said["deviation"] = "EventAfterReady"
        return Act(max(row.at, start), "observe", OBSERVER, said)

    def _results(self, name: str, start: datetime, ready: datetime) -> list[Act]:
        """The result at its moment, then its return."""
        acts, at = [], max(ready, start)
        if ready < start:
            said = {"label": "ready", "said_at": ready.isoformat(), "deviation": "ReadyBeforeAcceptance"}
            acts.append(Act(at, "observe", OBSERVER, said))
        decider = self._officer(self.mapping.ready.who)
        result = {"number": name, "date": ready.isoformat()}
        acts.append(Act(at, "complete", self._officer(self.mapping.handled.who), stand_in=OBSERVER))
        acts.append(Act(at, "approve", decider, result, stand_in=OBSERVER))
        acts.append(Act(max(at, self.rows[-1].at), "return", decider, stand_in=OBSERVER))
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
            who = row.cells[self.mapping.columns.who if kind == "event" else name]
            if who:
                return f"{who}@{self.unit}"
        raise self._bad("nobody is named for it")

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


def _actor(user: str) -> Actor:
    """An officer of the log, written name@unit; the observer may stand in anywhere."""
    if user == OBSERVER:
        return Actor(id=OBSERVER, roles=_ANYBODY, unit="")
    name, _, unit = user.partition("@")
    return Actor(id=name, roles=_OFFICER, unit=unit)
