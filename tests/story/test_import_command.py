"""Another system's log, imported as a person does it: at its own moments, and anew by a changed mapping.

With the shipped catalogue only: units, people and procedures come from the mapping, not from an office.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.story.cli import ROOT, Ran, afresh

pytestmark = pytest.mark.slow  # embedded servers are started three times

HEAD = (
    "case:concept:name,case:channel,case:department,case:deadline,case:startdate,case:enddate,"
    "case:responsible,concept:name,org:resource,time:timestamp"
)
START, DUE, LATER = (
    "2011-03-01 10:00:00+01:00",
    "2011-04-20 10:00:00+02:00",
    "2011-04-20 10:00:00.000001+02:00",
)
ROWS = [
    f"{case},Desk,General,{DUE},{START},{end},R9,{event},{who},{START}"
    for case, end in (("in-time", DUE), ("late", LATER))
    for event, who in (("Confirmation of receipt", "R1"), ("T02 Check confirmation of receipt", "R2"))
]


def imported(folder: Path, mapping: Path, rows: list[str] = ROWS) -> Ran:
    """The log, read by a mapping."""
    file = folder / "log.csv"
    file.write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    return afresh(folder / "office", "import-log", str(file), "--mapping", str(mapping), "--json")


def counted(ran: Ran) -> dict[str, Any]:
    """What is said of the results."""
    assert ran.code == 0, ran.err
    return {key: ran.json[key] for key in ("closed", "late_by_instant", "dossiers", "heads")}


def test_a_log_is_imported_at_its_own_moments_and_anew_by_another_mapping(tmp_path: Path) -> None:
    """A result at its deadline came out late; a changed mapping of the same name printed the old numbers."""
    text = (ROOT / "catalog" / "mappings" / "wabo.toml").read_text(encoding="utf-8")
    text = text.replace('name = "wabo"', 'name = "Thị xã Hoà Thành"', 1)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text, encoding="utf-8")
    first = imported(tmp_path, mapping)
    assert counted(first) | {"heads": ""} == {"closed": 2, "late_by_instant": 1, "dossiers": 2, "heads": ""}
    again = imported(tmp_path, mapping)
    assert counted(again) == counted(first)
    assert again.json["run"]["known_already"] == 2
    changed = text.replace('"column case:enddate"', '"event T02 Check confirmation of receipt"')
    assert changed != text
    mapping.write_text(changed, encoding="utf-8")
    other = imported(tmp_path, mapping)
    assert counted(other)["late_by_instant"] == other.json["run"]["known_already"] == 0
    refused = imported(tmp_path, mapping, [ROWS[0], "in-time,Desk"])
    assert (refused.code, "log.csv, line 3: it has 2 cells" in refused.out) == (2, True), refused.out
