"""A log is imported whole or not at all: what would end the import in the middle is refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.refusals import BadInput, Problem, exit_code
from models.reserved import RESERVED
from motcua.caseloads.event_log import BadLog, EventLog
from motcua.caseloads.mapping import read_mapping
from motcua.caseloads.rehearsal import Rehearsal
from motcua.cli.embedded import import_name
from tests.unit.test_event_log import CATALOGUE, CHECK, DUE, END, HEAD, RECEIPT, START, WABO, log, row

SATURDAY = "2011-03-05 10:00:00+01:00"
GOOD = row(RECEIPT, "R1", START)


def second(
    *, who: str = "R1", start: str = START, due: str = DUE, end: str = END, unit: str = "General"
) -> str:
    """The line of a second case; each event of it is at its start."""
    return f"c2,Desk,{unit},{due},{start},{end},R9,{RECEIPT},{who},{start}"


UNPLAYABLE = {
    "due when it begins": (second(due=START), "must lie after its start"),
    "due before it begins": (second(due="2011-02-01 10:00:00+01:00"), "must lie after its start"),
    "due on the Saturday on which it begins": (
        second(start=SATURDAY, due="2011-03-05 16:00:00+01:00", end=SATURDAY),
        "must lie after its start",
    ),
    "an accepting officer of 201 letters": (second(who="R" * 201), "at most 200"),
    "an accepting officer of 604 bytes": (second(who="\U00020000" * 151), "at most 600 bytes"),
    "begun before the calendar": (second(start="1999-03-01 10:00:00+01:00"), "lies outside"),
    "begun after the calendar": (second(start="2150-03-01 10:00:00+01:00"), "lies outside"),
    "begun in the month after the calendar": (
        second(start="2015-01-05 10:00:00+01:00", due="2015-02-02 10:00:00+01:00", end=""),
        "lies outside",
    ),
    "a unit of blanks": (second(unit="  "), "case:department shows nothing"),
    "a unit that shows nothing": (second(unit="\u3164"), "case:department shows nothing"),
    "an officer of blanks": (second(who=" \u00a0"), "org:resource shows nothing"),
    "an officer who shows nothing": (second(who="\u3164"), "org:resource shows nothing"),
    **{f"an officer called {name}": (second(who=name), "motcua uses itself") for name in sorted(RESERVED)},
    "an officer called Clock": (second(who="Clock"), "motcua uses itself"),
}


@pytest.mark.parametrize("name", UNPLAYABLE)
def test_what_would_end_an_import_in_the_middle_is_refused_before_it(tmp_path: Path, name: str) -> None:
    """With file and line: a first case was imported, and the second failed without either."""
    line, reason = UNPLAYABLE[name]
    with pytest.raises(BadLog, match=f"^log.csv, line 3: .*({reason})") as caught:
        log(tmp_path, GOOD, line)
    assert exit_code(caught.value) == 2
    assert "\n" not in caught.value.message


def test_officers_may_be_called_by_their_addresses(tmp_path: Path) -> None:
    """`jan@a.nl` and `jan@b.nl` are two people, of the unit of their case, whatever it is called."""
    rows = (second(who="jan@a.nl", unit="dienst@gemeente.nl"), second(who="jan@b.nl").replace("c2", "c3"))
    read = log(tmp_path, *rows)
    actors = [read.rulebook().actor(str(case.officer)) for case in read.cases]
    assert [(actor.id, actor.unit) for actor in actors] == [
        ("jan@a.nl", "dienst@gemeente.nl"),
        ("jan@b.nl", "General"),
    ]


def test_two_people_who_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    """`a@x` of the unit `y` and `a` of the unit `x@y` would both act as `a@x@y`."""
    rows = second(who="a@x", unit="y"), second(who="a", unit="x@y").replace("c2", "c3")
    with pytest.raises(BadLog, match=r"^log.csv, line 3: .*could be two people"):
        log(tmp_path, *rows)


def test_one_name_in_two_lines_is_one_person(tmp_path: Path) -> None:
    """Spreadsheets break long cells; for four eyes `An Binh` must be one person."""
    (case,) = log(tmp_path, row(RECEIPT, '"An\nBinh "', START)).cases
    assert case.officer == "An Binh@General"


def test_a_case_of_three_years_is_played_to_its_end(tmp_path: Path) -> None:
    """The calendar knows the days; what travels with a dossier was cut at the year after next."""
    end, due = "2014-02-10 10:00:00+01:00", "2014-03-03 10:00:00+01:00"
    read = log(tmp_path, GOOD, second(end=end, due=due))
    book = read.rulebook()
    assert book.excerpt(read.cases[1].at.date()).last == CATALOGUE.calendar("nl").last
    Rehearsal.play(read.cases[1], book)


def test_a_mapping_whose_rules_refuse_its_cases_is_refused(tmp_path: Path) -> None:
    """A procedure with a limit of its own takes no fixed deadlines; the log gives each case one."""
    file, mapping = tmp_path / "log.csv", tmp_path / "mapping.toml"
    file.write_text(f"{HEAD}\n{GOOD}\n", encoding="utf-8")
    text = WABO.read_text(encoding="utf-8")
    mapping.write_text(text.replace('limit = "none"', 'limit = "5 days"'), encoding="utf-8")
    with pytest.raises(BadLog, match=r"^log.csv, line 2: .*sets the limit"):
        EventLog.read(file, mapping, CATALOGUE.calendar)


LINK = 'links = [{ id = "a", step = "handle", procedure = "other", unit = "General" }]\n'


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('calendar = "nl"', 'calendar = "la"', "calendar: There is no calendar la"),
        ('agency = "WABO"', 'agency = "Thị xã"', "agency: String should match"),
        ('name = "wabo"\n', f'name = "{"x" * 65}"\n', "name: .*at most 64"),
        ('name = "wabo"\n', 'name = "a\\nb"\n', "name: holds a line break"),
        ("ladder = [", f"{LINK}ladder = [", "procedure.links: a log is of one office"),
        ('to = ["office-leader"]', 'to = ["boss"]', r"procedure.ladder\[overdue\].to: boss is no role"),
        (
            'to = ["office-leader"]',
            'to = ["handler@x"]',
            r"procedure.ladder\[overdue\].to: there is no unit x",
        ),
        (
            'to = ["office-leader"]',
            'to = ["office-leader"], by = ["sms"]',
            r"procedure.ladder\[overdue\].by: there is no channel sms",
        ),
        ('id = "handle"', 'id = "han\\ndle"', r"procedure.steps\[han dle\].id: "),
    ],
)
def test_a_mapping_is_checked_like_the_rest_of_the_catalogue(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    """Its links and the recipients of its ladder were not checked at all."""
    file, mapping = tmp_path / "log.csv", tmp_path / "wrong.toml"
    file.write_text(f"{HEAD}\n{GOOD}\n", encoding="utf-8")
    text = WABO.read_text(encoding="utf-8")
    assert old in text
    mapping.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=f"^wrong.toml: {reason}") as caught:
        EventLog.read(file, mapping, CATALOGUE.calendar)
    assert "\n" not in caught.value.message


def test_a_namespace_is_ascii_whatever_a_mapping_is_called(tmp_path: Path) -> None:
    """Temporal's clients send it in a header: the servers started, and then could not be reached."""
    mapping = tmp_path / "mapping.toml"
    text = WABO.read_text(encoding="utf-8")
    mapping.write_text(text.replace('"wabo"', '"Thị xã Hoà Thành"', 1), encoding="utf-8")
    names = (read_mapping(mapping).name, "Đồng Tháp", "東京", "wabo", "-" * 60)
    namespaces = [import_name(name, "0123456789abcdef") for name in names]
    assert namespaces == [
        "import-thi-xa-hoa-thanh-01234567",
        "import-dong-thap-01234567",
        "import-01234567",
        "import-wabo-01234567",
        "import-01234567",
    ]


def test_a_result_before_the_acceptance_is_dated_at_the_acceptance(tmp_path: Path) -> None:
    """It is a deviation; the rules take no date before the acceptance, and so the import broke off."""
    (case,) = log(tmp_path, row(RECEIPT, "R1", START, end="2011-02-20 10:00:00+01:00")).cases
    (approval,) = [act for act in case.acts if act.command == "approve"]
    assert approval.data["date"] == case.at.isoformat()
    assert "ReadyBeforeAcceptance" in [act.data.get("deviation") for act in case.acts]


def test_a_rehearsal_goes_on_where_somebody_can_stand_in(tmp_path: Path) -> None:
    """Four eyes refuse one person on both sides; the import notes the deviation and goes on."""
    (case,) = log(tmp_path, row(CHECK, "R9", START)).cases
    try:
        Rehearsal.play(case, log(tmp_path, row(CHECK, "R9", START)).rulebook())
    except Problem as problem:
        pytest.fail(problem.message)
    assert {act.user for act in case.acts if act.stand_in} == {"R9@General"}
