"""Codes of dossiers as people type them from a paper."""

from __future__ import annotations

import pytest

from motcua.web.codes import read_off, whole_code

CODE = "H53.26-260302-0001"
OLD = "000.00.00.H53-260302-0001"


@pytest.mark.parametrize(
    "typed",
    [
        *(CODE, "h53.26-260302-0001", " H53.26-260302-0001 ", "H53.26 260302 0001", "h53.26 - 260302 - 0001"),
        *("H53.262603020001", "H53.26\u2013260302\u20110001", "H53.26—260302−0001", "H53.26_260302_0001"),
        *(
            "H53.26-26 03 02-0001",
            "H53.26-260302- 0001",
            "H53.26\u00a0260302\u00a00001",
            "H53.26-260302\u200b-0001",
            "\ufeffH53.26-260302-0001",
            "\u200eh53.26-260302-0001\u202c",
            "Ｈ５３.２６－２６０３０２－０００１",
        ),
    ],
)
def test_a_whole_code_is_read_however_its_parts_are_set_apart(typed: str) -> None:
    """In small letters, with spaces, other hyphens or none."""
    assert whole_code(typed) == read_off(typed) == CODE


def test_the_older_order_of_codes_is_read_too() -> None:
    """It begins with digits."""
    assert whole_code(OLD.lower()) == whole_code(OLD.replace("-", " ")) == OLD


@pytest.mark.parametrize(
    "typed",
    [
        "H53.26-261130-002",
        "H53.26 261130 002",
        "H53.262-611300-022",
        "",
        "H53",
        "H53.26-2603",
        "Nguyễn Văn An",
        "0912 345 678",
        "260302-0001",
        "H5 số 12",
    ],
)
def test_what_is_no_whole_code_is_none(typed: str) -> None:
    """It is looked for as the beginning of one, as a name or as a number."""
    assert whole_code(typed) is None
