"""Restarting a dossier whose workflow is gone: another begins from the facts on record.

The record is the truth that is left: state, terms and alerts are folded from it, so nothing that was recorded
happens twice, and what came due meanwhile happens as after any downtime. The workflow of a closed dossier
only delivers the messages to linked dossiers that its predecessor could not deliver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import (
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from models.chain import broken_links
from models.commands import Actor
from models.dossier import Dossier
from models.journal import DossierRestarted, Entry, Line, RestartAsked
from models.linked import Message, OpenLinked, all_messages
from models.refusals import (
    BadInput,
    CheckFailed,
    DossierClosed,
    Forbidden,
    Refusal,
    UnknownDossier,
    Unreachable,
)
from models.rights import OFFICE
from models.service import Opening, Restarted
from models.view import DossierRow
from models.visible import UNKEEPABLE, shows
from motcua.forms import private, reference
from motcua.missing import last_fact
from motcua.past import Past, recall
from motcua.store import Store
from motcua.store.proof import ProofRecord
from motcua.store.record import Record
from motcua.temporal import AWAY, RPC_TIMEOUT
from workflows.dossier import OPENED_AT, TASK_QUEUE, DossierWorkflow, attributes

ASKED = "motcua_restart"
"""In the memo of a run that was begun anew: the command of the journal's entry that asked for it."""
MAX_REASON = 500
"""Characters."""
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""Raised by reading or folding facts that no program of ours has written."""

log = structlog.get_logger()


class MayNotRestart(Forbidden):
    """Restarting is for those who answer for the office, or for its servers."""

    sentence = "{actor} may not restart a dossier's workflow; it is for {roles}."


class BadRestartReason(BadInput):
    """No reason for a restart, or one that is too long."""

    sentence = "Give the reason for the restart in 1 to {most} characters."


class WorkflowRuns(Refusal):
    """A dossier whose workflow runs needs no other."""

    sentence = "The workflow of dossier {code} runs; there is nothing to restart."


class RecordBroken(CheckFailed):
    """The facts of a dossier are not what was recorded: nothing may go on from them."""

    sentence = "Dossier {code} is not restarted, because its record does not hold: {what}."


class RecordBehind(CheckFailed):
    """The workflow knows more than the record: facts were lost, as by a database of an older backup."""

    sentence = (
        "Dossier {code} is not restarted: {what}, so facts are missing from the record. `audit replay {code}`"
        " names them."
    )


class TemporalAway(Unreachable):
    """Temporal does not answer."""

    sentence = (
        "Temporal cannot be reached: {reason}. Whether dossier {code} was restarted is not known; ask again."
    )


def _reason(given: str) -> str:
    words = given.strip()
    if not shows(words) or len(words) > MAX_REASON or UNKEEPABLE.search(words):
        raise BadRestartReason(most=MAX_REASON)
    return words


class Restarts:
    """Restarts dossiers of one office; `clock` says when, for the journal."""

    def __init__(self, client: Client, store: Store, office: str, clock: Callable[[], datetime]) -> None:
        self._client, self._store, self._clock = client, store, clock
        self._proof, self._record = ProofRecord(store, office), Record(store)

    async def restart(self, code: str, actor: Actor, reason: str, at: datetime | None = None) -> Restarted:
        """Begin the workflow of a dossier anew from its facts; the journal keeps who asked for it, and why.

        The same restart asked for again, after an answer that was cut off, is one restart.

        The clock of a simulated dossier goes on from its last fact, or from office time `at` where that is
        later. Raises Refusals where the workflow runs or the dossier is closed with nothing to deliver,
        UnknownDossier, and CheckFailed where the record does not hold or the workflow knew more.
        """
        if not actor.has(*OFFICE["restart"]):
            raise MayNotRestart(actor=actor.id, roles=", ".join(OFFICE["restart"]))
        reason = _reason(reason)
        await self._row(code)
        async with self._proof.restarting(code):  # of two at once, one finds that it runs
            try:
                return await self._restart(code, actor, reason, at)
            except RPCError as error:
                if error.status not in AWAY:
                    raise
                raise TemporalAway(code=code, reason=error.message or error.status.name) from error

    async def _restart(self, code: str, actor: Actor, reason: str, at: datetime | None) -> Restarted:
        before = await self._before(code)
        entries = await self._proof.journal_about(code)
        asked = _command(code, entries, actor, reason)
        runs = ended = False
        if before is not None:
            runs = before.status in (
                WorkflowExecutionStatus.RUNNING,
                WorkflowExecutionStatus.CONTINUED_AS_NEW,
            )
            ended = before.status is WorkflowExecutionStatus.COMPLETED
            cut_off = await self._complete(before, entries)
            if cut_off is not None and cut_off.asked == asked and (runs or ended):
                return await self._restarted(code, cut_off)
            if cut_off is not None:
                entries = await self._proof.journal_about(code)
                asked = _command(code, entries, actor, reason)
        if runs:
            raise WorkflowRuns(code=code)
        past = await self._held(code)
        dossier = past.at()
        messages = await self._undelivered(dossier, past)
        if dossier.closed and (ended or not messages):
            raise DossierClosed(code=code, status=dossier.status, command="restart")
        if ended:
            raise RecordBehind(code=code, what="its workflow has ended by itself")
        if before is not None:
            await self._not_behind(before, past)
        opening = Opening(
            dossier=dossier,
            opened_at=max(past.facts[-1].at, at or past.facts[-1].at) if dossier.simulated else None,
            messages=messages,
        )
        return await self._begin(opening, actor, reason, asked)

    async def _row(self, code: str) -> DossierRow:
        row = await self._store.row(code)
        if row is None:
            raise UnknownDossier(code=code)
        return row

    async def _before(self, code: str) -> WorkflowExecutionDescription | None:
        """The run that Temporal knows; None where it has none, or not any more."""
        try:
            return await self._client.get_workflow_handle(code).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _not_behind(self, before: WorkflowExecutionDescription, past: Past) -> None:
        """Make sure that the run ended no later than the record does."""
        last = await last_fact(self._client, before.id, before.run_id)
        if last is None:
            return
        there = {fact.seq: fact.hash for fact in past.facts}
        if last.seq and there.get(last.seq) != last.hash:
            what = f"the history of its workflow goes to fact {last.seq}"
            if last.seq <= len(past.facts):
                what += ", which is another than the one on record"
            raise RecordBehind(code=before.id, what=what)

    async def _held(self, code: str) -> Past:
        """What is on record of a dossier, after it was checked."""
        row = await self._row(code)
        try:
            past = await recall(self._store, code)
            faults = broken_links(code, past.facts)
            hashes = {fact.seq: fact.hash for fact in past.facts}
            faults += [
                (seq, f"is not the one over which seal {seal} stands")
                for seal, seq, sealed in await self._proof.sealed_heads(code)
                if hashes.get(seq) != sealed
            ]
            if not faults:
                dossier = past.at()
                if (row.seq, row.head) != (dossier.seq, dossier.head):
                    faults = [(dossier.seq, f"is the last, but the read model ends at fact {row.seq}")]
        except UNREADABLE as error:
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise RecordBroken(code=code, what=f"its facts cannot be read: {said}") from error
        if faults:
            seq, what = faults[0]
            raise RecordBroken(code=code, what=what if what.startswith("fact") else f"fact {seq} {what}")
        return past

    async def _begin(self, opening: Opening, actor: Actor, reason: str, asked: str) -> Restarted:
        dossier = opening.dossier
        await self._ask(dossier, actor, reason, asked)
        memo: dict[str, Any] = {ASKED: asked}
        if opening.opened_at is not None:
            memo[OPENED_AT] = opening.opened_at.isoformat()
        try:
            handle = await self._client.start_workflow(
                DossierWorkflow.run,
                opening,
                id=dossier.code,
                task_queue=TASK_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                # One that has ended by itself has closed its dossier, whatever was read a moment ago.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=f"{dossier.procedure.code} · {dossier.office} · {dossier.unit}",
                search_attributes=TypedSearchAttributes(attributes(dossier)),
                memo=memo,
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError as error:
            raise WorkflowRuns(code=dossier.code) from error
        assert handle.first_execution_run_id is not None
        log.warning("dossier restarted", dossier=dossier.code, actor=actor.id, seq=dossier.seq)
        entries = await self._proof.journal_about(dossier.code)
        return await self._restarted(
            dossier.code, await self._tell(entries, asked, handle.first_execution_run_id)
        )

    async def _restarted(self, code: str, event: DossierRestarted) -> Restarted:
        row = await self._row(code)
        return Restarted(
            code=code, seq=event.seq, stage=row.stage, status=row.status, due_at=row.due_at, run=event.run
        )

    async def _undelivered(self, dossier: Dossier, past: Past) -> tuple[Message, ...]:
        """Messages to linked dossiers that are not on record there: the workflow may have died before.

        Those that were refused are among them, and are refused again.
        """
        sent = all_messages(past.unfiled, past.facts)
        asked = [(each.to, each.command.id) for each in sent if not isinstance(each, OpenLinked)]
        done = await self._record.commands_done(asked)
        known = {(linked.link, linked.round) for linked in dossier.links if linked.child or linked.over}
        return tuple(
            each
            for each in sent
            if (
                (each.link, each.round) not in known
                if isinstance(each, OpenLinked)
                else (each.to, each.command.id) not in done
            )
        )

    async def _ask(self, dossier: Dossier, actor: Actor, reason: str, asked: str) -> None:
        """Put into the journal that it is asked for, the reason where it can be erased with other words."""
        row = private(dossier.code, asked.removeprefix(f"{dossier.code}/"), "reason", reason)
        (kept,) = await self._store.keep_private([row])
        event = RestartAsked(code=dossier.code, seq=dossier.seq, head=dossier.head, reason=reference(kept))
        await self._proof.write([Line(at=self._clock(), actor=actor.id, command=asked, event=event)], ())

    async def _complete(
        self, before: WorkflowExecutionDescription, entries: Sequence[Entry]
    ) -> DossierRestarted | None:
        """Put into the journal that a workflow was restarted, where its restart was cut off before that."""
        asked = (await before.memo()).get(ASKED)
        told = {entry.event.asked for entry in entries if isinstance(entry.event, DossierRestarted)}
        if asked in told or asked not in {entry.command for entry in entries}:
            return None
        first = before.raw_description.workflow_execution_info.first_run_id
        return await self._tell(entries, asked, first or before.run_id)

    async def _tell(self, entries: Sequence[Entry], asked: str, run: str) -> DossierRestarted:
        """Put into the journal that a workflow runs which was asked for."""
        entry = next(entry for entry in entries if entry.command == asked)
        assert isinstance(entry.event, RestartAsked)
        event = DossierRestarted(**entry.event.model_dump(exclude={"kind", "reason"}), asked=asked, run=run)
        line = Line(at=self._clock(), actor=entry.actor, command=f"{asked}/done", event=event)
        await self._proof.write([line], ())
        return event


def _command(code: str, entries: Sequence[Entry], actor: Actor, reason: str) -> str:
    """The id of a restart: the same however often it is asked for, until it has led to another run."""
    number = sum(isinstance(entry.event, DossierRestarted) for entry in entries)
    digest = hashlib.sha256(f"{actor.id}\n{reason}".encode()).hexdigest()[:16]
    return f"{code}/restart-{number + 1}-{digest}"
