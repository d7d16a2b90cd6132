"""Values become plain text: nothing in them can begin a line, turn the reading direction or break a mail."""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, marks that reorder what is read, and halves of surrogate
# pairs, which UTF-8 cannot hold.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_SPOILS = re.compile(f"[{_UNSEEN}]")
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def one_line(text: str) -> str:
    """The text on one line; what cannot be seen is a space, and several spaces are one."""
    return " ".join(_SPOILS.sub(" ", text).split())


def lines(text: str) -> str:
    """The same for a text that may have several lines: they stay, empty ones count once."""
    kept = "\n".join(one_line(line) for line in _BREAK.split(text))
    return re.sub("\n{3,}", "\n\n", kept).strip("\n")
