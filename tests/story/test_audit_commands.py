"""`audit` as an auditor uses it: sealed, proved elsewhere, archived, replayed, exported, keys changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory

from tests import pdf
from tests.offices import SampleOffice
from tests.story.cli import ROOT, CommandLine, Ran
from tests.waiting import PATIENCE

ONLINE = {"channel": "online", "applicant": {"name": "Nguyễn Thị Bí Mật", "phone": "0900000001"}}


class Audited:
    """An office with a dossier that is closed and one that is open, and a folder for files."""

    def __init__(self, line: CommandLine, files: Path) -> None:
        self.line, self.files = line, files
        self.closed, self.open = (line.submit(f"audited-{n}", **ONLINE).json["code"] for n in (1, 2))
        refused = line.act(self.closed, "refuse", line.sample.receiver, reason="Thiếu")
        assert refused.code == 0, refused.err

    def __call__(self, *arguments: str) -> Ran:
        """One command."""
        return self.line(*arguments)


@pytest.fixture(scope="module")
def audited(sample: SampleOffice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """The office of these stories."""
    line = CommandLine(sample, tmp_path_factory.mktemp("audited"))
    with line.up():
        yield Audited(line, tmp_path_factory.mktemp("files"))


def stranger(*arguments: Path) -> subprocess.CompletedProcess[str]:
    """The program of docs/proofs.md, in a Python that has nothing but its standard library."""
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    command = [sys.executable, "-I", "-S", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_dossier_is_proved_to_a_stranger(audited: Audited) -> None:
    """By our program and by the one on the page, which knows nothing of ours; spoilt, by neither."""
    early = audited("audit", "proof", audited.closed)
    assert (early.code, early.error.partition(":")[0]) == (3, "NotSealedYet")
    sealed = audited("audit", "seal", "--json")
    assert sealed.code == 0, sealed.err
    assert sealed.json["statement"]["number"] == 1
    file, keys = audited.files / "proof.json", audited.files / "keys.json"
    told = audited("audit", "proof", audited.closed, "-o", str(file))
    assert told.out == f"{file}: 2 facts of {audited.closed} under seal 1\n"
    keys.write_text(audited("audit", "keys").out, encoding="utf-8")
    checked = audited("audit", "check-proof", str(file), "--keys", str(keys))
    assert checked.code == 0, checked.err
    assert f"The 2 facts of {audited.closed} are as they were when seal 1 was made" in checked.out
    assert "no authority that is believed says when" in checked.out
    theirs = stranger(file, keys)
    assert theirs.returncode == 0, theirs.stderr
    assert theirs.stdout.startswith(f"{audited.closed}: 2 facts under seal 1 of ")
    assert "Bí Mật" not in file.read_text(encoding="utf-8")

    sheet = audited.files / "seal.pdf"
    assert audited("audit", "sheet", "1", "-o", str(sheet)).code == 0
    said = sealed.json["statement"]
    text = "".join(pdf.text(sheet.read_bytes()).split())
    assert said["root"] in text
    assert sealed.json["signature"] in text
    (code,) = pdf.qr_codes(sheet.read_bytes())
    assert json.loads(code.partition("\n")[0]) == said
    assert code.partition("\n")[2] == sealed.json["signature"]
    unknown = audited("audit", "sheet", "99")
    assert (unknown.code, unknown.error.partition(":")[0]) == (2, "UnknownSeal")

    proof = json.loads(file.read_text(encoding="utf-8"))
    proof["facts"][1]["actor"] = "nobody"
    spoilt = audited.files / "spoilt.json"
    spoilt.write_text(json.dumps(proof), encoding="utf-8")
    found = audited("audit", "check-proof", str(spoilt), "--keys", str(keys), "--json")
    assert (found.code, found.json["faults"]) == (1, ["fact 2: content does not match its hash"])
    assert "fact 2 was changed" in stranger(spoilt, keys).stderr


@pytest.mark.parametrize(
    ("content", "type_name"),
    [("", "BadProof"), ("{}", "BadProof"), ("[1, 2", "BadProof"), ("x" * 5_000_000, "BadProof")],
    ids=["empty", "of nothing", "cut off", "huge"],
)
def test_a_file_that_is_no_proof(audited: Audited, content: str, type_name: str) -> None:
    """One line, whatever it is."""
    file = audited.files / "no-proof.json"
    file.write_text(content)
    ran = audited("audit", "check-proof", str(file), "--keys", str(audited.files / "keys.json"))
    assert (ran.code, ran.error.partition(":")[0]) == (2, type_name)


def test_keys_and_authorities_that_are_none(audited: Audited) -> None:
    """Named before anything is checked."""
    file = audited.files / "nothing"
    file.write_text("nothing")
    proof = str(audited.files / "proof.json")
    ran = audited("audit", "check-proof", proof, "--keys", str(file))
    assert (ran.code, ran.error.partition(":")[0]) == (2, "BadKeys")
    ran = audited("audit", "check-proof", proof, "--keys", str(audited.files / "gone"))
    assert (ran.code, ran.error.partition(":")[0]) == (2, "BadKeys")
    ran = audited("audit", "check-proof", proof, "--keys", str(file), "--authority", str(file))
    assert (ran.code, ran.error.partition(":")[0]) == (2, "BadAuthorities")


def test_histories_are_archived_replayed_and_exported(audited: Audited, sample: SampleOffice) -> None:
    """Each closed one once; what is archived opens in Temporal's own tools."""
    swept = audited("audit", "archive", "--json")
    assert swept.code == 0, swept.err
    assert swept.json["archived"] == swept.json["closed"] >= 1
    assert audited("audit", "archive", "--json").json["archived"] == 0
    replayed = audited("audit", "replay")
    assert replayed.code == 0, replayed.out
    assert " replayed, 0 diverged; history, facts and read model agree" in replayed.out
    one = audited("audit", "replay", audited.open, "--json")
    assert one.json == {"replayed": 1, "diverged": [], "differing": []}
    temporal = str(Path(sys.executable).with_name("temporal"))
    file, opened = audited.files / "history.json", audited.files / "opened.json"
    exported = audited("audit", "export", audited.closed, "-o", str(file))
    assert exported.code == 0, exported.err
    _temporal(temporal, "workflow", "fix-history-json", "--source", str(file), "--target", str(opened))
    mine, its = (WorkflowHistory.from_json("w", path.read_text(encoding="utf-8")) for path in (file, opened))
    assert mine.events == its.events
    assert len(mine.events) > 5
    unknown = audited("audit", "export", sample.unknown)
    assert (unknown.code, unknown.error.partition(":")[0]) == (4, "UnknownHistory")
    verified = audited("audit", "verify", "--json").json
    assert (verified["broken"], verified["histories"]) == ([], swept.json["archived"])


def _temporal(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stderr


def test_personal_data_is_erased(audited: Audited, sample: SampleOffice) -> None:
    """By those who may, unless a hold is on it; what happened stays provable."""
    code, by = audited.closed, ("--as", sample.administrator, "--paper", "CV 12/2026")
    for arguments, error in (
        (("erase", code, "--as", sample.handler, "--paper", "CV 1"), (3, "MayNotErase")),
        (("erase", code, "--as", sample.administrator, "--paper", "vì bà <Lan> xin"), (2, "BadPaper")),
        (("erase", code, *by, "--basis", "whim"), (2, "UnknownBasis")),
        (("erase", *by), (2, "BadUsage")),
        (("erase", audited.open, *by), (3, "NotOverYet")),
        (("lift", code, *by), (3, "NoSuchHold")),
        (("hold", sample.unknown, *by), (4, "UnknownDossier")),
        (("replay", sample.unknown), (4, "UnknownDossier")),
        (("revoke-key", "0" * 16, "--as", sample.administrator, "--reason", ""), (2, "BadReason")),
        (("erase", "--ended-before", "soon", *by), (2, "BadTime")),
    ):
        ran = audited("audit", *arguments)
        assert (ran.code, ran.error.partition(":")[0]) == error, ran.err
    held = audited("audit", "hold", code, "--as", sample.auditor, "--paper", "KN 3/2026")
    assert held.code == 0, held.err
    assert "KN 3/2026" in audited("audit", "holds").out
    ran = audited("audit", "erase", code, *by)
    assert (ran.code, ran.error.partition(":")[0]) == (3, "UnderHold")
    assert audited("audit", "lift", code, *by).code == 0
    assert audited("audit", "holds", "--json").json == []
    erased = audited("audit", "erase", code, *by)
    assert erased.out == f"2 rows of {code} are erased; that they were is in the journal\n"
    again = audited("audit", "erase", code, *by)
    assert (again.code, again.error.partition(":")[0]) == (3, "NothingToErase")
    rest = audited("audit", "erase", "--ended-before", "2100-01-01T00:00", *by, "--json")
    assert rest.json == {"erased": 0, "kept": 0}
    assert audited("audit", "verify").code == 0
    assert audited("audit", "replay", code).code == 0


CHANGES = {
    "a pause": (
        "        while not self._over():",
        "        await workflow.sleep(1)\n        while not self._over():",
    ),
    "a pause, patched": (
        "        while not self._over():",
        '        if workflow.patched("pause"):\n'
        "            await workflow.sleep(1)\n        while not self._over():",
    ),
    "another fact": ("unit=command.actor.unit,", "unit=command.actor.unit.upper(),"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_workflow_is_found_before_it_is_deployed(
    audited: Audited, sample: SampleOffice, change: str, tmp_path: Path
) -> None:
    """Another version of the code, run over the office's histories: what it would do otherwise is shown."""
    for part in ("models", "workflows", "activities", "motcua", "starter.py", "worker.py"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    place = tmp_path / ("models/chain.py" if change == "another fact" else "workflows/dossier.py")
    before, after = CHANGES[change]
    code = place.read_text(encoding="utf-8")
    assert before in code
    place.write_text(code.replace(before, after), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "starter.py", "audit", "replay", "--all"],
        cwd=tmp_path,
        env={
            **os.environ,
            **audited.line.environment,
            "MOTCUA_DATA_DIR": str(audited.line.data_dir),
            "PYTHONPATH": "",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if change == "a pause, patched":
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert " 0 diverged; history, facts and read model agree" in ran.stdout
        return
    assert ran.returncode == 1, ran.stdout + ran.stderr
    found = ran.stdout.partition(f"  {audited.closed}: ")[2]
    if change == "a pause":
        assert "Nondeterminism error" in found
        assert f"  {audited.open}: [TMPRL1100] Nondeterminism error" in ran.stdout
    else:
        assert f"has unit {sample.unit!r} on record and {sample.unit.upper()!r} in its history" in found, (
            ran.stdout
        )


def test_keys_are_changed(audited: Audited, sample: SampleOffice) -> None:
    """By those who may; the next seal is signed by the new one, and the old one's word counts no more."""
    refused = audited("audit", "rotate-key", "--as", sample.handler)
    assert (refused.code, refused.error.partition(":")[0]) == (3, "MayNotKeepKeys")
    old = audited("audit", "seals", "--json").json[0]["statement"]["key"]
    still = audited("audit", "revoke-key", old, "--as", sample.administrator, "--reason", "x")
    assert (still.code, still.error.partition(":")[0]) == (3, "KeyStillSigns")
    fresh = audited("audit", "rotate-key", "--as", sample.administrator, "--json").json
    assert (fresh["by"], fresh["since"]) == (old, 2)
    assert audited("audit", "seal", "--json").json["statement"]["key"] == fresh["id"]
    table = audited("audit", "seals").out
    assert old in table
    assert fresh["id"] in table
    assert audited("audit", "verify").code == 0
    revoked = audited(
        "audit",
        "revoke-key",
        old,
        "--as",
        sample.office_leader,
        "--reason",
        "nó bị lộ",
        "--since",
        "2026-01-01",
    )
    assert revoked.code == 0, revoked.err
    # The office's own seal is older: a later one names it. A stranger who has but the proof cannot know.
    assert audited("audit", "verify").code == 0
    keys = audited.files / "new-keys.json"
    keys.write_text(audited("audit", "keys").out, encoding="utf-8")
    checked = audited(
        "audit", "check-proof", str(audited.files / "proof.json"), "--keys", str(keys), "--json"
    )
    assert checked.code == 1
    (fault,) = checked.json["faults"]
    assert "revoked as of" in fault
    assert "look for a stamp" in stranger(audited.files / "proof.json", keys).stderr
