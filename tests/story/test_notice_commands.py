"""`notices` and `absences` as the office uses them: a refused letter is seen, mended and sent again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.breach import catalog
from tests.present import day
from tests.servers import MailServer, Mood
from tests.story.cli import Ran, office, starter
from tests.waiting import blocking_until


def listed(data_dir: Path, *arguments: str) -> list[dict[str, Any]]:
    """What `notices list` says."""
    ran = starter(data_dir, "notices", "list", *arguments, "--json")
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = ran.json
    return found


def eventually(data_dir: Path, *arguments: str) -> list[dict[str, Any]]:
    """The same, once there is something to say."""
    return blocking_until(lambda: listed(data_dir, *arguments), f"a notice {arguments}")


def refused(ran: Ran, code: int, name: str) -> None:
    """An error of this name, on one line."""
    assert (ran.code, ran.error.partition(":")[0]) == (code, name)


async def test_a_letter_is_refused_mended_and_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed with why; sent again on a leader's word, and by nobody else's."""
    data = tmp_path / "data"
    async with MailServer() as mail:
        # Always open: in the lunch break the letter would wait for the afternoon.
        monkeypatch.setenv("MOTCUA_CATALOG_DIR", str(catalog(tmp_path / "catalog")))
        monkeypatch.setenv("MOTCUA_SMTP_URL", mail.url)
        monkeypatch.setenv("MOTCUA_CA_FILE", str(mail.ca_file))
        monkeypatch.setenv("MOTCUA_MAIL_FROM", "Một cửa <motcua@motcua.example>")
        mail.mood = Mood("rcpt", "550 no such user")
        await asyncio.to_thread(_refused, tmp_path, data)
        mail.mood = None
        # the rest of the story needs the office that ended with the first part: it goes on where it was
        await asyncio.to_thread(_again, tmp_path, data)
        assert [str(each.message["To"].addresses[0].addr_spec) for each in mail.received] == [
            "lan@dan.example"
        ]
        (letter,) = mail.received
        assert [part.get_content_type() for part in letter.message.iter_attachments()] == ["application/pdf"]


def _refused(folder: Path, data: Path) -> None:
    submission = {
        "request_id": "story-1",
        "procedure": "1.001612",
        "channel": "counter",
        "unit": "demo",
        "applicant": {"name": "Trần Thị Lan", "email": "lan@dan.example"},
    }
    (folder / "one.json").write_text(json.dumps(submission), encoding="utf-8")
    with office(data):
        assert starter(data, "submit", str(folder / "one.json"), "--as", "receiver1").code == 0
        (notice,) = eventually(data, "--state", "refused")
        assert "550 no such user" in notice["why"]
        assert notice["recipient"] == "applicant"
        shown = starter(data, "notices", "list", "--state", "refused").out
        assert notice["id"].split("/")[0] in shown
        refused(starter(data, "notices", "retry", notice["id"], "--as", "handler1"), 3, "MayNotRetry")
        refused(starter(data, "notices", "retry", "--as", "head1"), 2, "WhichNotices")
        refused(starter(data, "notices", "retry", "no/such/notice", "--as", "head1"), 3, "NotRefused")
        refused(starter(data, "notices", "list", "--state", "lost"), 2, "UnknownState")
        assert starter(data, "notices", "bell", "leader1", "--json").json == []
        refused(starter(data, "notices", "bell", "nobody"), 2, "UnknownUser")


def _again(folder: Path, data: Path) -> None:
    with office(data):
        again = starter(data, "notices", "retry", "--all", "--as", "head1", "--json").json
        assert [each["round"] for each in again] == [1]
        (sent,) = eventually(data, "--state", "sent")
        assert sent["why"].startswith("250 ")
        assert "no notice was refused" in starter(data, "notices", "retry", "--all", "--as", "clerk1").out
        _absences(data)


def _absences(data: Path) -> None:
    first, last = str(day(30)), str(day(34))
    add = ("absences", "add", "handler1", "--from", first, "--to", last)
    entered = starter(data, *add, "--substitute", "handler2", "--as", "leader1")
    assert entered.out == f"1: handler1 is away from {first} to {last}; handler2 is told in their place\n"
    (shown,) = starter(data, "absences", "list", "--json").json
    assert (shown["person"], shown["substitute"], shown["since"]) == ("handler1", "handler2", first)
    refused(starter(data, *add, "--substitute", "handler1", "--as", "leader1"), 2, "BadAbsence")
    refused(starter(data, *add, "--substitute", "police1", "--as", "leader1"), 2, "BadAbsence")
    refused(starter(data, *add, "--substitute", "ghost", "--as", "leader1"), 2, "UnknownUser")
    refused(starter(data, *add, "--as", "handler2"), 3, "NotYoursToEnter")
    backward = (
        "absences",
        "add",
        "handler1",
        "--from",
        first,
        "--to",
        str(day(29)),
        "--as",
        "leader1",
    )
    refused(starter(data, *backward), 2, "BadAbsence")
    refused(starter(data, "absences", "end", "9", "--as", "leader1"), 2, "NoAbsence")
    refused(starter(data, "absences", "end", "1", "--as", "handler2"), 3, "NotYoursToEnter")
    assert starter(data, "absences", "end", "1", "--as", "handler1").out == "handler1 is back\n"
    assert starter(data, "absences", "list", "--json").json == []
