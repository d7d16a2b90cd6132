"""Rules from a day on: what was received before finishes as it began, what comes after begins anew."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest

from models.refusals import UnitEnded
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import Desk
from motcua.past import recall
from motcua.rulebook import rulebook
from motcua.succession import succeed
from tests.integration.test_clock import when
from tests.running import SETTINGS, Life, Running, submission
from tests.unit.office import CALENDAR, at

CODE = "1.004873"
RESULT = "approver1 approve number=7/XN date=2026-08-18T09:00"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """From Saturday, 15 August 2026: five days instead of three, no fee, another agency code, no district."""
    root = tmp_path_factory.mktemp("dated") / "catalog"
    shutil.copytree(SETTINGS.catalog_dir, root)
    file = root / "procedures" / "marital-status.toml"
    head, first, second = file.read_text(encoding="utf-8").split("[[version]]\n")
    old = second.replace("version = 2025-07-01", "version = 2025-07-01\nuntil = 2026-08-14")
    new = second.replace("version = 2025-07-01", "version = 2026-08-15").replace('"3 days"', '"5 days"', 1)
    file.write_text("[[version]]\n".join((head, first, old, new)), encoding="utf-8")
    file = root / "office.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace(
        '{ code = "H53.26" }',
        '{ code = "H53.99", until = 2026-08-14 }, { code = "H53.26", from = 2026-08-15 }',
    )
    text += """
[[unit]]
id = "district"
name = "Huyện"
name_en = "District"
until = 2026-08-14
successor = "demo"

[[staff]]
id = "district1"
name = "Lê Văn Cũ"
roles = ["receiver", "handler", "unit-leader"]
unit = "district"
"""
    file.write_text(text, encoding="utf-8")
    return Catalogue.load(root)


@pytest.fixture
def dated(office: Running, catalogue: Catalogue) -> Running:
    """The office with a desk that goes by these rules."""
    return replace(office, desk=Desk(office.client, office.store, rulebook(catalogue, CALENDAR)))


async def begin(office: Running, unit: str, opened: str, officer: str) -> Life:
    """A dossier handed in at a counter."""
    answer = await office.desk.submit(submission(CODE, unit=unit), officer=officer, at=at(opened))
    return Life(office, answer.code, at(opened))


async def test_each_dossier_finishes_under_the_rules_of_its_day(dated: Running) -> None:
    """The old one keeps limit, fee, rules and code though its unit is gone; the new one has the new."""
    old = await begin(dated, "district", "2026-08-14 09:00", "district1")
    assert old.code.startswith("H53.99-260814-")
    with pytest.raises(UnitEnded, match="district ended on 2026-08-14; demo has taken over"):
        await begin(dated, "district", "2026-08-17 09:00", "district1")
    new = await begin(dated, "demo", "2026-08-17 09:00", "receiver1")
    assert new.code.startswith("H53.26-260817-")
    with pytest.raises(UnitEnded):
        await new.do("receiver1 transfer", unit="district")

    await old.run("@ 2026-08-17 10:00", "district1 complete")  # staff of the old unit may still act
    await old.run("district1 transfer unit=demo", "handler1 complete", "@ 2026-08-18 09:30", RESULT)
    await old.run("returner1 return")
    row = await dated.desk.row(old.code)
    assert (row.version, row.unit, row.timeliness) == ("2025-07-01", "demo", "early")
    assert (when(row.due_at), when((await dated.desk.row(new.code)).due_at)) == (
        "2026-08-19 09:00",
        "2026-08-22 09:00",  # a working Saturday
    )
    rules = [(await recall(dated.store, life.code)).at().procedure for life in (old, new)]
    assert [str(each.limit) for each in rules] == ["3 days", "5 days"]
    assert [fee.amount for each in rules for fee in each.fees] == [3000, 0]
    assert await dated.state(old.code) == await dated.refolded(old.code)


async def test_what_an_ended_unit_leaves_is_carried_to_its_successor(dated: Running) -> None:
    """All that is open, once; what is ready stays. Before the unit's last day is over nothing moves."""
    open_one = await begin(dated, "district", "2026-08-14 09:00", "district1")
    gone = await begin(dated, "district", "2026-08-14 09:00", "district1")
    await gone.do("citizen withdraw")

    class Few:
        async def open_codes(self, unit: str) -> list[str]:
            assert unit == "district"
            return [open_one.code, gone.code]

    async def carried(day: date) -> list[dict[str, Any]]:
        found = await succeed(dated.desk, cast(Any, Few()), day=day, user="head1", reason="bỏ cấp huyện")
        return [each.model_dump() for each in found]

    assert await carried(date(2026, 8, 14)) == []
    await open_one.forward("2026-08-17 08:00")
    expected = {"unit": "district", "successor": "demo", "carried": 1, "left": 0, "closed": 1}
    assert await carried(date(2026, 8, 17)) == [expected]
    assert await carried(date(2026, 8, 17)) == [expected]  # the same answers again
    row = await dated.desk.row(open_one.code)
    assert (row.unit, (await open_one.kinds()).count("transferred")) == ("demo", 1)
    await open_one.run("receiver1 complete", "handler1 complete")
