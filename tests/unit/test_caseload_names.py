"""An office of a caseload is named after all that decides its facts: what was changed is played anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from motcua.caseloads.event_log import EventLog
from motcua.caseloads.script import fingerprint
from motcua.caseloads.town import TownPlan, read_town
from motcua.catalogue.calendars import without_holiday
from motcua.catalogue.catalogue import Catalogue
from motcua.local import MAX_DATABASE_NAME_LENGTH, _database
from motcua.rulebook import rulebook
from tests.unit.test_event_log import CHECK, DECIDE, HEAD, RECEIPT, START, WABO, row

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue.load(ROOT / "catalog")
TOWN = read_town(ROOT / "catalog" / "caseloads" / "hoa-thanh.toml")
CASES = TownPlan(TOWN, CATALOGUE, 1).cases(12)
BOOK = rulebook(CATALOGUE)


def test_the_same_caseload_has_the_same_name() -> None:
    """Read and drawn anew, it finds its own office."""
    again = Catalogue.load(ROOT / "catalog")
    assert fingerprint(TownPlan(TOWN, again, 1).cases(12), rulebook(again)) == fingerprint(CASES, BOOK)


def test_another_town_calendar_or_catalogue_has_another_name() -> None:
    """Of the caseload: its file, its seed; of the office: its calendar, agency and people."""
    found = [fingerprint(CASES, BOOK)]
    found.append(fingerprint(TownPlan(TOWN, CATALOGUE, 2).cases(12), BOOK))
    slower = TOWN.model_copy(update={"supplement": 0.9})
    found.append(fingerprint(TownPlan(slower, CATALOGUE, 1).cases(12), BOOK))
    shorter = without_holiday(CATALOGUE.calendar("vn"), date(2022, 9, 1))
    found.append(fingerprint(CASES, rulebook(CATALOGUE, shorter)))
    moved = rulebook(CATALOGUE)
    moved.agency = lambda _: "H99.01"
    found.append(fingerprint(CASES, moved))
    renamed = rulebook(CATALOGUE)
    renamed.actor = lambda user: BOOK.actor(user).model_copy(update={"roles": ()})
    found.append(fingerprint(CASES, renamed))
    strict = rulebook(CATALOGUE)
    strict.procedure = lambda code, day: BOOK.procedure(code, day).model_copy(update={"extensions": 7})
    found.append(fingerprint(CASES, strict))
    late = [case._replace(at=case.at + timedelta(seconds=1)) for case in CASES]
    found.append(fingerprint(late, BOOK))
    assert len(set(found)) == len(found)


def logged(tmp_path: Path, change: Callable[[str], str], *rows: str) -> str:
    """The name of a log, read by a changed mapping of the same name."""
    mapping, file = tmp_path / "mapping.toml", tmp_path / "log.csv"
    mapping.write_text(change(WABO.read_text(encoding="utf-8")), encoding="utf-8")
    file.write_text("\n".join((HEAD, *rows)) + "\n", encoding="utf-8")
    log = EventLog.read(file, mapping, CATALOGUE.calendar)
    return fingerprint(log.cases, log.rulebook())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Desk = "counter"', 'Desk = "post"'),
        ('timeliness = "instant"', 'timeliness = "date"'),
        ('"column case:enddate"', '"event T02 Check confirmation of receipt"'),
    ],
)
def test_a_changed_mapping_under_the_same_name_is_another_import(tmp_path: Path, old: str, new: str) -> None:
    """`import-log` printed the numbers of the mapping as it had been before."""
    rows = (row(RECEIPT, "R1", START), row(CHECK, "R2", "2011-03-02 09:00:00+01:00"))
    before = logged(tmp_path, lambda text: text, *rows)
    assert logged(tmp_path, lambda text: f"# as before\n{text}", *rows) == before
    assert logged(tmp_path, lambda text: text, *rows, row(DECIDE, "R3", START)) != before

    assert old in WABO.read_text(encoding="utf-8")
    assert logged(tmp_path, lambda text: text.replace(old, new), *rows) != before


def test_no_two_offices_share_a_database() -> None:
    """Names that differ in what a database's name cannot hold, and long ones, stay apart."""
    stem = "import-" + "x" * 70
    names = [
        "default",
        "motcua",
        "a-b",
        "a_b",
        "a b",
        "A-b",
        "Đ",
        "Đà",
        stem,
        f"{stem}-1",
        f"{stem}-2",
        "a--b",
    ]
    databases = [_database(name) for name in names]
    assert len(set(databases)) == len(names)
    assert max(len(database.encode()) for database in databases) <= MAX_DATABASE_NAME_LENGTH
    assert _database("demo-300-1-3f1c9a52") == "motcua_demo_300_1_3f1c9a52"
