"""The offices of the stories, described by what their people do: the shipped one, and one with other names.

A story names nobody. It asks for the receiver, a handler or the administrator, and so runs for each office.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.calendar import Calendar
from models.procedure import Procedure, Stage, Step
from motcua.catalogue.catalogue import Catalogue
from tests.present import ROOT, as_toml, shipped
from tests.second_office import second_office


@dataclass(frozen=True)
class SampleOffice:
    """An office of the stories. Its people belong to `unit`; an auditor, leader or administrator may not."""

    catalog: Path
    prefix: str
    """The agency code at the beginning of its dossiers' codes."""
    unit: str
    procedure: str
    """A procedure with a fee, alarms, a supplement, one extension and at least two steps of processing."""
    receiver: str
    handler: str
    colleague: str
    """Another handler."""
    unit_leader: str
    approver: str
    clerk: str
    returner: str
    office_leader: str
    auditor: str
    administrator: str
    other_unit: str
    outsider: str
    """A handler of the other unit."""

    @property
    def settings(self) -> dict[str, str]:
        """The environment variable that makes a command one of this office."""
        return {"MOTCUA_CATALOG_DIR": str(self.catalog)}

    @property
    def current(self) -> Procedure:
        """The version of the procedure that holds today."""
        catalogue = Catalogue.load(self.catalog)
        return catalogue.procedure(self.procedure, catalogue.today())

    def steps(self, *stages: Stage) -> list[Step]:
        """The steps of the procedure in some stages."""
        return [step for step in self.current.steps if step.stage in stages]

    def officer(self, step: Step) -> str:
        """The person who does a step."""
        user: str = getattr(self, step.role.replace("-", "_"))
        return user

    def name(self, user: str) -> str:
        """The full name of a member of staff."""
        return Catalogue.load(self.catalog).office.staff[user].name

    def submission(self, request_id: str, **more: Any) -> dict[str, Any]:
        """A dossier of the procedure, handed in at the counter."""
        return {
            "request_id": request_id,
            "procedure": self.procedure,
            "channel": "counter",
            "unit": self.unit,
            "applicant": {"name": "Nguyễn Văn A"},
            **more,
        }

    @property
    def unknown(self) -> str:
        """A code that none of its dossiers has."""
        return f"{self.prefix}-000101-0001"


SHIPPED = SampleOffice(
    catalog=ROOT / "catalog",
    prefix="H53.26",
    unit="demo",
    procedure="1.013225",
    receiver="receiver1",
    handler="handler1",
    colleague="handler2",
    unit_leader="leader1",
    approver="approver1",
    clerk="clerk1",
    returner="returner1",
    office_leader="head1",
    auditor="auditor1",
    administrator="admin1",
    other_unit="police",
    outsider="police1",
)


def second(folder: Path) -> SampleOffice:
    """The second office, with its catalog made in a folder: one person may do the work of several."""
    return SampleOffice(
        catalog=second_office(folder),
        prefix="H11.7",
        unit="bo-phan-mot-cua",
        procedure="AP.03",
        receiver="lan.nt",
        handler="tuan.lv",
        colleague="binh.nv",
        unit_leader="mai.pt",
        approver="mai.pt",
        clerk="mai.pt",
        returner="lan.nt",
        office_leader="son.tv",
        auditor="thanh.vt",
        administrator="son.tv",
        other_unit="van-hoa-xa-hoi",
        outsider="hoa.dt",
    )


def of_today(office: SampleOffice, folder: Path) -> SampleOffice:
    """The office with a calendar that knows the present moment and is that of `--calendar`.

    A catalog whose calendar is such a one stays as it is: a written calendar knows no provisional days.
    """
    calendar = shipped()
    unchanged = calendar == Catalogue.load(office.catalog).calendar("vn")
    return office if unchanged else with_calendar(office, calendar, folder)


def with_calendar(office: SampleOffice, calendar: Calendar, folder: Path) -> SampleOffice:
    """The office with a copy of its catalog in a folder, which has another calendar under the same name."""
    root = Path(shutil.copytree(office.catalog, folder / "catalog"))
    (root / "calendars" / "vn.toml").write_text(as_toml(calendar), encoding="utf-8")
    return replace(office, catalog=root)
