"""`make` as a person runs it, wherever the tests themselves run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

OUTER = frozenset({"MAKEFLAGS", "MAKELEVEL", "MFLAGS"})
"""What a make hands down to another: the options of the outer one, and that it is to name its folder."""


def make(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, as if no other make ran these tests."""
    own = {name: value for name, value in os.environ.items() if name not in OUTER}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**own, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
