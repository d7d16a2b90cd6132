"""Whatever stands in a file of the catalogue: it is read, or refused with its name and the place in it."""

from __future__ import annotations

import copy
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.refusals import exit_code
from motcua.caseloads.mapping import read_mapping
from motcua.caseloads.open_work import read_open_work
from motcua.caseloads.town import read_town
from motcua.catalogue.calendars import CalendarFiles
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.changes import read_change
from motcua.catalogue.files import MAX_DEPTH, BadCatalogue, read
from motcua.catalogue.office import read_office
from motcua.catalogue.papers import read_forms
from motcua.catalogue.procedures import read_procedures
from motcua.texts.formats import Vocabulary
from tests.unit.test_catalogue import BIRTH, OFFICE, VN, copy_with

ROOT = Path(__file__).resolve().parents[2]
CATALOG, EXAMPLES = ROOT / "catalog", ROOT / "docs" / "examples"
SHIPPED = Catalogue.load(CATALOG)
CALENDAR = SHIPPED.calendar("vn")
NUMBERS = ("0x" + "f" * 5000, "9" * 5000, "-" + "9" * 5000, str(2**63), str(-(2**64)))
DEEP = {
    "lists": "a = " + "[" * 5000 + "]" * 5000,
    "inline tables": "a = " + "{ a = " * 5000 + "1" + " }" * 5000,
    "dotted keys": ".".join("a" * 5000) + " = 1",
    "a table's name": "[" + ".".join("a" * 5000) + "]",
    "one level too many": "a = " + "[" * MAX_DEPTH + "]" * MAX_DEPTH,
}


TAX = "procedures/linked-tax.toml"
LINKING = "procedures/land-transfer.toml"
CHANGE = "calendar-change.toml"
THIS_OFFICE = SHIPPED.office.model_copy(update={"keeping": None})
READERS: dict[str, Callable[[Path], object]] = {
    OFFICE: lambda file: read_office(file.parent, {"vn"}),
    BIRTH: lambda file: read_procedures(file.parents[1], THIS_OFFICE),
    LINKING: lambda file: read_procedures(file.parents[1], THIS_OFFICE),
    VN: lambda file: CalendarFiles.load(file.parents[1]).calendar("vn"),
    "papers/forms.toml": lambda file: read_forms(file.parents[1]),
    "texts/words.toml": lambda file: Vocabulary.load(file.parents[1]),
    "caseloads/hoa-thanh.toml": read_town,
    "caseloads/hoa-thanh-open.toml": read_open_work,
    "mappings/wabo.toml": read_mapping,
    CHANGE: lambda file: read_change(file, CALENDAR),
}
"""How each kind of file is read."""
SHIPPED_FILES = {name: (EXAMPLES if name == CHANGE else CATALOG) / name for name in READERS}
DATA = {name: tomllib.loads(file.read_text(encoding="utf-8")) for name, file in SHIPPED_FILES.items()}


def refused(reading: Callable[[], object], file: str) -> BadCatalogue:
    """The refusal with which a reading ends."""
    with pytest.raises(BadCatalogue) as refusal:
        reading()
    assert refusal.value.message.startswith(f"{file}: ")
    assert "\n" not in refusal.value.message
    assert exit_code(refusal.value) == 2
    return refusal.value


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize("file", [OFFICE, "change.toml"])
def test_deep_nesting_is_refused(tmp_path: Path, file: str, shape: str) -> None:
    """Python's reader, JSON and pydantic each give up at a depth of their own, by other exceptions."""
    (tmp_path / file).write_text(DEEP[shape], encoding="utf-8")
    problem = refused(lambda: read(tmp_path, file), file)
    assert "nested too deeply" in problem.message


@pytest.mark.parametrize("number", NUMBERS, ids=["hex", "decimal", "negative", "64 bits", "negative 64 bits"])
def test_a_number_that_toml_does_not_know_is_refused(tmp_path: Path, number: str) -> None:
    """Beyond 64 bits: Python reads them, and JSON or a sentence cannot be made of the longest."""
    (tmp_path / OFFICE).write_text(f"[a]\nb = {number}\n", encoding="utf-8")
    refused(lambda: read(tmp_path, OFFICE), OFFICE)


@pytest.mark.parametrize("closes", ['"17:00:00Z"', '"17:00:00+07:00"'])
def test_hours_of_a_calendar_have_no_offset(tmp_path: Path, closes: str) -> None:
    """Compared with a time without one they ended every command."""
    root = copy_with(tmp_path, VN, "closes = 17:00:00", f"closes = {closes}")
    problem = refused(lambda: CalendarFiles.load(root), VN)
    assert "week.monday[1].closes: must be office time" in problem.message


def test_hours_of_a_calendar_change_have_no_offset(tmp_path: Path) -> None:
    """In a file of changes as in a calendar."""
    text = (EXAMPLES / CHANGE).read_text(encoding="utf-8")
    assert "closes = " in text
    before, _, after = text.partition("closes = ")
    changed = f'{before}closes = "17:00:00Z"{after[len("17:00:00") :]}'
    (tmp_path / "change.toml").write_text(changed, encoding="utf-8")
    problem = refused(lambda: read_change(tmp_path / "change.toml", CALENDAR), "change.toml")
    assert "must be office time" in problem.message


def test_a_cut_off_has_no_offset(tmp_path: Path) -> None:
    """It was read, and then no dossier of its procedure could be accepted."""
    root = copy_with(tmp_path, BIRTH, "cut_off = 15:00:00", 'cut_off = "15:00:00Z"')
    problem = refused(lambda: Catalogue.load(root), BIRTH)
    assert "cut_off: must be office time" in problem.message


ODD_TEXTS = st.sampled_from(
    [
        *("", " ", "\u3164", "\n", "a\nb", "\x1b[31m", "a/b", "x" * 10_000, "{", "}", "%", "@", "none", "."),
        *("same day", "0", "-1", "5 days", "99999 days", "00:00:00", "17:00:00Z", "24:00:00", "2026-02-30"),
        *("0001-01-01", "9999-12-31", "until 9999-12-31T23:59:59Z", "nan", "true", "../../etc/passwd"),
        *("Thị xã", "VN", "NL", "vn", "NaN days", "1e9 days"),
    ]
)
ODD_TIMES = st.sampled_from([time.min, time.max, "17:00:00Z", "17:00:00+07:00", "24:00:00", "x", 7])
ODD_DATES = st.sampled_from([date.min, date.max, date(1900, 1, 1), date(2200, 12, 31), "0001-01-01", "x", 7])
ODD_NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, -(2**63), True, 0.5, -0.5, 1e308, inf, -inf, nan])
ODD_VALUES = st.one_of(
    ODD_TEXTS,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ODD_NUMBERS,
    ODD_DATES,
    st.sampled_from([datetime.min, datetime.max]),  # noqa: DTZ901 - TOML has local moments
    ODD_TIMES,
    st.sampled_from([[], {}, [[]], [{}], {"": ""}, {"a": {"a": {}}}, [1, "a", []]]),
)


def others(value: Any) -> st.SearchStrategy[Any]:
    """Other values in place of one: as often of its own type as of any."""
    kinds = ((time, ODD_TIMES), (date, ODD_DATES), (str, ODD_TEXTS), (int | float, ODD_NUMBERS))
    alike = next((strategy for kind, strategy in kinds if isinstance(value, kind)), ODD_VALUES)
    return st.one_of(alike, ODD_VALUES)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a file."""
    keys = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in keys:
        yield (*at, key)
        yield from places(value, (*at, key))


def _by_kind(data: Any) -> list[list[tuple[Any, ...]]]:
    """The same by what is there, whichever entry of a list: a calendar is more than its corrections."""
    kinds: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for place in places(data):
        kinds.setdefault(tuple("" if isinstance(key, int) else key for key in place), []).append(place)
    return [kinds[kind] for kind in sorted(kinds)]


PLACES = {name: _by_kind(data) for name, data in DATA.items()}


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file as it is shipped, but for some values, and perhaps keys, that are others."""
    name = draw(st.sampled_from(sorted(READERS)))
    data = copy.deepcopy(DATA[name])
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(draw(st.sampled_from(PLACES[name]))))
        holder: Any = data
        try:
            for key in where[:-1]:
                holder = holder[key]
            change = draw(st.sampled_from(["value", "value", "value", "away", "twice", "key"]))
            if change == "value":
                holder[where[-1]] = draw(others(holder[where[-1]]))
            elif change == "away":
                del holder[where[-1]]
            elif change == "twice" and isinstance(holder, list):
                holder.append(copy.deepcopy(holder[where[-1]]))
            elif change == "key" and isinstance(holder, dict):
                holder[draw(ODD_TEXTS)] = holder.pop(where[-1])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return name, data


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spoilt())
def test_a_file_is_read_or_refused_by_name_and_place(
    tmp_path: Path, spoilt: tuple[str, dict[str, Any]]
) -> None:
    """Types, sizes, dates at the ends of time, odd texts and keys: never another exception."""
    name, data = spoilt
    file = tmp_path / Path(name).stem / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name == LINKING:
        shutil.copy(CATALOG / TAX, file.parent)
    file.write_text(
        "".join(f"{toml(key)} = {toml(value)}\n" for key, value in data.items()), encoding="utf-8"
    )
    problem = None
    try:
        READERS[name](file)
    except BadCatalogue as refusal:
        problem = refusal
    if problem is not None:
        assert name.endswith(str(problem.facts["file"]))
        assert problem.message.isprintable()
