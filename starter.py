"""Composition root of the command line: hands the services of the office to motcua.cli.

A command that needs no running office must not pay for what does: `motcua.services`, which brings Temporal,
PostgreSQL and the pages, is imported by the first command that asks for one of them (decision 0050).
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from motcua import cli
from motcua.descriptors import raise_limit
from motcua.owner import OWNER, end_with_owner

if TYPE_CHECKING:
    from models.calendar import Calendar
    from motcua.accounts import Accounts
    from motcua.catalogue.catalogue import Catalogue
    from motcua.config import Settings
    from motcua.desk import Desk, Rulebook
    from motcua.documents import Documents
    from motcua.papers import Papers
    from motcua.proving import Proving
    from motcua.restarts import Restarts
    from motcua.running import Office
    from motcua.services import Services
    from motcua.store import Store


class Workshop:
    """Makes what commands work with; each import is made by the first command that needs it."""

    @cached_property
    def settings(self) -> Settings:
        """The settings of this process; BadSetting names the first variable that cannot be used."""
        from motcua.config import Settings

        return Settings.read()

    @cached_property
    def _services(self) -> Services:
        from motcua.services import Services

        return Services(self.settings)

    def catalogue(self) -> Catalogue:
        """The catalogue, read and checked."""
        from motcua.catalogue.catalogue import Catalogue

        return Catalogue.load(self.settings.catalog_dir)

    def calendar(self, name: str | None) -> Calendar:
        """A calendar of the catalogue by its name or its office's; that of the office unless named."""
        from motcua.catalogue.calendars import calendar_of

        return calendar_of(self.settings.catalog_dir, name)

    def rulebook(self, catalogue: Catalogue, calendar: Calendar) -> Rulebook:
        """The catalogue as the desk needs it, with the calendar to count by."""
        from motcua.rulebook import rulebook

        return rulebook(catalogue, calendar)

    def office(self) -> AbstractAsyncContextManager[tuple[Desk, Store]]:
        """The office that runs here, or on the servers that the environment names."""
        return self._services.office()

    def record(self) -> AbstractAsyncContextManager[Store | None]:
        """The record of that office; None where no office runs."""
        return self._services.record()

    def proving(self) -> AbstractAsyncContextManager[Proving]:
        """The proofs of that office's record."""
        return self._services.proving()

    def restarts(self) -> AbstractAsyncContextManager[Restarts]:
        """The restarts of that office's dossiers."""
        return self._services.restarts()

    def papers(self) -> AbstractAsyncContextManager[Papers]:
        """The printing from that record; the workflows are not asked."""
        return self._services.papers()

    def embedded(self, name: str, rulebook: Rulebook) -> AbstractAsyncContextManager[Office]:
        """An office on embedded servers with its workers, up until the end of the block."""
        return self._services.embedded(name, rulebook)

    def web(self) -> AbstractAsyncContextManager[str]:
        """The desk alone, on that office; its address."""
        return self._services.web()

    def documents(self, store: Store) -> Documents:
        """The intake and delivery of files."""
        return self._services.documents(store)

    def accounts(self) -> AbstractAsyncContextManager[Accounts]:
        """The accounts of that office."""
        return self._services.accounts()


def main(argv: list[str]) -> int:
    """Run one command; returns the process's exit code."""
    raise_limit()
    owner = os.environ.pop(OWNER, "")
    if owner:
        end_with_owner(owner)
    # There is none, and to look for one pydantic reads the metadata of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    return cli.run(Workshop(), argv)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of Temporal's runtime outlive the event loop and abort the process when they meet an
    # interpreter that is being torn down (temporalio/sdk-python #300): leave without tearing it down.
    os._exit(code)
