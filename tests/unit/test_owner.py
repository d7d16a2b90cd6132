"""A program that `make` has started ends with it, however `make` ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from motcua.guardian import GUARDIAN
from tests.making import OUTER
from tests.waiting import blocking_until

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, sys
sys.path.insert(0, ".")
from motcua.owner import OWNER, end_with_owner
end_with_owner(os.environ[OWNER])
print(os.getpid(), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("target", ["up", "demo"])
def test_a_program_ends_when_its_make_is_killed(tmp_path: Path, target: str) -> None:
    """By the recipe of the Makefile; in the place of `starter.py` it runs a program that only waits."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    stub = tmp_path / "python"
    stub.write_text(f'#!/bin/sh\nexec {sys.executable} "{tmp_path}/program.py"\n', encoding="utf-8")
    stub.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if name not in OUTER}
    argv, stdin = GUARDIAN.guarded(["make", "-o", "install", target, f"BIN={tmp_path}"])
    making = subprocess.Popen(argv, stdin=stdin, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True)
    with making:
        try:
            assert making.stdout
            program = psutil.Process(int(making.stdout.readline()))
            assert program.ppid() == making.pid
        finally:
            making.kill()
        blocking_until(lambda: not program.is_running(), "the end of the program")
