"""Codes as people type them from a paper: in small letters, with spaces, other hyphens or none."""

from __future__ import annotations

import re
import unicodedata

_AGENCY = r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,3})"
_WHOLE = re.compile(rf"({_AGENCY})(-?)(\d{{6}})\2(\d{{4}})", re.ASCII)
_HYPHENS = re.compile("[\u00ad\u2010-\u2015\u2212_-]+")


def whole_code(text: str) -> str | None:
    """The code that a text is, however its three parts are set apart; None where it is no whole code.

    Where parts are set apart, they are these: the beginning of a code is not read as another one.
    """
    shown = _plain(text)
    parts = ["".join(part.split()) for part in _HYPHENS.split(shown)]
    if len(parts) == 1:
        words = shown.split()
        parts = words if len(words) == 3 else ["".join(words)]
    found = _WHOLE.fullmatch("-".join(parts))
    return "-".join(found.group(1, 3, 4)) if found else None


def _plain(text: str) -> str:
    """In capitals of ordinary width, without marks that nobody sees; a soft hyphen is a hyphen here."""
    wide = unicodedata.normalize("NFKC", text).upper()
    return "".join(each for each in wide if each == "\u00ad" or unicodedata.category(each) != "Cf")


def read_off(text: str) -> str:
    """A code in its written form; a text that is no whole code with capitals and plain hyphens."""
    return whole_code(text) or _HYPHENS.sub("-", "".join(_plain(text).split()))
