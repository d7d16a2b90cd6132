"""Whether motcua can run here, checked before anything is installed: `python motcua/machine.py`.

It prints one line that says what to install and exits with 1, or prints nothing. It imports nothing but the
standard library, and Python 3.7 can read it.
"""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

OLDEST = (3, 11)
SYSTEMS = ("linux", "darwin")
PROCESSORS = ("x86_64", "amd64", "arm64", "aarch64")


def problem() -> str | None:
    """What keeps motcua from running here, as one sentence; None if nothing does."""
    return _platform() or _python()


def _platform() -> str | None:
    unbuilt = "its PostgreSQL and Temporal are not built for"
    if sys.platform not in SYSTEMS:
        system = platform.system() or sys.platform
        return f"motcua runs on Linux and macOS, not on {system}: {unbuilt} it. Use WSL or a container."
    if platform.machine().lower() not in PROCESSORS:
        return f"motcua runs on x86-64 and arm64 processors, not on {platform.machine()}."
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        return f"motcua needs Linux with glibc (Debian, Ubuntu, Fedora): {unbuilt} musl (Alpine)."
    return None


def _python() -> str | None:
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST:
        return (
            f"motcua needs Python 3.11 or later; this is {version}. Install one (Debian 12 and later: "
            "apt-get install python3 python3-venv), and name it unless it is python3: make PYTHON=python3.11"
        )
    if any(find_spec(name) is None for name in ("venv", "ensurepip")):
        return f"Python {version} cannot make virtual environments here: apt-get install python3-venv"
    return None


if __name__ == "__main__":
    sys.exit(problem())
