"""A valid catalogue whose units, staff, roles and procedures have other names than the shipped one's."""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "catalog"
OWN = ("office.toml", "procedures", "caseloads")
"""What an office writes itself; calendars, papers and texts are the shipped ones."""


def second_office(folder: Path) -> Path:
    """The catalogue of the second office in a new folder below."""
    root = folder / "catalog"
    shutil.copytree(SHIPPED, root, ignore=shutil.ignore_patterns("office.toml", "procedures", "caseloads"))
    for name in OWN:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, root / name)
        else:
            shutil.copy(source, root / name)
    return root
