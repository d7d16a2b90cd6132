"""Ids and names of a catalogue: ids that mean one person alone, names that show something, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.commands import CLOCK, MESSENGER
from models.reserved import APPLICANT, ASSIGNEE, OBSERVER_ID, RESERVED
from motcua.archive import ACTOR
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.files import BadCatalogue
from motcua.desk import CITIZEN
from tests.unit.test_catalogue import BIRTH, FIRST, LINKING, MARITAL, OFFICE, VN, copy_with

UNSEEN = "\u3164"


def test_every_id_that_the_product_uses_for_itself_is_reserved() -> None:
    """Facts and entries of the journal by one of these are no person's."""
    ours = {CITIZEN.id, CLOCK.id, MESSENGER.id, OBSERVER_ID, ACTOR, ASSIGNEE, APPLICANT}
    assert ours == RESERVED


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Clock", "CITIZEN"])
def test_nobody_has_an_id_that_the_product_uses_for_itself(tmp_path: Path, name: str) -> None:
    """With `citizen` as an id `act --as citizen` acted as the applicant."""
    root = copy_with(tmp_path, OFFICE, 'id = "receiver1"', f'id = "{name}"')
    with pytest.raises(BadCatalogue, match=rf"^office\.toml: staff\[{name}\]\.id: .*somebody else"):
        Catalogue.load(root)


BAD_IDS = {"empty": "", "blank": " ", "unseen": UNSEEN, "in two lines": "a\\nb", "with a mark": "a\u202e"}
BAD_NAMES = {**BAD_IDS, "with a bell": "a\\u0007"}
IDS = {
    "office": (OFFICE, 'id = "demo"', "id"),
    "unit": (OFFICE, '[[unit]]\nid = "demo"', "unit["),
    "staff": (OFFICE, 'id = "receiver1"', "staff["),
    "staff's unit": (OFFICE, 'unit = "demo"', "staff[receiver1].unit"),
    "calendar": (OFFICE, 'calendar = "vn"', "calendar"),
    "procedure": (BIRTH, 'code = "1.001193"', "code"),
    "step": (BIRTH, 'id = "handle"', f"{FIRST}.steps["),
    "link": (LINKING, 'id = "tax"', "version[2025-07-01].links["),
}
NAMES = {
    "unit": (OFFICE, 'name = "Trung tâm Phục vụ hành chính công (mẫu)"', "unit[demo].name"),
    "staff": (OFFICE, 'name = "Nguyễn Thị An"', "staff[receiver1].name"),
    "staff's phone": (OFFICE, 'email = "receiver1@motcua.example"', "staff[receiver1].phone"),
    "paper of the periods": (OFFICE, 'paper = "Danh mục thời hạn lưu trữ (mẫu)"', "keeping.paper"),
    "procedure": (BIRTH, 'name = "Đăng ký khai sinh"', "name"),
    "field": (BIRTH, 'field = "Hộ tịch"', "field"),
    "rule set": (BIRTH, 'rule_set = "61/2018"', f"{FIRST}.rule_set"),
    "step": (BIRTH, 'id = "handle", name = "Thụ lý hồ sơ"', f"{FIRST}.steps[handle].name"),
    "procedure in English": (BIRTH, 'name_en = "Birth registration"', "name_en"),
    "step in English": (BIRTH, 'name_en = "Handle the dossier"', f"{FIRST}.steps[handle].name_en"),
    "rung": (BIRTH, '{ name = "reminder"', f"{FIRST}.ladder["),
    "fee": (MARITAL, 'name = "Lệ phí cấp giấy xác nhận"', "version[2021-01-01].fees["),
    "correction": (VN, 'name = "Nghỉ hoán đổi với thứ Bảy 04/5/2024"', "correction[2024-04-29].name"),
    "basis": (VN, 'source = "Labour Code 2019, art. 112(1)(a)"', "basis[0].source"),
}


def refused(tmp_path: Path, file: str, old: str, new: str, field: str) -> None:
    """The first entry so changed is refused, on one line, by file and place."""
    with pytest.raises(BadCatalogue) as refusal:
        Catalogue.load(copy_with(tmp_path, file, old, new))
    assert refusal.value.message.startswith(f"{file}: {field}"), refusal.value.message
    assert refusal.value.message.isprintable()


@pytest.mark.parametrize("kind", BAD_IDS)
@pytest.mark.parametrize("what", IDS)
def test_an_id_is_letters_digits_and_few_marks(tmp_path: Path, what: str, kind: str) -> None:
    """It is part of request ids, of names of workflows and of addresses of pages."""
    file, old, field = IDS[what]
    head, _, _ = old.rpartition(' = "')
    refused(tmp_path, file, old, f'{head} = "{BAD_IDS[kind]}"', field)


@pytest.mark.parametrize("kind", BAD_NAMES)
@pytest.mark.parametrize("what", NAMES)
def test_a_name_is_one_line_that_shows_something(tmp_path: Path, what: str, kind: str) -> None:
    """On pages and papers somebody must be able to read it, and a line break ends a header of a letter."""
    file, old, field = NAMES[what]
    head = "phone" if what == "staff's phone" else old.rpartition(' = "')[0]
    refused(tmp_path, file, old, f'{head} = "{BAD_NAMES[kind]}"', field)


@pytest.mark.parametrize("kind", BAD_NAMES)
def test_the_unit_of_a_fee_shows_something(tmp_path: Path, kind: str) -> None:
    """It stands behind the amount on the receipt."""
    refused(tmp_path, MARITAL, 'unit = "bản"', f'unit = "{BAD_NAMES[kind]}"', "version[2021-01-01].fees[")
