"""Ids that mean the product itself, or a party that is no member of staff, wherever somebody is named."""

from __future__ import annotations

CITIZEN_ID, CLOCK_ID, MESSENGER_ID, OBSERVER_ID = "citizen", "clock", "messenger", "import"
"""Actors of facts: the applicant, the clock, linked dossiers, and the observer of an imported log."""
ASSIGNEE, APPLICANT = "assignee", "applicant"
"""Recipients of notices in place of an id."""
RESERVED = frozenset({CITIZEN_ID, CLOCK_ID, MESSENGER_ID, OBSERVER_ID, ASSIGNEE, APPLICANT})
"""Somebody with one of these ids would act as the applicant, or have their acts read as the clock's."""


def is_reserved(name: str) -> bool:
    """Whether a name is one of those; people read `Clock` as `clock`, and so does this."""
    return name.strip().casefold() in RESERVED
