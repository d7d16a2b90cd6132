"""The command line. Results go to stdout, progress and logs to stderr; `--json` prints exact JSON only."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback

import typer
from typer.exceptions import TyperException

from models.refusals import Problem, exit_code
from motcua.cli import (
    absences,
    audit,
    calendars,
    deadlines,
    dossiers,
    embedded,
    looking,
    notices,
    outages,
    papers,
    people,
    reporting,
    texts,
    units,
    web,
)
from motcua.cli.workshop import Workshop

BAD_INPUT, BUG, INTERRUPTED = 2, 70, 130


def build(shop: Workshop) -> typer.Typer:
    """All commands of the office, on the given services."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="motcua: the dossiers of a one-stop-shop office, each one a durable workflow.",
    )
    parts = (embedded, people, dossiers, looking, papers, notices, absences, texts, outages, units, deadlines)
    for part in (*parts, calendars, reporting, audit, web):
        part.add(app, shop)
    return app


def run(shop: Workshop, argv: list[str]) -> int:
    """Carry out one command line; returns the process's exit code."""
    as_json = "--json" in argv
    try:
        code = build(shop)(argv, standalone_mode=False)
    except Problem as problem:
        details = {name: str(value) for name, value in problem.facts.items()}
        _complain(problem.type, problem.message, details, as_json=as_json)
        return exit_code(problem)
    except TyperException as error:
        _complain("BadUsage", " ".join(str(error).split()) or "unknown command", {}, as_json=as_json)
        return BAD_INPUT
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `… | head` has seen enough; what is still to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        # A bug: shown whole, and with an exit code that no refusal has.
        traceback.print_exc()
        return BUG
    return code if isinstance(code, int) else 0


def _complain(kind: str, message: str, details: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        error = {**details, "type": kind, "message": message}
        print(json.dumps({"error": error}, ensure_ascii=False))
    else:
        print(f"{kind}: {message}", file=sys.stderr)
