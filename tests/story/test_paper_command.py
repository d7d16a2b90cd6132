"""`paper` as an officer uses it: a receipt, the register of a day, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pdf
from tests.offices import SampleOffice
from tests.story.cli import ROOT, CommandLine, starter


@pytest.mark.slow  # each paper of an office of its own
def test_papers_from_the_command_line(sample: SampleOffice, tmp_path: Path) -> None:
    """Files with the names that were asked for, or of its own where one is; only the record is needed."""
    there = CommandLine(sample, tmp_path / "office")
    with there.up():
        code = there.accepted("papers-1")

        file = tmp_path / "receipt.pdf"
        public = {"MOTCUA_PUBLIC_URL": "https://motcua.example"}
        ran = there("paper", "receipt", code, "-o", str(file), **public)
        assert (ran.code, ran.out) == (0, f"{file}: form 01, 1 page\n"), ran.err
        said = pdf.text(file.read_bytes())
        assert f"https://motcua.example/track/{code}" in said
        assert sample.name(sample.receiver) in said
        assert "mô phỏng" not in said

        told = there("paper", "control-slip", code, "--at", "2", "-o", str(file), "--json").json
        assert told == {
            "file": str(file),
            "kind": "control-slip",
            "form": "06",
            "pages": 1,
            "archivable": True,
            "seq": 2,
        }

        command = [sys.executable, str(ROOT / "starter.py"), "paper", "receipt", code]
        env = {**there.environment, "MOTCUA_DATA_DIR": str(there.data_dir), "PATH": ""}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=True)
        assert done.stdout.decode() == f"{code}-receipt.pdf: form 01, 1 page\n"
        own = (tmp_path / f"{code}-receipt.pdf").read_bytes()
        assert "/track/" not in pdf.text(own)
        piped = subprocess.run([*command, "-o", "-"], cwd=tmp_path, env=env, capture_output=True, check=True)
        assert piped.stdout == own

        day = re.sub(r".*-(\d\d)(\d\d)(\d\d)-.*", r"20\1-\2-\3", code)
        register = tmp_path / "register.pdf"
        ran = there("paper", "register", "--from", day, "--to", day, "-o", str(register))
        assert (ran.code, ran.out) == (0, f"{register}: form 07, 1 page\n"), ran.err
        assert code in pdf.text(register.read_bytes()).replace(" ", "")

        for arguments, expected in (
            (("apology", code), (3, "NoSuchPaper")),
            (("receipt", sample.unknown), (4, "UnknownDossier")),
            (("receipt", code, "--at", "99"), (2, "NoSuchFact")),
            (("letter", code), (2, "UnknownPaper")),
            (("receipt",), (2, "BadUsage")),
            (("receipt", code, "--from", day), (2, "BadUsage")),
            (("receipt", code, "-o", "-", "--json"), (2, "BadUsage")),
            (("register", code), (2, "BadUsage")),
            (("register", "--from", day), (2, "BadTime")),
            (("register", "--from", day, "--to", "2020-01-01"), (2, "BadPeriod")),
            (("receipt", code, "-o", str(tmp_path / "no" / "where.pdf")), (2, "CannotWrite")),
        ):
            ran = there("paper", *arguments)
            if "--json" in arguments:
                assert (ran.code, ran.json["error"]["type"]) == expected
            else:
                assert (ran.code, ran.error.partition(":")[0]) == expected, arguments


def test_no_office_and_a_wrong_address(tmp_path: Path) -> None:
    """Papers come from the record of an office that is up; a tracking address is one."""
    none = starter(tmp_path, "paper", "receipt", "H53.26-260101-0001")
    assert (none.code, none.error.partition(":")[0]) == (5, "NoOffice")
    for url in ("motcua.example", "javascript:alert(1)", "https://", "https://a b"):
        assert starter(tmp_path, "tasks", MOTCUA_PUBLIC_URL=url).code == 2
