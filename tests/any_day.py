"""The tests on other days, at other times and in other time zones than today's: `make any-day`.

Unit tests, and the stories that need no server, run under faketime. Tests on real servers run with another
calendar for the present moment, since Temporal's server cannot be given another clock (see `tests.present`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NamedTuple

from tests.present import KINDS, ROOT

OFFICE = "Asia/Ho_Chi_Minh"
NEW_YORK = "America/New_York"


class Moment(NamedTuple):
    """A moment at which tests begin, on the wall clock of the machine's time zone."""

    name: str
    at: str
    zone: str


MOMENTS = (
    Moment("a Sunday", "2026-11-29 10:00:00", OFFICE),
    Moment("Tết", "2027-02-06 10:00:00", OFFICE),
    Moment("31 December, 23:58", "2026-12-31 23:58:00", OFFICE),
    Moment("1 January, 00:01", "2027-01-01 00:01:00", OFFICE),
    Moment("29 February 2028, after the end of the catalogue's calendar", "2028-02-29 10:00:00", OFFICE),
    Moment("New York, on the day before the office's", "2026-11-30 20:00:00", NEW_YORK),
    Moment("New York, two minutes before summer time", "2027-03-14 01:58:00", NEW_YORK),
    Moment("New York, two minutes before winter time", "2026-11-01 01:58:00", NEW_YORK),
)
FAKED = ("tests/unit", "tests/story/test_preview.py")
"""The tests that start no server."""
MOVED = (
    "tests/integration/test_dossier.py",
    "tests/integration/test_web_accounts.py",
    "tests/integration/test_web_dossier.py",
    "tests/integration/test_web_inbox.py",
    "tests/integration/test_web_reviewed.py",
    "tests/story/test_command_line.py",
)
"""The tests on real servers that run with each calendar."""


def pytest(*arguments: str, **environment: str) -> int:
    """Run pytest on some tests; its exit code."""
    jobs = os.environ.get("JOBS", "3")
    command = [sys.executable, "-m", "pytest", "-n", jobs, "--dist", "loadfile", *arguments]
    return subprocess.run(
        [*_faked(environment), *command], cwd=ROOT, env={**os.environ, **environment}, check=False
    ).returncode


def _faked(environment: dict[str, str]) -> list[str]:
    """The command that gives a process another clock, where one was asked for."""
    at = environment.pop("AT", None)
    return ["faketime", "-f", f"@{at}"] if at else []


def main() -> int:
    """Run all, and return 1 and name the runs that failed if there are any."""
    if shutil.which("faketime") is None:
        print("no faketime here: apt-get install faketime", file=sys.stderr)
        return 1
    outcomes: list[tuple[str, int]] = []
    for moment in MOMENTS:
        print(f"--- {moment.name} ({moment.at} {moment.zone})", flush=True)
        faked = {"AT": moment.at, "TZ": moment.zone, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        outcomes.append((moment.name, pytest("-p", "tests.faked", "-m", "not slow", *FAKED, **faked)))
    for kind in KINDS[1:]:  # `make test` runs with the first, and mostly in the zone of the office or in UTC
        print(f"--- calendar: {kind}", flush=True)
        outcomes.append(
            (f"calendar: {kind}", pytest("-m", "not slow", f"--calendar={kind}", *MOVED, TZ=NEW_YORK))
        )
    failed = [name for name, code in outcomes if code]
    for name in failed:
        print(f"FAILED on another day: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
