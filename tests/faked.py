"""A plugin for pytest under faketime, which breaks `time.sleep`.

Only the wall clock is faked: with a faked monotonic clock too, waiting for a lock or an event never ends
(libfaketime 0.9.10). But then its `clock_nanosleep`, by which Python sleeps, refuses every time as invalid.
"""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    """Sleep by a system call that faketime leaves alone."""
    select.select([], [], [], seconds)


time.sleep = sleep
