"""E-mail addresses: one rule for what people enter, what the catalogue says and what letters are sent to.

The part before the @ may hold letters of any language: a letter to it goes by a server that offers SMTPUTF8,
and is undeliverable by others. Quoted local parts and addresses in brackets are refused; nobody has one.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from models.refusals import Phrase
from models.visible import UNSEEN

MAX_LENGTH = 254
"""Characters of an address as it stands in an envelope (RFC 5321, erratum 1690)."""
MAX_LOCAL_BYTES = 64


class NotAnAddress(ValueError):
    """A text that is no e-mail address."""


class Address(NamedTuple):
    """An e-mail address in the form in which mail servers are given it."""

    local: str
    """In Unicode's normal form C."""
    domain: str
    """In ASCII (IDNA 2008)."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> Address:
    """The address that a text is; NotAnAddress for any other text."""
    # The library compiles large patterns: commands that read no address do without them.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    if not text.isprintable() or UNSEEN.search(text):
        raise NotAnAddress(Phrase("holds a line break or a character that cannot be seen"))
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise NotAnAddress(Phrase("is no e-mail address")) from None
    local, domain = found.local_part, found.ascii_domain
    if (
        "." not in domain
        or len(local.encode()) > MAX_LOCAL_BYTES
        or len(local.encode()) + 1 + len(domain) > MAX_LENGTH
        or not all(letter.isascii() or unicodedata.category(letter)[0] in "LMN" for letter in local)
    ):
        raise NotAnAddress(Phrase("is no e-mail address"))
    return Address(local, domain)


def _checked(text: str) -> str:
    parse_address(text)
    return text


Email = Annotated[str, Field(max_length=200), AfterValidator(_checked)]
"""An e-mail address as it was entered."""
