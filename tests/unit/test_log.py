"""The log of a process that has no room for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import logging, sys
import structlog
from motcua.telemetry import configure_logging

configure_logging("info")
for number in range(1000):
    structlog.get_logger().error("one of many lines", number=number)
    logging.getLogger("library").error("another of %s", number)
print("done", flush=True)
"""


def test_a_log_on_a_full_disk_does_not_end_the_process() -> None:
    """The watcher of a dead worker died of the line about it, and nobody started another."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stdout) == (0, "done\n")


def test_a_log_nobody_reads_does_not_end_the_process() -> None:
    """Whoever read its standard error has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (ran.returncode, ran.stdout) == (0, "done\n")


def test_the_log_is_written() -> None:
    """Line by line, our own and the libraries'."""
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stderr.count("one of many lines") == 1000
    assert ran.stderr.count("another of") >= 1
