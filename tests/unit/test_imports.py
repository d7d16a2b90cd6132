"""Who may import whom, and what the code that Temporal replays may not call: both read off the source.

Production runs workflows without Temporal's sandbox, so the second guard is the one there is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Row(NamedTuple):
    """Modules (with all below them), which of ours they may import, and which of others'."""

    who: tuple[str, ...]
    ours: tuple[str, ...]
    others: tuple[str, ...] | None = None
    """None: any, except `never`."""
    never: tuple[str, ...] = ()


TEMPORAL, CATALOGUE, STORE = "motcua.temporal", "motcua.catalogue", "motcua.store"
EVERYTHING = ("models", "workflows", "activities", "motcua")
SUPERVISING = ("motcua.supervision", "motcua.guardian", "motcua.owner")
SERVING = ("motcua.processes", "motcua.servers", *SUPERVISING)
TABLE = (
    Row(("models",), (), ("email_validator", "pydantic", "pydantic_core")),
    Row(("workflows",), ("models", "activities"), ("temporalio", "structlog")),
    Row(("activities",), ("models",), ("temporalio",)),
    Row((STORE,), ("models",), ("asyncpg", "pydantic")),
    Row(("motcua.past", "motcua.reports"), ("models", STORE), ("asyncpg", "pydantic")),
    # What proves the record needs neither Temporal nor the office's code: an outsider could have written it.
    Row(("motcua.proof",), ("models", STORE), ("cryptography", "httpx", "pydantic", "rfc3161_client")),
    Row(
        ("motcua.audit",),
        ("models", STORE, "motcua.owner", "motcua.past", "motcua.proof"),
        ("cryptography", "pydantic"),
    ),
    Row(("motcua.texts",), ("models", CATALOGUE), ("jinja2", "babel", "markupsafe", "pydantic")),
    Row(("motcua.notices.letter",), ("models", "motcua.texts.topic"), ()),
    Row(
        ("motcua.notices.mail", "motcua.notices.relay"),
        ("models", "motcua.notices.letter", "motcua.notices.mime", "motcua.notices.said"),
        ("aiosmtplib", "pydantic"),
    ),
    Row(("motcua.notices.mime",), ("models", "motcua.notices.letter"), ()),
    Row(
        ("motcua.notices.webhook",),
        ("models", "motcua.notices.letter", "motcua.notices.addresses", "motcua.notices.said"),
        ("httpx", "pydantic"),
    ),
    Row(("motcua.notices.addresses", "motcua.notices.said"), (), ()),
    Row(("motcua.machine",), (), ()),
    Row((CATALOGUE,), ("models",), never=("temporalio", "asyncpg")),
    Row(("motcua.papers",), ("models", CATALOGUE, STORE, "motcua.past"), ("pydantic", "typst", "segno")),
    Row((TEMPORAL, "motcua.telemetry", "motcua.config"), ("models",)),
    Row(SUPERVISING, (), ("structlog",)),
    Row(("motcua.descriptors",), (), ()),
    Row(("motcua.health",), ("models", STORE, TEMPORAL), ("temporalio", "structlog")),
    Row(("motcua.local", "motcua.processes", "motcua.servers"), ("models", "motcua.config", *SERVING)),
    Row(
        ("motcua.calendars",),
        ("models", "motcua.desk", "motcua.many", "motcua.past", STORE),
        ("pydantic", "structlog"),
    ),
    Row(
        ("motcua.notices",),
        ("models", STORE, CATALOGUE, "motcua.papers", "motcua.texts"),
        ("pydantic", "structlog"),
    ),
    # Whatever reaches a server outside stands alone.
    Row(
        ("motcua.outbox", "motcua.schedules"),
        ("models", "workflows", STORE, TEMPORAL),
        ("temporalio", "structlog"),
    ),
    Row(("motcua.absences",), ("models", "motcua.desk", STORE), ()),
    Row(("motcua.erasure",), ("models", STORE), ("pydantic",)),
    Row(("motcua.bell",), ("models", STORE), ()),
    Row(("motcua.links",), ("models", "motcua.desk"), ("structlog",)),
    Row(("motcua.many",), ("models",), ()),
    Row(
        ("motcua.outages", "motcua.succession"),
        ("models", "motcua.desk", "motcua.forms", "motcua.many", STORE),
        (),
    ),
    Row(("motcua.vacancies",), ("models", "motcua.desk", STORE, "motcua.many"), ("structlog",)),
    Row(("motcua.rulebook",), ("models", "motcua.desk", CATALOGUE), ()),
    Row(("motcua.documents",), ("models", STORE), ()),
    Row(("motcua.forms",), ("models", "motcua.documents", STORE), ("pydantic",)),
    Row(
        ("motcua.desk",),
        ("models", "workflows", "motcua.documents", "motcua.forms", "motcua.past", STORE, TEMPORAL),
        ("temporalio", "structlog"),
    ),
    # Replaying decodes payloads as every client does: with the one converter of motcua.temporal.
    Row(("motcua.replay",), ("models", "workflows", "activities", TEMPORAL), ("temporalio", "structlog")),
    Row(("motcua.archive",), ("models", STORE, TEMPORAL), ("temporalio", "structlog")),
    Row(("motcua.missing",), ("models", "motcua.replay", STORE, TEMPORAL), ("temporalio", "structlog")),
    Row(
        ("motcua.restarts",),
        ("models", "workflows", "motcua.forms", "motcua.missing", "motcua.past", STORE, TEMPORAL),
        ("temporalio", "structlog"),
    ),
    Row(("motcua.shelf",), ("models",), ("obstore",)),
    Row(
        ("motcua.replays",),
        (
            *("models", "workflows", STORE, TEMPORAL, "motcua.telemetry", "motcua.past", "motcua.audit"),
            *("motcua.archive", "motcua.missing", "motcua.replay", "motcua.shelf"),
        ),
        ("temporalio",),
    ),
    Row(
        ("motcua.keeper",),
        (
            *("models", STORE, TEMPORAL, "motcua.archive", "motcua.config", "motcua.proof"),
            *("motcua.audit", "motcua.erasure", "motcua.missing", "motcua.replays"),
        ),
        ("temporalio", "structlog", "cryptography"),
    ),
    Row(("motcua.virtual",), ("models", "workflows", TEMPORAL), ("temporalio", "google")),
    Row(
        ("motcua.caseloads",),
        ("models", "motcua.desk", "motcua.forms", "motcua.virtual", CATALOGUE, STORE),
        ("pydantic", "structlog"),
    ),
    Row(("motcua.accounts",), ("models", STORE), ("argon2",)),
    # Whatever touches Temporal is handed in by starter.py.
    Row(
        ("motcua.cli",),
        (
            *(
                "models",
                "motcua.desk",
                STORE,
                "motcua.audit",
                "motcua.past",
                "motcua.proof",
                "motcua.reports",
            ),
            *(CATALOGUE, "motcua.caseloads", "motcua.config", "motcua.outages", "motcua.succession"),
            *("motcua.calendars", "motcua.absences", "motcua.bell", "motcua.papers", "motcua.accounts"),
            *("motcua.texts", "motcua.documents", "motcua.erasure"),
        ),
        never=("temporalio", "asyncpg"),
    ),
    Row(
        ("motcua.web",),
        (
            *(
                "models",
                "motcua.desk",
                STORE,
                "motcua.past",
                CATALOGUE,
                "motcua.calendars",
                "motcua.accounts",
            ),
            *("motcua.absences", "motcua.bell", "motcua.papers", "motcua.texts", "motcua.documents"),
            *("motcua.erasure", "motcua.health", "motcua.supervision"),
            "motcua.descriptors",
        ),
        (
            *("fastapi", "starlette", "uvicorn", "h11", "jinja2", "markupsafe", "babel", "structlog"),
            "python_multipart",
        ),
    ),
    # It puts the services of the other rows together; its parts are imported by it and by starter.py alone.
    Row(("motcua.services",), EVERYTHING),
    Row(
        ("motcua.running",),
        (
            *("models", "motcua.caseloads", "motcua.desk", "motcua.local", "motcua.proving", STORE),
            *("motcua.virtual", TEMPORAL),
        ),
        ("temporalio", "psutil"),
    ),
    Row(
        ("motcua.proving",),
        (
            *("models", "motcua.archive", "motcua.audit", "motcua.config", "motcua.erasure", "motcua.keeper"),
            *("motcua.replays", STORE, TEMPORAL),
        ),
        (),
    ),
    Row(("worker", "starter"), EVERYTHING),
    Row(("motcua",), (), ()),
)
"""Who may import whom; the most precise row counts."""

PURE = ("models", "workflows")
NEVER = ("time", "random", "uuid", "secrets", "os", "threading", "socket", "subprocess", "concurrent")
"""Modules by which a replay could come out differently, or wait for something that Temporal cannot see."""
CLOCKS = ("now", "utcnow", "today")
CALLS = ("open", "input", "print", "eval", "exec", "__import__")
ASYNCIO = ("wait", "as_completed", "to_thread", "run", "new_event_loop", "get_event_loop")
"""Of asyncio; `workflow.wait` and `workflow.as_completed` keep an order that replays."""


def modules() -> dict[str, str]:
    """Each module of the product, with its source."""
    paths = [path for part in EVERYTHING for path in (ROOT / part).rglob("*.py")]
    paths += [ROOT / "worker.py", ROOT / "starter.py"]
    return {_name(path): path.read_text(encoding="utf-8") for path in paths}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = modules()


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of these, or lies below one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Every module that is imported, also inside functions, with the line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or "."
            for alias in node.names:
                below = f"{module}.{alias.name}"
                yield node.lineno, "." if node.level else below if below in MODULES else module


def row_of(module: str) -> Row | None:
    """The most precise row that a module stands in; a new module of motcua stands in none."""
    found = [(who, row) for row in TABLE for who in row.who if within(module, (who,))]
    who, row = max(found, key=lambda each: len(each[0]), default=("", None))
    return None if who == "motcua" != module else row


def broken_borders(module: str, source: str) -> list[str]:
    """The imports that the table does not allow."""
    row = row_of(module)
    if row is None:
        return [f"{module} has no row"]
    found = []
    for line, name in imported(source):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if top in EVERYTHING:
            allowed = within(name, row.ours + row.who)
        elif name == "." or top in ("worker", "starter", "tests", "benchmarks"):
            allowed = False
        elif within(name, ("temporalio.testing",)):
            allowed = False  # its TimeSkipper moves a clock twice as far when a server dies meanwhile
        else:
            allowed = top not in row.never and (row.others is None or top in row.others)
        if not allowed:
            found.append(f"{module}:{line} imports {name}")
    return found


def impurities(module: str, source: str) -> list[str]:
    """What a replay could come out differently by."""
    found = [f"{module}:{line} imports {name}" for line, name in imported(source) if within(name, NEVER)]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="workflow"), attr="now"):
                pass
            case ast.Attribute(attr=name) if name in CLOCKS or name == "environ":
                found.append(f"{module}:{node.lineno} reads {name}")
            case ast.Attribute(value=ast.Name(id="asyncio"), attr=name) if name in ASYNCIO:
                found.append(f"{module}:{node.lineno} uses asyncio.{name}")
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                found.append(f"{module}:{node.lineno} calls {name}")
    return found


def test_nobody_imports_what_is_not_theirs() -> None:
    """Every module stands in a row of the table and keeps to it."""
    assert [fault for module, source in MODULES.items() for fault in broken_borders(module, source)] == []


def test_what_is_replayed_is_pure() -> None:
    """Neither the rules nor the workflows know a clock, chance, or the machine they run on."""
    pure = {module: source for module, source in MODULES.items() if within(module, PURE)}
    assert len(pure) > 15
    assert [fault for module, source in pure.items() for fault in impurities(module, source)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models.rules", "from temporalio import workflow"),
        ("models.rules", "import motcua.store"),
        ("workflows.dossier", "from motcua.store import Store"),
        ("workflows.dossier", "import asyncpg"),
        ("activities.record", "from workflows.dossier import DossierWorkflow"),
        ("activities.record", "from motcua import store"),
        ("motcua.audit", "def later():\n    from temporalio.client import Client"),
        ("motcua.store.migrate", "from motcua import desk"),
        ("motcua.temporal", "import workflows.dossier"),
        ("motcua.desk", "from activities.record import Recording"),
        ("motcua.desk", "from temporalio.testing import TimeSkipper"),
        ("motcua.cli.people", "import temporalio.client"),
        ("motcua.cli.people", "from workflows import dossier"),
        ("motcua.local", "from motcua.store import Store"),
        ("motcua.caseloads.town", "from worker import build"),
        ("starter", "import worker"),
        ("motcua.store.sql", "from . import Store"),
        ("motcua.notices.mail", "import httpx"),
        ("motcua.notices.webhook", "from motcua.store import Store"),
        ("motcua.something_new", ""),
        ("motcua.desktop", ""),
    ],
)
def test_a_broken_border_is_found(module: str, source: str) -> None:
    """Each of these would be reported."""
    assert len(broken_borders(module, source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\nat = datetime.now(UTC)",
        "import datetime as d\nat = d.datetime.utcnow()",
        "from datetime import date\nday = date.today()",
        "import time",
        "from time import time",
        "import random",
        "from uuid import uuid4",
        "def later():\n    from os import environ",
        "import asyncio\nasync def f(): await asyncio.wait([])",
        "text = open('file').read()",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    """Each of these would be reported."""
    assert len(impurities("models.planted", source)) == 1


def test_what_is_pure_is_left_alone() -> None:
    """Temporal's own clock, and the times of day of a calendar."""
    source = "from datetime import time\nat = workflow.now()\nself._now()\nopening.opened(day)"
    assert impurities("workflows.dossier", source) == []
