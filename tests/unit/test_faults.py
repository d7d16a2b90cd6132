"""Pydantic's errors as phrases."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from models.addresses import Email
from models.commands import Identifier
from models.faults import fault
from motcua.forms import Name


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Email, "a" * 300 + "@b.vn", "String should have at most 200 characters"),
        (Identifier, "a" * 300, "String should have at most 200 characters"),
        (Name, "a" * 300, "String should have at most 200 characters"),
        (list[Name], ["a" * 300], "String should have at most 200 characters"),
        (tuple[int, int], [1], "Field required"),
    ],
)
def test_a_text_is_counted_in_characters(kind: type, text: object, said: str) -> None:
    """A name of 300 letters was told that a list should have at most 200 items."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    assert str(fault(dict(caught.value.errors()[0]))) == said
