"""The commands of docs/desk.md and docs/people.md, and the desk beside a running office."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from models.rights import COMMANDS, EVERYWHERE, OFFICE, WATCHING
from motcua.guardian import GUARDIAN
from tests.story.cli import ROOT, office, starter
from tests.story.test_docs import STARTER, commands
from tests.waiting import PATIENCE

PEOPLE = (ROOT / "docs" / "people.md").read_text(encoding="utf-8")


def test_the_commands_of_the_desk(tmp_path: Path) -> None:
    """A document goes in and comes out as it was; an account gets a password that opens the desk."""
    data_dir = tmp_path / "office"
    lines = [
        line.removeprefix(STARTER)
        for page in ("desk.md", "people.md")
        for line in commands(ROOT / "docs" / page)
        if line.startswith(STARTER)
    ]
    assert lines == [
        "web",
        "act CODE attach --as receiver1 --file docs/examples/scan.pdf",
        "document CODE 5 -o scan.pdf",
        "accounts list",
        "accounts password handler1",
    ]
    with office(data_dir):
        submit = ("submit", "docs/examples/household-business.json", "--as", "receiver1", "--json")
        code = starter(data_dir, *submit).json["code"]

        scan = ROOT / "docs" / "examples" / "scan.pdf"
        attach = ("act", code, "attach", "--as", "receiver1", "--file", str(scan), "--json")
        number = starter(data_dir, *attach).json["seq"]
        out = tmp_path / "scan.pdf"
        told = starter(data_dir, "document", code, str(number), "-o", str(out), "--json").json
        assert (told["name"], told["type"], told["size"]) == (
            "scan.pdf",
            "application/pdf",
            scan.stat().st_size,
        )
        assert out.read_bytes() == scan.read_bytes()
        plain = starter(data_dir, "document", code, str(number), "-o", str(out))
        assert "as it was handed in" in plain.out
        for arguments, expected in (
            (("document", code, "1"), (2, "UnknownDocument")),
            (("document", code, "99"), (2, "UnknownDocument")),
            (("document", "H53.26-260302-9999", "1"), (4, "UnknownDossier")),
            (("document", code, str(number), "-o", str(tmp_path / "no" / "x")), (2, "CannotWrite")),
            (("act", code, "attach", "--as", "receiver1"), (2, "DocumentMissing")),
            (("act", code, "attach", "--as", "receiver1", "--file", "Makefile"), (2, "DocumentRefused")),
            (("act", code, "attach", "--as", "receiver1", "--file", "nowhere.pdf"), (2, "NoSuchFile")),
            (("act", code, "claim", "--as", "receiver1", "--file", str(scan)), (2, "DocumentNotExpected")),
            (("act", code, "attach", "--as", "auditor1", "--file", str(scan)), (3, "WrongRole")),
        ):
            ran = starter(data_dir, *arguments, "--json")
            assert (ran.code, ran.json["error"]["type"]) == expected, arguments

        password = starter(data_dir, "accounts", "password", "handler1", "--json").json["password"]
        listed = {
            each["user"]: each for each in starter(data_dir, "accounts", "list", "--json").json["accounts"]
        }
        assert listed["handler1"]["must_change"] is True
        assert starter(data_dir, "accounts", "password", "nobody", "--json").code == 2
        with _web(data_dir) as url, httpx.Client(base_url=url, timeout=PATIENCE) as client:
            refused = client.post("/sign-in", data={"name": "handler1", "password": "not this one"})
            assert refused.status_code == 403
            answer = client.post("/sign-in", data={"name": "handler1", "password": password})
            assert answer.status_code == 303, answer.text
            assert client.get("/inbox").headers["location"] == "/password"


class _web:
    """`starter.py web` until the end of the block; its address."""

    def __init__(self, data_dir: Path) -> None:
        self._env = {**os.environ, "MOTCUA_DATA_DIR": str(data_dir)}

    def __enter__(self) -> str:
        argv, stdin = GUARDIAN.guarded((sys.executable, "starter.py", "web", "--json"))
        self._process = subprocess.Popen(
            argv, cwd=ROOT, env=self._env, stdin=stdin, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        return str(json.loads(self._process.stdout.readline())["desk"])

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(20) in (0, 130)
        assert self._process.stdout is not None
        self._process.stdout.close()


def test_the_page_of_rights_is_the_table() -> None:
    """Every command and every act of the office, with its roles and stages, and nothing else."""
    rows = [line for line in PEOPLE.splitlines() if line.startswith("| ") and "---" not in line]
    expected = ["| command | roles | stages |"]
    for name, right in COMMANDS.items():
        stages = ", ".join(right.stages) if len(right.stages) < 4 else "any"
        expected.append(f"| `{name}` | {', '.join(right.roles) or 'that of the open task'} | {stages} |")
    expected.append("| at the office | roles |")
    expected += [f"| {name} | {', '.join(roles)} |" for name, roles in OFFICE.items()]
    assert rows == expected
    words = " ".join(PEOPLE.split())
    assert f"is one of: {', '.join(EVERYWHERE)}." in words
    assert f"are seen by: {', '.join(WATCHING)}." in words
