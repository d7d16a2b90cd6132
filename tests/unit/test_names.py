"""Each value that a page shows by a table has a name there; without one its English id stood on the page."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import pytest

from models import commands, facts, notices, service, terms, timeliness
from models.people import DESK, EMAIL
from motcua.store import notices as deliveries
from motcua.store import screens, views
from motcua.web import names

VALUES: dict[str, Collection[str]] = {
    "KINDS": [event.model_fields["kind"].default for event in get_args(get_args(facts.Event)[0])],
    "SIGHTS": get_args(views.Sight),
    "ALARMS": {*get_args(notices.Kind), *get_args(terms.Alert)},
    "MEDIA": [DESK, EMAIL],
    "FATES": {*get_args(deliveries.State), *get_args(service.Fate)},
    "WAITS": {*get_args(facts.WaitReason), "outage"},
    "STATES": get_args(screens.State),
    "CHANNELS": get_args(commands.Channel),
    "NEWS": get_args(commands.News),
    "VACANCIES": get_args(commands.Vacancy),
    "TIMELINESS": get_args(timeliness.Timeliness),
    "TERMS": get_args(terms.Term.model_fields["of"].annotation),
}


@pytest.mark.parametrize("table", VALUES)
def test_every_value_has_a_name(table: str) -> None:
    """And no name is left of a value that is none any more."""
    assert sorted(getattr(names, table)) == sorted(VALUES[table])
