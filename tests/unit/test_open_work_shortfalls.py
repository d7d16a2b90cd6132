"""Open work that a catalog cannot show is named, with the reason: one for each property that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from motcua.caseloads.fit import fitting_caseload
from motcua.caseloads.open_work import OpenWorkPlan
from motcua.caseloads.states import STATES, Shortfall
from motcua.catalogue.catalogue import Catalogue
from tests.second_office import second_office

PERMIT, OPEN = "procedures/permit.toml", "caseloads/an-phu-open.toml"
FEE = 'fees = [{ kind = "phí", name = "Phí sử dụng tạm thời hè phố (mẫu)", amount = 120000 }]\n'


def shortfalls(root: Path) -> dict[str, Shortfall]:
    """By state."""
    catalogue = Catalogue.load(root)
    _, work = fitting_caseload(root, catalogue)
    return {each.state: each for each in OpenWorkPlan(work, catalogue, 1).draw().shortfalls}


def test_what_the_second_office_cannot_show(tmp_path: Path) -> None:
    """None of its procedures asks another agency; everything else is there."""
    found = shortfalls(second_office(tmp_path))
    assert {state: each.sentence for state, each in found.items()} == {
        "linked": "linked: none of 1, because no procedure asks other agencies"
    }
    assert found["linked"].as_json() == {
        "state": "linked",
        "wanted": 1,
        "drawn": 0,
        "reason": {"kind": "no-such-procedure"},
        "why": "no procedure asks other agencies",
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "state", "kind", "why"),
    [
        (
            PERMIT,
            FEE,
            "",
            "payment",
            "no-such-procedure",
            "no procedure has a fee and pauses until it is paid",
        ),
        (
            PERMIT,
            'payment = "resume"',
            'payment = "none"',
            "payment",
            "no-such-procedure",
            "no procedure has a fee and pauses until it is paid",
        ),
        (
            PERMIT,
            'apology = "-1 day"\n',
            "",
            "apology",
            "no-such-procedure",
            "no procedure has apologies drafted",
        ),
        (
            PERMIT,
            'offset = "0", kind = "due"',
            'offset = "+4 hours", kind = "escalation"',
            "resting",
            "no-such-procedure",
            "no procedure has alarms by the due instants of dossier and steps, which a leader could let rest",
        ),
        (
            PERMIT,
            'limit = "7 days"',
            'limit = "1 day"',
            "payment",
            "too-short",
            "no such procedure has a limit of 2 working days or more",
        ),
        (
            PERMIT,
            'limit = "7 days"',
            'limit = "none"',
            "apology",
            "too-short",
            "no such procedure has a limit of 2 working days or more",
        ),
        (
            "office.toml",
            '"unit-leader", "approver"',
            '"approver"',
            "resting",
            "nobody-there",
            "nobody in the unit bo-phan-mot-cua is unit-leader on all of its days",
        ),
        (
            PERMIT,
            "version = 2021-01-01",
            "version = 2024-07-02",
            "payment",
            "no-such-procedure",
            "no procedure has a fee and pauses until it is paid",
        ),
        (OPEN, "day = 2024-07-18", "day = 2024-07-01", "late", "not-drawn", "gets there"),
    ],
    ids=[
        "no fee",
        "no pause for a payment",
        "no apology",
        "alarms that come late",
        "a short limit",
        "no limit",
        "no leader of the unit",
        "in force too late",
        "one day only",
    ],
)
def test_each_reason(tmp_path: Path, file: str, old: str, new: str, state: str, kind: str, why: str) -> None:
    """What a catalog lacks is said of the states that need it."""
    root = second_office(tmp_path)
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    found = shortfalls(root)[state]
    assert (found.drawn, found.reason.kind) == (0, kind)
    assert why in found.sentence


def test_procedures_that_end_before_that_morning(tmp_path: Path) -> None:
    """Then there is no open work at all, and each state says so."""
    root = second_office(tmp_path)
    for file in (root / "procedures").iterdir():
        text = file.read_text(encoding="utf-8")
        ended = text.replace("version = 2021-01-01", "version = 2021-01-01\nuntil = 2024-07-17")
        file.write_text(ended, encoding="utf-8")
    found = shortfalls(root)
    assert set(found) == set(STATES)
    assert {each.reason.kind for each in found.values()} == {"not-in-force"}


def test_an_office_without_a_leader_of_the_unit_shows_the_other_states(tmp_path: Path) -> None:
    """Only letting alarms rest needs one."""
    root = second_office(tmp_path)
    file = root / "office.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"unit-leader", "approver"', '"approver"'), encoding="utf-8")
    assert set(shortfalls(root)) == {"linked", "resting"}
