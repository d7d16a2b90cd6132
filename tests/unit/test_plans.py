"""The plans kept beside the pages' statements are of all of them."""

from __future__ import annotations

import re

from tests.story.cli import ROOT

STORE = ROOT / "motcua" / "store"
SMALL = {"unmarked", "digits", "filters", "add_filter", "drop_filter"}
"""Statements that read or write a row by its key, or none at all."""


def test_every_statement_of_the_pages_has_its_plan() -> None:
    """`python -m benchmarks.screens --plans` renews them."""
    named = set(re.findall(r"^-- name: (\w+)$", (STORE / "screens.sql").read_text(encoding="utf-8"), re.M))
    planned = re.findall(r"^## (\w+):", (STORE / "screens.plans.md").read_text(encoding="utf-8"), re.M)
    assert named - SMALL <= set(planned)
    assert {"bell", "alarmed_for_some", "alarmed_for_leaders"} <= set(planned)
