"""Values become plain text: nothing in them can begin a line, turn the reading direction or break a mail."""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, and halves of surrogate pairs, which UTF-8 cannot hold.
_SPOILS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Marks that nobody sees, and that reorder what is read or part a word where it is copied.
_UNSEEN = re.compile(r"[\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
# What stands between the parts of an address, also as host names know it in other scripts.
_JOINS = re.compile(r"[.:@\u3002\uff0e\uff61\u2024\uff1a\uff20](?=\S)|[/\uff0f](?=[/\uff0f])|\\(?=\\)")
_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")


def one_line(text: str) -> str:
    """The text on one line: what breaks it is a space, several are one, and unseen marks are left out."""
    return " ".join(_SPOILS.sub(" ", _UNSEEN.sub("", text)).split())


def unlinked(name: str) -> str:
    """A name in which no program finds an address: a hair space stands behind what would join its parts.

    Spaces end what mail programs take for a link; invisible joiners do not, for host names ignore them.
    """
    return _JOINS.sub("\\g<0>\u200a", name)


def lines(text: str) -> str:
    """The same for a text that may have several lines: they stay, empty ones count once."""
    kept = "\n".join(one_line(line) for line in _BREAK.split(text))
    return re.sub("\n{3,}", "\n\n", kept).strip("\n")
