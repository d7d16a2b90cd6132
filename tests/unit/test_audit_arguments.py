"""A check of the record is given everything that it checks against: no argument has a default."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from motcua.audit import Verified
from motcua.replays import Where

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("models", "workflows", "activities", "motcua", "worker.py", "starter.py")
CHECKS = (
    *("motcua/audit", "motcua/proof", "motcua/keeper.py", "motcua/replays.py", "motcua/replay.py"),
    *("motcua/archive.py", "motcua/erasure.py", "motcua/shelf.py"),
    *("motcua/store/proof.py", "motcua/store/record.py", "motcua/store/views.py"),
)
"""What seals, proves, verifies, replays, archives and erases."""


def modules(*names: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules of these files and packages, with their paths."""
    for name in names:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CHECKS)
def test_no_check_has_a_default_argument(name: str) -> None:
    """Left out by accident, such an argument makes a check pass over something, or name what is intact."""
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, module in modules(name)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.args.defaults or any(node.args.kw_defaults))
    ]
    assert found == []


@pytest.mark.parametrize("kind", [Where, Verified])
def test_no_part_of_a_check_has_a_default(kind: type) -> None:
    """Neither where an office is, nor what was found there."""
    parameters = inspect.signature(kind).parameters.values()
    assert [each.name for each in parameters if each.default is not inspect.Parameter.empty] == []


def test_the_whole_office_is_verified_in_one_place() -> None:
    """Command line, demo, imported logs and the nightly check cannot differ in what they check."""
    users = [
        path
        for path, module in modules(*PRODUCT)
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        and node.module == "motcua.audit"
        and "verify" in {alias.name for alias in node.names}
    ]
    calls = [
        node.lineno
        for _, module in modules("motcua/keeper.py")
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "verify"
    ]
    assert users == ["motcua/keeper.py"]
    assert len(calls) == 1
