"""The offices of the stories are as they are described."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.procedure import Role, Stage
from motcua.catalogue.catalogue import Catalogue
from tests.offices import SHIPPED, SampleOffice, second

IN_THE_UNIT = (Role.RECEIVER, Role.HANDLER, Role.UNIT_LEADER, Role.APPROVER, Role.CLERK, Role.RETURNER)
ANYWHERE = (Role.OFFICE_LEADER, Role.AUDITOR, Role.ADMINISTRATOR)


@pytest.fixture(params=["shipped", "second"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> SampleOffice:
    """Each of them."""
    return SHIPPED if request.param == "shipped" else second(tmp_path)


def test_its_people_do_what_they_are_called_by(office: SampleOffice) -> None:
    """Each has the role of the name, and belongs to the unit that it is said of."""
    staff = Catalogue.load(office.catalog).office.staff
    for role in (*IN_THE_UNIT, *ANYWHERE):
        assert role in staff[getattr(office, role.replace("-", "_"))].roles, role
    people = [getattr(office, role.replace("-", "_")) for role in IN_THE_UNIT]
    assert {staff[user].unit for user in (*people, office.colleague)} == {office.unit}
    assert Role.HANDLER in staff[office.colleague].roles
    assert office.colleague != office.handler
    assert (staff[office.outsider].unit, Role.HANDLER in staff[office.outsider].roles) == (
        office.other_unit,
        True,
    )


def test_its_procedure_has_what_the_stories_need(office: SampleOffice) -> None:
    """A fee at the counter, pauses, alarms, one extension, and somebody for each step."""
    procedure = office.current
    assert all(fee.price("counter") for fee in procedure.fees)
    assert len(procedure.fees) == procedure.extensions == len(office.steps(Stage.RECEIVE)) == 1
    assert "none" not in (procedure.pausing.payment, procedure.pausing.supplement)
    assert len(office.steps(Stage.PROCESS)) > 1
    staff = Catalogue.load(office.catalog).office.staff
    assert all(step.role in staff[office.officer(step)].roles for step in procedure.steps)
    assert Catalogue.load(office.catalog).agency(Catalogue.load(office.catalog).today()) == office.prefix


def test_none_shares_a_name_with_the_other(tmp_path: Path) -> None:
    """What a story takes for granted of one is not true of the other."""
    other = second(tmp_path)
    fields = set(vars(SHIPPED))
    assert [name for name in fields if getattr(SHIPPED, name) == getattr(other, name)] == []
