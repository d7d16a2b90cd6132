"""`audit`: prove that the record is whole and unaltered, and that it says what happened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from models.archive import Difference, Replays, Swept
from models.refusals import BadInput, Forbidden, exit_code
from models.reserved import CLOCK_ID
from models.rights import OFFICE
from models.seals import Proof, Seal
from models.visible import shows
from motcua.audit import Verified
from motcua.cli import erasing, printing
from motcua.cli.erasing import office_moment
from motcua.cli.options import Json
from motcua.cli.people import known_form
from motcua.cli.workshop import Workshop, work
from motcua.papers.sheets import Sheets
from motcua.proof.check import Checked, check
from motcua.proof.keys import read_keys
from motcua.proof.stamps import authorities

MANY = 20
"""So many broken places are printed for people; `--json` has them all."""
LONGEST = 500
BIG = 4_000_000
"""Bytes of a proof, at most: the longest dossier's is far below."""


class BadProof(BadInput):
    """A file that should be a proof and is not."""

    sentence = "{path} is no proof: {reason}"


class UnknownSeal(BadInput):
    """No such seal has been made."""

    sentence = "There is no seal {number}; there are the seals 1 to {last}."


class BadReason(BadInput):
    """No reason, or one that is too long."""

    sentence = "Say why, in up to {most} letters; it will be public."


class MayNotKeepKeys(Forbidden):
    """The keys of the seals are for those who answer for the office's servers, or for the office."""

    sentence = "{actor} may not change the keys of the seals; administrators and office leaders may."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the commands to the command line."""
    audit = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Prove the record.")
    app.add_typer(audit, name="audit")
    _add_checks(audit, shop)
    _add_proofs(audit, shop)
    _add_keys(audit, shop)
    erasing.add(audit, shop)


def _add_checks(audit: typer.Typer, shop: Workshop) -> None:
    @audit.command("verify")
    def verify(as_json: Json = False) -> int:
        """Check chains, read model, journal, seals and archive against each other and the copies outside."""
        return int(work(_verify(shop, as_json=as_json)))

    @audit.command("archive")
    def archive(as_json: Json = False) -> int:
        """Put every closed history that is not there yet into the archive, now."""
        return int(work(_archive(shop, as_json=as_json)))

    @audit.command("replay")
    def replay(
        code: Annotated[str | None, typer.Argument(help="Only this dossier.")] = None,
        every: Annotated[
            bool, typer.Option("--all", help="Every history, archived or not (so it is without more).")
        ] = False,
        since: Annotated[
            str | None, typer.Option(help="Those that closed since then, and those that are open.")
        ] = None,
        jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Processes; else one a core.")] = None,
        as_json: Json = False,
    ) -> int:
        """Run this code over the original histories: do they still lead to the facts that are on record?"""
        if (code is not None) + every + (since is not None) > 1:
            raise typer.BadParameter("name a dossier, or say --all or --since")
        if code is not None:
            known_form(code)
        return int(work(_replay(shop, code, office_moment(shop, since), jobs, as_json=as_json)))

    @audit.command("export")
    def export(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        run: Annotated[str | None, typer.Option(help="One of several runs; else the last.")] = None,
        file: Annotated[
            str | None, typer.Option("-o", "--output", help="Where it goes; - is standard output.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """A dossier's history as JSON that Temporal's own tools read."""
        printing.one_output(file, as_json=as_json)
        known_form(code)
        work(_export(shop, code, run, file, as_json=as_json))


def _add_proofs(audit: typer.Typer, shop: Workshop) -> None:
    @audit.command("seal")
    def seal(as_json: Json = False) -> None:
        """Seal the record as it stands now; every night it is done anyway."""
        work(_seal(shop, as_json=as_json))

    @audit.command("seals")
    def seals(as_json: Json = False) -> None:
        """The seals so far, to be published."""
        work(_seals(shop, as_json=as_json))

    @audit.command("sheet")
    def sheet(
        number: Annotated[int, typer.Argument(min=1, help="The number of a seal.")],
        file: Annotated[
            str | None, typer.Option("-o", "--output", help="Where it goes; - is standard output.")
        ] = None,
    ) -> None:
        """A seal as PDF, to be put up where everybody sees it."""
        work(_sheet(shop, number, file))

    @audit.command("proof")
    def proof(
        code: Annotated[str, typer.Argument(help="The dossier.")],
        file: Annotated[
            str | None, typer.Option("-o", "--output", help="Where it goes; - is standard output.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """What proves a dossier to somebody else: its facts, and their way to a seal."""
        printing.one_output(file, as_json=as_json)
        known_form(code)
        work(_proof(shop, code, file, as_json=as_json))

    @audit.command("check-proof")
    def check_proof(
        file: Annotated[Path, typer.Argument(help="The proof.")],
        keys: Annotated[Path, typer.Option(help="The office's keys, as it published them.")],
        authority: Annotated[
            Path | None, typer.Option(help="Root certificates (PEM) of authorities whose stamps count.")
        ] = None,
        as_json: Json = False,
    ) -> int:
        """Check a proof: here, with nothing but the published keys."""
        roots = authorities(authority) if authority is not None else ()
        checked = check(read_proof(file), read_keys(keys), roots)
        if as_json:
            printing.document(checked)
        else:
            _show_checked(checked)
        return 1 if checked.faults else 0


def _add_keys(audit: typer.Typer, shop: Workshop) -> None:
    @audit.command("keys")
    def keys() -> None:
        """The public keys that seals are checked by, as JSON, to be published."""
        work(_keys(shop))

    @audit.command("rotate-key")
    def rotate(
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        as_json: Json = False,
    ) -> None:
        """Begin another key: it signs from the next seal on."""
        work(_rotate(shop, user, as_json=as_json))

    @audit.command("revoke-key")
    def revoke(
        key: Annotated[str, typer.Argument(help="The id of a key that signs no more.")],
        user: Annotated[str, typer.Option("--as", help="Who does it: a member of staff.")],
        reason: Annotated[str, typer.Option(help="Why; it will be public.")],
        since: Annotated[
            str | None, typer.Option(help="From when on it is not believed; else from now on.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Say that a key is not to be believed any more, as of a moment."""
        if not shows(reason) or len(reason) > LONGEST:
            raise BadReason(most=LONGEST)
        at = office_moment(shop, since) or datetime.now(UTC)
        work(_revoke(shop, key, user, at, reason, as_json=as_json))


def read_proof(path: Path) -> Proof:
    """A proof from a file; BadProof where it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(BIG + 1)
        if len(content) > BIG:
            raise BadProof(path=path, reason=f"it has more than {BIG:,} bytes")
        return Proof.read(content)
    except OSError as error:
        raise BadProof(path=path, reason=error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadProof(path=path, reason=f"{where}: {first['msg']}" if where else first["msg"]) from None
    except ValueError as error:
        raise BadProof(path=path, reason=str(error)) from None


def _keeper_of_keys(shop: Workshop, user: str) -> str:
    """Who may have keys changed."""
    actor = shop.catalogue().actor(user)
    if not actor.has(*OFFICE["seal-keys"]):
        raise MayNotKeepKeys(actor=user)
    return actor.id


async def _verify(shop: Workshop, *, as_json: bool) -> int:
    async with shop.proving() as proving:
        total = (await proving.store.counts())["facts"]
        with printing.bar("verifying") as bar:
            found = await proving.verify(lambda facts: bar.to(facts, total, "facts"))
    if as_json:
        printing.document(found)
    else:
        show(found)
    return verdict(found)


def verdict(found: Verified) -> int:
    """The exit code of a verification; a service that is away counts where something was not looked at."""
    if found.broken:
        return 1
    return 0 if found.gap is None else exit_code(found.gap)


def show(found: Verified) -> None:
    """What a verification found, for people."""
    verdict = f"{len(found.broken):,} BROKEN" if found.broken else "every chain holds"
    print(f"{found.dossiers:,} dossiers, {found.facts:,} facts: {verdict}")
    print(
        f"{found.seals:,} seals over {found.sealed:,} heads, {found.histories:,} archived histories,"
        f" {found.journal:,} entries of the journal"
    )
    if found.workflows is not None:
        print(f"{found.workflows:,} open dossiers: their workflows were looked for")
    show_broken(found)


def show_broken(found: Verified) -> None:
    """The places that a verification named, and what it did not look at, for people."""
    if found.gap is not None:
        print(found.gap.message)
    for broken in found.broken[:MANY]:
        place = f"{broken.code} fact {broken.seq}" if broken.seq else broken.code
        print(f"  {place}: {broken.what}")
    if len(found.broken) > MANY:
        print(f"  … and {len(found.broken) - MANY:,} more (--json has them all)")


async def _archive(shop: Workshop, *, as_json: bool) -> int:
    async with shop.proving() as proving:
        with printing.bar("archiving") as bar:

            def tell(swept: Swept) -> None:
                bar.to(swept.archived, None, "histories")

            swept = await proving.sweep(tell)
    if as_json:
        printing.document(swept)
    else:
        lost = f", {swept.lost:,} LOST: gone before they were archived" if swept.lost else ""
        print(f"{swept.closed:,} closed histories, {swept.archived:,} new to the archive{lost}")
    return 1 if swept.lost else 0


async def _replay(
    shop: Workshop, code: str | None, since: datetime | None, jobs: int | None, *, as_json: bool
) -> int:
    async with shop.proving() as proving:
        with printing.bar("replaying") as bar:
            tell: Callable[[int, int], None] = lambda done, of: bar.to(done, of, "histories")  # noqa: E731
            found = await proving.replay(tell, since=since, code=code, jobs=jobs)
    if as_json:
        printing.document(found)
    else:
        _show_replays(found)
    return 1 if found.diverged or found.differing else 0


def _show_replays(found: Replays) -> None:
    same = "history, facts and read model agree"
    if found.differing:
        same = f"{len(found.differing):,} DIFFER between history, facts and read model"
    print(f"{found.replayed:,} replayed, {len(found.diverged):,} diverged; {same}")
    shown: list[Difference] = [*found.diverged, *found.differing]
    for each in shown[:MANY]:
        print(f"  {each.code}: {each.what}")
        for line in each.lines:
            print(f"    {line}")
    if len(shown) > MANY:
        print(f"  … and {len(shown) - MANY:,} more (--json has them all)")


async def _export(shop: Workshop, code: str, run: str | None, file: str | None, *, as_json: bool) -> None:
    async with shop.proving() as proving:
        found, text = await proving.export(code, run)
    path = printing.write(file, f"{code}.json", text.encode())
    if path is None:
        return
    if as_json:
        printing.document({"code": code, "run": found, "path": str(path)})
    else:
        print(f"{path}: run {found} of {code}; open it with Temporal's tools")


async def _seal(shop: Workshop, *, as_json: bool) -> None:
    async with shop.proving() as proving:
        seal = await proving.sealer.seal(CLOCK_ID)
        stamped = await proving.sealer.stamp()
    if as_json:
        printing.document(_plain(seal))
    else:
        said = seal.statement
        print(f"seal {seal.number} over {said.size:,} heads, root {said.root}")
        print(f"  signed by key {said.key}" + (f", {stamped} stamped" if stamped else ""))


def _plain(seal: Seal) -> dict[str, Any]:
    """A seal as it is published, with what the next one names."""
    return {**seal.model_dump(mode="json"), "hash": seal.hash}


async def _seals(shop: Workshop, *, as_json: bool) -> None:
    async with shop.proving() as proving:
        seals, stamps = await proving.seals()
    if as_json:
        printing.document([_plain(seal) for seal in seals])
        return
    calendar = shop.catalogue().calendar(shop.catalogue().office.calendar)
    printing.table(
        "",
        ("seal", "made", "heads", "key", "stamped", "root"),
        [
            (
                seal.number,
                printing.office_time(calendar, seal.statement.at),
                f"{seal.statement.size:,}",
                seal.statement.key,
                "yes" if seal.number in stamps else "",
                seal.statement.root,
            )
            for seal in seals
        ],
    )


async def _sheet(shop: Workshop, number: int, file: str | None) -> None:
    catalogue = shop.catalogue()
    calendar = catalogue.calendar(catalogue.office.calendar)
    async with shop.proving() as proving:
        seals, stamps = await proving.seals()
        found = next((seal for seal in seals if seal.number == number), None)
        if found is None:
            raise UnknownSeal(number=number, last=len(seals))
        at = printing.office_time(calendar, found.statement.at)
        stamped = "RFC 3161" if number in stamps else None
        unit = catalogue.office.units[0].name
        content = await Sheets(shop.settings.catalog_dir).seal(found, unit, at, stamped)
    path = printing.write(file, f"seal-{number}.pdf", content)
    if path is not None:
        print(f"{path}: seal {number}")


async def _proof(shop: Workshop, code: str, file: str | None, *, as_json: bool) -> None:
    async with shop.proving() as proving:
        proof, later = await proving.sealer.prove(code)
    content = proof.model_dump_json(indent=1).encode() + b"\n"
    path = printing.write(file, f"{code}.proof.json", content)
    if path is None:
        return
    if as_json:
        told = {"code": code, "facts": len(proof.facts), "later": later, "seal": proof.seal.number}
        printing.document({**told, "path": str(path)})
        return
    more = f"; {later} later ones are not sealed yet" if later else ""
    print(f"{path}: {len(proof.facts)} facts of {code} under seal {proof.seal.number}{more}")


def _show_checked(checked: Checked) -> None:
    if checked.faults:
        print(f"The proof of {checked.code} does NOT hold:")
        for fault in checked.faults:
            print(f"  {fault}")
        return
    print(f"The {checked.facts} facts of {checked.code} are as they were when seal {checked.seal} was made,")
    print(f"by its own word at {checked.at:%Y-%m-%d %H:%M:%S} UTC", end="")
    if checked.stamped_at is not None:
        print(f"; an authority saw it at {checked.stamped_at:%Y-%m-%d %H:%M:%S} UTC.")
    else:
        print("; no authority that is believed says when.")


async def _keys(shop: Workshop) -> None:
    async with shop.proving() as proving:
        sys.stdout.write(proving.keys.model_dump_json(indent=1) + "\n")


async def _rotate(shop: Workshop, user: str, *, as_json: bool) -> None:
    actor = _keeper_of_keys(shop, user)
    async with shop.proving() as proving:
        word = await proving.sealer.rotate(actor)
    if as_json:
        printing.document(word)
    else:
        print(f"key {word.id} signs from seal {word.since} on; publish it: audit keys")


async def _revoke(shop: Workshop, key: str, user: str, at: datetime, reason: str, *, as_json: bool) -> None:
    actor = _keeper_of_keys(shop, user)
    async with shop.proving() as proving:
        word = await proving.sealer.revoke(key, at, reason, actor)
    if as_json:
        printing.document(word)
    else:
        catalogue = shop.catalogue()
        since = printing.office_time(catalogue.calendar(catalogue.office.calendar), word.at)
        print(f"key {key} is not believed as of {since}; publish it: audit keys")
