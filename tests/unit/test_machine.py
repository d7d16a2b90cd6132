"""Newcomers' machines: what is missing is told in one line, and the next run begins anew."""

from __future__ import annotations

import ast
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
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith("motcua runs on Linux and macOS")


@pytest.mark.parametrize("program", ["starter.py", "worker.py"])
@pytest.mark.parametrize(
    ("options", "spoilt", "told"),
    [
        ((), "sys.version_info = (3, 10, 13, 'final', 0)", "motcua needs Python 3.11 or later"),
        (("-S",), "", "run: make install"),  # a Python without site-packages
    ],
)
def test_a_program_on_a_python_that_lacks_something(
    program: str, options: tuple[str, ...], spoilt: str, told: str
) -> None:
    """An old Python, or one without the packages: one line and exit code 2, not a traceback."""
    start = f"import runpy, sys; sys.path.insert(0, '.'); {spoilt}\nsys.argv[1:] = ['demo']\n"
    start += f"runpy.run_path({program!r}, run_name='__main__')"
    ran = subprocess.run(
        [sys.executable, *options, "-c", start],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert told in line


def test_every_python_can_read_the_check_of_the_machine() -> None:
    """Python 2.7 and 3.6 answered with lines of SyntaxError: they know no such syntax, or no such import."""
    tree = ast.parse((ROOT / "motcua" / "machine.py").read_text(encoding="ascii"))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef, ast.TryStar)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, newer)] == []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    arguments = [argument for each in functions for argument in (*each.args.args, *each.args.kwonlyargs)]
    assert [each.name for each in functions if each.returns or each.args.kwonlyargs] == []
    assert [each.arg for each in arguments if each.annotation] == []
    first = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert sorted(alias.name for node in first for alias in node.names) == ["platform", "sys"]


def test_an_old_python_of_this_machine_says_that_it_is_too_old(fresh: Path) -> None:
    """Each that there is, Python 2 too."""
    names = ["python2.7", "python2", *(f"python3.{minor}" for minor in range(4, 11))]
    versions = Path("~/.pyenv/versions").expanduser()
    there = [*filter(None, map(shutil.which, names)), *map(str, versions.glob("*/bin/python"))]
    for python in there:
        version = "import sys; sys.exit(sys.version_info >= (3, 11))"
        if subprocess.run([python, "-c", version], capture_output=True, check=False).returncode == 0:
            code, (line,) = made(fresh, python)
            assert code != 0
            assert "motcua needs Python 3.11 or later" in line


@pytest.mark.slow  # a virtual environment is made
@pytest.mark.parametrize("python", ["/nowhere/python3.10", "other"])
def test_an_environment_whose_python_is_gone_is_made_anew(fresh: Path, python: str) -> None:
    """After an upgrade of the system: the name points nowhere, or at a Python without the packages."""
    (fresh / ".venv" / "bin").mkdir(parents=True)
    for name in ("made.done", "run.done", "dev.done"):
        (fresh / ".venv" / name).touch()
    (fresh / "requirements.txt").touch()
    target = Path(python)
    if python == "other":
        target = fresh / "other"
        target.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
        target.chmod(0o755)
    (fresh / ".venv" / "bin" / "python").symlink_to(target)
    code, lines = made(fresh, sys.executable)
    assert (code, lines) == (0, [])
    assert [each.name for each in (fresh / ".venv").glob("*.done")] == ["made.done"]
    pip = subprocess.run([".venv/bin/python", "-m", "pip", "--version"], cwd=fresh, check=False)
    assert pip.returncode == 0


def test_this_machine_is_one_of_ours() -> None:
    """The tests run where motcua runs."""
    assert machine.problem() is None
