"""Another system's log read by a mapping: what becomes an act, an observation, a deviation, a refusal."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.refusals import BadInput, exit_code
from motcua.caseloads.event_log import EventLog
from motcua.caseloads.mapping import read_mapping
from motcua.catalogue.catalogue import Catalogue

ROOT = Path(__file__).resolve().parents[2]
WABO = ROOT / "catalog" / "mappings" / "wabo.toml"
REAL = ROOT.parent / "shared" / "data" / "wabo-receipt.csv"
CATALOGUE = Catalogue.load(ROOT / "catalog")
HEAD = (
    "case:concept:name,case:channel,case:department,case:deadline,case:startdate,case:enddate,"
    "case:responsible,concept:name,org:resource,time:timestamp"
)
START, END, DUE = "2011-03-01 10:00:00+01:00", "2011-03-10 10:00:00+01:00", "2011-04-20 10:00:00+02:00"
RECEIPT, CHECK, DECIDE = (
    "Confirmation of receipt",
    "T02 Check confirmation of receipt",
    "T10 Determine necessity to stop indication",
)


def log(tmp_path: Path, *rows: str, head: str = HEAD) -> EventLog:
    """A log of these lines, read by the mapping of the real one."""
    file = tmp_path / "log.csv"
    file.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return EventLog.read(file, WABO, CATALOGUE.calendar)


def row(event: str, who: str, at: str, *, end: str = END, channel: str = "Desk", case: str = "c1") -> str:
    """One line of a log."""
    return f"{case},{channel},General,{DUE},{START},{end},R9,{event},{who},{at}"


def test_a_case_becomes_acts_and_observations(tmp_path: Path) -> None:
    """Accepted at its start, observed event by event, decided when it was ready, returned at its end."""
    (case,) = log(
        tmp_path,
        row(DECIDE, "R3", "2011-03-09 09:00:00+01:00"),
        row(RECEIPT, "R1", "2011-03-01 10:05:00+01:00"),
        row(CHECK, "R2", "2011-03-02 09:00:00+01:00"),
    ).cases
    assert case.at == datetime(2011, 3, 1, 9, tzinfo=UTC)
    assert (case.officer, case.submission["channel"], case.submission["unit"]) == (
        "R1@General",
        "counter",
        "General",
    )
    assert case.submission["due_at"] == "2011-04-20T08:00:00+00:00"
    assert [(act.command, act.user) for act in case.acts] == [
        ("observe", "import"),
        ("observe", "import"),
        ("observe", "import"),
        ("complete", "R2@General"),
        ("approve", "R3@General"),
        ("return", "R3@General"),
    ]
    assert case.acts[-1].at == datetime(2011, 3, 10, 9, tzinfo=UTC)
    assert not [act for act in case.acts if "deviation" in act.data]
    assert case.until is None


def test_what_lies_outside_the_life_is_a_deviation(tmp_path: Path) -> None:
    """Events before the start and after the end, and an end before the start, are named as such."""
    early, late = "2011-02-01 10:00:00+01:00", "2011-03-12 10:00:00+01:00"
    (case,) = log(tmp_path, row(RECEIPT, "R1", early), row(CHECK, "R2", late)).cases
    assert [act.data.get("deviation") for act in case.acts if act.command == "observe"] == [
        "EventBeforeAcceptance",
        "EventAfterReady",
    ]
    assert (case.acts[0].at, case.acts[0].data["said_at"]) == (case.at, "2011-02-01T09:00:00+00:00")
    assert case.acts[-1].at == datetime(2011, 3, 12, 9, tzinfo=UTC)
    (backward,) = log(tmp_path, row(RECEIPT, "R1", START, end="2011-02-20 10:00:00+01:00")).cases
    assert "ReadyBeforeAcceptance" in [act.data.get("deviation") for act in backward.acts]
    assert min(act.at for act in backward.acts) == backward.at


def test_an_open_case_is_left_at_the_end_of_the_log(tmp_path: Path) -> None:
    """Nobody decides it, and its clock stops where the log does."""
    last = "2011-06-01 10:00:00+02:00"
    first, second = log(
        tmp_path, row(RECEIPT, "R1", START, end=""), row(RECEIPT, "R1", last, case="c2", end=last)
    ).cases
    assert [act.command for act in first.acts] == ["observe"]
    assert first.until == datetime(2011, 6, 1, 8, tzinfo=UTC)
    assert second.until is None


def test_a_log_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """One line with the file, the line and the reason; nothing is imported."""
    good = row(RECEIPT, "R1", START)
    for rows, head, reason in (
        ((good,), HEAD.replace("case:channel", "kanal"), "line 1: there is no column case:channel"),
        ((good, row(CHECK, "R1", "yesterday")), HEAD, "line 3: time:timestamp: 'yesterday' is not a time"),
        ((good, row(CHECK, "R1", "2011-03-01 10:00:00")), HEAD, "has no offset from UTC"),
        ((row(RECEIPT, "R1", START, channel="Fax"),), HEAD, "the mapping knows no channel 'Fax'"),
        ((), HEAD, "it has no cases"),
    ):
        with pytest.raises(BadInput, match=reason) as caught:
            log(tmp_path, *rows, head=head)
        assert exit_code(caught.value) == 2
    with pytest.raises(BadInput, match="No such file"):
        EventLog.read(tmp_path / "nowhere.csv", WABO, CATALOGUE.calendar)


GOOD = row(RECEIPT, "R1", START)
WRONG_FILES = {
    "an empty file": (b"", "line 1: there is no column case:concept:name"),
    "blank lines only": (b"\n\n", "line 1: there is no column"),
    "no header": (GOOD.encode(), "line 1: there is no column"),
    "a header only": (HEAD.encode(), "line 1: it has no cases"),
    "a column twice": (f"{HEAD},case:channel\n{GOOD},Post\n".encode(), "line 1: .* the column case:channel"),
    "a nameless column twice": (f"{HEAD},,\n{GOOD},,\n".encode(), "line 1: twice or more"),
    "a short row": (f"{HEAD}\n{GOOD}\nc2,Desk\n".encode(), "line 3: it has 2 cells, the header 10"),
    "a long row": (f"{HEAD}\n{GOOD},R1,x\n".encode(), "line 2: it has 12 cells, the header 10"),
    "blanks for a row": (f"{HEAD}\n{GOOD}\n  \n".encode(), "line 3: it has 1 cells"),
    "an empty case id": (
        f"{HEAD}\n{GOOD}\n{row(CHECK, 'R1', START, case='')}\n".encode(),
        "line 3: .* is empty",
    ),
    "a blank case id": (f"{HEAD}\n{row(CHECK, 'R1', START, case=' ')}\n".encode(), "line 2: .* is empty"),
    "a case id that shows nothing": (
        "\n".join([HEAD, row(CHECK, "R1", START, case="\u3164"), ""]).encode(),
        "line 2: .* is empty",
    ),
    "a NUL": (f"{HEAD}\n{GOOD}\n{row(chr(0), 'R1', START)}\n".encode(), "line 3: it holds a NUL"),
    "UTF-16": (f"{HEAD}\n{GOOD}\n".encode("utf-16"), "line 1: it is not in UTF-8"),
    "Latin-1": (
        f"{HEAD}\n{GOOD}\n{row('été', 'R1', START)}\n".encode("latin-1"),
        "line 3: it is not in UTF-8",
    ),
    "Latin-1 after a mark": (
        b"\xef\xbb\xbf" + f"{HEAD}\n{row('é', 'R', START)}".encode("latin-1"),
        "line 2: ",
    ),
    "a quote that never ends": (
        f'{HEAD}\n{GOOD}\n"{GOOD}\n{GOOD}\n'.encode(),
        "line 3: unexpected end of data",
    ),
    "text after a quote": (f'{HEAD}\n{GOOD}\n"c"2{GOOD}\n'.encode(), "line 3: .* expected after"),
    "a time that is none": (
        f"{HEAD}\n{GOOD}\n{row(CHECK, 'R', '2011-02-30')}\n".encode(),
        "line 3: .* not a time",
    ),
    "no time at all": (f"{HEAD}\n{row(CHECK, 'R', '')}\n".encode(), "line 2: .* not a time"),
    "a deadline that is none": (
        f"{HEAD}\n{GOOD}\n{row(CHECK, 'R', START, case='c2').replace(DUE, 'soon')}\n".encode(),
        "line 3: case:deadline: 'soon' is not a time",
    ),
    "an end that is none": (
        f"{HEAD}\n{row(CHECK, 'R', START, end='x')}\n".encode(),
        "line 2: case:enddate: ",
    ),
    "a label too long": (
        f"{HEAD}\n{GOOD}\n{row('x' * 201, 'R', START, case='c2')}\n".encode(),
        "line 3: .*label",
    ),
    "a case id too long": (
        f"{HEAD}\n{row(CHECK, 'R', START, case='x' * 101)}\n".encode(),
        "line 2: .*number",
    ),
    "an officer's name too long": (f"{HEAD}\n{row(CHECK, 'R' * 201, START)}\n".encode(), "line 2: .*name"),
    "a case id in two lines": (
        f"{HEAD}\n{GOOD}\n{row(CHECK, 'R', START, case=chr(34) + 'a' + chr(10) + 'b' + chr(34))}\n".encode(),
        "line 3: .*applicant.name: holds a line break",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_is_wrong_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    """Before anything is imported: short rows were read as if their last cells were empty."""
    content, reason = WRONG_FILES[name]
    file = tmp_path / "log.csv"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=f"^log.csv, {reason}") as caught:
        EventLog.read(file, WABO, CATALOGUE.calendar)
    assert exit_code(caught.value) == 2
    assert "\n" not in caught.value.message


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    """A mark at the beginning, other line ends, blank lines, and cells of several lines."""
    said = f'"{RECEIPT}"'
    rows = [
        row(said, '"R1\nR2"', START),
        "",
        row(CHECK, "R\u2028", START),
        row(CHECK, "R2", START, case="c2"),
    ]
    file = tmp_path / "log.csv"
    file.write_bytes("\r\n".join(["\ufeff" + HEAD, *rows, "", ""]).encode())
    cases = EventLog.read(file, WABO, CATALOGUE.calendar).cases
    assert [case.submission["applicant"]["name"] for case in cases] == ["c1", "c2"]
    labels = [act.data["label"] for act in cases[0].acts if act.command == "observe"]
    assert labels == [RECEIPT, CHECK]


def test_a_mapping_that_is_wrong_is_refused(tmp_path: Path) -> None:
    """With the file, the field and the reason, like the rest of the catalogue."""
    text = WABO.read_text(encoding="utf-8")
    for old, new, reason in (
        ('name = "wabo"\n', 'name = "wabo"\ncolour = "red"\n', "colour: this key is not known"),
        ('Desk = "counter"', 'Desk = "window"', "channels.Desk: Input should be"),
        ('limit = "none"', 'limit = "0 days"', "procedure.limit: .*more than zero"),
        ("[accept]", "[accept", "line 26, column 8: "),
    ):
        wrong = tmp_path / "wrong.toml"
        wrong.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(BadInput, match=f"wrong.toml: {reason}"):
            read_mapping(wrong)


def test_the_real_log_fits_its_mapping() -> None:
    """All 1,434 cases of the Dutch log, 105 of them open."""
    if not REAL.exists():
        assert os.environ.get("CI") != "true", f"{REAL} is missing"
        pytest.skip(f"needs {REAL}")
    cases = EventLog.read(REAL, WABO, CATALOGUE.calendar).cases
    assert (len(cases), sum(case.until is not None for case in cases)) == (1_434, 105)
    assert (
        sum(act.command == "observe" and act.data["label"] != "ready" for c in cases for act in c.acts)
        == 8_577
    )
