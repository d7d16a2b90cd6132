"""File descriptors: how many this process may have, and how many of them the desk's visitors may take."""

from __future__ import annotations

import resource

RESERVED_DESCRIPTORS = 112
"""For all but visitors: databases, logs and runtime (about 50), connections that are just being accepted or
closed (at most 32), and what it takes to start a process again (10 each)."""
DESCRIPTORS_PER_CONNECTION = 2
"""Of a visitor's connection: its socket, and a file that is being sent or received."""
MAX_CONNECTIONS, MIN_CONNECTIONS = 2_000, 16
HEALTH_CONNECTIONS = 8
"""Of these: so many answer health checks only."""
_UNLIMITED = 10_240  # what macOS takes where it says that there is no limit
_LINUX_MAX = 1_048_576


def raise_limit() -> int:
    """Raise the soft limit of this process, and of those that it starts, to the hard one; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _UNLIMITED if hard == resource.RLIM_INFINITY else min(hard, _LINUX_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft


def web_connections() -> int:
    """How many connections of visitors may be open at once, so that the reserve is never touched."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (
        MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else (soft - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION
    )
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, free))
