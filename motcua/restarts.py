"""Restarting an open dossier whose workflow is gone: another begins from the facts on record.

The record is the truth that is left: state, terms and alerts are folded from it, so nothing that was recorded
happens twice, and what came due meanwhile happens as after any downtime.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
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
from models.journal import DossierRestarted, Line
from models.linked import Message, OpenLinked, all_messages
from models.procedure import Stage
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
from motcua.forms import private, reference
from motcua.past import Past, recall
from motcua.store import Store
from motcua.store.proof import ProofRecord
from motcua.store.record import Record
from motcua.temporal import AWAY, RPC_TIMEOUT
from workflows.dossier import OPENED_AT, TASK_QUEUE, DossierWorkflow, attributes

UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of surrogate pairs, which PostgreSQL does not keep."""
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
    """A workflow has closed its dossier, and the record says that it is open: facts were lost."""

    sentence = (
        "Dossier {code} is not restarted: its workflow has ended by itself, so facts are missing from the"
        " record. `audit replay {code}` names them."
    )


class TemporalAway(Unreachable):
    """Temporal does not answer."""

    sentence = (
        "Temporal cannot be reached: {reason}. Whether dossier {code} was restarted is not known; ask again."
    )


def _reason(given: str) -> str:
    words = given.strip()
    seen = any(letter.isprintable() and not letter.isspace() for letter in words)
    if not seen or len(words) > MAX_REASON or UNKEEPABLE.search(words):
        raise BadRestartReason(most=MAX_REASON)
    return words


class Restarts:
    """Restarts dossiers of one office; `clock` says when, for the journal."""

    def __init__(self, client: Client, store: Store, office: str, clock: Callable[[], datetime]) -> None:
        self._client, self._store, self._clock = client, store, clock
        self._proof, self._record = ProofRecord(store, office), Record(store)

    async def restart(self, code: str, actor: Actor, reason: str, at: datetime | None = None) -> Restarted:
        """Begin the workflow of an open dossier anew from its facts; the journal keeps who did it, and why.

        The clock of a simulated dossier goes on from its last fact, or from office time `at` where that is
        later. Raises Refusals where the workflow runs or the dossier is closed, UnknownDossier, and
        CheckFailed where the record does not hold.
        """
        if not actor.has(*OFFICE["restart"]):
            raise MayNotRestart(actor=actor.id, roles=", ".join(OFFICE["restart"]))
        reason = _reason(reason)
        await self._open(code)
        async with self._proof.restarting(code):  # of two at once, one finds that it runs
            try:
                await self._gone(code)
                past = await self._held(code)
                return await self._begin(past, actor, reason, at)
            except RPCError as error:
                if error.status not in AWAY:
                    raise
                raise TemporalAway(code=code, reason=error.message or error.status.name) from error

    async def _open(self, code: str) -> DossierRow:
        row = await self._store.row(code)
        if row is None:
            raise UnknownDossier(code=code)
        if row.stage is Stage.CLOSED:
            raise DossierClosed(code=code, status=row.status, command="restart")
        return row

    async def _gone(self, code: str) -> None:
        """Make sure that no workflow of an open dossier runs."""
        try:
            described = await self._client.get_workflow_handle(code).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            described = None
        if described is None:
            return
        if described.status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
            raise WorkflowRuns(code=code)
        if described.status is WorkflowExecutionStatus.COMPLETED:
            await self._open(code)  # it has been closed between the two looks
            raise RecordBehind(code=code)

    async def _held(self, code: str) -> Past:
        """What is on record of a dossier, after it was checked."""
        row = await self._open(code)
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

    async def _begin(self, past: Past, actor: Actor, reason: str, at: datetime | None) -> Restarted:
        dossier = past.at()
        opening = Opening(
            dossier=dossier,
            opened_at=max(past.facts[-1].at, at or past.facts[-1].at) if dossier.simulated else None,
            messages=await self._undelivered(dossier, past),
        )
        await self._write(dossier, actor, reason)
        memo: dict[str, Any] = {}
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
        return Restarted(
            code=dossier.code,
            seq=dossier.seq,
            stage=dossier.stage,
            status=dossier.status,
            due_at=dossier.term.due_at if dossier.term else None,
            run=handle.first_execution_run_id,
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

    async def _write(self, dossier: Dossier, actor: Actor, reason: str) -> None:
        """Put the restart into the journal, its reason where it can be erased with the dossier's words."""
        token = secrets.token_hex(8)
        (kept,) = await self._store.keep_private(
            [private(dossier.code, f"restart-{token}", "reason", reason)]
        )
        event = DossierRestarted(
            code=dossier.code, seq=dossier.seq, head=dossier.head, reason=reference(kept)
        )
        line = Line(at=self._clock(), actor=actor.id, command=f"restart/{token}", event=event)
        await self._proof.write([line], ())
