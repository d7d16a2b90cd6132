"""What `due` and the catalogue refuse: each by name, with exit code 2, and in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import starter
from motcua import cli
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.files import BadCatalogue
from tests.unit.test_catalogue import VN, copy_with

Due = Callable[..., Any]


@pytest.fixture
def due(capsys: pytest.CaptureFixture[str]) -> Due:
    """`starter.py due … --json` in this process: its exit code and its document."""
    shop = starter.Workshop()

    def run(**options: Any) -> tuple[int, Any]:
        asked = {"received": "2026-03-02T09:00", "limit": "5 days", **options}
        argv = ["due", "--json"]
        for name, value in asked.items():
            for each in value if isinstance(value, list) else [value]:
                argv += [f"--{name.replace('_', '-')}", each]
        code = cli.run(shop, argv)
        return code, json.loads(capsys.readouterr().out)

    return run


WEEK = "2026-03-03T09:00/2026-03-05T09:00"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"limit": "0 days"}, "BadLimit", "more than zero"),
        ({"limit": "0"}, "BadLimit", "Write it like"),
        ({"limit": "-1 days"}, "BadLimit", "more than zero"),
        ({"limit": "-1 hours"}, "BadLimit", "more than zero"),
        ({"limit": "-1 clock hours"}, "BadLimit", "more than zero"),
        ({"limit": "0 calendar days"}, "BadLimit", "more than zero"),
        ({"limit": "until 2026-03-02T09:00+07:00"}, "LimitPassed", "before the clock starts"),
        ({"limit": "until 2025-03-02T09:00+07:00"}, "LimitPassed", "2026-03-02 09:00"),
        ({"pause": [WEEK, "2026-03-05T08:59/2026-03-06T09:00"]}, "OverlappingPauses", "write them as one"),
        ({"pause": ["2026-03-04T09:00/2026-03-06T09:00", WEEK]}, "OverlappingPauses", WEEK),
        ({"pause": [WEEK, WEEK]}, "OverlappingPauses", WEEK),
        ({"pause": "2026-03-09T09:01/2026-03-10T09:00"}, "PauseAfterEnd", "2026-03-09 09:00"),
        ({"pause": [WEEK, "2026-03-11T10:00/2026-03-12T09:00"]}, "PauseAfterEnd", "2026-03-11 09:00"),
        ({"pause": "2026-03-02T08:00/2026-03-03T09:00"}, "BadPause", "after 2026-03-02 09:00"),
        ({"pause": "2026-03-04T09:00/2026-03-03T09:00"}, "BadPause", "the end after the begin"),
        ({"pause": "2026-03-04T09:00/2026-03-04T09:00"}, "BadPause", "the end after the begin"),
        ({"pause": "2026-03-04T09:00"}, "BadPause", "BEGIN/END"),
        ({"pause": "2026-03-04T09:00/soon"}, "BadTime", "soon"),
        ({"received": "2021-12-31T09:00"}, "CalendarTooShort", "2021-12-31"),
        ({"received": "2027-12-31T09:00"}, "CalendarTooShort", "2028-01-01"),
        ({"pause": "2026-03-04T09:00/2028-03-04T09:00"}, "CalendarTooShort", "2028-01-01"),
        ({"cut_off": "25:00"}, "BadTime", "--cut-off 25:00"),
        ({"office": "la"}, "UnknownCalendar", "vn"),
    ],
)
def test_what_due_refuses(due: Due, options: dict[str, Any], error: str, said: str) -> None:
    """Each by its own name, and saying what is wrong."""
    code, answer = due(**options)
    assert (code, answer["error"]["type"]) == (2, error)
    assert said in answer["error"]["message"]


def test_what_due_answers(due: Due) -> None:
    """Pauses in any order, and a receipt whose lines say what they rest on."""
    code, answer = due(pause=["2026-03-05T09:00/2026-03-06T09:00", WEEK])
    assert (code, answer["due_at"]) == (0, "2026-03-12T02:00:00+00:00")
    assert set(answer["receipt"][0]) == {"date", "counted_minutes", "why", "source", "provisional"}
    assert sum(line["counted_minutes"] for line in answer["receipt"]) == 5 * 480
    _, feast = due(received="2027-02-02T09:00", limit="2 days")
    assert [line["date"] for line in feast["receipt"] if line["provisional"]] == [
        f"2027-02-{day:02}" for day in range(4, 11)
    ]
    assert all(line["source"] for line in feast["receipt"] if line["why"].startswith("holiday"))


ALL_CLOSED = """
zone = "Asia/Ho_Chi_Minh"
first = 2026-03-02
last = 2026-03-02
[week]
monday = [{ opens = 07:00:00, closes = 11:30:00 }]
[[correction]]
date = 2026-03-02
kind = "holiday"
name = "x"
source = "y"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("date = 2024-05-04", "date = 2034-05-04", "correction[2034-05-04]: lies outside 2022-01-01"),
        ("opens = 07:00:00", "opens = 12:00:00", "week.monday[0]: opening hours must go forward"),
        ("opens = 07:00:00", "opens = 11:30:00", "week.monday[0]: opening hours must go forward"),
        (
            "opens = 13:30:00",
            "opens = 11:00:00",
            "calendar: opening intervals of a day must follow each other",
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A holiday outside the calendar, and hours that close before they open."""
    with pytest.raises(BadCatalogue) as refusal:
        Catalogue.load(copy_with(tmp_path, VN, old, new))
    assert said in refusal.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ALL_CLOSED, "special days close every one"),
        (ALL_CLOSED.partition("[[")[0].replace("monday", "tuesday"), "at least one working day"),
        (ALL_CLOSED.partition("monday")[0], "at least one opening interval"),
    ],
)
def test_a_calendar_without_a_working_day_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Whether its week has no hours, its days fall outside them, or its special days close every one."""
    root = copy_with(tmp_path, VN, "zone", "zone")
    (root / VN).write_text(text, encoding="utf-8")
    with pytest.raises(BadCatalogue, match=rf"^calendars/vn\.toml: calendar: .*{said}"):
        Catalogue.load(root)
