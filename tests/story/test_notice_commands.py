"""`notices` and `absences` as the office uses them: a refused letter is seen, mended and sent again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.offices import SampleOffice, with_calendar
from tests.present import always_open, day
from tests.servers import MailServer, Mood
from tests.story.cli import CommandLine, Ran
from tests.waiting import blocking_until


def listed(there: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    """What `notices list` says."""
    ran = there("notices", "list", *arguments, "--json")
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = ran.json
    return found


def eventually(there: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    """The same, once there is something to say."""
    return blocking_until(lambda: listed(there, *arguments), f"a notice {arguments}")


def refused(ran: Ran, code: int, name: str) -> None:
    """An error of this name, on one line."""
    assert (ran.code, ran.error.partition(":")[0]) == (code, name)


@pytest.mark.slow  # an office and a mail server of its own
async def test_a_letter_is_refused_mended_and_sent_again(sample: SampleOffice, tmp_path: Path) -> None:
    """Listed with why; sent again on a leader's word, and by nobody else's."""
    # Always open: in the lunch break the letter would wait for the afternoon.
    open_now = with_calendar(sample, always_open(), tmp_path)
    async with MailServer() as mail:
        settings = {
            "MOTCUA_SMTP_URL": mail.url,
            "MOTCUA_CA_FILE": str(mail.ca_file),
            "MOTCUA_MAIL_FROM": "Một cửa <motcua@motcua.example>",
        }
        there = CommandLine(open_now, tmp_path / "data", settings)
        mail.mood = Mood("rcpt", "550 no such user")
        await asyncio.to_thread(_refused, there)
        mail.mood = None
        # the rest of the story needs the office that ended with the first part: it goes on where it was
        await asyncio.to_thread(_again, there)
        assert [str(each.message["To"].addresses[0].addr_spec) for each in mail.received] == [
            "lan@dan.example"
        ]
        (letter,) = mail.received
        assert [part.get_content_type() for part in letter.message.iter_attachments()] == ["application/pdf"]


def _refused(there: CommandLine) -> None:
    sample = there.sample
    with there.up():
        there.accepted("story-1", applicant={"name": "Trần Thị Lan", "email": "lan@dan.example"})
        (notice,) = eventually(there, "--state", "refused")
        assert "550 no such user" in notice["why"]
        assert notice["recipient"] == "applicant"
        shown = there("notices", "list", "--state", "refused").out
        assert notice["id"].split("/")[0] in shown
        refused(there("notices", "retry", notice["id"], "--as", sample.handler), 3, "MayNotRetry")
        refused(there("notices", "retry", "--as", sample.office_leader), 2, "WhichNotices")
        refused(there("notices", "retry", "no/such/notice", "--as", sample.office_leader), 3, "NotRefused")
        refused(there("notices", "list", "--state", "lost"), 2, "UnknownState")
        assert there("notices", "bell", sample.unit_leader, "--json").json == []
        refused(there("notices", "bell", "nobody"), 2, "UnknownUser")


def _again(there: CommandLine) -> None:
    sample = there.sample
    with there.up():
        again = there("notices", "retry", "--all", "--as", sample.office_leader, "--json").json
        assert [each["round"] for each in again] == [1]
        (sent,) = eventually(there, "--state", "sent")
        assert sent["why"].startswith("250 ")
        assert "no notice was refused" in there("notices", "retry", "--all", "--as", sample.clerk).out
        _absences(there)


def _absences(there: CommandLine) -> None:
    sample = there.sample
    first, last = str(day(30)), str(day(34))
    add = ("absences", "add", sample.handler, "--from", first, "--to", last)
    entered = there(*add, "--substitute", sample.colleague, "--as", sample.unit_leader)
    assert (
        entered.out
        == f"1: {sample.handler} is away from {first} to {last}; {sample.colleague} is told in their place\n"
    )
    (shown,) = there("absences", "list", "--json").json
    assert (shown["person"], shown["substitute"], shown["since"]) == (sample.handler, sample.colleague, first)
    today, tomorrow = str(day(0)), str(day(1))
    away = (
        "absences",
        "add",
        sample.colleague,
        "--from",
        today,
        "--to",
        tomorrow,
        "--as",
        sample.unit_leader,
    )
    number = there(*away, "--json").json["number"]
    assert f"{sample.colleague} (absent)" in there("absences", "list").out
    assert there("absences", "end", str(number), "--as", sample.unit_leader).code == 0
    refused(there(*add, "--substitute", sample.handler, "--as", sample.unit_leader), 2, "BadAbsence")
    refused(there(*add, "--substitute", sample.outsider, "--as", sample.unit_leader), 2, "BadAbsence")
    refused(there(*add, "--substitute", "ghost", "--as", sample.unit_leader), 2, "UnknownUser")
    refused(there(*add, "--as", sample.colleague), 3, "NotYoursToEnter")
    backward = (
        "absences",
        "add",
        sample.handler,
        "--from",
        first,
        "--to",
        str(day(29)),
        "--as",
        sample.unit_leader,
    )
    refused(there(*backward), 2, "BadAbsence")
    refused(there("absences", "end", "9", "--as", sample.unit_leader), 2, "NoAbsence")
    refused(there("absences", "end", "1", "--as", sample.colleague), 3, "NotYoursToEnter")
    assert there("absences", "end", "1", "--as", sample.handler).out == f"{sample.handler} is back\n"
    assert there("absences", "list", "--json").json == []
