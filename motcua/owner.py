"""What a process owes its owner: to end with it."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

OWNER = "MOTCUA_OWNER"
"""The variable by which `make` gives a program its own process id."""
LOOK_SECONDS = 0.5


def end_with_parent() -> None:
    """End this process, which multiprocessing has started, as soon as its parent is gone, however it died."""
    import multiprocessing  # noqa: PLC0415 - each command would take it along

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait, args=(parent,), daemon=True).start()


def _wait(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def end_with_owner(owner: str) -> None:
    """Have this process told to end (SIGTERM) as soon as the process with this id is not its parent any more.

    An office that `make` has started ends in order when `make` is killed and can pass no signal on.
    """
    threading.Thread(target=_watch, args=(owner,), daemon=True).start()


def _watch(owner: str) -> None:
    while str(os.getppid()) == owner:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
