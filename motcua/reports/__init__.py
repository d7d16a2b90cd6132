"""Reports: the counts of form II.06 (Circular 01/2020/TT-VPCP) over a period, with its identities checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from models.base import Instant, Value
from models.refusals import CheckFailed
from motcua.store import Store

By = Literal["field", "unit", "procedure"]


class Received(Value):
    """Dossiers that came in, with those carried over from before the period."""

    total: int
    online: int
    direct: int
    carried_over: int


class Solved(Value):
    """Dossiers whose result became ready (or that were withdrawn or stopped) in the period."""

    total: int
    early: int
    on_time: int
    overdue: int


class Open(Value):
    """Dossiers not solved at the end of the period."""

    total: int
    in_time: int
    overdue: int


class Line(Value):
    """One line of the report; `name` is empty for the whole."""

    name: str
    received: Received
    solved: Solved
    open: Open

    @property
    def in_time_share(self) -> float | None:
        """Solved early or on time, of those received (the denominator of Decision 766), in percent."""
        return self.share(self.solved.early + self.solved.on_time)

    def share(self, count: int) -> float | None:
        """A count in percent of those received, to two places."""
        return round(100 * count / self.received.total, 2) if self.received.total else None


class Report(Value):
    """The report over [start, end) as things stood at `at`."""

    start: Instant
    end: Instant
    at: Instant
    whole: Line
    lines: tuple[Line, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The shape that others script against."""
        whole = self.whole
        late = whole.solved.overdue + whole.open.overdue
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "at": self.at.isoformat(),
            **_counts(whole),
            "shares": {
                "early_or_on_time": whole.in_time_share,
                "open_in_time": whole.share(whole.open.in_time),
                "overdue": whole.share(late),
            },
            "lines": [{"name": line.name, **_counts(line)} for line in self.lines],
        }


class Unbalanced(CheckFailed):
    """The counts of a report contradict each other: never to be printed as if they were right."""

    sentence = (
        "The counts of the report contradict each other ({counts}): what is on record was altered, or this is"
        " a bug. `audit verify` names what was altered."
    )


async def report(store: Store, start: datetime, end: datetime, *, at: datetime, by: By | None) -> Report:
    """The counts of the period [start, end); what is open is judged late or not at `at`."""
    (whole,) = [_line(row) for row in await store.report(start, end, at, None)] or [_NOTHING]
    lines = [_line(row) for row in await store.report(start, end, at, by)] if by else []
    return Report(start=start, end=end, at=at, whole=whole, lines=tuple(lines))


def _line(row: dict[str, Any]) -> Line:
    line = Line(
        name=row["grp"],
        received=Received(
            total=row["received"],
            online=row["online"],
            direct=row["direct"],
            carried_over=row["carried_over"],
        ),
        solved=Solved(
            total=row["solved"], early=row["early"], on_time=row["on_time"], overdue=row["overdue"]
        ),
        open=Open(total=row["open"], in_time=row["open_in_time"], overdue=row["open_overdue"]),
    )
    came, done, left = line.received, line.solved, line.open
    # The form's own checks (docs/sources.md): columns 3 = 4+5+6, 7 = 8+9+10, 11 = 12+13, 3 = 7+11.
    if not (
        came.total == came.online + came.direct + came.carried_over
        and done.total == done.early + done.on_time + done.overdue
        and left.total == left.in_time + left.overdue
        and came.total == done.total + left.total
    ):
        parts = (("received", came), ("solved", done), ("open", left))
        counts = "; ".join(
            f"{name} " + ", ".join(f"{what} {count}" for what, count in part.model_dump().items())
            for name, part in parts
        )
        raise Unbalanced(counts=counts)
    return line


def _counts(line: Line) -> dict[str, Any]:
    return line.model_dump(mode="json", exclude={"name"})


_NOTHING = Line(
    name="",
    received=Received(total=0, online=0, direct=0, carried_over=0),
    solved=Solved(total=0, early=0, on_time=0, overdue=0),
    open=Open(total=0, in_time=0, overdue=0),
)
