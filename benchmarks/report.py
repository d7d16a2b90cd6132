"""What was measured, for people and for programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figures, medians, ratios
from benchmarks.variants import BASELINE, PRODUCT
from models.base import Value

AIM = 0.9
"""The full product's lifecycles per second against the baseline's."""

LINES: Mapping[str, tuple[str, int]] = {
    "rate": ("lifecycles/s", 1),
    "receive_p50": ("receive p50, ms", 1),
    "step_p50": ("step p50, ms", 1),
    "step_p99": ("step p99, ms", 1),
    "cpu_server": ("CPU server, ms", 1),
    "cpu_worker": ("CPU worker, ms", 1),
    "cpu_client": ("CPU client, ms", 1),
    "cpu_postgres": ("CPU Postgres, ms", 1),
    "cpu_all": ("CPU of all, ms", 1),
    "events": ("events", 0),
    "bytes": ("bytes", 0),
}
"""Heading and decimals of each figure."""


class Measured(Value):
    """One variant at one concurrency, and its ratios to the baseline of the same run."""

    variant: str
    concurrency: int
    figures: Figures
    ratios: dict[str, float | None]


class Report(Value):
    """A whole run."""

    baseline: str = BASELINE
    aim: float = AIM
    cores: int
    lifecycles: int
    rounds: int
    reached: dict[int, float]
    """The full product's rate as a ratio, by concurrency."""
    measured: list[Measured]


def report(rounds: Mapping[tuple[int, str], Sequence[Figures]], *, lifecycles: int) -> Report:
    """A report of what each round measured, by (concurrency, variant)."""
    measured = [
        Measured(
            variant=variant,
            concurrency=concurrency,
            figures=medians(figures),
            ratios=ratios(figures, rounds[concurrency, BASELINE]),
        )
        for (concurrency, variant), figures in rounds.items()
    ]
    return Report(
        cores=os.cpu_count() or 1,
        lifecycles=lifecycles,
        rounds=max(map(len, rounds.values())),
        reached={each.concurrency: each.ratios["rate"] or 0 for each in measured if each.variant == PRODUCT},
        measured=measured,
    )


def show(whole: Report, console: Console) -> None:
    """A table for each concurrency, every figure with its ratio to the baseline, and what it comes to."""
    console.print(
        f"Medians of {whole.rounds} rounds of {whole.lifecycles} lifecycles, one run on one machine."
    )
    console.print("CPU is a lifecycle's, events and bytes are those of a dossier's history.")
    console.print(
        f"Ratio: the median of each round's ratio to “{whole.baseline}” in that round (1.00: equal)."
    )
    for concurrency in whole.reached:
        console.print(_table([each for each in whole.measured if each.concurrency == concurrency]))
    console.print(_closing(whole))


def _table(measured: list[Measured]) -> Table:
    table = Table(
        title=f"Concurrency {measured[0].concurrency}",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # so that it fits a terminal of 80 columns
    )
    table.add_column("", no_wrap=True)
    measured = sorted(measured, key=lambda each: each.variant != BASELINE)
    for each in measured:
        table.add_column(each.variant.replace(" ", "\n"), justify="right")
        if each.variant != BASELINE:
            table.add_column("ratio", justify="right", style="bold")
    for name, (heading, places) in LINES.items():
        cells = []
        for each in measured:
            ratio = each.ratios[name]
            cells.append(f"{getattr(each.figures, name):,.{places}f}")
            if each.variant != BASELINE:
                cells.append("–" if ratio is None else f"{ratio:.2f}")
        table.add_row(heading, *cells)
    return table


def _closing(whole: Report) -> str:
    reached = ", ".join(f"{ratio:.2f} at concurrency {c}" for c, ratio in whole.reached.items())
    return (
        f"Aim: the full product at no less than {whole.aim} of “{whole.baseline}” in lifecycles per second."
        f" Reached: {reached} (one run, {whole.cores} cores)."
    )
