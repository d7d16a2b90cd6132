"""What some tests need of the machine beside Python's packages."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def needs(what: str, how: str) -> NoReturn:
    """Skip with a name and a way to get it; where CI runs everything must be there."""
    words = f"needs {what}: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)
