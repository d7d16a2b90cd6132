"""Options of the whole test suite, and its directory for temporary files."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests.present import CHOSEN, KINDS

# An example that takes long on a busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
OWN = pytest.StashKey[str]()
"""The directory that this run made for its temporary files."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--calendar` tells which calendar the present moment of real servers has."""
    parser.addoption(
        "--calendar", choices=KINDS, default="open", help="the calendar that the present moment lies in"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hand the chosen calendar to every process of the run, and give it a directory of its own.

    Runs of one user share a directory otherwise, and each that starts closes it to other accounts: to
    PostgreSQL as well, which root's tests run under an account of its own.
    """
    os.environ[CHOSEN] = config.getoption("--calendar")
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # below `make test`, a make of a test would be its part
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As it is in the background of a script, and in every process from there: Ctrl-C would stop nothing.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = config.stash[OWN] = tempfile.mkdtemp(prefix="motcua-tests-")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave temporary files behind only where a test failed."""
    if (own := session.config.stash.get(OWN, None)) and exitstatus == 0:
        shutil.rmtree(own, ignore_errors=True)
