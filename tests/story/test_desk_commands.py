"""The commands of docs/desk.md and docs/people.md, and the desk beside a running office."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from models.rights import COMMANDS, EVERYWHERE, OFFICE, WATCHING
from motcua.guardian import GUARDIAN
from tests.offices import SHIPPED, SampleOffice
from tests.story.cli import ROOT, CommandLine
from tests.story.test_docs import STARTER, commands
from tests.waiting import PATIENCE

PEOPLE = (ROOT / "docs" / "people.md").read_text(encoding="utf-8")


def test_the_commands_of_the_pages() -> None:
    """Those of the story below, as people of the shipped office give them: the pages name these."""
    lines = [
        line.removeprefix(STARTER)
        for page in ("desk.md", "people.md")
        for line in commands(ROOT / "docs" / page)
        if line.startswith(STARTER)
    ]
    assert lines == [
        "web",
        f"act CODE attach --as {SHIPPED.receiver} --file docs/examples/scan.pdf",
        "document CODE 5 -o scan.pdf",
        "accounts list",
        f"accounts password {SHIPPED.handler}",
    ]


@pytest.mark.slow  # two dozen commands in an office of its own
def test_a_document_and_an_account(sample: SampleOffice, tmp_path: Path) -> None:
    """A document goes in and comes out as it was; an account gets a password that opens the desk."""
    there = CommandLine(sample, tmp_path / "office")
    with there.up():
        code = there.accepted("desk-1")
        scan = ROOT / "docs" / "examples" / "scan.pdf"
        attach = ("act", code, "attach", "--as", sample.receiver)
        number = there(*attach, "--file", str(scan), "--json").json["seq"]
        out = tmp_path / "scan.pdf"
        told = there("document", code, str(number), "-o", str(out), "--json").json
        assert (told["name"], told["type"], told["size"]) == (
            "scan.pdf",
            "application/pdf",
            scan.stat().st_size,
        )
        assert out.read_bytes() == scan.read_bytes()
        plain = there("document", code, str(number), "-o", str(out))
        assert "as it was handed in" in plain.out
        for arguments, expected in (
            (("document", code, "1"), (2, "UnknownDocument")),
            (("document", code, "99"), (2, "UnknownDocument")),
            (("document", sample.unknown, "1"), (4, "UnknownDossier")),
            (("document", code, str(number), "-o", str(tmp_path / "no" / "x")), (2, "CannotWrite")),
            (attach, (2, "DocumentMissing")),
            ((*attach, "--file", "Makefile"), (2, "DocumentRefused")),
            ((*attach, "--file", "nowhere.pdf"), (2, "NoSuchFile")),
            (
                ("act", code, "claim", "--as", sample.receiver, "--file", str(scan)),
                (2, "DocumentNotExpected"),
            ),
            (("act", code, "attach", "--as", sample.auditor, "--file", str(scan)), (3, "WrongRole")),
        ):
            ran = there(*arguments, "--json")
            assert (ran.code, ran.json["error"]["type"]) == expected, arguments

        password = there("accounts", "password", sample.handler, "--json").json["password"]
        listed = {each["user"]: each for each in there("accounts", "list", "--json").json["accounts"]}
        assert listed[sample.handler]["must_change"] is True
        assert there("accounts", "password", "nobody", "--json").code == 2
        with _web(there) as url, httpx.Client(base_url=url, timeout=PATIENCE) as client:
            refused = client.post("/sign-in", data={"name": sample.handler, "password": "not this one"})
            assert refused.status_code == 403
            answer = client.post("/sign-in", data={"name": sample.handler, "password": password})
            assert answer.status_code == 303, answer.text
            assert client.get("/inbox").headers["location"] == "/password"


@contextmanager
def _web(there: CommandLine) -> Iterator[str]:
    """`starter.py web` until the end of the block; its address."""
    argv, stdin = GUARDIAN.guarded((sys.executable, "starter.py", "web", "--json"))
    env = {**os.environ, **there.environment, "MOTCUA_DATA_DIR": str(there.data_dir)}
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdin=stdin, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["desk"])
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) in (0, 130)
        finally:
            process.kill()


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
