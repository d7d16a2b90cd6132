"""What only the second office shows: what `up` prints there, and that every command and every page works.

The other stories run in this office, too (`sample` in conftest.py).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from models.procedure import Stage
from tests.offices import SampleOffice, of_today, second
from tests.story.cli import ROOT, CommandLine
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]  # an office of its own, and a demo


class Second(NamedTuple):
    """The office that is up, and what `up` printed."""

    line: CommandLine
    printed: str


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> SampleOffice:
    """The second office."""
    folder = tmp_path_factory.mktemp("second")
    return of_today(second(folder / "second"), folder)


@pytest.fixture(scope="module")
def up(office: SampleOffice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    """The same, up as a person has it, not as JSON."""
    line = CommandLine(office, tmp_path_factory.mktemp("data"))
    process = subprocess.Popen(
        [sys.executable, "-u", "starter.py", "up"],
        cwd=ROOT,
        env={**os.environ, **line.environment, "MOTCUA_DATA_DIR": str(line.data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield Second(line, "".join(process.stdout.readline() for _ in range(4)))
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()


def test_up_names_staff_of_the_office(up: Second) -> None:
    """Who can sign in is read from the catalogue."""
    assert "Sign in as lan.nt, tuan.lv, mai.pt or son.tv, password " in up.printed


def test_every_command_works(up: Second, office: SampleOffice) -> None:
    """On a dossier of a procedure whose decision is issued in the same step."""
    there = up.line
    code = there.accepted("first", procedure="AP.01")
    (task,) = there("tasks", "--unit", office.unit, "--json").json
    assert (task["step"], task["role"]) == ("scan", "receiver")
    for command, user, data in (
        ("complete", office.receiver, {}),
        ("claim", office.handler, {}),
        ("complete", office.handler, {}),
        (
            "approve",
            office.approver,
            {"number": "7/XN", "date": there("show", code, "--json").json["received_at"]},
        ),
        ("return", office.returner, {}),
        ("rate", "citizen", {"score": 4}),
    ):
        ran = there.act(code, command, user, **data)
        assert ran.code == 0, ran.err
    assert there("show", code, "--json").json["stage"] == Stage.CLOSED
    for arguments in (
        ("show", code),
        ("receipt", code),
        ("tasks", "--role", "handler"),
        ("tasks", "--user", office.handler),
        ("report", "--by", "unit"),
        ("report", "--by", "procedure"),
        ("calendar", "show"),
        ("units", "list"),
        ("units", "succeed", "--as", office.office_leader),
        ("absences", "list"),
        ("notices", "list"),
        ("accounts", "list"),
        ("audit", "archive"),
        ("audit", "seal"),
        ("audit", "seals"),
        ("audit", "proof", code, "-o", str(there.data_dir / "proof.json")),
        ("audit", "sheet", "1", "-o", str(there.data_dir / "seal.pdf")),
        ("audit", "verify"),
        ("audit", "replay"),
        ("paper", "receipt", code, "-o", str(there.data_dir / "receipt.pdf")),
        ("preview",),
    ):
        ran = there(*arguments)
        assert ran.code == 0, (arguments, ran.out, ran.err)


def test_every_page_opens(up: Second, office: SampleOffice) -> None:
    """To somebody who has the right; with the password that `up` printed, in both languages."""
    code = up.line.accepted("pages")
    pages = (
        *(
            "/inbox",
            "/counter",
            "/board",
            "/board/tasks",
            "/absences",
            "/calendar",
            "/people",
            "/book",
            "/rights",
        ),
        *("/audit", f"/search?q={code}", f"/dossiers/{code}", f"/dossiers/{code}/audit", f"/track/{code}"),
        f"/counter/received/{code}",
        f"/dossiers/{code}/papers/receipt.pdf",
    )
    address, password = (re.search(rf"{word} (\S+)", up.printed) for word in ("The desk:", "password"))
    assert address
    assert password
    opened: set[str] = set()
    for user in (office.receiver, office.handler, office.unit_leader, office.office_leader):
        for language in ("vi", "en"):
            with httpx.Client(
                base_url=address[1], headers={"Accept-Language": language}, timeout=PATIENCE
            ) as client:
                answer = client.post("/sign-in", data={"name": user, "password": password[1]})
                assert answer.status_code == 303, (user, answer.text)
                for page in pages:
                    answer = client.get(page)
                    assert answer.status_code in (200, 403), (user, page, answer.text)
                    opened |= {page} if answer.status_code == 200 else set()
    assert opened == set(pages)


def test_a_demo_there(office: SampleOffice, tmp_path: Path) -> None:
    """By the office's own caseload; one that does not fit is refused on one line."""
    mine = replace(office, catalog=Path(shutil.copytree(office.catalog, tmp_path / "catalog")))
    there = CommandLine(mine, tmp_path / "data")
    ran = there("demo", "--dossiers", "10", "--exit")
    assert (ran.code, "BROKEN" in ran.out, "refused: " in ran.out) == (0, False, False), (ran.out, ran.err)
    assert "every chain holds" in ran.out
    cannot = (
        "open work that the catalogue of this office cannot show:\n  linked: none of 1, because no procedure"
    )
    assert cannot in ran.out
    file = mine.catalog / "caseloads" / "an-phu.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(office.unit, "demo"), encoding="utf-8")
    ran = there("demo", "--dossiers", "10", "--exit")
    assert ran.code == 2
    assert ran.error.startswith("CaseloadDoesNotFit: The caseload An Phú does not fit this office: ")
    assert ran.error.endswith("there is no unit demo.")
