"""No test takes a date or a duration from the machine's clock, unless the clock is the subject of the test.

Dates that come from the clock make a test fail on a Sunday, at Tết or on 29 February, and a measured duration
makes it fail on a busy machine. Tests take fixed moments, a calendar of `tests.present` or `tests.waiting`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
DATES = {
    "datetime.datetime": ("now", "utcnow", "today"),
    "datetime.date": ("today",),
    "time": (
        *("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime"),
        *("clock_gettime", "clock_gettime_ns"),
    ),
    "email.utils": ("localtime", "formatdate"),
    "tests.present": ("now",),
    "motcua.web.house": ("wall",),
}
DURATIONS = {
    "time": (
        *("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
        *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
    ),
    "asyncio.get_running_loop()": ("time",),
    "asyncio.get_event_loop()": ("time",),
    "timeit": ("timeit", "default_timer", "repeat"),
}
TODAY = "today"
"""A method of this name answers by the machine's clock, whatever object it is of: a date, the catalogue."""
READS = {f"{owner}.{name}" for table in (DATES, DURATIONS) for owner in table for name in table[owner]}
MODULES = {name.split(".")[0] for name in (*DATES, *DURATIONS)} | {*DATES}
ALLOWED = {
    "authority.py": "a process under faketime goes on from its clock",
    "waiting.py": "the one wait: it gives up after a time",
    "present.py": "builds calendars around the real present moment",
    "offices.py": "commands of a real office work by the procedure that holds on the real day",
    "unit/test_sample_offices.py": "what those commands find on the real day is there",
    "web.py": "the clock of a desk is the machine's, unless a test gives it another",
    "integration/test_notices_sent.py": "the schedule of the morning mail runs by Temporal's clock",
    "integration/test_restart.py": "a real dossier falls due by Temporal's clock",
    "integration/test_overdue.py": "a report is judged at the real present moment, long before a due date",
    "integration/test_odd_requests.py": "the age of a hand-in is counted from the real present moment",
    "integration/test_sealing.py": "seals and a real authority's stamps are dated by the machine's clock",
    "integration/test_erasure.py": "an erasure is dated by the machine's clock, among real seals",
    "integration/test_tampering.py": "seals are dated by the machine's clock; a forger's must follow them",
    "integration/test_web_audit.py": "holds and views are dated by the machine's clock, not by the desk's",
    "unit/test_proofs.py": "the authority of the tests stamps by the machine's clock, as openssl does",
    "integration/test_frozen.py": "the time for which a supervisor was stopped is what it tests",
    "chaos/breach.py": "dossiers that fall due at one real instant; a measurement with a command of its own",
    "chaos/soak.py": "a measurement with a command of its own, of the machine it runs on",
    "chaos/load.py": "the load of that measurement",
    "chaos/decree.py": "measures phases for the command that prints them",
    "deadlines.py": "measures its calculators for the command that prints it",
    "chaos/kills.py": "measures when each kill came for the command that prints it",
}
"""Files that may read a clock, each with the reason."""


def names(tree: ast.Module) -> dict[str, str]:
    """The full name of everything that a module imports or gives another name to."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                known |= {each.asname: each.name for each in aliases if each.asname}
                known |= {
                    top: top for each in aliases if not each.asname for top in [each.name.split(".")[0]]
                }
            case ast.ImportFrom(module=str(module), names=aliases):
                known |= {each.asname or each.name: f"{module}.{each.name}" for each in aliases}
    for _ in range(3):  # an alias of an alias
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if full := called(value, known):
                    known.setdefault(name, full)
    return known


def called(node: ast.expr, known: dict[str, str]) -> str | None:
    """The full dotted name of an expression, if it has one."""
    match node:
        case ast.Name(id=name):
            return known.get(name)
        case ast.Attribute(value=owner, attr=name):
            found = called(owner, known)
            return f"{found}.{name}" if found else None
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *_]):
            found = called(owner, known)
            return f"{found}.{name}" if found else None
        case ast.Call(func=func, args=[ast.Constant(value=str(module))]) if (
            isinstance(func, ast.Name) and func.id == "__import__"
        ) or called(func, known) == "importlib.import_module":
            return module
        case ast.Call(func=func):
            found = called(func, known)
            return f"{found}()" if found else None
        case ast.NamedExpr(value=value):
            return called(value, known)
    return None


def clock_reads(source: str) -> Iterator[tuple[int, str]]:
    """Each use of a clock with its line, also where a function is only handed on."""
    tree = ast.parse(source)
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                # A star brings the clocks of a module along, under names that nothing here can follow.
                if f"{node.module}.{alias.name}" in READS or (alias.name == "*" and node.module in MODULES):
                    yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute | ast.Call) and (name := called(node, known)) in READS:
            yield node.lineno, str(name)
        elif isinstance(node, ast.Attribute) and node.attr == TODAY:
            yield node.lineno, f".{TODAY}"


def test_no_test_reads_the_clock_of_the_machine() -> None:
    """Outside the list of allowed files, each of which has its reason and still reads a clock."""
    found = {
        path.relative_to(TESTS).as_posix(): list(clock_reads(path.read_text(encoding="utf-8")))
        for path in sorted(TESTS.rglob("*.py"))
        if "node_modules" not in path.parts
    }
    reading = {name: reads for name, reads in found.items() if reads}
    assert {name: reads for name, reads in reading.items() if name not in ALLOWED} == {}
    assert sorted(set(ALLOWED) - set(reading)) == [], "allowed, but reads no clock any more"
    assert all(ALLOWED.values())


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\nat = datetime.now(UTC)",
        "from datetime import datetime as dt\nat = dt.utcnow()",
        "import datetime as d\nat = d.datetime.today()",
        "import datetime\nday = datetime.date.today()",
        "from datetime import datetime\nnow = datetime.now\nat = now()",
        "from datetime import datetime\nclock = datetime\nat = clock.now()",
        "from datetime import datetime\nsealer = Sealer(clock=datetime.now)",
        "from datetime import datetime\ndef later():\n    return lambda: datetime.now()",
        "import time\nat = time.time()",
        "from time import time",
        "from time import monotonic as clock\nbegan = clock()",
        "import time as t\nbegan = t.perf_counter()",
        "import asyncio\nbegan = asyncio.get_running_loop().time()",
        "import asyncio\nloop = asyncio.get_running_loop()\nbegan = loop.time()",
        "import asyncio\nclock = asyncio.get_running_loop().time",
        "from asyncio import get_running_loop\nbegan = get_running_loop().time()",
        "from tests.present import now\nat = now()",
        "from tests import present\nat = present.now()",
        "from tests.running import CATALOGUE\nday = CATALOGUE.today()",
        "accounts = Accounts(catalogue.today)",
        "from motcua.web.house import wall\nat = wall()",
        "from motcua.web import house\nclock = house.wall",
        "import time\nday = time.strftime('%Y-%m-%d')",
        "import time\nat = time.clock_gettime(0)",
        "from email.utils import localtime\nat = localtime()",
        "import email.utils\nat = email.utils.localtime()",
        "import datetime\nat = getattr(datetime.datetime, 'now')()",
        "from datetime import datetime\nread = getattr(datetime, 'now', None)",
        "at = __import__('time').time()",
        "import importlib\nat = importlib.import_module('time').time()",
        "from time import *\nat = time()",
        "from datetime import *\nat = datetime.now()",
    ],
)
def test_a_read_of_the_clock_is_found(source: str) -> None:
    """Under whatever name, and where it is handed on uncalled."""
    assert list(clock_reads(source))


@pytest.mark.parametrize(
    "source",
    [
        "from temporalio import workflow\nat = workflow.now()",
        "from datetime import UTC, date, datetime\nat = datetime(2026, 3, 2, tzinfo=UTC), date(2026, 3, 2)",
        "from datetime import time\nseven = time(7, 0)",
        "import time\ntime.sleep(1)",
        "at = clocks.now(code)",
        "from tests.present import day, present\nlater, calendar = day(30), present()",
        "from datetime import UTC, datetime\ntext = datetime(2026, 3, 2, tzinfo=UTC).strftime('%Y')",
        "value = getattr(dossier, 'now')",
    ],
)
def test_what_reads_no_clock_is_left_alone(source: str) -> None:
    """Fixed moments, Temporal's clock in a workflow, and a test's own clock."""
    assert list(clock_reads(source)) == []


SHORT = {
    "integration/test_webhook.py": "the time limit of a channel is the subject of the test",
    "integration/test_mail.py": "the time limit of a channel is the subject of the test",
    "integration/test_calendars.py": "nothing may happen in this time",
    "integration/test_outage.py": "nothing may happen in this time",
    "browser/test_live.py": "nothing may happen in this time",
    "chaos/kills.py": "tried again until it succeeds",
}
"""Files that may wait for less than `PATIENCE`, each with the reason."""


def short_waits(source: str) -> Iterator[int]:
    """The lines of waits that end after a fixed time below `PATIENCE`."""
    tree = ast.parse(source)
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            limits = [each.value for each in node.keywords if each.arg == "timeout"]
            if called(node.func, known) in ("asyncio.timeout", "asyncio.wait_for"):
                limits += node.args[-1:]
            if any(isinstance(each, ast.Constant) and isinstance(each.value, int | float) for each in limits):
                yield node.lineno


def test_no_wait_is_short() -> None:
    """On a busy machine it would end before what it waits for has happened."""
    found = {
        path.relative_to(TESTS).as_posix(): list(short_waits(path.read_text(encoding="utf-8")))
        for path in sorted(TESTS.rglob("*.py"))
        if "node_modules" not in path.parts
    }
    assert {name: lines for name, lines in found.items() if lines and name not in SHORT} == {}
    assert [name for name in SHORT if not found.get(name)] == [], "allowed, but no wait is short any more"


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("import asyncio\nasync def f():\n    async with asyncio.timeout(5):\n        pass", True),
        ("import asyncio as a\nawait_it = a.wait_for(x, 10)", True),
        ("process.communicate(timeout=100)", True),
        ("page.wait_for_selector('a', timeout=5000.0)", True),
        ("process.communicate(timeout=PATIENCE)", False),
        ("import asyncio\nasyncio.wait_for(x, PATIENCE)", False),
    ],
)
def test_a_short_wait_is_found(source: str, short: bool) -> None:
    """A number in the place of a time limit is one, whatever is called."""
    assert bool(list(short_waits(source))) is short
