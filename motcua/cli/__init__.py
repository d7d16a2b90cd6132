"""The command line. Results go to stdout, progress and logs to stderr; `--json` prints exact JSON only."""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_group

from models.refusals import Problem, exit_code

if TYPE_CHECKING:
    from motcua.cli.workshop import Workshop

BAD_INPUT, BUG, INTERRUPTED = 2, 70, 130

PARTS: dict[str, dict[str, str]] = {
    "embedded": {
        "demo": "An office on embedded servers and a town's caseload through it, in virtual time.",
        "up": "An office on embedded servers, to work in, until Ctrl-C.",
        "import-log": "Replay another system's event log through the engine, in virtual time.",
    },
    "people": {
        "submit": "Hand dossiers in; the same request_id gives the same dossier.",
        "act": "Ask something of a dossier.",
        "document": "A document of a dossier, checked against its record (by default into this directory).",
        "tasks": "The open tasks, the most urgent first.",
    },
    "dossiers": {
        "dossiers": "Mend the workflows of dossiers.",
    },
    "looking": {
        "show": "One dossier: its state, tasks, terms and facts, now or as it stood.",
        "receipt": "How each deadline of a dossier came about, day by day.",
    },
    "papers": {
        "paper": (
            "A paper of a dossier, or the register of a period, as PDF (by default into this directory)."
        ),
    },
    "notices": {
        "notices": "What people were told, or not.",
    },
    "absences": {
        "absences": "Who is away, and who stands in.",
    },
    "texts": {
        "preview": (
            "A text as it would be sent, filled with a sample; checks all texts of the catalogue first."
        ),
    },
    "outages": {
        "outage": "Give every open dossier the time back that an announced outage took; may be run again.",
    },
    "units": {
        "units": "The office's units.",
    },
    "deadlines": {
        "due": "When a limit ends, and each day on the way.",
    },
    "calendars": {
        "calendar": "The office's calendar.",
    },
    "reporting": {
        "report": "Dossiers received, solved and open in a period (form II.06).",
    },
    "audit": {
        "audit": "Prove the record.",
    },
    "web": {
        "web": "The desk alone, on the office that runs here or that the environment names, until Ctrl-C.",
        "accounts": "By what people sign in.",
    },
}
"""For each module of this package its commands and groups, in the order of the help, with their summaries."""


class Commands(TyperGroup):
    """The commands of the office; the module of a command is imported when the command is called."""

    def __init__(self, shop: Workshop, **settings: Any) -> None:
        listed = [
            TyperCommand(name, short_help=summary)
            for part in PARTS.values()
            for name, summary in part.items()
        ]
        super().__init__(commands=listed, **settings)
        self._shop = shop

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that was called; until then its name and summary stand for it."""
        name, _, rest = super().resolve_command(ctx, args)
        part = next(part for part, commands in PARTS.items() if name in commands)
        return name, load(part, self._shop)[str(name)], rest


def load(part: str, shop: Workshop) -> dict[str, Any]:
    """Import one module of this package; returns its commands by name."""
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    import_module(f"motcua.cli.{part}").add(app, shop)
    return dict(get_group(app).commands)


def run(shop: Workshop, argv: list[str]) -> int:
    """Carry out one command line; returns the process's exit code."""
    as_json = "--json" in argv
    try:
        commands = Commands(
            shop,
            no_args_is_help=True,
            rich_markup_mode=None,
            help="motcua: the dossiers of a one-stop-shop office, each one a durable workflow.",
        )
        code = commands.main(argv, standalone_mode=False)
    except Problem as problem:
        details = {name: str(value) for name, value in problem.facts.items()}
        _complain(problem.type, problem.message, details, as_json=as_json)
        return exit_code(problem)
    except TyperException as error:
        _complain("BadUsage", " ".join(str(error).split()) or "unknown command", {}, as_json=as_json)
        return BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
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
