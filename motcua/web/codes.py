"""Codes as people type them from a paper: in small letters, with spaces, other hyphens or none."""

from __future__ import annotations

import re

_SEPARATORS = re.compile("[\\s\u00ad\u200b\u2010-\u2015\u2212_-]+")
_AGENCY = r"(?:\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}|[A-Z]\d{2}(?:\.\d{1,3}){0,3})"
_PARTS = re.compile(rf"({_AGENCY})(\d{{6}})(\d{{4}})", re.ASCII)
_HYPHENS = re.compile("[\u2010-\u2015\u2212]")


def whole_code(text: str) -> str | None:
    """The code that a text is, however its three parts are set apart; None where it is no whole code."""
    parts = _PARTS.fullmatch(_SEPARATORS.sub("", text).upper())
    return "-".join(parts.groups()) if parts else None


def read_off(text: str) -> str:
    """A code in its written form; a text that is no whole code with capitals and plain hyphens."""
    return whole_code(text) or _HYPHENS.sub("-", "".join(text.split())).upper()
