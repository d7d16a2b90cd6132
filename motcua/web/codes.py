"""Codes as people type them from a paper: in small letters, with spaces, other hyphens or none."""

from __future__ import annotations

import re

_AGENCY = r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,3})"
_WHOLE = re.compile(rf"({_AGENCY})(-?)(\d{{6}})\2(\d{{4}})", re.ASCII)
_HYPHENS = re.compile("[\u00ad\u2010-\u2015\u2212_-]+")


def whole_code(text: str) -> str | None:
    """The code that a text is, however its three parts are set apart; None where it is no whole code.

    Where parts are set apart, they are these: the beginning of a code is not read as another one.
    """
    shown = text.upper().replace("\u200b", "")
    parts = ["".join(part.split()) for part in _HYPHENS.split(shown)]
    if len(parts) == 1:
        words = shown.split()
        parts = words if len(words) == 3 else ["".join(words)]
    found = _WHOLE.fullmatch("-".join(parts))
    return "-".join(found.group(1, 3, 4)) if found else None


def read_off(text: str) -> str:
    """A code in its written form; a text that is no whole code with capitals and plain hyphens."""
    return whole_code(text) or _HYPHENS.sub("-", "".join(text.split())).upper()
