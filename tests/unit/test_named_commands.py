"""Commands that refusals and findings name: each exists, and is named with all that it requires."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from motcua.cli import PARTS, load

ROOT = Path(__file__).parents[2]
BEGINS = r"(?:starter\.py |with: |`)"


def commands() -> dict[str, Any]:
    """Every command of the command line by its words."""
    shop: Any = None  # no command is called
    found: dict[str, Any] = {}
    for part in PARTS:
        for name, command in load(part, shop).items():
            found |= {
                f"{name} {sub}": each for sub, each in getattr(command, "commands", {name: None}).items()
            }
            found[name] = command
    return {name: command for name, command in found.items() if command and not hasattr(command, "commands")}


def strings() -> Iterator[tuple[str, str]]:
    """The strings of the code, except docstrings: those that people can be shown."""
    for part in ("models", "motcua", "workflows", "activities"):
        for path in sorted((ROOT / part).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def named() -> Iterator[tuple[str, str, str]]:
    """Where a command is named, the command, and what follows it."""
    known = sorted(commands(), key=len, reverse=True)
    pattern = re.compile(f"{BEGINS}({'|'.join(map(re.escape, known))})(?![a-z-])([^`;]*)")
    for place, text in strings():
        for found in pattern.finditer(text):
            if " " in found[1] or "starter.py" in found[0]:
                yield place, found[1], found[2]


def test_commands_are_found_in_texts() -> None:
    """Those of a missing workflow and of a seal among them."""
    assert {"dossiers restart", "audit seal", "submit", "up"} <= {command for _, command, _ in named()}


@pytest.mark.parametrize(
    ("place", "command", "rest"), [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in named()]
)
def test_a_command_is_named_with_all_that_it_requires(place: str, command: str, rest: str) -> None:
    """`dossiers restart CODE` was named without --as and --reason, and so was refused as it stood."""
    required = [each for each in commands()[command].params if each.required]
    options = [each.opts for each in required if each.param_type_name == "option"]
    assert [opts for opts in options if not any(opt in rest.split() for opt in opts)] == [], place
    arguments = [each for each in required if each.param_type_name == "argument"]
    assert len(rest.split()) >= len(arguments) + 2 * len(options), place
