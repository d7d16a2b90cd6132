"""The documentation holds: its commands run, its settings are those of the code, its links lead somewhere.

In the shipped office only: the pages name its people, its procedures and the days of its caseload.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from motcua.config import Settings
from tests.making import make
from tests.story.cli import ROOT, afresh, office

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STARTER = "$ .venv/bin/python starter.py "


def commands(page: Path) -> list[str]:
    """The command lines of a page's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow  # each command from its first import on
def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """In the order in which they stand there, on one office; CODE is what the first of them printed."""
    lines = [line.removeprefix(STARTER) for line in commands(ROOT / "README.md") if line.startswith(STARTER)]
    assert len(lines) >= 7
    with office(tmp_path):
        code = ""
        for line in lines:
            ran = afresh(tmp_path, *shlex.split(line.replace("CODE", code)))
            assert ran.code == 0, (line, ran.err)
            code = code or ran.out.split()[0]
    assert code.startswith("H53.26-")


@pytest.mark.slow  # three demos
def test_the_demo_twice_and_without_a_holiday(tmp_path: Path) -> None:
    """As docs/demo.md has it: the same demo again adds nothing, another calendar is another office."""
    lines = [line.removeprefix(STARTER) for line in commands(ROOT / "docs" / "demo.md")]
    printed = [afresh(tmp_path, *shlex.split(line.replace("60", "30"))) for line in lines]
    assert [ran.code for ran in printed] == [0, 0, 0], printed
    first, again, _ = (ran.out for ran in printed)
    open_work = re.search(r"^(\d+) more dossiers", first, re.M)
    assert open_work, first
    assert f"{30 + int(open_work.group(1))} dossiers were there already" in again
    assert first.split("took")[0] == again.split("took")[0]


@pytest.mark.slow  # a demo of 300 dossiers
def test_make_demo(tmp_path: Path) -> None:
    """The first of the two commands, on a small town."""
    ran = make(ROOT, "demo", "DEMO=--dossiers 10 --exit", MOTCUA_DATA_DIR=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    counted = re.search(r"^(\d+) dossiers in PostgreSQL, (\d+) workflows in Temporal", ran.stdout, re.M)
    lying = re.search(r"^(\d+) more dossiers, received after it, lie open", ran.stdout, re.M)
    assert counted, ran.stdout
    assert lying, ran.stdout
    dossiers, workflows, left = (int(count) for count in (*counted.groups(), *lying.groups()))
    assert left > 0
    assert workflows == dossiers >= 10 + left  # and those that these ask other agencies for


def test_the_settings_are_those_of_the_code() -> None:
    """Each setting has a row in the README's table, with its default."""
    table = re.findall(r"^\| `(\w+)` \|(.*?)\|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    documented = {name: default.strip(" `") for name, default in table}
    expected = {}
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path):
            default = default.name
        shown = "" if default is None else str(default).lower().removesuffix(".0")
        expected[Settings.variable(name)] = shown
    assert documented == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files that a page points to are there."""
    targets = re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
