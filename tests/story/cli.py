"""The command line as a person or a script uses it: a process of its own each time.

Nearly all the time of a command goes into loading its modules. So most commands of the stories are forked
from a process that has loaded them and done nothing else; those of the pages run from the beginning.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, NoReturn

from motcua.cli import PARTS
from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run
from motcua.owner import end_with_parent
from tests.offices import SampleOffice
from tests.waiting import PATIENCE, blocking_until

ROOT = Path(__file__).resolve().parents[2]
HASTY = {"MOTCUA_RPC_TIMEOUT": "4"}
"""Settings for a command that is to give up soon, because a server or the worker is away."""
_NEW = os.O_WRONLY | os.O_CREAT
_LOADED = multiprocessing.get_context("forkserver")
_LOADED.set_forkserver_preload(
    ["starter", "motcua.services", *(f"motcua.cli.{part}" for part in PARTS), "pytest", "tests.story.cli"]
)


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The name of the error that it printed for people, on one line."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def afresh(data_dir: Path, *arguments: str, stdin: str = "", **settings: str) -> Ran:
    """Run one command on a data directory as a person does, from the first line of `starter.py` on."""
    with NamedTemporaryFile("w", encoding="utf-8") as given:
        given.write(stdin)
        given.flush()
        argv, pipe = GUARDIAN.guarded([sys.executable, "starter.py", *arguments], stdin=given.name)
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env=_environment(data_dir, settings),
            stdin=pipe,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    return Ran(done.returncode, done.stdout, done.stderr)


def starter(data_dir: Path, *arguments: str, stdin: str = "", **settings: str) -> Ran:
    """The same in a process that has the modules loaded already."""
    with TemporaryDirectory() as folder:
        given, out, err = (Path(folder) / name for name in ("in", "out", "err"))
        given.write_text(stdin, encoding="utf-8")
        files = [str(file) for file in (given, out, err)]
        process = _LOADED.Process(target=_run, args=(arguments, _environment(data_dir, settings), files))
        process.start()
        process.join(PATIENCE)
        code = process.exitcode
        process.kill()
        assert code is not None, f"{arguments} did not end"
        return Ran(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _run(arguments: tuple[str, ...], environment: dict[str, str], files: list[str]) -> NoReturn:
    """What `starter.py` does when it is called, on these files."""
    import starter as loaded  # noqa: PLC0415 - only in the process that is forked

    end_with_parent()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, (file, flags) in enumerate(zip(files, (os.O_RDONLY, _NEW, _NEW), strict=True)):
        os.dup2(os.open(file, flags), number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - multiprocessing has put another one there
    code = loaded.main(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _environment(data_dir: Path, settings: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "MOTCUA_DATA_DIR": str(data_dir),
        "MOTCUA_RPC_TIMEOUT": str(PATIENCE / 2),
        **settings,
    }


@contextmanager
def office(data_dir: Path, **settings: str) -> Iterator[RunInfo]:
    """An office that is up, as `starter.py up` makes it; ended by Ctrl-C."""
    argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", "up", "--json"])
    process = subprocess.Popen(
        argv,
        stdin=stdin,
        cwd=ROOT,
        env={**os.environ, "MOTCUA_DATA_DIR": str(data_dir), **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            started = json.loads(process.stdout.readline())
            assert "temporal_ui" in started, started
            run = read_run(data_dir)
            assert run
            yield run
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that does not get to do anything for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class CommandLine:
    """The command line of one office on one data directory."""

    sample: SampleOffice
    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables of all commands, beside those of the office."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that all commands get."""
        return {**self.sample.settings, **self.settings}

    def __call__(self, *arguments: str, stdin: str = "", **settings: str) -> Ran:
        """Run one command."""
        return starter(self.data_dir, *arguments, stdin=stdin, **{**self.environment, **settings})

    def afresh(self, *arguments: str) -> Ran:
        """Run one command in a process that has loaded nothing before."""
        return afresh(self.data_dir, *arguments, **self.environment)

    def up(self) -> AbstractContextManager[RunInfo]:
        """The office, up until the end of the block."""
        return office(self.data_dir, **self.environment)

    def submit(self, request_id: str, *options: str, **more: Any) -> Ran:
        """Hand one dossier in; prints JSON."""
        given = json.dumps(self.sample.submission(request_id, **more))
        return self("submit", "-", *options, "--json", stdin=given)

    def accepted(self, request_id: str, **more: Any) -> str:
        """The code of a dossier that the receiver has taken in."""
        taken = self.submit(request_id, "--as", self.sample.receiver, **more)
        assert taken.code == 0, (taken.out, taken.err)
        code: str = taken.json["code"]
        return code

    def act(self, code: str, command: str, user: str, *options: str, **data: Any) -> Ran:
        """Ask something of a dossier."""
        given = ("--data", json.dumps(data)) if data else ()
        return self("act", code, command, "--as", user, *given, *options)

    def facts(self, code: str) -> list[str]:
        """The kinds of a dossier's facts."""
        return [fact["kind"] for fact in self("show", code, "--json").json["facts"]]

    @contextmanager
    def without(self, run: RunInfo, name: str) -> Iterator[None]:
        """The office without one of its servers, which is not started again until the block ends."""
        current = read_run(self.data_dir)
        assert current
        with frozen(run.pid):
            os.kill(current.children[name], signal.SIGKILL)
            yield

        def replaced() -> bool:
            again = read_run(self.data_dir)
            return again is not None and again.children[name] != current.children[name]

        def both_answer() -> bool:  # a new process is there before it answers
            verified = self("audit", "verify", "--json")
            return verified.code in (0, 1) and verified.json["workflows"] is not None

        blocking_until(replaced, f"the return of {name}")
        blocking_until(both_answer, f"an answer of {name}")
