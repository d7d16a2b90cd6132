"""How results look: JSON for programs, tables for people, progress bars on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from models.calendar import Calendar

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


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
    grid = Table(title=title or None, title_justify="left", show_edge=False)
    for number, name in enumerate(columns):
        grid.add_column(name, justify="right" if number >= right else "left")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(grid)


def office_time(calendar: Calendar, at: datetime | None) -> str:
    """A moment on the office's clock, to the minute."""
    return calendar.local(at).strftime("%Y-%m-%d %H:%M") if at else ""


class Bar:
    """One line that shows how far long work is."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._task = progress, progress.add_task(label, total=None, note="")

    def to(self, done: float, total: float | None = None, note: str = "") -> None:
        """Show that so much is done, and a word about it."""
        self._progress.update(self._task, completed=done, total=total, note=note)


@contextmanager
def bar(label: str) -> Iterator[Bar]:
    """A progress bar on stderr for as long as the block lasts; a line now and then where no terminal is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, refresh_per_second=4) as progress:
        shown = Bar(progress, label)
        shown.to(0)
        yield shown
