"""The catalogue of the stories: its calendar knows the present moment, and `--calendar` chooses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from motcua.catalogue.catalogue import Catalogue
from tests.present import ROOT, catalog_with, shipped


@pytest.fixture(scope="session", autouse=True)
def _catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The catalogue as it ships, unless its calendar ends too soon or another calendar was chosen."""
    calendar = shipped()
    if calendar == Catalogue.load(ROOT / "catalog").calendar("vn"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        folder = catalog_with(calendar, tmp_path_factory.mktemp("catalog") / "catalog")
        patch.setenv("MOTCUA_CATALOG_DIR", str(folder))
        yield
