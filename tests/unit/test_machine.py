"""Newcomers' machines: what is missing is told in one line, and the next run begins anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from motcua import machine
from tests.making import make
from tests.needs import needs
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_ENSUREPIP = """
import importlib.util
known = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "ensurepip" else known(name)
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout that nothing has been installed in."""
    if shutil.which("make") is None:
        needs("make", "apt-get install make")
    (tmp_path / "motcua").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "motcua" / "machine.py", tmp_path / "motcua")
    return tmp_path


def made(fresh: Path, python: str) -> tuple[int, list[str]]:
    """The exit code of making the virtual environment, and the lines that it prints beside make's own."""
    ran = make(fresh, ".venv/made.done", f"PYTHON={python}")
    lines = (ran.stdout + ran.stderr).splitlines()
    return ran.returncode, [line for line in lines if not line.startswith("make: ***")]


def stub(fresh: Path, spoilt: str) -> str:
    """A Python that lacks something; it runs a script and nothing else."""
    run = "import platform, runpy, sys\n" + spoilt + "\nrunpy.run_path(sys.argv[1], run_name='__main__')\n"
    (fresh / "stub.py").write_text(run)
    path = fresh / "python-stub"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {fresh / "stub.py"} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        (
            "sys.version_info = (3, 10, 13, 'final', 0); platform.python_version = lambda: '3.10.13'",
            "3.10.13",
        ),
        (WITHOUT_ENSUREPIP, "python3-venv"),
        ("sys.platform = 'win32'; platform.system = lambda: 'Windows'", "Linux and macOS, not on Windows"),
        ("platform.libc_ver = lambda: ('', '')", "glibc"),
        ("platform.machine = lambda: 'riscv64'", "riscv64"),
    ],
)
def test_what_a_machine_lacks_is_told_in_one_line(fresh: Path, spoilt: str, told: str) -> None:
    """And what to install; nothing is left half made."""
    code, lines = made(fresh, stub(fresh, spoilt))
    assert code != 0
    (line,) = lines
    assert told in line
    assert not (fresh / ".venv").exists()


def test_no_python_at_all_is_told_in_one_line(fresh: Path) -> None:
    """With the name that was looked for."""
    code, lines = made(fresh, "python3.99")
    assert code != 0
    (line,) = lines
    assert "There is no python3.99 here. Install Python 3.11" in line


@pytest.mark.slow  # a virtual environment is made twice
def test_a_half_made_environment_is_made_anew(fresh: Path) -> None:
    """As `python3 -m venv` leaves one on Debian without python3-venv: with a Python and without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=fresh, check=True)
    code, lines = made(fresh, sys.executable)
    assert (code, lines) == (0, [])
    pip = subprocess.run([".venv/bin/python", "-m", "pip", "--version"], cwd=fresh, check=False)
    assert pip.returncode == 0


def test_another_system_is_told_when_motcua_is_started() -> None:
    """By whichever program: one line, not a traceback about a module that Windows lacks."""
    start = "import sys; sys.platform = 'win32'; import motcua.cli"
    ran = subprocess.run(
        [sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("motcua runs on Linux and macOS")


def test_this_machine_is_one_of_ours() -> None:
    """The tests run where motcua runs."""
    assert machine.problem() is None
