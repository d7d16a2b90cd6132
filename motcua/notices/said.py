"""What another system answered, fit to be kept for ever: on one line, and without what must be erasable."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 300
"""Characters of an answer that are kept."""
READ = 2000
"""Characters that are looked at: searching takes the square of a word's length."""
ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+>?")


def said(answer: str, hidden: Iterable[str] = (), secrets: Iterable[str] = ()) -> str:
    """An answer on one line. Every e-mail address in it, and each of `hidden` and `secrets`, is left out."""
    if len(answer) > READ:
        answer = (answer[:READ].rpartition(" ")[0] or answer[:READ]) + " …"  # half an address is not found
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in answer).split())
    line = _without(line, secrets, "<secret>")
    line = _without(ADDRESS.sub("<address>", line), hidden, "<hidden>")
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def _without(line: str, pieces: Iterable[str], instead: str) -> str:
    for piece in sorted({" ".join(piece.split()) for piece in pieces}, key=len, reverse=True):
        if piece:
            # Short pieces only where they stand alone: an address may begin with an "a".
            pattern = re.escape(piece) if len(piece) > 3 else rf"(?<!\w){re.escape(piece)}(?!\w)"
            line = re.sub(pattern, instead, line, flags=re.IGNORECASE)
    return line
