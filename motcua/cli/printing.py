"""How results look: JSON for programs, tables for people, progress bars on stderr.

Rich is imported by the first table, line or bar: it takes longer than most commands.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel

from models.calendar import Calendar
from models.limits import Limit
from models.refusals import BadInput

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_UTC = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|\+00:?00)")
EVERY = 10.0
"""Seconds between two lines of progress where no terminal is."""


class CannotWrite(BadInput):
    """A file that something was to go to cannot be written."""

    sentence = "{path} cannot be written: {reason}"


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Output(Console):
        """Rich would end the process with 1, which here means that a check found something."""

        def on_broken_pipe(self) -> None:
            """Whoever reads has seen enough; the command line as a whole deals with it."""
            raise BrokenPipeError

    # People's own words are printed as they are: in Rich's markup [mẫu] is a style, and [/b] an error.
    if stderr:
        return Console(stderr=True, highlight=False, markup=False, emoji=False)
    console = Output(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 110  # a file or a pipe has no width of its own; 80 would break the lines of a report
    return console


def to_stderr(text: str) -> None:
    """One line on stderr, beside the results, also in a pipe, whose width would be taken for 80."""
    _console(stderr=True).print(text, soft_wrap=True)


def write(file: str | None, name: str, content: bytes) -> Path | None:
    """A file under its name, or where it is wanted; returns where it is, None for standard output (-)."""
    if file == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return None
    path = Path(file or name)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CannotWrite(path=path, reason=error.strerror or error) from error
    return path


def one_output(file: str | None, *, as_json: bool) -> None:
    """Standard output holds a file or JSON."""
    if as_json and file == "-":
        raise typer.BadParameter("--json and -o - exclude each other")


def document(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, right: int = 99) -> None:
    """A table on stdout; columns from number `right` on are aligned to the right."""
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", show_edge=False)
    for number, name in enumerate(columns):
        # Codes and numbers are there to be copied: the first column is never cut.
        grid.add_column(name, justify="right" if number >= right else "left", no_wrap=number == 0)
    for cells in map(tuple, rows):
        # Their own text would be UTC, which reads as office time and is another day before 07:00.
        raw = [cell for cell in cells if isinstance(cell, datetime) or _UTC.search(str(cell))]
        assert not raw, f"moments are shown by office_time: {raw}"
        grid.add_row(*("" if cell is None else str(cell) for cell in cells))
    _console(stderr=False).print(grid)


def office_time(calendar: Calendar, at: datetime | None) -> str:
    """A moment on the office's clock, to the minute."""
    return calendar.shown(at) if at else ""


def shown(calendar: Calendar, value: object) -> object:
    """A value as people read it: moments, and limits that end at one, on the office's clock."""
    if isinstance(value, datetime):
        return office_time(calendar, value)
    if isinstance(value, Limit) and value.until is not None:
        return f"until {office_time(calendar, value.until)}"
    return value


def office_date(calendar: Calendar, at: datetime) -> str:
    """The date of a moment at the office, `2026-03-02`."""
    return calendar.local(at).date().isoformat()


class Bar:
    """How far long work is: a bar that moves on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label
        self._task = progress.add_task(label, total=None, note="")
        self._spoke = time.monotonic()

    def to(self, done: float, total: float | None = None, note: str = "") -> None:
        """Show that so much is done, and a word about it."""
        self._progress.update(self._task, completed=done, total=total, note=note)
        if not _console(stderr=True).is_terminal and time.monotonic() - self._spoke >= EVERY:
            self._spoke = time.monotonic()
            to_stderr(f"{self._label} {done:,} of {total:,} {note}" if total else f"{self._label} {done:,}")


@contextmanager
def bar(label: str) -> Iterator[Bar]:
    """Progress on stderr for as long as the block lasts."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(stderr=True), refresh_per_second=4, transient=True) as progress:
        yield Bar(progress, label)
