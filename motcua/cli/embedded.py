"""Offices on embedded servers: the demo, a real office to work in, and another system's log replayed."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import unicodedata
from collections.abc import Awaitable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from models.procedure import Role
from models.refusals import BadInput, CheckFailed, Unreachable
from motcua.audit import Verified
from motcua.audit.found import UNREADABLE, reason
from motcua.caseloads.event_log import EventLog
from motcua.caseloads.fit import fitting_caseload
from motcua.caseloads.open_work import OpenWorkPlan
from motcua.caseloads.player import Tally
from motcua.caseloads.script import Case, fingerprint
from motcua.caseloads.town import TownPlan
from motcua.catalogue.calendars import without_holiday
from motcua.catalogue.catalogue import Catalogue
from motcua.cli import audit, printing, reporting
from motcua.cli.options import Json
from motcua.cli.workshop import Office, Workshop, until_told, work
from motcua.desk import Desk
from motcua.reports import Report, Unbalanced
from motcua.store import BAD_VALUE

Counted = TypeVar("Counted")
STEADY_SECONDS = 5.0
"""Seconds after which Temporal's list is taken to be complete when it has not grown."""

A_WHOLE_DESK = 100
"""Dossiers of the town from which on all of the open work lies on the desks; of a smaller town a part."""
MAX_SLUG_LENGTH = 30
"""Letters of a mapping's name in a namespace."""
SHOWN = (
    *(Role.RECEIVER, Role.HANDLER, Role.UNIT_LEADER, Role.APPROVER, Role.OFFICE_LEADER),
    Role.ADMINISTRATOR,
)
"""The roles to try an office out with."""
Exit = Annotated[bool, typer.Option("--exit", help="End when done, instead of staying up until Ctrl-C.")]


class BadNumber(BadInput):
    """A count that makes no sense."""

    sentence = "{what} must be between {least} and {most:,}; it is {given}."


class NoReport(CheckFailed):
    """No report can be made, because the record does not hold."""

    sentence = "There is no report, because the record does not hold: {reason}"


class BadDay(BadInput):
    """Text that is no date."""

    sentence = "{text} is not a date; write it like 2022-09-01."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""

    @app.command()
    def demo(
        dossiers: Annotated[int, typer.Option(help="How many; 22547 is the whole town.")] = 300,
        seed: Annotated[int, typer.Option(help="Another seed draws another town.")] = 1,
        without_holiday: Annotated[
            str | None, typer.Option(help="Take this holiday out of the engine's calendar.")
        ] = None,
        leave: Exit = False,
        as_json: Json = False,
    ) -> int:
        """An office on embedded servers and a town's caseload through it, in virtual time."""
        return int(work(_demo(shop, dossiers, seed, without_holiday, leave=leave, as_json=as_json)))

    @app.command()
    def up(as_json: Json = False) -> None:
        """An office on embedded servers, to work in, until Ctrl-C."""
        work(_up(shop, as_json=as_json))

    @app.command("import-log")
    def import_log(
        file: Path,
        mapping: Annotated[Path, typer.Option(help="Which column and event means what (TOML).")],
        limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many dossiers.")] = None,
        stay: Annotated[bool, typer.Option("--stay", help="Stay up afterwards, until Ctrl-C.")] = False,
        as_json: Json = False,
    ) -> int:
        """Replay another system's event log through the engine, in virtual time."""
        return int(work(_import(shop, file, mapping, limit, stay=stay, as_json=as_json)))


async def _demo(
    shop: Workshop, dossiers: int, seed: int, free: str | None, *, leave: bool, as_json: bool
) -> int:
    catalogue = shop.catalogue()
    town, open_work = fitting_caseload(shop.settings.catalog_dir, catalogue)
    if not 1 <= dossiers <= town.dossiers:
        raise BadNumber(what="--dossiers", least=1, most=town.dossiers, given=dossiers)
    calendar = catalogue.calendar(catalogue.office.calendar)
    name = f"demo-{dossiers}-{seed}"
    if free is not None:
        calendar = without_holiday(calendar, day_of(free))
        name += f"-without-{free}"
    desk = OpenWorkPlan(open_work, catalogue, seed)
    lying, shortfalls = desk.draw(min(1.0, dossiers / A_WHOLE_DESK))
    cases = [*TownPlan(town, catalogue, seed, left_at=desk.moment).cases(dossiers), *lying]
    book = shop.rulebook(catalogue, calendar)
    name += f"-{fingerprint(cases, book)[:8]}"
    async with shop.embedded(name, book) as office:
        if not as_json:
            printing.to_stderr(f"{town.name}: {dossiers:,} dossiers from {town.first} to {town.last}")
            printing.to_stderr(f"Temporal's own pages: {office.ui}/namespaces/{name}/workflows")
        played = await _play(office, cases)
        checked, verified = await _check(office)
        found = await _judged(verified, reporting.period(office.desk, office.store, town.first, town.last))
        if as_json:
            at = desk.moment.isoformat()
            missing = [shortfall.as_json() for shortfall in shortfalls]
            lies = {"name": open_work.name, "dossiers": len(lying), "at": at, "missing": missing}
            printing.document({**_as_json(found), **played, **checked, "open_work": lies})
        else:
            print()
            _show(office.desk, found)
            print(
                f"{len(lying):,} more dossiers, received after it, lie open on the desks of {open_work.day}"
            )
            if shortfalls:
                print("open work that the catalogue of this office cannot show:")
            for shortfall in shortfalls:
                print(f"  {shortfall.sentence}")
            _print_run(played, checked, verified)
        if not leave:
            await office.release(desk.moment)
            _stays(catalogue, office, checked["code"], as_json=as_json)
            await until_told()
    return audit.verdict(verified)


async def _up(shop: Workshop, *, as_json: bool) -> None:
    catalogue = shop.catalogue()
    rulebook = shop.rulebook(catalogue, catalogue.calendar(catalogue.office.calendar))
    async with shop.embedded("default", rulebook) as office:
        for warning in catalogue.warnings():
            printing.to_stderr(f"warning: {warning}")
        if as_json:
            printing.document(
                {
                    "desk": office.url,
                    "password": office.password,
                    "temporal_ui": office.ui,
                    "namespace": office.namespace,
                }
            )
        else:
            print(f"The office is open. The desk: {office.url}")
            _who(catalogue, office)
            print(f"Temporal's own pages: {office.ui}")
            print("Hand in with: python starter.py submit FILE   (Ctrl-C closes the office)")
        await until_told()


async def _import(
    shop: Workshop, file: Path, mapping: Path, limit: int | None, *, stay: bool, as_json: bool
) -> int:
    catalogue = shop.catalogue()
    log = EventLog.read(file, mapping, catalogue.calendar)
    cases, book = log.cases[:limit], log.rulebook()
    # Of the whole log, whatever the limit: a longer part of the same one goes on with the shorter.
    name = import_name(log.mapping.name, fingerprint(log.cases, book))
    async with shop.embedded(name, book) as office:
        played = await _play(office, cases)
        checked, verified = await _check(office)
        found = await _judged(verified, reporting.period(office.desk, office.store))
        late = await _judged(verified, log.late(office.store))
        if as_json:
            told = {} if isinstance(late, NoReport) else late
            printing.document({**_as_json(found), **told, **played, **checked})
        else:
            print()
            _show(office.desk, found)
            if not isinstance(late, NoReport):
                _print_late(late)
            _print_run(played, checked, verified)
        if stay:
            await office.release()
            _stays(catalogue, office, checked["code"], as_json=as_json)
            await until_told()
    return audit.verdict(verified)


def import_name(mapping: str, digest: str) -> str:
    """The namespace of an import. Temporal's clients send it in a header, which takes ASCII alone; the digest
    tells mappings apart whose names differ in nothing else."""
    letters = unicodedata.normalize("NFKD", mapping.lower().replace("đ", "d"))
    plain = letters.encode("ascii", "ignore").decode()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:MAX_SLUG_LENGTH].strip("-")
    return "-".join(filter(None, ("import", slug, digest[:8])))


async def _play(office: Office, cases: list[Case]) -> dict[str, Any]:
    """Play a caseload with a progress bar; what it took."""
    began, before = time.monotonic(), office.cpu()
    with printing.bar("dossiers") as bar:

        def tell(tally: Tally) -> None:
            rate, at = tally.done / (time.monotonic() - began), tally.office_time
            day = printing.office_date(office.desk.rulebook.calendar, at) if at else ""
            bar.to(tally.done, tally.total, f"{rate:.1f}/s, office date {day}")

        tally = await office.play(cases, tell)
    seconds = time.monotonic() - began
    used = {name: round(spent - before.get(name, 0.0), 1) for name, spent in office.cpu().items()}
    return {
        "run": {
            "seconds": round(seconds, 1),
            "per_second": round(tally.total / seconds, 1),
            "acts": tally.acts,
            "known_already": tally.known,
            "late_acts": tally.late_acts,
            "retries": tally.retries,
            "refused": dict(tally.refused),
            "cpu_seconds": used,
        }
    }


async def _check(office: Office) -> tuple[dict[str, Any], Verified]:
    """Does the record hold, and has Temporal as many workflows as PostgreSQL dossiers?"""
    counts = await office.store.counts()
    with printing.bar("verifying") as bar:
        verified = await office.verify(lambda facts: bar.to(facts, counts["facts"], "facts"))
    workflows = await _workflows(office, counts["dossiers"])
    code = await office.store.latest()
    told, heads = verified.model_dump(mode="json"), await _heads(office)
    return {**counts, "workflows": workflows, "audit": told, "code": code, "heads": heads}, verified


async def _judged(verified: Verified, counting: Awaitable[Counted]) -> Counted | NoReport:
    """What is counted from the record; NoReport where it cannot be, because the record does not hold."""
    try:
        return await counting
    except (Unbalanced, BAD_VALUE, *UNREADABLE) as error:
        if not verified.broken:
            raise
        return NoReport(reason=reason(error))


def _as_json(found: Report | NoReport) -> dict[str, Any]:
    if isinstance(found, Report):
        return found.as_json()
    return {"error": {"type": found.type, "message": found.message}}


def _show(desk: Desk, found: Report | NoReport) -> None:
    if isinstance(found, Report):
        reporting.show(desk, found)
    else:
        print(found.message)


async def _heads(office: Office) -> str:
    """SHA-256 (hex) over the last hash of each dossier: equal wherever the facts are."""
    digest = hashlib.sha256()
    async for code, seq, head in office.store.heads():
        digest.update(f"{code} {seq} {head}\n".encode())
    return digest.hexdigest()


async def _workflows(office: Office, expected: int) -> int | None:
    """The number of dossiers that Temporal has a workflow of; None where it does not answer.

    Its list follows its workflows by up to some seconds. A workflow that is gone does not come: the list is
    waited for only as long as it grows.
    """
    count, grown = -1, time.monotonic()
    while count < expected and time.monotonic() - grown < STEADY_SECONDS:
        try:
            found = await office.workflows()
        except Unreachable:
            return None
        if found > count:
            count, grown = found, time.monotonic()
        await asyncio.sleep(0.2)
    return count


def _print_run(played: dict[str, Any], checked: dict[str, Any], verified: Verified) -> None:
    run = played["run"]
    verdict = "every chain holds" if not verified.broken else f"{len(verified.broken):,} BROKEN"
    workflows = "no answer" if checked["workflows"] is None else f"{checked['workflows']:,} workflows"
    print(
        f"\n{checked['dossiers']:,} dossiers in PostgreSQL, {workflows} in Temporal;"
        f" {checked['facts']:,} facts: {verdict}; {checked['rungs']:,} rungs reached,"
        f" {checked['alarms']:,} alarms told"
    )
    audit.show_broken(verified)
    spent = ", ".join(f"{name} {seconds:g} s" for name, seconds in run["cpu_seconds"].items())
    print(f"took {run['seconds']:g} s, {run['per_second']:g} dossiers a second; processor time: {spent}")
    if run["known_already"]:
        print(f"{run['known_already']:,} dossiers were there already; the same caseload adds nothing twice")
    if run["late_acts"] or run["retries"]:
        print(
            f"services were away: {run['retries']:,} retries; {run['late_acts']:,} acts were sent over"
            " a minute late and are on record at their planned moments"
        )
    if run["refused"]:
        print("refused: " + ", ".join(f"{kind} {count:,}" for kind, count in run["refused"].items()))


def _print_late(late: dict[str, Any]) -> None:
    by_instant, by_date = late["late_by_instant"], late["late_by_date"]
    print(f"closed {late['closed']:,}, of them late by instant {by_instant:,}, by date {by_date:,}")
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in late["deviations"].items())
    print(f"deviations: {kinds or 'none'}")


def _stays(catalogue: Catalogue, office: Office, code: str | None, *, as_json: bool) -> None:
    if as_json:
        return
    print(f"\nThe office stays up until Ctrl-C. The desk: {office.url}")
    _who(catalogue, office)
    print(f"Temporal's own pages: {office.ui}")
    print("In another terminal (.venv/bin/python starter.py …):")
    print(f"  tasks --role handler      show {code}      report --by procedure      audit verify", flush=True)


def _who(catalogue: Catalogue, office: Office) -> None:
    names = " or ".join(", ".join(signing_in(catalogue)).rsplit(", ", 1))
    print(f"Sign in as {names}, password {office.password}")


def signing_in(catalogue: Catalogue) -> list[str]:
    """Somebody of each role who is there today, in the order in which a dossier meets them; nobody twice."""
    today = catalogue.today()
    there = [member for member in catalogue.office.staff.values() if member.holds(today)]
    first = (next((member.id for member in there if role in member.roles), None) for role in SHOWN)
    return list(dict.fromkeys(name for name in first if name is not None))


def day_of(text: str) -> date:
    """A date as people write it on the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadDay(text=text) from error
