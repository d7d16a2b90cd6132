"""SQL lives in .sql files: each query there is named by a comment, `-- name: …`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def queries() -> dict[str, str]:
    """The named queries of queries.sql."""
    found: dict[str, str] = {}
    name = ""
    for line in (HERE / "queries.sql").read_text(encoding="utf-8").splitlines():
        if line.startswith("-- name:"):
            name = line.removeprefix("-- name:").strip()
            found[name] = ""
        elif name:
            found[name] += line + "\n"
    return found


def query(name: str) -> str:
    """One named query."""
    return queries()[name]
