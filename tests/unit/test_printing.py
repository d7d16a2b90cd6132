"""People's own words reach the terminal as they are, each line as one line."""

from __future__ import annotations

import pytest

from motcua.cli import printing

WORDS = [
    "[mẫu] Hộ kinh doanh",
    "xem [/2]",
    "[red]",
    "gửi :smile:",
    "[link=https://a.example]a[/link]",
    "\\[x]",
]


@pytest.mark.parametrize("text", WORDS)
def test_words_that_look_like_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In title, head and cells of a table and in a line: nothing is styled, replaced or refused."""
    printing.table(text, [text], [[text]])
    printing.to_stderr(f"warning: {text}")
    shown = capsys.readouterr()
    assert shown.out.count(text) == 3
    assert shown.err == f"warning: {text}\n"


def test_a_long_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has no width: a warning that is broken could not be read by the line."""
    text = "từ " * 100 + "hết"
    printing.to_stderr(text)
    assert capsys.readouterr().err == f"{text}\n"
