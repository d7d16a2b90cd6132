"""What people do with dossiers: hand in, act, look at tasks."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from models.calendar import Calendar
from models.commands import own_request_id
from models.refusals import BadInput, Problem, Refusal, UnknownDossier, exit_code
from models.service import Answer
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop, work
from motcua.store import Store, TaskFilter
from motcua.store.notices import NoticeRecord

LONGEST_INPUT = 50_000_000


class NotJson(BadInput):
    """Input that should be JSON and is not."""

    sentence = "{where} is not JSON: {reason}"


class NothingSubmitted(BadInput):
    """An empty list where submissions are expected."""

    sentence = "There is no submission in this list."


class NoSuchFile(BadInput):
    """A file that cannot be read."""

    sentence = "{path} cannot be read: {reason}"


class OnlyByUnit(BadInput):
    """Drafted apologies were to be listed by something that they do not have."""

    sentence = "--apologies can be narrowed by --unit only, not by {other}."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands of people to the command line."""

    @app.command()
    def submit(
        file: Annotated[str, typer.Argument(help="JSON or JSON lines; - reads standard input.")],
        user: Annotated[
            str | None, typer.Option("--as", help="Officer of the counter, who accepts at once.")
        ] = None,
        as_json: Json = False,
    ) -> int:
        """Hand dossiers in; the same request_id gives the same dossier."""
        return int(work(_submit(shop, file, user, as_json=as_json)))

    @app.command()
    def act(
        code: str,
        command: str,
        user: Annotated[str, typer.Option("--as", help="Who acts.")],
        data: Annotated[str, typer.Option(help="The command's data as JSON; @FILE reads a file.")] = "{}",
        file: Annotated[
            str | None, typer.Option(help="A document that goes with it, or the result itself.")
        ] = None,
        request_id: Annotated[str | None, typer.Option(help="The same id asks for the same answer.")] = None,
        as_json: Json = False,
    ) -> None:
        """Ask something of a dossier."""
        work(_act(shop, code, command, user, data, file, request_id, as_json=as_json))

    @app.command()
    def document(
        code: str,
        number: Annotated[int, typer.Argument(help="The number of the fact that it came with.")],
        file: Annotated[
            str | None, typer.Option("-o", "--output", help="Where it goes; - is standard output.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """A document of a dossier, checked against its record (by default into this directory)."""
        printing.one_output(file, as_json=as_json)
        known_form(code)
        work(_document(shop, code, number, file, as_json=as_json))

    @app.command()
    def tasks(
        unit: Annotated[str | None, typer.Option(help="Only of this unit.")] = None,
        role: Annotated[str | None, typer.Option(help="Only for this role.")] = None,
        user: Annotated[str | None, typer.Option(help="What this user has or may take.")] = None,
        overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are overdue.")] = False,
        apologies: Annotated[
            bool, typer.Option("--apologies", help="The drafted apologies that wait for a leader.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """The open tasks, the most urgent first."""
        if apologies:
            given = {"--role": role, "--user": user, "--overdue": overdue}
            for other in (name for name, value in given.items() if value):
                raise OnlyByUnit(other=other)
            work(_apologies(shop, unit, as_json=as_json))
            return
        wanted = TaskFilter(unit=unit, role=role, user=user)
        work(_tasks(shop, wanted, overdue=overdue, as_json=as_json))


async def _submit(shop: Workshop, file: str, user: str | None, *, as_json: bool) -> int:
    submissions = list(_documents(file))
    gravest = 0
    async with shop.office() as (desk, _):
        for where, given in submissions:
            try:
                if isinstance(given, Problem):
                    raise given
                answer = await desk.submit(desk.read_submission(given), officer=user)
            except Problem as problem:
                # What a rule says to a submission is something wrong inside it: bad input, like the rest.
                gravest = max(gravest, 2 if isinstance(problem, Refusal) else exit_code(problem))
                if as_json:
                    error = {"type": problem.type, "message": problem.message, "where": where}
                    printing.document({"error": error})
                else:
                    print(f"{where}: {problem.type}: {problem.message}", file=sys.stderr)
                continue
            if as_json:
                printing.document(_received(answer))
            else:
                due = printing.office_time(desk.rulebook.calendar, answer.due_at)
                print(f"{answer.code}  {answer.status}" + (f", due {due}" if due else ""))
    return gravest


def _received(answer: Answer) -> dict[str, Any]:
    plain = answer.model_dump(mode="json")
    return {key: plain[key] for key in ("code", "status", "received_at", "due_at")}


def _documents(file: str) -> list[tuple[str, Any]]:
    """The JSON documents of a file, with where each stands: one document, an array, or one on each line."""
    text = _text(file)
    try:
        whole = _read(text)
    except ValueError as error:
        # Not splitlines(): a name may hold a character that Unicode takes for the end of a line.
        lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not any(_is_json(line) for _, line in lines):
            raise NotJson(where="the standard input" if file == "-" else file, reason=error) from error
        return [(f"line {n}", _line(n, line)) for n, line in lines]
    if isinstance(whole, list):
        if not whole:
            raise NothingSubmitted
        return [(f"entry {n}", entry) for n, entry in enumerate(whole, 1)]
    return [("submission", whole)]


def _read(text: str) -> Any:
    """JSON that can be kept: no NaN, no number without end, nothing nested beyond reason."""

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    def number(word: str) -> float:
        found = float(word)
        return found if math.isfinite(found) else refuse(word)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _is_json(text: str) -> bool:
    try:
        _read(text)
    except ValueError:
        return False
    return True


def _line(number: int, line: str) -> Any:
    try:
        return _read(line)
    except ValueError as error:
        return NotJson(where=f"line {number}", reason=error)


def _bytes(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read(LONGEST_INPUT) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise NoSuchFile(path=file, reason=error.strerror) from error


def _text(file: str) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoSuchFile(path=file, reason=f"byte {error.start} is not UTF-8") from error


async def _act(
    shop: Workshop,
    code: str,
    command: str,
    user: str,
    data: str,
    file: str | None,
    request_id: str | None,
    *,
    as_json: bool,
) -> None:
    text = _text(data[1:]) if data.startswith("@") else data
    try:
        given = _read(text)
    except ValueError as error:
        raise NotJson(where="--data", reason=error) from error
    known_form(code)
    if request_id is not None:
        own_request_id(request_id)
    content = b"" if file is None else _bytes(file)
    async with shop.office() as (desk, store):
        there = None if file is None else await shop.documents(store).received(file, content)
        answer = await desk.act(code, command, user, given, request_id, there)
        if as_json:
            plain = answer.model_dump(mode="json")
            printing.document({key: plain[key] for key in ("code", "seq", "stage", "status", "due_at")})
        else:
            due = printing.office_time(desk.rulebook.calendar, answer.due_at)
            print(f"{answer.code}  {answer.status}, fact {answer.seq}" + (f", due {due}" if due else ""))


async def _document(shop: Workshop, code: str, number: int, file: str | None, *, as_json: bool) -> None:
    async with shop.office() as (_, store):
        found = await shop.documents(store).given(code, number)
    path = printing.write(file, found.name, found.content)
    if path is None:
        return
    if as_json:
        printing.document({"file": str(path), **found.told})
    else:
        print(f"{path}: {found.type}, {len(found.content):,} bytes, as it was handed in")


def known_form(code: str) -> None:
    """Refuse what cannot be a code before a server has to."""
    if not code.isprintable() or not code.strip():
        raise UnknownDossier(code=ascii(code))


async def marks(store: Store, calendar: Calendar) -> Callable[[str | None], str]:
    """How lists show a person: by the id, marked where they are absent today."""
    today = calendar.local(await store.now()).date()
    absent = {each.person for each in await NoticeRecord(store).absences(today) if each.holds(today)}
    return lambda person: f"{person} (absent)" if person in absent else person or "-"


async def _tasks(shop: Workshop, wanted: TaskFilter, *, overdue: bool, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        if overdue:
            wanted = wanted.model_copy(update={"overdue_at": await store.now()})
        found = await desk.tasks(wanted)
        if as_json:
            printing.document(found)
            return
        calendar = desk.rulebook.calendar
        shown = await marks(store, calendar)
        rows = [
            (
                task["code"],
                task["procedure"],
                task["step"],
                task["role"],
                shown(task["assignee"]),
                "paused" if task["paused"] else printing.office_time(calendar, task["due_at"]),
                printing.office_time(calendar, task["dossier_due_at"]),
            )
            for task in found
        ]
        columns = ("dossier", "procedure", "step", "role", "with", "task due", "dossier due")
        printing.table("", columns, rows)


async def _apologies(shop: Workshop, unit: str | None, *, as_json: bool) -> None:
    async with shop.office() as (desk, store):
        desk.check_unit(unit)
        found = await store.apologies(unit)
        if as_json:
            printing.document(found)
            return
        calendar = desk.rulebook.calendar
        shown = await marks(store, calendar)
        rows = [
            (
                draft["code"],
                draft["procedure"],
                draft["step"],
                shown(draft["assignee"]),
                draft["apology_reason"],
                printing.office_time(calendar, draft["due_at"]),
                printing.office_time(calendar, draft["apology_proposed_at"]),
            )
            for draft in found
        ]
        columns = ("dossier", "procedure", "step", "with", "why", "dossier due", "proposed")
        printing.table("", columns, rows)
