"""Whether motcua can run here, checked before anything is installed: `python motcua/machine.py`.

It prints one line that says what to install and exits with 1, or prints nothing. It imports nothing but the
standard library, and every Python from 2.7 on can read it, so that an older one says that it is too old: it
has no annotations and no f-strings.
"""

import platform
import sys

OLDEST = (3, 11)
SYSTEMS = ("linux", "darwin")
PACKAGES = ("pydantic", "structlog", "typer")
"""Those that every program needs first."""
PROCESSORS = ("x86_64", "amd64", "arm64", "aarch64")


def problem():  # type: () -> str | None
    """What keeps motcua from being installed here, as one sentence; None if nothing does."""
    return _system() or _processor() or _library() or _python() or _venv()


def unable():  # type: () -> str | None
    """What keeps motcua from being started here, as one sentence; None if nothing does."""
    return _system() or _python() or _packages()


def _system():  # type: () -> str | None
    if sys.platform in SYSTEMS or sys.platform.startswith("linux"):  # Python 2 says linux2
        return None
    return (
        "motcua runs on Linux and macOS, not on {}: its PostgreSQL and Temporal are not built for it."
        " Use WSL or a container."
    ).format(platform.system() or sys.platform)


def _processor():  # type: () -> str | None
    if platform.machine().lower() in PROCESSORS:
        return None
    return "motcua runs on x86-64 and arm64 processors, not on {}.".format(platform.machine())


def _library():  # type: () -> str | None
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] == "glibc":
        return None
    return (
        "motcua needs Linux with glibc (Debian, Ubuntu, Fedora):"
        " its PostgreSQL and Temporal are not built for musl (Alpine)."
    )


def _python():  # type: () -> str | None
    if sys.version_info[:2] >= OLDEST:
        return None
    return (
        "motcua needs Python 3.11 or later; this is {}. Install one (Debian 12 and later:"
        " apt-get install python3 python3-venv), and name it unless it is python3: make PYTHON=python3.11"
    ).format(platform.python_version())


def _venv():  # type: () -> str | None
    if _finds("venv") and _finds("ensurepip"):
        return None
    return "Python {} cannot make virtual environments here: apt-get install python3-venv".format(
        platform.python_version()
    )


def _packages():  # type: () -> str | None
    if all(_finds(name) for name in PACKAGES):
        return None
    return (
        "motcua's packages are not installed for {}; run: make install, and then: .venv/bin/python"
    ).format(sys.executable)


def _finds(name):  # type: (str) -> bool
    from importlib.util import find_spec  # Python 2 has none

    return find_spec(name) is not None


if __name__ == "__main__":
    sys.exit(problem())
