"""The account that runs PostgreSQL for root."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

NAME = "motcua-trial"
MADE = f"from motcua.servers import _account; print(flush=True); input(); print(_account({NAME!r}).pw_uid)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes accounts")
def test_offices_that_start_at_once_share_one_account() -> None:
    """A second useradd at the same moment replaced the account: the first office's files were nobody's."""
    try:
        command = [sys.executable, "-c", MADE]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        offices = [subprocess.Popen(command, **pipes) for _ in range(6)]
        for office in offices:
            office.stdout.readline()  # it is about to ask for the account
        for office in offices:
            office.stdin.write("\n")
            office.stdin.flush()
        numbers = {office.communicate(timeout=PATIENCE)[0].strip() for office in offices}
        assert numbers == {str(pwd.getpwnam(NAME).pw_uid)}
    finally:
        subprocess.run(["userdel", NAME], check=False, capture_output=True)
