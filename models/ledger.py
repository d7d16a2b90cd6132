"""What the keeper of the facts answers."""

from __future__ import annotations

from models.base import Value
from models.facts import Fact


class Appended(Value):
    """What became of a batch."""

    new: tuple[int, ...] = ()
    """The sequence numbers that were not there before."""
    stored: tuple[Fact, ...] = ()
    """When other facts already hold these numbers: they, and all that follow them."""
