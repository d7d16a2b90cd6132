"""What another system answered, fit to be kept for ever: on one line, and without what must be erasable."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 300
"""Characters of an answer that are kept."""
ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+>?")


def said(answer: str, hidden: Iterable[str] = ()) -> str:
    """An answer on one line; every e-mail address in it, and each of `hidden`, is only called that."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in answer).split())
    line = ADDRESS.sub("<address>", line)
    for piece in sorted(set(hidden), key=len, reverse=True):
        if piece:
            # Short pieces only where they stand alone: an address may begin with an "a".
            pattern = re.escape(piece) if len(piece) > 3 else rf"(?<!\w){re.escape(piece)}(?!\w)"
            line = re.sub(pattern, "<hidden>", line, flags=re.IGNORECASE)
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
