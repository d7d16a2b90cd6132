"""SQL lives in .sql files: each query there is named by a comment, `-- name: …`, and by no other."""

from __future__ import annotations

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def queries() -> dict[str, str]:
    """The named queries of all files."""
    found: dict[str, str] = {}
    name = ""
    lines = (line for file in sorted(HERE.glob("*.sql")) for line in file.read_text("utf-8").splitlines())
    for line in lines:
        if line.startswith("-- name:"):
            name = line.removeprefix("-- name:").strip()
            assert name not in found, name
            found[name] = ""
        elif name:
            found[name] += line + "\n"
    return found


def query(name: str) -> str:
    """One named query."""
    return queries()[name]
