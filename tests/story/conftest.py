"""The offices of the stories: their calendar knows the present moment, and `--calendar` chooses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from motcua.catalogue.catalogue import Catalogue
from tests.offices import SHIPPED, SampleOffice, of_today, second
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


@pytest.fixture(
    scope="module",
    params=[
        "shipped",
        # The same stories once more, each file with servers of its own.
        pytest.param("second", marks=pytest.mark.slow),
    ],
)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SampleOffice:
    """Each office that a story runs in."""
    folder = tmp_path_factory.mktemp(request.param)
    return of_today(second(folder / "second") if request.param == "second" else SHIPPED, folder)
