"""`calendar` as an administrator uses it: look, apply, look again, take back; with and without an office."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.offices import SHIPPED, SampleOffice
from tests.story.cli import ROOT, CommandLine, starter

EXAMPLE = "docs/examples/calendar-change.toml"


def test_the_catalogues_calendar_needs_no_office(tmp_path: Path) -> None:
    """Each special day with its decree, and whether it is provisional; changing it needs an office.

    By the shipped calendar, whose days these are; the second office has the same one.
    """
    shown = starter(tmp_path, "calendar", "show", "--year", "2027", "--json").json
    days = {day["date"]: day for day in shown["days"]}
    assert (shown["calendar"], shown["changes"]) == ("vn", [])
    assert all(date.startswith("2027-") for date in days)
    assert days["2027-02-04"]["provisional"]
    assert "Labour Code 2019" in days["2027-02-04"]["source"]
    text = " ".join(starter(tmp_path, "calendar", "show").out.split())
    assert "2026-01-10 Sat │ make-up │ 07:00-11:30, │ Làm bù" in text
    none = starter(tmp_path, "calendar", "preview", EXAMPLE)
    assert (none.code, none.error.partition(":")[0]) == (5, "NoOffice")
    assert starter(tmp_path, "calendar", "apply", EXAMPLE).code == 2  # who orders it?


def test_a_wrong_file_is_refused_before_any_office_is_asked(tmp_path: Path) -> None:
    """Exit code 2, with file, field and reason."""
    wrong = tmp_path / "wrong.toml"
    text = (ROOT / EXAMPLE).read_text(encoding="utf-8")
    wrong.write_text(text.replace("2027-02-20\nkind", "2029-02-20\nkind"), encoding="utf-8")
    for arguments in (("preview", str(wrong)), ("apply", str(wrong), "--as", "admin1")):
        ran = starter(tmp_path, "calendar", *arguments, "--json")
        assert (ran.code, ran.err) == (2, "")
        error = ran.json["error"]
        assert (error["type"], error["file"]) == ("BadCatalogue", "wrong.toml")
        assert (error["field"], "lies outside" in error["reason"]) == ("day[2029-02-20]", True)


def told(line: str, what: str) -> dict[str, int]:
    """The counts of an act on one dossier that do not depend on how far Tết is from today."""
    counts = re.findall(r"(\d+) (?:dossiers )?([a-z ]+)", line.removeprefix(what))
    found = {name.strip(): int(number) for number, name in counts}
    assert found.pop("moved") + found.pop("unchanged") + found.pop("unaffected") == 1, line
    return found


@pytest.mark.slow  # each command from its first import on
def test_the_commands_of_the_page(sample: SampleOffice, tmp_path: Path) -> None:
    """As docs/calendar-changes.md has them, by the administrator, with one dossier; then refusals."""
    page = (ROOT / "docs" / "calendar-changes.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ \.venv/bin/python starter\.py (calendar .*)$", page, re.MULTILINE)
    show, preview, apply, undo = (
        command.replace(SHIPPED.administrator, sample.administrator).split() for command in commands
    )
    there = CommandLine(sample, tmp_path)
    with there.up():
        there.accepted("calendar-1")
        assert "not announced" in there.afresh(*show).out
        looked = there.afresh(*preview, "--json").json
        assert (looked["change"]["id"], looked["totals"]["open"]) == ("tet-2027", 1)
        nobody = there(*apply[:-1], sample.unit_leader)
        assert (nobody.code, nobody.error.partition(":")[0]) == (3, "WrongRole")

        applied = there.afresh(*apply)
        assert applied.code == 0, applied.err
        assert told(applied.out, "tet-2027 applied") == {
            "closed meanwhile": 0,
            "already done": 0,
            "failed": 0,
        }
        again = there(*apply, "--json").json
        assert (again["moved"], again["unchanged"], again["finished"]) == (0, 0, True)
        shown = there(*show, "--json").json
        days = {day["date"]: day for day in shown["days"]}
        assert (days["2027-02-04"]["provisional"], days["2027-02-04"]["change"]) == (False, "tet-2027")
        assert "2027-09-03" not in days
        assert [(change["id"], change["state"], change["by"]) for change in shown["changes"]] == [
            ("tet-2027", "applied", sample.administrator)
        ]

        undone = there.afresh(*undo)
        assert undone.code == 0
        assert told(undone.out, "tet-2027 undone")["failed"] == 0
        for refused in (undo, apply):
            ran = there(*refused)
            assert (ran.code, ran.error.partition(":")[0]) == (3, "ChangeUndone")
        unknown = there("calendar", "undo", "never", "--as", sample.administrator)
        assert (unknown.code, unknown.error.partition(":")[0]) == (2, "UnknownChange")
        assert there("audit", "verify").code == 0
        days = {day["date"]: day for day in there(*show, "--json").json["days"]}
        assert days["2027-02-04"]["provisional"]
