"""The board's charts as drawings: sizes and words are worked out here, the template only draws them."""

from __future__ import annotations

from datetime import date
from math import log10
from typing import Any, NamedTuple

from motcua.web.visit import Visit

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 220, 40, 34, 12


class Bar(NamedTuple):
    """A bar, with what it says to whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    words: str


class Tick(NamedTuple):
    """A line with its number, or the name of a group of bars."""

    at: float
    words: str


class Chart(NamedTuple):
    """A chart of bars, and the same as a table for whoever cannot see it."""

    bars: list[Bar]
    lines: list[Tick]
    groups: list[Tick]
    columns: list[str]
    rows: list[tuple[str, ...]]
    legend: list[tuple[str, str]]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(bar.height for bar in self.bars)


def weeks(rows: list[dict[str, Any]], mondays: list[date], visit: Visit) -> Chart:
    """What came in, what was finished, and what of that was late, week by week."""
    known = {row["week"]: row for row in rows}
    series = [[int(known.get(day, {}).get(key, 0)) for key in ("came", "went", "late")] for day in mondays]
    names = [visit.say("came in"), visit.say("finished"), visit.say("of these late")]
    labels = [f"{day:%d/%m}" if visit.language == "vi" else f"{day:%d %b}" for day in mondays]
    return _chart(series, labels, names, ("came", "went", "bad"), visit.say("week of"))


def ageing(rows: list[dict[str, Any]], visit: Visit) -> Chart:
    """How many weeks the open dossiers have been here, and how many of each age are late."""
    known = {row["weeks"]: row for row in rows}
    last = max(known, default=0)
    series = [[int(known.get(n, {}).get(key, 0)) for key in ("open", "late")] for n in range(last + 1)]
    names = [visit.say("open"), visit.say("of these late")]
    labels = [f"{n}" if n < 12 else "12+" for n in range(last + 1)]
    return _chart(series, labels, names, ("came", "bad"), visit.say("weeks here"))


def _chart(
    series: list[list[int]], labels: list[str], names: list[str], tones: tuple[str, ...], head: str
) -> Chart:
    top = scale(max((value for group in series for value in group), default=0))
    room = (WIDTH - LEFT) / max(len(series), 1)
    bar = min(room * 0.8 / len(names), 26)
    unit = (HEIGHT - TOP - BOTTOM) / top
    bars, groups = [], []
    for number, (group, label) in enumerate(zip(series, labels, strict=True)):
        middle = LEFT + room * (number + 0.5)
        groups.append(Tick(round(middle, 1), label))
        for place, value in enumerate(group):
            height = value * unit
            words = f"{head} {label}: {value} {names[place]}"
            x = middle + bar * (place - len(group) / 2)
            y = HEIGHT - BOTTOM - height
            bars.append(
                Bar(round(x, 1), round(y, 1), round(bar - 1.5, 1), round(height, 1), tones[place], words)
            )
    lines = [Tick(round(HEIGHT - BOTTOM - top * part * unit, 1), f"{top * part:g}") for part in (0, 0.5, 1)]
    rows = [(label, *map(str, group)) for group, label in zip(series, labels, strict=True)]
    return Chart(bars, lines, groups, [head, *names], rows, list(zip(tones, names, strict=True)))


def scale(most: int) -> int:
    """The end of the scale: a round, even number not below what is shown."""
    if most <= 4:
        return 4
    step: int = 10 ** int(log10(most))
    part = next(part for part in (1, 2, 4, 6, 8, 10) if part * step >= most)
    return part * step
