"""The command: all variants in turn on one set of embedded servers, round after round."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

from benchmarks.measure import Figures, measure
from benchmarks.report import Report, report, show
from benchmarks.variants import Variant, variants
from models.refusals import Problem, exit_code
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.local import LocalOffice
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.telemetry import configure_logging
from motcua.temporal import connect, register
from workflows.dossier import SEARCH_ATTRIBUTES

progress = Console(stderr=True, highlight=False)


async def compare(data_dir: Path, *, lifecycles: int, rounds: int, concurrencies: tuple[int, ...]) -> Report:
    """Measure every variant at every concurrency, `rounds` times over."""
    found: dict[tuple[int, str], list[Figures]] = defaultdict(list)
    progress.print("starting the servers ...")
    async with LocalOffice(data_dir) as office:
        client = await connect(office.run.temporal.address, office.run.temporal.namespace)
        await register(client, SEARCH_ATTRIBUTES)
        await migrate(office.run.admin_database_url)
        pids = {
            "server": office.run.children["temporal"],
            "postgres": office.run.children["postgres"],
            "client": os.getpid(),
        }

        async def one(variant: Variant, concurrency: int, turn: int) -> None:
            # Only the worker that is measured runs: an idle one polls, and the two full ones share a queue.
            worker = variant.worker(office.data_dir)
            await worker.start()
            try:
                assert worker.pid is not None
                figures = await measure(
                    client,
                    variant.life,
                    {**pids, "worker": worker.pid},
                    lifecycles=lifecycles,
                    concurrency=concurrency,
                    key=f"{variant.name}-{concurrency}-{turn}",
                )
            finally:
                await worker.stop()
            found[concurrency, variant.name].append(figures)
            where = f"round {turn} of {rounds}, concurrency {concurrency}"
            progress.print(f"{where}: {variant.name}: {figures.rate:.1f} lifecycles/s")

        async with Store.connect(office.run.database_url) as store:
            everything = variants(client, store, Catalogue.load(Settings.read().catalog_dir))
            for turn in range(1, rounds + 1):
                for concurrency in concurrencies:
                    # There and back again: what slows down or speeds up with time favours nobody.
                    for variant in everything if turn % 2 else reversed(everything):
                        await one(variant, concurrency, turn)
    shown = {(c, each.name): found[c, each.name] for c in concurrencies for each in everything}
    return report(shown, lifecycles=lifecycles)


def main(
    lifecycles: Annotated[int, typer.Option(min=1, help="Lifecycles of one measurement.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each kind; medians are shown.")] = 3,
    concurrency: Annotated[str, typer.Option(help="Lifecycles at a time, separated by commas.")] = "1,20",
    json: Annotated[bool, typer.Option("--json", help="Print exact figures as JSON.")] = False,
) -> None:
    """Run the bare lifecycle and the full product side by side; print what each costs, as ratios."""
    configure_logging("error")
    # Told to end, it stops its servers as it does on Ctrl-C; they would outlive it.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        concurrencies = tuple(dict.fromkeys(max(1, int(each)) for each in concurrency.split(",")))
    except ValueError as error:
        raise typer.BadParameter("numbers, separated by commas", param_hint="--concurrency") from error
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        try:
            whole = asyncio.run(
                compare(Path(directory), lifecycles=lifecycles, rounds=rounds, concurrencies=concurrencies)
            )
        except Problem as problem:
            progress.print(problem.message)
            raise typer.Exit(exit_code(problem)) from problem
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            # So Temporal's client says that it was interrupted in the middle of a call.
            raise typer.Abort from error
    if json:
        typer.echo(whole.model_dump_json(indent=1))
    else:
        show(whole, Console())


if __name__ == "__main__":
    typer.run(main)
