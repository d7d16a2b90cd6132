"""Two calculators of deadlines on random offices, starts, limits and pauses: they must never differ.

    python -m tests.deadlines --terms 100000 --seed 7

Ends with 1 and the smallest example it can find when the product (models/terms.py) and the independent
witness (tests/unit/witness.py) differ about a start, a due instant or the minutes of a receipt.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock
from functools import cached_property
from typing import Any, NamedTuple

from models.calendar import Calendar, CalendarTooShort
from models.limits import Limit
from models.terms import Pause, due_after, receipt, starts
from tests.unit.witness import PausedFor, Unknown, Witness, instant_of, limit_of, minute_of

Spans = tuple[tuple[int, int], ...]
"""Opening hours of a day, in minutes from midnight."""

SPAN = 150
FULL: Spans = ((7 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60))
MORNING: Spans = FULL[:1]
USUAL = (FULL, FULL, FULL, FULL, FULL, (), ())
ZONES = ("Asia/Ho_Chi_Minh", "Asia/Ho_Chi_Minh", "Asia/Kathmandu", "Europe/Amsterdam", "America/St_Johns")
FIRSTS = (date(2026, 1, 26), date(2026, 3, 2), date(2026, 10, 5))
"""In the second and third span the clocks of Amsterdam and St John's change."""
MODES = ("resume", "resume", "restart", "none")


class Office:
    """An office as data: its week, the days that differ, and both calculators' view of it."""

    def __init__(
        self,
        zone: str,
        first: date,
        week: tuple[Spans, ...] = USUAL,
        special: dict[date, Spans] | None = None,
    ) -> None:
        self.zone, self.first, self.last = zone, first, first + timedelta(days=SPAN - 1)
        self.week, self.special = week, special or {}

    @cached_property
    def calendar(self) -> Calendar:
        """As the product reads it."""
        return Calendar.model_validate(
            {
                "version": "random",
                "zone": self.zone,
                "first": self.first,
                "last": self.last,
                "week": [_hours(spans) for spans in self.week],
                "special": [
                    {
                        "date": day,
                        "kind": "half-day" if spans else "holiday",
                        "name": "any",
                        "source": "any",
                        "hours": _hours(spans),
                    }
                    for day, spans in self.special.items()
                ],
            }
        )

    @cached_property
    def witness(self) -> Witness:
        """As the witness reads it."""
        days = {}
        for number in range(SPAN):
            day = self.first + timedelta(days=number)
            days[day] = self.special.get(day, self.week[day.weekday()])
        return Witness({"zone": self.zone, "first": self.first, "last": self.last, "days": days})

    def at(self, number: int) -> int:
        """The instant so many minutes into the calendar."""
        return minute_of(self.calendar.instant(self.first, clock(0))) + number

    def __str__(self) -> str:
        week = " ".join(_shown(spans) for spans in self.week)
        special = ", ".join(f"{day} {_shown(spans)}" for day, spans in sorted(self.special.items()))
        return f"{self.zone} from {self.first}; Monday to Sunday {week}; special: {special or 'none'}"


class Case(NamedTuple):
    """One term to be computed twice."""

    office: Office
    received: int
    """Minutes since 1970, as are the pauses."""
    limit: str
    cut_off: int | None = None
    pauses: tuple[PausedFor, ...] = ()

    def __str__(self) -> str:
        local = self.office.calendar.local

        def shown(minute: int) -> str:
            return local(instant_of(minute)).strftime("%a %Y-%m-%d %H:%M")

        pauses = "; ".join(f"{shown(a)} to {shown(b)} {mode}" for a, b, mode in self.pauses)
        cut_off = "" if self.cut_off is None else f", cut-off {_clock(self.cut_off)}"
        term = f"received {shown(self.received)}, {self.limit}{cut_off}, pauses: {pauses or 'none'}"
        return f"{self.office}\n{term}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _hours(spans: Spans) -> list[dict[str, str]]:
    return [{"opens": _clock(a), "closes": _clock(b)} for a, b in spans]


def _shown(spans: Spans) -> str:
    return "+".join(f"{_clock(a)}-{_clock(b)}" for a, b in spans) or "closed"


# Drawing


def spans(draw: random.Random) -> Spans:
    """The hours of a day: usual ones, a morning, none, some at night, or any."""
    match draw.randrange(8):
        case 0 | 1 | 2:
            return FULL
        case 3:
            return draw.choice((MORNING, ((7 * 60, 9 * 60), (9 * 60, 11 * 60 + 30))))
        case 4:
            return ()
        case 5:
            return ((0, draw.choice((150, 360))), (22 * 60, 23 * 60 + 59))
        case _:
            marks = sorted(draw.sample(range(24 * 60), 2 * draw.randint(1, 3)))
            return tuple(zip(marks[::2], marks[1::2], strict=True))


def office(draw: random.Random) -> Office:
    """An office with at least three working days a week and up to twelve special days."""
    week: tuple[Spans, ...]
    match draw.randrange(4):
        case 0:
            week = USUAL
        case 1:
            week = (*USUAL[:5], MORNING, ())
        case _:
            week = tuple(spans(draw) for _ in range(7))
            while sum(map(bool, week)) < 3:
                week = tuple(spans(draw) for _ in range(7))
    first = draw.choice(FIRSTS)
    special = {
        first + timedelta(days=draw.randrange(90)): draw.choice(((), (), MORNING, FULL, spans(draw)))
        for _ in range(draw.randrange(13))
    }
    if draw.random() < 0.3:  # a long feast
        begin = first + timedelta(days=draw.randrange(60))
        special |= {begin + timedelta(days=number): () for number in range(draw.randint(2, 9))}
    return Office(draw.choice(ZONES), first, week, special)


def limit(draw: random.Random, office: Office) -> str:
    """A limit of any kind."""
    match draw.randrange(10):
        case 0 | 1 | 2:
            return f"{draw.randint(1, 12)} days"
        case 3:
            return f"{draw.randint(1, 60) / 8:g} days"
        case 4 | 5:
            return f"{draw.randint(1, 60)} hours"
        case 6:
            return f"{draw.randint(1, 600) * 0.05:.2f} hours"
        case 7:
            return f"{draw.randint(1, 150)} clock hours"
        case 8:
            return f"{draw.randint(1, 20)} calendar days"
        case _:
            until = office.at(draw.randrange(25 * 24 * 60, 50 * 24 * 60))
            return draw.choice(("same day", f"until {instant_of(until).isoformat()}"))


def case(draw: random.Random, office: Office) -> Case:
    """A term of this office with up to four pauses, which like to begin and end at telling moments."""
    step = draw.choice((1, 30))
    received = office.at(draw.randrange(24 * 60 // step, 24 * 24 * 60 // step) * step)
    cut_off, text = draw.choice((None, None, None, 15 * 60, 9 * 60)), limit(draw, office)
    witness, start = office.witness, office.witness.start(received, cut_off)
    pauses: list[PausedFor] = []
    at = received
    for _ in range(draw.choice((0, 0, 1, 1, 2, 3, 4))):
        since = at + draw.choice((0, draw.randrange(300), 30 * draw.randrange(200)))
        if draw.random() < 0.15:
            since = max(at, witness.due_after(limit_of(text), start, pauses))
        at = since + draw.choice((draw.randrange(300), 30 * draw.randrange(200)))
        if draw.random() < 0.1:
            at = witness.opening(at)
        pauses.append((since, at, draw.choice(MODES)))
    return Case(office, received, text, cut_off, tuple(pauses))


# Comparing


def difference(case: Case) -> str | None:
    """What the two calculators disagree about, if anything; Unknown when the calendar is too short."""
    witness, calendar = case.office.witness, case.office.calendar
    start = witness.start(case.received, case.cut_off)
    plain = limit_of(case.limit)
    end = witness.due_after(plain, start, case.pauses)
    minutes = witness.minutes(plain, start, end, case.pauses) if start <= end else {}
    parsed = Limit.parse(case.limit)
    pauses = [
        Pause(since=instant_of(a), until=instant_of(b), reason="wait", mode=mode)  # type: ignore[arg-type]
        for a, b, mode in case.pauses
    ]
    try:
        found = starts(
            calendar,
            instant_of(case.received),
            None if case.cut_off is None else clock(case.cut_off // 60, case.cut_off % 60),
        )
        if found != instant_of(start):
            return _differ("start", calendar, found, start)
        found = due_after(calendar, parsed, found, pauses)
        if found != instant_of(end):
            return _differ("due", calendar, found, end)
        lines = receipt(calendar, parsed, instant_of(start), found, pauses)
    except CalendarTooShort as refusal:
        return f"the product refuses: {refusal}"
    counted = {date.fromisoformat(line.date): line.counted_minutes for line in lines if line.counted_minutes}
    if counted != minutes:
        days = sorted(day for day in counted | minutes if counted.get(day, 0) != minutes.get(day, 0))
        return "receipt: " + ", ".join(
            f"{day} product {counted.get(day, 0)}, witness {minutes.get(day, 0)}" for day in days
        )
    return None


def _differ(what: str, calendar: Calendar, product: datetime, witness: int) -> str:
    times = (calendar.local(at).strftime("%a %Y-%m-%d %H:%M") for at in (product, instant_of(witness)))
    return "{}: product {}, witness {}".format(what, *times)


def differs(case: Case) -> bool:
    """Whether the two calculators disagree."""
    try:
        return difference(case) is not None
    except Unknown:
        return False


def simpler(case: Case) -> Iterator[Case]:
    """Cases that are a little simpler, the biggest steps first."""
    office = case.office
    for number in range(len(case.pauses)):
        yield case._replace(pauses=case.pauses[:number] + case.pauses[number + 1 :])
    if case.cut_off is not None:
        yield case._replace(cut_off=None)
    if office.week != USUAL:
        yield case._replace(office=Office(office.zone, office.first, USUAL, office.special))
        for number, usual in enumerate(USUAL):
            if office.week[number] != usual:
                week = (*office.week[:number], usual, *office.week[number + 1 :])
                yield case._replace(office=Office(office.zone, office.first, week, office.special))
    if office.special:
        yield case._replace(office=Office(office.zone, office.first, office.week))
        for day in office.special:
            fewer = {other: spans for other, spans in office.special.items() if other != day}
            yield case._replace(office=Office(office.zone, office.first, office.week, fewer))
    if office.zone != ZONES[0]:
        yield case._replace(office=Office(ZONES[0], office.first, office.week, office.special))
    if not case.limit.startswith(("same", "until")):
        amount, unit = case.limit.split(" ", 1)
        for smaller in ("1", f"{float(amount) // 2:g}", f"{float(amount) - 1:g}"):
            if 0 < float(smaller) < float(amount):
                yield case._replace(limit=f"{smaller} {unit}")
    for number, (since, until, mode) in enumerate(case.pauses):
        for length in ((until - since) // 2, until - since - 1):
            if 0 <= length < until - since:
                shorter = (since, since + length, mode)
                yield case._replace(pauses=(*case.pauses[:number], shorter, *case.pauses[number + 1 :]))


def smallest(case: Case, wrong: Callable[[Case], bool] = differs) -> Case:
    """The simplest case found that is still wrong."""
    while (found := next(filter(wrong, simpler(case)), None)) is not None:
        case = found
    return case


class Outcome(NamedTuple):
    """What a comparison came to."""

    compared: int
    beyond: int
    """Terms drawn that would end after their calendar, and were left out."""
    wrong: Case | None


def compare(terms: int, seed: int, tell: Callable[[int], Any] = lambda _: None) -> Outcome:
    """Compare so many random terms, a hundred to an office; stops at the first difference."""
    draw = random.Random(seed)
    compared = beyond = 0
    place = office(draw)
    while compared < terms:
        if compared % 100 == 0:
            place = office(draw)
            tell(compared)
        try:
            drawn = case(draw, place)
            if difference(drawn) is not None:
                return Outcome(compared, beyond, drawn)
            compared += 1
        except Unknown:
            beyond += 1
    return Outcome(compared, beyond, None)


def main() -> int:
    """The command; 1 when the calculators differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.deadlines", description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    asked = parser.parse_args()
    print(f"seed {asked.seed}")
    began = spoke = time.monotonic()

    def tell(done: int) -> None:
        nonlocal spoke
        if time.monotonic() - spoke > 5:
            spoke = time.monotonic()
            print(f"{done:,} of {asked.terms:,}", file=sys.stderr)

    compared, beyond, wrong = compare(asked.terms, asked.seed, tell)
    took = time.monotonic() - began
    print(f"{compared:,} terms compared in {took:.0f} s; {beyond:,} more ended after their calendar")
    if wrong is None:
        print("no difference")
        return 0
    found = smallest(wrong)
    print(f"they differ about\n{found}\n{difference(found)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
