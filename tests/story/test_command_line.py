"""One office, and everything that people hand it: what is right, and each way of getting it wrong."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from models.procedure import Stage
from motcua.local import RunInfo
from tests.offices import SampleOffice
from tests.present import day
from tests.story.cli import HASTY, CommandLine, afresh, frozen, starter
from tests.waiting import blocking_until

UNTIL = {"until": f"{day(90)}T09:00", "reason": "chờ ý kiến"}


class There(NamedTuple):
    """An office that is up, and its processes."""

    line: CommandLine
    run: RunInfo


@pytest.fixture(scope="module")
def up(sample: SampleOffice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    """The office of these stories."""
    line = CommandLine(sample, tmp_path_factory.mktemp("office"))
    with line.up() as run:
        yield There(line, run)


@pytest.fixture
def there(up: There) -> CommandLine:
    """Its command line."""
    return up.line


def processed(there: CommandLine, code: str) -> list[str]:
    """Take a dossier through receiving and processing; who processed it."""
    sample, officers = there.sample, []
    for step in sample.steps(Stage.RECEIVE, Stage.PROCESS):
        assert there.act(code, "complete", sample.officer(step), step=step.id).code == 0
        officers += [sample.officer(step)] if step.stage is Stage.PROCESS else []
    return officers


def test_a_dossier_from_hand_in_to_result(there: CommandLine, sample: SampleOffice) -> None:
    """The plain way with the commands of the README, and what each of them prints."""
    taken = there.submit("plain", "--as", sample.receiver).json
    assert set(taken) == {"code", "status", "received_at", "due_at"}
    assert re.fullmatch(rf"{re.escape(sample.prefix)}-\d{{6}}-\d{{4}}", taken["code"])
    assert (taken["status"], bool(taken["due_at"])) == ("received", True)
    code = taken["code"]
    (task,) = [task for task in there("tasks", "--json").json if task["code"] == code]
    (digitise,) = sample.steps(Stage.RECEIVE)
    assert (task["step"], task["role"], task["assignee"]) == (digitise.id, "receiver", None)
    assert there.act(code, "complete", sample.receiver, "--data", "{}").code == 0
    first, *others = sample.steps(Stage.PROCESS)
    assert there.act(code, "claim", sample.officer(first)).code == 0
    assert there.act(code, "complete", sample.officer(first), step=first.id).code == 0
    for step in others:
        assert (
            there.act(code, "complete", sample.officer(step), note="Đã kiểm tra [mẫu 2], xem [/1]").code == 0
        )
    for step in sample.steps(Stage.APPROVE):
        result = {"number": "12/GPXD", "date": taken["received_at"]} if step.issues else {}
        command = "approve" if step.decides else "complete"
        assert there.act(code, command, sample.officer(step), **result).code == 0
    ready = there("show", code, "--json").json
    assert (ready["status"], ready["timeliness"], ready["national_status"]) == ("ready", "early", 9)
    returned = there.act(code, "return", sample.returner, "--json").json
    assert set(returned) == {"code", "seq", "stage", "status", "due_at"}
    assert there.act(code, "rate", "citizen", score=5).code == 0
    shown = there("show", code, "--json").json
    wanted = "code procedure stage status national_status received_at due_at original_due_at promised_at"
    wanted += " finished_at timeliness paused seq tasks terms facts"
    assert set(wanted.split()) <= set(shown)
    fact = shown["facts"][0]
    assert {"seq", "kind", "at", "actor", "data", "prev_hash", "hash"} <= set(fact)
    assert (shown["stage"], shown["status"], shown["seq"]) == ("closed", "returned", len(shown["facts"]))
    assert "12/GPXD" in there("show", code).out
    before = there("show", code, "--at", "3", "--json").json
    assert (before["seq"], before["stage"], len(before["facts"])) == (3, "receive", 3)
    report = there("report", "--json").json
    assert report["solved"]["early"] == 1
    verified = there("audit", "verify", "--json")
    assert (verified.code, verified.json["broken"]) == (0, [])
    assert verified.json["facts"] >= shown["seq"]


def test_a_dossier_waits_for_a_payment_and_a_supplement(there: CommandLine, sample: SampleOffice) -> None:
    """Each is asked for by an officer, stops the clock, and comes from the applicant."""
    code = there.accepted("waits")
    (fee,) = sample.current.fees
    asked = there.act(code, "request-payment", sample.receiver, "--json", fee=fee.kind, amount=fee.amount)
    assert (asked.code, asked.json["status"]) == (0, "awaiting-payment"), asked.out
    assert there("show", code, "--json").json["paused"]
    assert there.act(code, "pay", "citizen", amount=fee.amount, receipt="BL1").code == 0
    assert there.act(code, "complete", sample.receiver).code == 0
    first, *_ = sample.steps(Stage.PROCESS)
    assert there.act(code, "claim", sample.officer(first)).code == 0
    asked = there.act(code, "request-supplement", sample.officer(first), "--json", reason="Thiếu bản vẽ")
    assert (asked.code, asked.json["status"]) == (0, "awaiting-supplement"), asked.out
    assert there.act(code, "supply", "citizen").code == 0
    shown = there("show", code, "--json").json
    assert (shown["paused"], shown["status"]) == (False, "processing")
    assert bool(shown["due_at"])
    paper = there("paper", "supplement", code, "-o", str(there.data_dir / "supplement.pdf"))
    assert paper.code == 0, paper.err


def test_the_same_request_twice(there: CommandLine, sample: SampleOffice) -> None:
    """One dossier, one fact; other content under the same id is refused."""
    first = there.submit("twice", "--as", sample.receiver).json
    assert there.submit("twice", "--as", sample.receiver).json == first
    other = there.submit("twice", applicant={"name": "Somebody Else"})
    assert (other.code, other.json["error"]["type"]) == (2, "RequestReused")
    ask = (first["code"], "complete", sample.receiver, "--request-id", "once", "--json")
    answer = there.act(*ask).json
    assert there.act(*ask).json == answer
    assert there.facts(first["code"]) == ["filed", "accepted", "step-opened", "step-completed", "step-opened"]


def test_each_line_stands_alone(there: CommandLine, sample: SampleOffice) -> None:
    """Of JSON lines the good ones are taken in, the bad ones named, and the gravest code wins."""
    # U+2028 ends a line for Unicode, but not for JSON lines.
    good = sample.submission("line-1", applicant={"name": "Nguyễn Văn A", "address": "Ấp 3\u2028xã Long Hoa"})
    unknown = sample.submission("line-3", procedure="9.999999")
    lines = "\n".join(
        (
            json.dumps(good, ensure_ascii=False),
            "{not json",
            json.dumps(unknown),
            json.dumps({"colour": "red"}),
        )
    )
    ran = there("submit", "-", "--json", stdin=lines)
    printed = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, printed[0]["status"]) == (2, "submitted")
    assert [line["error"]["type"] for line in printed[1:]] == [
        "NotJson",
        "UnknownProcedure",
        "InvalidSubmission",
    ]
    assert [line["error"]["where"] for line in printed[1:]] == ["line 2", "line 3", "line 4"]


def bad_submissions(sample: SampleOffice) -> list[tuple[str, str, str]]:
    """What is wrong with it, the text, and a word of the error."""

    def with_(**more: object) -> str:
        return json.dumps(sample.submission("bad", **more))

    return [
        ("unknown procedure", with_(procedure=f"{sample.procedure}9"), "UnknownProcedure"),
        ("malformed JSON", '{"request_id": ', "NotJson"),
        ("unknown key", with_(colour="red"), "InvalidSubmission"),
        ("unknown unit", with_(unit="elsewhere"), "InvalidSubmission"),
        ("no applicant", json.dumps({"request_id": "bad"}), "InvalidSubmission"),
        ("not an object", "[[]]", "InvalidSubmission"),
        ("handed in tomorrow", with_(submitted_at="2199-01-01T00:00"), "BadDate"),
        ("handed in long ago", with_(submitted_at="2020-01-31T09:00"), "30 days back"),
        ("a number that is none", '{"request_id": NaN}', "NotJson"),
        ("nested too deeply", "[" * 100_000, "NotJson"),
        ("a year that overflows", with_(submitted_at="0001-01-01T00:00"), "Invalid"),
        ("papers without end", with_(papers=["x" * 5_000_000]), "TextTooLong"),
    ]


def test_a_bad_submission_leaves_nothing(there: CommandLine, sample: SampleOffice) -> None:
    """One clear line, exit code 2 (also for a rule broken inside a submission), and no dossier."""
    before = len(there("tasks", "--json").json)
    for what, text, error in bad_submissions(sample):
        ran = there("submit", "-", stdin=text)
        assert (ran.code, error in ran.error) == (2, True), what
    assert len(there("tasks", "--json").json) == before


def test_what_a_rule_refuses(there: CommandLine, sample: SampleOffice) -> None:
    """Exit code 3, the refusal's name, and not one fact more."""
    code = there.accepted("refused")
    assert there.act(code, "extend", sample.unit_leader, **UNTIL).code == 0
    handled = processed(there, code)
    before = there.facts(code)
    for command, user, data, refusal in (
        ("accept", sample.receiver, {}, "WrongStage"),
        *(("approve", user, {}, "FourEyes") for user in handled),
        ("complete", sample.receiver, {}, "WrongRole"),
        ("extend", sample.unit_leader, UNTIL, "ExtensionUsed"),
        ("supply", "citizen", {}, "NothingAsked"),
        ("return", sample.returner, {}, "WrongRole"),
    ):
        ran = there.act(code, command, user, **data)
        assert (ran.code, ran.error.partition(":")[0]) == (3, refusal)
    as_json = there.act(code, "complete", sample.receiver, "--json")
    assert (as_json.code, as_json.json["error"]["type"]) == (3, "WrongRole")
    assert there.facts(code) == before


def nonsense(sample: SampleOffice, code: str) -> list[tuple[tuple[str, ...], int, str]]:
    """Commands with a value that nothing has, their exit code and a word of the error."""
    leader, outage = ("--as", sample.office_leader), ("outage", "--from", "2026-03-02T09:00")
    away = ("absences", "add", sample.handler, "--as", sample.unit_leader)
    promise = '{"until":"2200-12-31T23:30:00+00:00","reason":"x"}'
    return [
        (("notices", "list", "--code", "nope"), 4, "UnknownDossier"),
        (("notices", "list", "--to", "nobody"), 2, "UnknownUser"),
        (("notices", "list", "--channel", "pigeons"), 2, "UnknownChannel"),
        (("notices", "list", "--state", "lost"), 2, "UnknownState"),
        (("units", "succeed", "--as", "nobody"), 2, "UnknownUser"),
        (("units", "succeed", *leader, "--reason", ""), 2, "InvalidCommand"),
        (("units", "succeed", *leader, "--reason", "\u3164"), 2, "InvalidCommand"),
        ((*outage, "--to", "2026-03-02T10:00", "--notice", "a\u3164\nb", *leader), 2, "InvalidCommand"),
        ((*outage, "--to", "2026-03-02T10:00", "--notice", "x", "--as", "nobody"), 2, "UnknownUser"),
        (("calendar", "show", "--year", "0"), 2, "YearOutside"),
        (("calendar", "show", "--year", "99999999999999999999"), 2, "YearOutside"),
        ((*away, "--from", "2020-12-03", "--to", "2020-12-31"), 2, "BadAbsence"),
        ((*away, "--from", "2199-12-31", "--to", "2200-12-31"), 2, "BadAbsence"),
        (("due", "--received", "2026-03-02T09:32", "--limit", "until 2200-12-31"), 2, "BadTime"),
        (("audit", "hold", code, "--paper", "\u3164", *leader), 2, "BadPaper"),
        (("audit", "hold", code, "--paper", "   ", *leader), 2, "BadPaper"),
        (("act", code, "extend", *leader, "--data", promise), 2, "InvalidCommand"),
        (("act", code, "request-payment", *leader, "--data", '{"amount":1' + "0" * 30 + "}"), 2, "Invalid"),
        (("act", code, "request-payment", *leader, "--data", '{"amount":"999"}'), 2, "InvalidCommand"),
        (("act", code, "extend", *leader, "--data", '{"until":1796774400,"reason":"x"}'), 2, "Invalid"),
    ]


@pytest.mark.slow  # two dozen commands
def test_nonsense_is_not_answered_as_if_it_were_right(there: CommandLine, sample: SampleOffice) -> None:
    """Each was exit code 0, or left a dossier that answered nothing any more."""
    code = there.accepted("nonsense")
    before = there.facts(code)
    for arguments, exit_code, error in nonsense(sample, code):
        ran = there(*arguments)
        assert (ran.code, error in ran.error) == (exit_code, True), (arguments, ran.error)
    assert there.facts(code) == before
    assert there.act(code, "note", sample.clerk, text="it still answers").code == 0
    ran = there("submit", "-", stdin="[]")
    assert (ran.code, ran.error.partition(":")[0]) == (2, "NothingSubmitted")
    taken = there("submit", "-", stdin=json.dumps(sample.submission(f"{code}/residence/1")))
    assert (taken.code, "slash" in taken.error) == (2, True)


@pytest.mark.slow  # three dozen commands
def test_what_cannot_be_understood(there: CommandLine, sample: SampleOffice, tmp_path: Path) -> None:
    """Exit code 2 for words that make no sense, 4 for a code that nobody has."""
    code = there.submit("words").json["code"]
    before = there.facts(code)
    big = tmp_path / "big.json"
    big.write_text(json.dumps({"text": "x" * 5_000_000}))
    for arguments, exit_code, error in (
        (("act", code, "fly", "--as", sample.handler), 2, "UnknownCommand"),
        (("act", code, "note", "--as", "nobody", "--data", '{"text": "x"}'), 2, "UnknownUser"),
        (("act", code, "note", "--as", sample.clerk, "--data", "{"), 2, "NotJson"),
        (("act", code, "note", "--as", sample.clerk, "--data", "[]"), 2, "InvalidCommand"),
        (("act", code, "note", "--as", sample.clerk, "--data", '{"text":" "}'), 2, "InvalidCommand"),
        (
            ("act", code, "stop", "--as", sample.office_leader, "--data", '{"reason":{"a":1}}'),
            2,
            "InvalidCommand",
        ),
        (("act", code, "note", "--as", sample.clerk), 2, "InvalidCommand"),
        (("act", code, "note", "--as", sample.clerk, "--data", '{"text":"x","id":"y"}'), 2, "InvalidCommand"),
        (("act", code, "note", "--as", sample.clerk, "--data", f"@{big}"), 2, "TextTooLong"),
        (("act", code, "note", "--as", sample.clerk, "--data", "@/nowhere"), 2, "NoSuchFile"),
        (
            ("act", code, "consult", "--as", sample.handler, "--data", '{"agency":"x","limit":"0 days"}'),
            2,
            "Inv",
        ),
        (
            ("act", code, "consult", "--as", sample.handler, "--data", '{"agency":"x","limit":"-1 days"}'),
            2,
            "Inv",
        ),
        (
            ("act", code, "transfer", "--as", sample.receiver, "--data", '{"unit":"nowhere"}'),
            2,
            "InvalidCommand",
        ),
        (("act", code, "assign", "--as", sample.unit_leader, "--data", '{"to":"nobody"}'), 2, "UnknownUser"),
        (("act", "", "claim", "--as", sample.handler), 4, "UnknownDossier"),
        (("act", sample.unknown, "claim", "--as", sample.handler), 4, "UnknownDossier"),
        (("show", sample.unknown), 4, "UnknownDossier"),
        (("show", code, "--at", "99"), 2, "NoSuchFact"),
        (("submit", "/nowhere"), 2, "NoSuchFile"),
        (("show", code, "--at", "0"), 2, "NoSuchFact"),
        (("show", code, "--at", "99999999999999999999"), 2, "NoSuchFact"),
        (("document", code, "99"), 2, "UnknownDocument"),
        (("document", code, "99999999999999999999"), 2, "UnknownDocument"),
        (("document", sample.unknown, "1"), 4, "UnknownDossier"),
        (("paper", "control-slip", code, "--at", "99"), 2, "NoSuchFact"),
        (("receipt", code, "--term", "99"), 2, "NoSuchTerm"),
        (("absences", "end", "99999999999999999999", "--as", sample.office_leader), 2, "NoAbsence"),
        (("tasks", "--user", "nobody"), 2, "UnknownUser"),
        (("tasks", "--role", "wizard"), 2, "UnknownRole"),
        (("tasks", "--role", "citizen"), 2, "UnknownRole"),
        (("tasks", "--unit", "nowhere"), 2, "UnknownUnit"),
        (("tasks", "--apologies", "--unit", "nowhere"), 2, "UnknownUnit"),
        (
            (
                "outage",
                "--from",
                "2026-01-06",
                "--to",
                "2026-01-05",
                "--notice",
                "x",
                "--as",
                sample.administrator,
            ),
            2,
            "BadO",
        ),
        (("report", "--from", "yesterday"), 2, "BadTime"),
        (("report", "--from", "0001-01-01"), 2, "BadTime"),
        (("report", "--from", "1900-01-01"), 2, "BadTime"),
        (("report", "--to", "2200-12-31"), 2, "BadTime"),
        (("report", "--to", "1950-01-01"), 2, "BadTime"),
        (("report", "--from", "2026-02-01", "--to", "2026-01-01"), 2, "BadTime"),
        (("fly",), 2, "BadUsage"),
        (("tasks", "--colour", "red"), 2, "BadUsage"),
    ):
        ran = there(*arguments)
        assert (ran.code, ran.error[: len(error)]) == (exit_code, error), arguments
    assert there.facts(code) == before


def test_no_worker_running(up: There, sample: SampleOffice) -> None:
    """Exit code 5 with the request id; the same id asks again once a worker is back, and it happened once."""
    there = up.line
    code = there.submit("worker").json["code"]
    ask = (
        code,
        "note",
        sample.clerk,
        "--data",
        '{"text": "một ghi chú"}',
        "--request-id",
        "note-1",
        "--json",
    )
    with frozen(up.run.children["worker-1"]):
        ran = replace(there, settings=HASTY).act(*ask)
        assert (ran.code, ran.json["error"]["type"]) == (5, "AnswerPending")
        assert ran.json["error"]["request_id"] == "note-1"
    assert there.act(*ask).code == 0
    assert there.facts(code).count("noted") == 1


@pytest.mark.parametrize("name", ["temporal", "postgres"])
def test_a_server_down(up: There, sample: SampleOffice, name: str) -> None:
    """Exit code 5 and one line; once it is back the same request goes through, once."""
    there = up.line
    code = there.submit(f"down-{name}").json["code"]
    text = json.dumps({"text": "một ghi chú"})
    ask = (code, "note", sample.clerk, "--data", text, "--request-id", f"note-{name}")
    with there.without(up.run, name):
        hasty = replace(there, settings=HASTY)
        ran = hasty.act(*ask)
        assert (ran.code, "cannot be reached: " in ran.error) == (5, True)
        refused = hasty.submit(f"never-{name}")
        assert refused.code == 5
        assert "cannot be reached" in refused.json["error"]["message"]
    # A server that runs again may still be recovering.
    blocking_until(lambda: there.act(*ask).code == 0, f"an answer after the return of {name}")
    assert there.facts(code).count("noted") == 1
    assert there.submit(f"never-{name}").code == 0


def test_a_second_office_and_taken_ports(there: CommandLine, tmp_path: Path) -> None:
    """One line each, and exit code 5."""
    assert "already runs" in there("up").error
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for setting in ("MOTCUA_TEMPORAL_PORT", "MOTCUA_UI_PORT", "MOTCUA_METRICS_PORT"):
            ran = replace(there, data_dir=tmp_path)("up", **{setting: port})
            assert (ran.code, port in ran.error) == (5, True), ran.err


def test_no_office(sample: SampleOffice, tmp_path: Path) -> None:
    """Commands that need an office say how to start one; nonsense in the environment is named."""
    none = CommandLine(sample, tmp_path)
    for arguments in (("tasks",), ("submit", "-"), ("report",), ("audit", "verify"), ("show", "x")):
        ran = none(*arguments, stdin=json.dumps(sample.submission("x")))
        assert (ran.code, "starter.py up" in ran.error) == (5, True)
    for run in (starter, afresh):  # to the shell, too
        assert run(tmp_path, "tasks", MOTCUA_WORKERS="0").code == 2
    assert none("demo", "--dossiers", "0").code == 2
    assert none("demo", "--without-holiday", "2022-03-03", "--exit").code == 2


def test_no_disk_space(tmp_path: Path) -> None:
    """On a full disk the embedded servers do not start half: one line, exit code 5, nothing left running."""
    ran = starter(tmp_path / "a", "demo", "--exit", MOTCUA_MIN_FREE_MB="999999999")
    assert (ran.code, "not enough disk space" in ran.error) == (5, True)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        assert os.environ.get("CI") != "true", mounted.stderr
        pytest.skip("a really full disk needs the right to mount a small one: run as root")
    try:
        ran = starter(small / "office", "demo", "--exit", MOTCUA_MIN_FREE_MB="0")
        assert (ran.code, "not enough disk space" in ran.error) == (5, True), ran.err
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_due_needs_no_office(tmp_path: Path) -> None:
    """A limit across Tết 2026, day by day; and limits that nobody can count.

    By the shipped calendar, whose days these are; the second office has the same one.
    """
    fixed = starter(
        tmp_path, "due", "--received", "2026-02-10T09:32", "--limit", "until 2026-02-12", "--json"
    )
    assert fixed.json["due_at"] == "2026-02-12T10:00:00+00:00"
    ran = starter(tmp_path, "due", "--received", "2026-02-10T09:32", "--limit", "5 days", "--json").json
    assert (ran["starts_at"], ran["due_at"]) == ("2026-02-10T02:32:00+00:00", "2026-02-24T02:32:00+00:00")
    assert sum(day["counted_minutes"] for day in ran["receipt"]) == 5 * 480
    assert {day["date"] for day in ran["receipt"] if day["why"].startswith("holiday")} == {
        f"2026-02-{day}" for day in range(16, 21)
    }
    for received, limit, error in (
        ("2026-02-10T09:32", "0", "BadLimit"),
        ("2026-02-10T09:32", "0 days", "BadLimit"),
        ("2026-02-10T09:32", "-1 days", "BadLimit"),
        ("2012-02-10T09:32", "5 days", "CalendarTooShort"),
        ("2027-12-30T09:32", "5 days", "CalendarTooShort"),
        ("noon", "5 days", "BadTime"),
    ):
        bad = starter(tmp_path, "due", "--received", received, "--limit", limit)
        assert (bad.code, bad.error.partition(":")[0]) == (2, error)


def test_a_dossier_as_it_stood(there: CommandLine, sample: SampleOffice) -> None:
    """At a fact or at a moment in office time; what lies before it, or both at once, is bad usage."""
    code = there.accepted("as-it-stood")
    there.act(code, "complete", sample.receiver)
    facts = there("show", code, "--json").json["facts"]
    moment = facts[2]["at"]
    shown = there("show", code, "--as-of", moment, "--json").json
    assert (shown["seq"], shown["stage"], len(shown["facts"])) == (3, "receive", 3)
    assert shown == there("show", code, "--at", "3", "--json").json
    assert there("show", code, "--as-of", "2099-01-01", "--json").json == there("show", code, "--json").json
    assert there("show", code, "--as-of", "2099-01-01").out == there("show", code).out
    early = there("show", code, "--as-of", "2020-01-01T08:00", "--json")
    assert (early.code, early.json["error"]["type"]) == (2, "BeforeItsTime")
    assert "2020-01-01 08:00" in early.json["error"]["message"]
    both = there("show", code, "--at", "3", "--as-of", moment)
    assert (both.code, both.error.split(":")[0]) == (2, "BadUsage")
    assert there("show", code, "--as-of", "yesterday").error.startswith("BadTime")
    assert there("show", sample.unknown, "--as-of", moment).code == 4


def test_a_receipt_of_any_dossier_and_step(there: CommandLine, sample: SampleOffice) -> None:
    """Each term from start to due instant, or one of them; for people and as JSON."""
    code = there.accepted("receipt")
    (digitise,) = sample.steps(Stage.RECEIVE)
    found = there("receipt", code, "--json").json
    assert [(term["of"], term["name"]) for term in found["terms"]] == [
        ("intake", "intake"),
        ("dossier", "dossier"),
        ("step", digitise.id),
    ]
    whole = found["terms"][1]
    assert whole["due_at"] == there("show", code, "--json").json["due_at"]
    assert {"date", "counted_minutes", "why", "source", "provisional"} == set(whole["days"][0])
    (one,) = there("receipt", code, "--term", "3", "--json").json["terms"]
    assert one == found["terms"][2]
    printed = there("receipt", code).out
    assert f"step {digitise.id} (term 3)" in printed
    assert whole["days"][-1]["date"] in printed
    missing = there("receipt", code, "--term", "4", "--json")
    assert (missing.code, missing.json["error"]["type"]) == (2, "NoSuchTerm")
    assert there("receipt", sample.unknown).code == 4


def test_drafted_apologies_are_listed(there: CommandLine, sample: SampleOffice) -> None:
    """None waits here; they are narrowed by unit, and by nothing that they do not have."""
    assert there("tasks", "--apologies", "--unit", sample.unit, "--json").json == []
    assert there("tasks", "--apologies").code == 0
    wrong = there("tasks", "--apologies", "--overdue", "--json")
    assert (wrong.code, wrong.json["error"]["type"]) == (2, "OnlyByUnit")


def test_an_announced_outage(there: CommandLine, sample: SampleOffice) -> None:
    """It is told to every open dossier; one that has not happened yet is refused."""
    there.accepted("outage")
    said = ("--notice", "12/TB", "--as", sample.administrator, "--json")
    told = there("outage", "--from", "2026-01-05T08:00", "--to", "2026-01-05T10:00", *said)
    assert told.code == 0
    assert (told.json["counted"], told.json["known"]) == (0, 0)
    assert told.json["open"] == told.json["missed"] > 0
    people = there("outage", "--from", "2026-01-05T08:00", "--to", "2026-01-05T10:00", *said[:-1])
    assert re.match(r"12/TB: 0 of \d+ open dossiers have the time back\n  \d+ lost nothing", people.out)
    future = there("outage", "--from", "2098-12-01", "--to", "2098-12-02", *said)
    assert (future.code, future.json["error"]["type"]) == (2, "BadOutage")
    backward = there("outage", "--from", "2026-01-05T10:00", "--to", "2026-01-05T08:00", *said)
    assert (backward.code, backward.json["error"]["type"]) == (2, "BadOutage")
    nobody = there(
        "outage", "--from", "2026-01-05", "--to", "2026-01-06", *said[:2], "--as", sample.unit_leader
    )
    assert (nobody.code, nobody.error.split(":")[0]) == (3, "WrongRole")
    assert there("outage", "--from", "noon", "--to", "2026-01-06", *said).json["error"]["type"] == "BadTime"


def test_the_units_of_the_office(there: CommandLine, sample: SampleOffice) -> None:
    """Each with its span, successor and open dossiers; none of them has ended here."""
    there.accepted("units")
    first = there("units", "list", "--json").json[0]
    assert set(first) == {"id", "from", "until", "successor", "open"}
    assert (first["id"], first["until"], first["open"] > 0) == (sample.unit, None, True)
    assert sample.other_unit in there("units", "list").out
    assert there("units", "succeed", "--as", sample.office_leader, "--json").json == []
    assert there("units", "succeed", "--as", sample.office_leader).out == "no unit has ended\n"
