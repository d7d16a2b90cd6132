"""What an audit says of what it cannot read."""

from __future__ import annotations

import pytest

from motcua.audit.found import Broken, unreadable


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (AssertionError(), "it cannot be read: AssertionError"),
        (ValueError("one\ntwo"), "it cannot be read: ValueError: one"),
        (KeyError("x" * 300), f"it cannot be read: KeyError: '{'x' * 199}"),
    ],
)
def test_an_error_on_one_line(error: Exception, what: str) -> None:
    """One that said nothing, as an assertion does, ended the audit in another error."""
    assert unreadable("journal", error) == Broken(code="journal", seq=0, what=what)
