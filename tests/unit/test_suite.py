"""The test run itself: it works in the background of a script, and beside another run of the same user."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

from tests.any_day import FAKED, MOVED
from tests.present import KINDS, ROOT
from tests.waiting import PATIENCE


def run(folder: Path, test: str) -> str:
    """Run one test in a pytest of its own that ignores Ctrl-C, as processes in the background do."""
    file = folder / "test_one.py"
    file.write_text(test, encoding="utf-8")
    command = ["bash", "-c", 'trap "" INT; exec "$@"', "-", sys.executable, "-m", "pytest", "-q"]
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, *settings, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ctrl_c_reaches_what_tests_start_in_the_background(tmp_path: Path) -> None:
    """The tests that end an office by Ctrl-C waited for ever where a script ran them in the background."""
    run(
        tmp_path,
        "import signal, subprocess, sys\n"
        "def test_it():\n"
        "    code = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)'\n"
        "    assert subprocess.check_output([sys.executable, '-c', code], text=True) == 'False\\n'\n",
    )
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_another_run_does_not_close_the_directory_of_this_one(tmp_path: Path) -> None:
    """PostgreSQL of one run lost its data directory when another run of root began."""
    file = tmp_path / "where"
    test = "from pathlib import Path\n"
    test += f"def test_it(tmp_path):\n    Path({str(file)!r}).write_text(str(tmp_path))\n"
    run(tmp_path, test)
    others, mine = (
        Path(each).relative_to(gettempdir()).parts[0] for each in (file.read_text(encoding="utf-8"), tmp_path)
    )
    assert others != mine


def test_the_page_on_testing_lists_the_runs_on_other_days() -> None:
    """Each file and each calendar of `make any-day`."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    assert [path for path in (*FAKED, *MOVED) if Path(path).name not in page] == []
    assert [kind for kind in KINDS[1:] if f"`{kind}`" not in page] == []
    assert all((ROOT / path).exists() for path in (*FAKED, *MOVED))
