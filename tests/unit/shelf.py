"""A record in memory, with dossiers of the unit tests' driver on it: what the papers need of a store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from models.chain import fingerprint
from models.facts import Filed
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.papers import Papers
from motcua.store import Store
from tests.unit.office import CALENDAR, Case

CATALOG_DIR = Settings.read().catalog_dir
OFFICE = Catalogue.load(CATALOG_DIR).office


class Shelf:
    """The facts and the erasable rows of some dossiers."""

    def __init__(self, *cases: Case, rows: dict[str, Any] | None = None) -> None:
        self.cases = {case.dossier.code: case for case in cases}
        self.rows = rows or {}

    async def row(self, code: str) -> Any:
        """The little that is asked of the read model."""
        return SimpleNamespace(office="demo") if code in self.cases else None

    async def facts(self, code: str) -> list[Any]:
        """The facts of a dossier."""
        return self.cases[code].facts if code in self.cases else []

    async def rules(self, wanted: str) -> str | None:
        """A procedure or calendar that one of them was received under."""
        for case in self.cases.values():
            filed = case.facts[0].event
            assert isinstance(filed, Filed)
            for value, name in ((case.empty.procedure, filed.rules), (case.empty.calendar, filed.calendar)):
                if wanted == name == fingerprint(value):
                    return value.model_dump_json()
        return None

    async def track_link(self, public_url: str, code: str) -> str:
        """As a store makes it, with a key of no dossier's."""
        return f"{public_url}/track/{code}?k=0123456789abcdef"

    async def private(self, code: str) -> dict[str, Any]:
        """All rows: their ids tell them apart."""
        return self.rows


def papers(*cases: Case, rows: dict[str, Any] | None = None, public_url: str = "") -> Papers:
    """The papers of an office with these dossiers on its shelf."""
    store = cast(Store, Shelf(*cases, rows=rows))
    return Papers(store, OFFICE, CALENDAR, CATALOG_DIR, public_url)
