"""Texts of characters that nobody sees are as empty as no text, wherever one is asked for."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from models.base import one_line
from models.commands import Actor
from models.keeping import Keeping, Paper
from models.procedure import Role
from models.visible import shows, visible
from motcua.catalogue.calendars import CalendarFiles
from motcua.catalogue.office import Staff, Unit
from motcua.forms import InvalidCommand, InvalidSubmission, read_command, read_submission
from tests.unit.office import procedure

CATALOG = Path(__file__).resolve().parents[2] / "catalog"
BLANK = [
    *("", " ", "\u00a0", "\u2003", "\u3000", "\t"),
    *("\u2800", "\u2800\u2800 \u2800", "\u3164", "\u115f", "\u1160", "\uffa0", "\u034f", "\u17b4", "\u180e"),
    *("\u200b", "\u200d", "\u2060", "\u2063", "\ufeff", "\xad", "\ufe0f", "\u180b", "\U000e0100"),
    *(
        "\U000e0041\U000e007f",
        "\u0301",
        " \u0300\u0301",
        "\U0001d159",
        "\ue000",
        "\ufff0",
        "\u3164\u200b\ufe0f",
    ),
]
SHOWN = ["Nguyễn Thị Ánh", "阮氏映", "葛\U000e0100", "O’Neil", "김", "ก", "7", "-", "🏛️", "ạ"]
CALENDAR = CalendarFiles.load(CATALOG).calendar("vn")
OFFICER = Actor(id="a", roles=(Role.RECEIVER, Role.HANDLER), unit="u")


def submission(**applicant: Any) -> dict[str, Any]:
    """A submission of somebody."""
    return {
        **{"request_id": "r", "procedure": "p", "channel": "counter", "unit": "u"},
        "applicant": {"name": "Lê Văn", **applicant},
    }


@pytest.mark.parametrize("blank", BLANK)
def test_a_blank_name_is_refused_wherever_one_is_typed(blank: str) -> None:
    """Of applicants, owners, papers and staff; a blank reason, agency, number or receipt likewise."""
    for wrong in (
        submission(name=blank),
        submission(owner={"name": blank}),
        {**submission(), "papers": [{"name": blank, "copies": 1}]},
        {**submission(), "papers": [{"name": blank}]},
        {**submission(), "papers": ["Tờ khai", blank]},
        {**submission(), "papers": [{"title": blank}]},
        {**submission(), "papers": [{}]},
        {**submission(), "request": blank},
    ):
        with pytest.raises(InvalidSubmission):
            read_submission(wrong, CALENDAR)
    for kind, data in (
        ("refuse", {"reason": blank}),
        ("note", {"text": blank}),
        ("consult", {"agency": blank}),
        ("outage", {"since": "2026-03-02", "until": "2026-03-02", "notice": blank}),
        ("request-supplement", {"reason": {"text": blank, "papers": []}}),
        ("request-supplement", {"reason": {"text": "x", "papers": ["Tờ khai", blank]}}),
        ("request-supplement", {"reason": {"text": "x", "papers": [{"name": blank}]}}),
        ("supply", {"papers": blank}),
        ("supply", {"papers": [blank]}),
        ("supply", {"papers": [{"name": blank}]}),
        ("supply", {"papers": [{"name": "x", "copies": "2"}]}),
        ("complete", {"number": blank}),
        ("pay", {"amount": 1, "receipt": blank}),
    ):
        with pytest.raises(InvalidCommand):
            read_command("c", kind, OFFICER, data, "r", CALENDAR)
    with pytest.raises(ValidationError):
        Staff(id="a", name=blank, roles=(Role.HANDLER,), unit="u")
    with pytest.raises(ValidationError):
        Unit(id="u", name=blank, name_en="a")
    for wrong in ({"name": blank}, {"name_en": blank}, {"field": blank}):
        with pytest.raises(ValidationError):
            procedure(**wrong)


@pytest.mark.parametrize("name", SHOWN)
def test_a_name_that_shows_is_taken(name: str) -> None:
    """Of every script, also with marks and variants that are invisible alone."""
    assert read_submission(submission(name=name), CALENDAR).applicant.name == name
    assert Staff(id="a", name=name, roles=(Role.HANDLER,), unit="u").name == name


def test_what_cannot_be_seen_is_a_name_of_no_kind() -> None:
    """Spaces, marks, controls, formats, and private or unassigned code points show nothing."""
    for point in range(sys.maxunicode + 1):
        letter = chr(point)
        if unicodedata.category(letter)[0] in "ZMC":
            assert not shows(letter), hex(point)
    assert visible(one_line("Lê")) == "Lê"


@pytest.mark.parametrize("blank", BLANK)
def test_a_blank_paper_number_is_none(blank: str) -> None:
    """Of the rule or order that a hold, an erasure or a period goes by: it stands in the journal for ever."""
    with pytest.raises(ValidationError):
        TypeAdapter(Paper).validate_python(blank)
    with pytest.raises(ValidationError):
        Keeping(paper=blank)


@pytest.mark.parametrize("blank", BLANK)
def test_a_blank_contact_is_none(blank: str) -> None:
    """Letters and papers would show a telephone or an address that cannot be read."""
    given = submission(phone=blank, id_number=blank, address=blank, owner={"name": "B", "address": blank})
    applicant = read_submission(given, CALENDAR).applicant
    assert applicant.owner is not None
    assert [applicant.phone, applicant.id_number, applicant.address, applicant.owner.address] == [None] * 4


@pytest.mark.parametrize("words", ["a\nb", "a\u3164\nb", "a\u2028b", "a\tb", "a\u202eb"])
def test_words_in_one_line_have_no_line_break(words: str) -> None:
    """What stands in a line of a list, a letter or a paper."""
    for kind, data in (
        ("outage", {"since": "2026-03-02", "until": "2026-03-03", "notice": words}),
        ("consult", {"agency": words}),
        ("pay", {"amount": 1, "receipt": words}),
        ("complete", {"number": words, "date": "2026-03-02"}),
        ("approve", {"number": words, "date": "2026-03-02"}),
        ("extend", {"until": "2026-03-02", "reason": "x", "legal_basis": words}),
        ("apologise", {"legal_basis": words}),
    ):
        with pytest.raises(InvalidCommand, match="line break"):
            read_command("c", kind, OFFICER, data, "r", CALENDAR)
