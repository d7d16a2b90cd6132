"""The start of a command: it imports what it uses and nothing else, for imports are nearly all that it costs.

Modules are counted, not seconds: a machine can be busy.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import starter
from motcua import cli

ROOT = Path(__file__).resolve().parents[2]
COUNTED = """
import json, sys
before = set(sys.modules)
import starter
code = starter.main(sys.argv[1:])
print(json.dumps([code, sorted(set(sys.modules) - before)]))
"""
OURS = {
    "starter",
    "models",
    "models.refusals",
    "motcua",
    "motcua.cli",
    "motcua.descriptors",
    "motcua.owner",
    "motcua.machine",
}
"""Of the product, whatever the command."""
COUNTING = {
    *(f"models.{name}" for name in ("base", "calendar", "faults", "limits")),
    *(f"models.{name}" for name in ("terms", "timeliness", "visible")),
    *("motcua.catalogue", "motcua.catalogue.calendars", "motcua.catalogue.files", "motcua.config"),
    *("motcua.cli.deadlines", "motcua.cli.options", "motcua.cli.printing"),
}
"""Besides, to count a term by a calendar: no facts, no store, no desk, no procedures."""
TYPER = {"typer", "annotated_doc", "shellingham"}
LIBRARIES = {
    *TYPER,
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
    *("typing_extensions", "rich", "holidays", "dateutil", "six"),
}
INTERRUPTED = """
import asyncio, os, signal, sys
from motcua import cli
from motcua.cli import deadlines
from motcua.cli.workshop import work

async def interrupted():
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.Event().wait()

deadlines.add = lambda app, shop: app.command("due")(lambda: work(interrupted()))
sys.exit(cli.run(None, ["due"]))
"""
DUE = ("due", "--received", "2026-03-02T09:32", "--limit", "5 days")


def imported(*argv: str) -> tuple[int, set[str], set[str]]:
    """Exit code of a command in a process of its own; modules of the product, and packages of others.

    The one country of the holidays package is loaded from its file, under a name that begins with ours.
    """
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, *argv],
        cwd=ROOT,
        env={**os.environ, "MOTCUA_DATA_DIR": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    ours = tops & {"starter", "models", "workflows", "activities", "motcua"}
    # `_sysconfigdata_…` is the standard library's, under the name of the machine.
    others = {name for name in tops - ours if not name.startswith(("motcua_holidays", "_sysconfigdata"))}
    return code, {name for name in modules if name.partition(".")[0] in ours}, others


@pytest.mark.parametrize("argv", [("--help",), ()])
def test_the_list_of_commands_imports_no_command(argv: tuple[str, ...]) -> None:
    """Names and summaries are enough for it."""
    _, ours, others = imported(*argv)
    assert ours - OURS == set()
    assert others - TYPER == set()


@pytest.mark.parametrize(
    "more", [(), ("--json",), ("--pause", "2026-03-03T09:00/2026-03-05T09:00"), ("--help",)]
)
def test_counting_a_term_imports_no_server(more: tuple[str, ...]) -> None:
    """`due` needs calendars; neither Temporal nor PostgreSQL, neither pages nor facts."""
    code, ours, others = imported(*DUE, *more)
    assert code == 0
    assert ours - OURS - COUNTING == set()
    assert others - LIBRARIES == set()
    assert "rich" not in others or "--json" not in more


def test_imports_of_a_command_that_needs_an_office_are_counted() -> None:
    """The two tests above could see it: an open task is Temporal's and PostgreSQL's."""
    code, ours, others = imported("tasks")
    assert code == 5
    assert {"motcua.services", "motcua.store", "motcua.desk"} <= ours
    assert {"temporalio", "asyncpg"} <= others


def test_the_list_of_commands_is_the_commands() -> None:
    """Each module has the commands that the list says, in its order, with the first line of their help."""
    shop: Any = None
    found = {
        part: {
            name: inspect.cleandoc(command.help).partition("\n")[0]
            for name, command in cli.load(part, shop).items()
        }
        for part in cli.PARTS
    }
    assert found == cli.PARTS
    assert [list(commands) for commands in found.values()] == [list(c) for c in cli.PARTS.values()]


def test_no_module_of_commands_is_forgotten() -> None:
    """Every module that adds commands is in the list; `erasing` adds its own to those of `audit`."""
    adding = {
        file.stem
        for file in (ROOT / "motcua" / "cli").glob("*.py")
        if "\ndef add(" in file.read_text(encoding="utf-8")
    }
    assert adding - {"erasing"} == set(cli.PARTS)


def test_a_mistyped_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Although no command has been imported."""
    assert cli.run(starter.Workshop(), ["dues"]) == 2
    assert "'due'" in capsys.readouterr().err


def test_a_bad_setting_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, as JSON where JSON was asked for; the help needs no setting."""
    monkeypatch.setenv("MOTCUA_WORKERS", "0")
    assert cli.run(starter.Workshop(), [*DUE, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["type"], error["name"]) == ("BadSetting", "MOTCUA_WORKERS")
    assert cli.run(starter.Workshop(), list(DUE)) == 2
    assert capsys.readouterr().err.startswith("BadSetting: MOTCUA_WORKERS: ")
    assert cli.run(starter.Workshop(), ["--help"]) == 0


def test_an_interrupted_command_says_so() -> None:
    """Exit code 130 and one line, however the command was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.startswith("interrupted; ")
    assert len(done.stderr.splitlines()) == 1
