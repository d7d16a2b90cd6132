"""An office of one's own: a caseload fits it or names what is missing; no name is of somewhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.refusals import exit_code
from motcua.caseloads.fit import CaseloadDoesNotFit, NoCaseload, fitting_caseload
from motcua.caseloads.open_work import OpenWorkPlan
from motcua.caseloads.town import TownPlan
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.files import BadCatalogue
from motcua.cli.embedded import signing_in
from tests.second_office import SHIPPED, second_office

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The second office's catalogue."""
    return second_office(tmp_path)


def test_no_name_is_that_of_the_shipped_office(root: Path) -> None:
    """Neither of a unit, nor of a member of staff, nor of a procedure."""
    own, shipped = Catalogue.load(root), Catalogue.load(SHIPPED)
    assert {unit.id for unit in own.office.units}.isdisjoint({unit.id for unit in shipped.office.units})
    assert set(own.office.staff).isdisjoint(shipped.office.staff)
    assert {each.code for each in own.procedures}.isdisjoint({each.code for each in shipped.procedures})
    assert own.office.id != shipped.office.id


def test_people_are_named_who_are_there(root: Path) -> None:
    """One for each role of those to try out, nobody twice; nobody who has left."""
    assert signing_in(Catalogue.load(root)) == ["lan.nt", "tuan.lv", "mai.pt", "son.tv"]
    shipped = ["receiver1", "handler1", "leader1", "approver1", "head1", "admin1"]
    assert signing_in(Catalogue.load(SHIPPED)) == shipped
    file = root / "office.toml"
    gone = file.read_text(encoding="utf-8").replace('id = "lan.nt"', 'id = "lan.nt"\nuntil = 2022-12-31')
    file.write_text(gone, encoding="utf-8")
    assert signing_in(Catalogue.load(root))[0] == "hoa.dt"


def test_the_caseload_of_an_office_whatever_its_file_is_called(root: Path) -> None:
    """Drawn for its unit, its staff and its procedures; some of these are not rated."""
    catalogue = Catalogue.load(root)
    town, work = fitting_caseload(root, catalogue)
    cases = [*TownPlan(town, catalogue, 1).cases(200), *OpenWorkPlan(work, catalogue, 1).draw().cases]
    assert {case.submission["unit"] for case in cases} == {"bo-phan-mot-cua"}
    assert {case.submission["procedure"] for case in cases} == {"AP.01", "AP.02", "AP.03"}
    users = {act.user for case in cases for act in case.acts}
    assert users <= {*catalogue.office.staff, "citizen"}


def test_nobody_acts_before_they_come_or_after_they_have_left(root: Path) -> None:
    """Their acts would be refused, and a dossier taken in by them ended the demo."""
    file = root / "office.toml"
    text = file.read_text(encoding="utf-8")
    new = '[[staff]]\nid = "new.nv"\nname = "Ngô Văn Mới"\nsince = 2024-07-19\n'
    new += 'roles = ["receiver", "handler"]\nunit = "bo-phan-mot-cua"\n\n'
    file.write_text(text.replace("[[staff]]", f"{new}[[staff]]", 1), encoding="utf-8")
    catalogue = Catalogue.load(root)
    town, work = fitting_caseload(root, catalogue)
    cases = [*TownPlan(town, catalogue, 1).cases(200), *OpenWorkPlan(work, catalogue, 1).draw().cases]
    users = {case.officer for case in cases} | {act.user for case in cases for act in case.acts}
    assert "lan.nt" in users
    assert "new.nv" not in users


@pytest.mark.parametrize(
    ("file", "old", "new", "missing"),
    [
        ("caseloads/an-phu.toml", 'unit = "bo-phan-mot-cua"', 'unit = "demo"', "there is no unit demo"),
        (
            "caseloads/an-phu.toml",
            '"AP.02" = 30',
            '"AP.09" = 30',
            "there is no procedure AP.09 on 2024-01-02",
        ),
        ("caseloads/an-phu.toml", "first = 2024-01-02", "first = 2019-01-02", "within the calendar's days"),
        ("caseloads/an-phu.toml", "first = 2024-01-02", "first = 2024-06-20", "too short for the limit"),
        (
            "caseloads/an-phu-open.toml",
            "first = 2024-07-01",
            "first = 2024-06-28",
            "the open work from 2024-06-28 to 2024-07-18 does not lie between the end of the period",
        ),
        ("caseloads/an-phu-open.toml", "day = 2024-07-18", "day = 2024-06-30", "does not lie between"),
        (
            "caseloads/an-phu-open.toml",
            "day = 2024-07-18",
            "day = 2031-07-18",
            "and the calendar's, 2027-12-31",
        ),
        (
            "caseloads/an-phu-open.toml",
            'unit = "bo-phan-mot-cua"',
            'unit = "demo"',
            "unit demo for the open work",
        ),
        ("procedures/certificate.toml", 'limit = "4 days"', 'limit = "none"', "too short for the limit"),
        ("procedures/certificate.toml", 'limit = "4 days"', 'limit = "2 days"', "has a limit of 3 days"),
        (
            "office.toml",
            '["receiver", "returner"]',
            '["receiver"]',
            "nobody in the unit bo-phan-mot-cua is returner",
        ),
        ("office.toml", '"unit-leader", "approver", "clerk"', '"unit-leader"', "is approver"),
        (
            "office.toml",
            'id = "mai.pt"',
            'id = "mai.pt"\nsince = 2024-03-01',
            "nobody in the unit bo-phan-mot-cua is approver in that period",
        ),
    ],
)
def test_a_caseload_that_does_not_fit(root: Path, file: str, old: str, new: str, missing: str) -> None:
    """One line says what is missing; it is bad input."""
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CaseloadDoesNotFit, match=re.escape(missing)) as refused:
        fitting_caseload(root, Catalogue.load(root))
    assert exit_code(refused.value) == 2
    assert "\n" not in refused.value.message


def test_no_caseload_or_one_that_cannot_be_read(root: Path) -> None:
    """Bad input, too."""
    file, catalogue = root / "caseloads" / "an-phu.toml", Catalogue.load(root)
    file.write_text("name = ", encoding="utf-8")
    with pytest.raises(BadCatalogue, match=r"an-phu\.toml"):
        fitting_caseload(root, catalogue)
    file.unlink()
    with pytest.raises(NoCaseload, match="plays the first"):
        fitting_caseload(root, catalogue)


def test_procedures_without_alarms_or_rating_are_named(root: Path) -> None:
    """Not those that are only opened for another dossier: nobody hands these in."""
    assert Catalogue.load(SHIPPED).warnings() == []
    assert Catalogue.load(root).warnings() == [
        "AP.02 of 2021-01-01 has no ladder and no step_ladder: no alarm tells anybody that it is due",
        "AP.02 of 2021-01-01 has no rating_window: it is closed with the return and cannot be rated",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "refusal"),
    [
        ("procedures/copy.toml", 'rule_set = "mẫu"', "", "version[2021-01-01].rule_set: is missing"),
        ("procedures/copy.toml", '"1 day"', '"0.333 hours"', "It must come to whole minutes."),
        ("calendars/vn.toml", "closes = 17:00:00", 'closes = "24:00"', "outside expected range of 0-23"),
    ],
)
def test_what_the_page_on_the_catalogue_says(root: Path, file: str, old: str, new: str, refusal: str) -> None:
    """A rule set is required, limits are whole minutes, a closing is before 24:00."""
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadCatalogue, match=re.escape(refusal)):
        Catalogue.load(root)


def test_the_older_version_needs_its_end(root: Path) -> None:
    """A version that goes on while the next begins is refused; with `until` both are read."""
    path = root / "procedures" / "copy.toml"
    head, first = path.read_text(encoding="utf-8").split("[[version]]")
    later = first.replace("2021-01-01", "2026-01-01")
    path.write_text("[[version]]".join((head, first, later)), encoding="utf-8")
    with pytest.raises(BadCatalogue, match="overlaps the version of 2021-01-01, which has no end"):
        Catalogue.load(root)
    ended = first.replace("2021-01-01", "2021-01-01\nuntil = 2025-12-31")
    path.write_text("[[version]]".join((head, ended, later)), encoding="utf-8")
    assert [each.code for each in Catalogue.load(root).procedures].count("AP.02") == 2


def test_no_name_of_the_shipped_office_stands_in_the_product() -> None:
    """Neither staff nor files nor codes; samples of texts and papers have invented ones."""
    names = {*Catalogue.load(SHIPPED).office.staff, "hoa-thanh", "H53.26"}
    pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names)))
    product = [
        *(HERE / "motcua").rglob("*.py"),
        *(HERE / "models").rglob("*.py"),
        *(HERE / "motcua").rglob("*.html"),
    ]
    product += [HERE / "starter.py", HERE / "worker.py"]
    found = [
        f"{path.relative_to(HERE)}: {found[0]}"
        for path in product
        if path.name != "samples.py"
        for found in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
