"""What is sent: a letter with its words, and what channels say when they cannot deliver it."""

from __future__ import annotations

from models.base import Value
from models.refusals import BadInput, Unreachable
from motcua.texts.topic import Words


class Undeliverable(BadInput):
    """It will never arrive like this: a person has to mend something first, then it can be sent again."""

    sentence = "{to}: {reason}"


class ChannelAway(Unreachable):
    """A channel does not take letters now; trying again later may help."""

    sentence = "The channel {channel} does not take letters: {reason}"


class Attachment(Value):
    """A file that goes with a letter."""

    name: str
    content: bytes
    media_type: str = "application/pdf"


class Letter(Value):
    """One message to one address. `key` is the same whenever it is sent again."""

    key: str
    to: str
    """An e-mail address."""
    to_name: str
    language: str
    words: Words
    attachments: tuple[Attachment, ...] = ()
