"""The story of an office whose units, staff, roles and procedures have other names: every command works."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.second_office import second_office
from tests.story.cli import ROOT, Ran, starter
from tests.waiting import PATIENCE

pytestmark = pytest.mark.timeout(400)
SUBMISSION = {
    "request_id": "first",
    "procedure": "AP.01",
    "channel": "counter",
    "unit": "bo-phan-mot-cua",
    "applicant": {"name": "Võ Thị Sáu"},
}


class Second:
    """The office that is up, and what `up` printed."""

    def __init__(self, data: Path, catalog: Path) -> None:
        self.data, self.catalog, self.printed = data, catalog, ""

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        """One command."""
        settings = {"MOTCUA_CATALOG_DIR": str(self.catalog), "MOTCUA_RPC_TIMEOUT": "60"}
        return starter(self.data, *arguments, stdin=stdin, **settings)

    def does(self, code: str, command: str, user: str, **data: object) -> None:
        """A command on a dossier that succeeds."""
        ran = self("act", code, command, "--as", user, "--data", json.dumps(data))
        assert ran.code == 0, ran.err


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    """The second office, up as a person has it, not as JSON."""
    folder = tmp_path_factory.mktemp("second")
    there = Second(folder / "data", second_office(folder))
    environment = {"MOTCUA_DATA_DIR": str(there.data), "MOTCUA_CATALOG_DIR": str(there.catalog)}
    process = subprocess.Popen(
        [sys.executable, "-u", "starter.py", "up"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            there.printed = "".join(process.stdout.readline() for _ in range(4))
            yield there
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()


def test_up_names_staff_of_the_office(second: Second) -> None:
    """Who can sign in is read from the catalogue."""
    assert "Sign in as lan.nt, tuan.lv, mai.pt or son.tv, password " in second.printed


def test_a_dossier_from_hand_in_to_result(second: Second) -> None:
    """With every command that looks at it on the way and afterwards."""
    taken = second("submit", "-", "--as", "lan.nt", "--json", stdin=json.dumps(SUBMISSION))
    assert taken.code == 0, taken.err
    code = taken.json["code"]
    assert re.fullmatch(r"H11\.7-\d{6}-\d{4}", code)
    (task,) = second("tasks", "--unit", "bo-phan-mot-cua", "--json").json
    assert (task["step"], task["role"]) == ("scan", "receiver")
    second.does(code, "complete", "lan.nt")
    second.does(code, "claim", "tuan.lv")
    second.does(code, "complete", "tuan.lv")
    second.does(code, "approve", "mai.pt", number="7/XN", date=taken.json["received_at"])
    second.does(code, "return", "lan.nt")
    second.does(code, "rate", "citizen", score=4)
    assert second("show", code, "--json").json["status"] == "returned"
    for arguments in (
        ("show", code),
        ("receipt", code),
        ("tasks", "--role", "handler"),
        ("tasks", "--user", "tuan.lv"),
        ("report", "--by", "unit"),
        ("report", "--by", "procedure"),
        ("calendar", "show"),
        ("units", "list"),
        ("units", "succeed", "--as", "son.tv"),
        ("absences", "list"),
        ("notices", "list"),
        ("accounts", "list"),
        ("audit", "archive"),
        ("audit", "seal"),
        ("audit", "seals"),
        ("audit", "proof", code, "-o", str(second.data / "proof.json")),
        ("audit", "sheet", "1", "-o", str(second.data / "seal.pdf")),
        ("audit", "verify"),
        ("audit", "replay"),
        ("paper", "receipt", code, "-o", str(second.data / "receipt.pdf")),
        ("preview",),
    ):
        ran = second(*arguments)
        assert ran.code == 0, (arguments, ran.out, ran.err)


def test_a_demo_there(tmp_path: Path) -> None:
    """By the office's own caseload; one that does not fit is refused on one line."""
    catalog = second_office(tmp_path)
    settings = {"MOTCUA_CATALOG_DIR": str(catalog)}
    ran = starter(tmp_path / "data", "demo", "--dossiers", "10", "--exit", **settings)
    assert (ran.code, "BROKEN" in ran.out) == (0, False), ran.err
    assert "every chain holds" in ran.out
    file = catalog / "caseloads" / "an-phu.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("bo-phan-mot-cua", "demo"), encoding="utf-8")
    ran = starter(tmp_path / "data", "demo", "--dossiers", "10", "--exit", **settings)
    assert ran.code == 2
    assert ran.error.startswith("CaseloadDoesNotFit: The caseload An Phú does not fit this office: ")
    assert ran.error.endswith("there is no unit demo.")
