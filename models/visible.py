"""Characters that nobody sees or PostgreSQL does not keep, and texts that must show something."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from models.base import one_line
from models.refusals import Phrase

UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Unicode's default-ignorable code points, the blank Braille pattern and the blank note head."""

UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which PostgreSQL does not keep."""


def shows(text: str) -> bool:
    """Whether a text has a letter, digit, sign or punctuation mark that can be seen."""
    return any(unicodedata.category(letter)[0] in "LNPS" for letter in UNSEEN.sub("", text))


def visible(text: str) -> str:
    """Refuse a text that shows nothing."""
    if not shows(text):
        raise ValueError(Phrase("must hold something that can be seen"))
    return text


Visible = Annotated[str, AfterValidator(visible)]
"""A text that is not blank, whatever blanks it is made of."""

Line = Annotated[Visible, Field(max_length=500), AfterValidator(one_line)]
"""A name or title in a catalogue: one line that shows something."""
Id = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$")]
"""What a catalogue calls a unit, a person, a step and the like: part of request ids, of names of workflows
and of addresses of pages, all of which have limits."""
