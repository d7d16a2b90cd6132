"""A channel that hangs must not keep all hands busy, for the others' notices need them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from motcua.notices.letter import ChannelAway

SLOW = 1.5
"""Seconds after which a failure has kept somebody waiting for nothing."""


class Gate:
    """To a channel that hung the last time it lets one through at a time, and turns away the others."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._hung, self._within = False, 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Go through; ChannelAway at once where it hung and somebody is finding out whether it still does."""
        if self._hung and self._within:
            reason = "it hung a moment ago, and whether it still does is being found out"
            raise ChannelAway(channel=self._channel, reason=reason)
        self._within, began = self._within + 1, time.monotonic()
        try:
            yield
            self._hung = False
        except BaseException:  # whoever is called off after a while has waited for nothing, too
            self._hung = self._hung or time.monotonic() - began >= SLOW
            raise
        finally:
            self._within -= 1
