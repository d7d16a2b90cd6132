"""Due dates and letters per second, on one core: the product beside libraries that count working days.

    python -m benchmarks.terms

All in one run, round after round, from the same random instants of 2022 to 2026 with the Vietnamese
calendar; trust the ratios, not the rates. The yardsticks do less: they count whole days, know no hours of
the day and no half days, and numpy counts a whole array at once.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from models.calendar import Calendar
from models.limits import Limit
from models.terms import due, starts
from motcua.catalogue.catalogue import Catalogue
from motcua.texts import Texts
from motcua.texts.samples import samples

CATALOG = Path(__file__).parents[1] / "catalog"
DAYS = 5
LIMITS = (f"{DAYS} days", "20 hours", "24 clock hours", "30 calendar days")
ROUNDS = 5
Work = Callable[[], object]


def vietnam() -> Calendar:
    """The calendar of the catalogue."""
    return Catalogue.load(CATALOG).calendar("vn")


def instants(count: int, seed: int = 1) -> list[datetime]:
    """Random instants of 2022 to 2026, to the second."""
    draw, first = random.Random(seed), datetime(2022, 1, 3, tzinfo=UTC)
    span = int((datetime(2026, 12, 1, tzinfo=UTC) - first).total_seconds())
    return [first + timedelta(seconds=draw.randrange(span)) for _ in range(count)]


def terms(calendar: Calendar, limit: str, received: Sequence[datetime]) -> Work:
    """Start and due instant of each."""
    parsed = Limit.parse(limit)
    return lambda: [due(calendar, parsed, starts(calendar, at)) for at in received]


def library(received: Sequence[datetime]) -> Work:
    """The same number of working days by the `holidays` package."""
    holidays: Any = import_module("holidays")
    vn = holidays.country_holidays("VN", years=range(2022, 2028))
    days = [at.date() for at in received]
    return lambda: [vn.get_nth_working_day(day, DAYS) for day in days]


def letters(count: int) -> Work:
    """As many letters of an escalation in Vietnamese: the terms of many dossiers may end at one instant."""
    texts, topics = Texts.load(CATALOG), samples("escalation", "vi")
    return lambda: [
        texts.words("escalation", "vi", topics[number % len(topics)], "Asia/Ho_Chi_Minh")
        for number in range(count)
    ]


def array(calendar: Calendar, received: Sequence[datetime]) -> Work | None:
    """The same by numpy's `busday_offset`, one array for all; None where numpy is not installed."""
    if find_spec("numpy") is None:
        return None
    numpy: Any = import_module("numpy")
    off = [day.date for day in calendar.special if not day.hours]
    days = numpy.array([at.date() for at in received], dtype="datetime64[D]")
    counted = numpy.busdaycalendar(holidays=numpy.array(off, dtype="datetime64[D]"))
    return lambda: numpy.busday_offset(days, DAYS, roll="forward", busdaycal=counted)


def rate(work: Work, count: int) -> float:
    """How many a second of this process's own time, so that a busy machine does not count."""
    began = time.process_time()
    work()
    return count / (time.process_time() - began)


def main(count: int = 20_000) -> int:
    """Print the table."""
    calendar, received = vietnam(), instants(count)
    contenders: dict[str, Work] = {f"motcua, {limit}": terms(calendar, limit, received) for limit in LIMITS}
    contenders[f"holidays, {DAYS} working days"] = library(received)
    numpy = array(calendar, received)
    if numpy is not None:
        contenders[f"numpy, busday_offset of {DAYS}"] = numpy
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            found[name].append(rate(work, count))
    rates = {name: median(each) for name, each in found.items()}
    ours = next(iter(rates.values()))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{count:,} random instants, median of {ROUNDS} rounds, {date.today()}")  # noqa: DTZ011
    print(f"load of the machine (1, 5, 15 minutes): {load}; {os.cpu_count()} cores")
    print(f"{'':32} {'a second':>12} {'to the first':>14}")
    for name, each in rates.items():
        print(f"{name:32} {each:12,.0f} {each / ours:14.2f}")
    print(f"{'letters, escalation':32} {rate(letters(count // 20), count // 20):12,.0f}")
    if numpy is None:
        print("numpy is not installed: skipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
