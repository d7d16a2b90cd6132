"""Connecting to Temporal: one converter and one plugin for clients, workers and replayers alike."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.failure.v1 import Failure
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadConverter,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from models.refusals import Problem, Unreachable, packed

_JSON = PydanticJSONPlainPayloadConverter()
_LOOPBACK = re.compile(r"(127\.|localhost:|\[::1\])")


class PydanticConverter(CompositePayloadConverter):
    """The SDK's converter for pydantic values, with one cache of type adapters for the whole process.

    The SDK makes a converter for each workflow, and each would build its own adapter of the union of all
    commands: half a millisecond that every dossier pays for again.
    """

    def __init__(self) -> None:
        super().__init__(
            *(
                _JSON if isinstance(usual, JSONPlainPayloadConverter) else usual
                for usual in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


class ProblemConverter(DefaultFailureConverterWithEncodedAttributes):
    """Failures as Temporal has them; a problem takes along what its sentence tells, for other languages."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """Encode an exception."""
        if isinstance(exception, Problem):
            exception = ApplicationError(exception.message, packed(exception.facts), type=exception.type)
        super().to_failure(exception, payload_converter, failure)


CONVERTER = DataConverter(
    payload_converter_class=PydanticConverter,
    failure_converter_class=ProblemConverter,
)
"""Pydantic values as JSON; error texts are encoded like payloads, so that a codec covers them too."""

RPC_TIMEOUT = timedelta(seconds=20)

POLL_SECONDS = 90.0
"""Seconds after which a worker has certainly polled again: a poll is answered after one minute at most."""

AWAY = frozenset(
    (
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        # A server killed in the middle of a call: "transport error", "h2 protocol error".
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.INTERNAL,
    )
)
"""What a call ends with while the server is away or on its way back."""

PURE = ("models", "activities", "structlog")
"""Modules that the sandbox does not import anew for each dossier: pure, or guarded by tests and linter.

Without this each cached dossier costs four times the memory, and ZoneInfo does not work at all.
"""


class TemporalUnreachable(Unreachable):
    """The Temporal server does not answer."""

    sentence = "The Temporal server at {address} cannot be reached: {reason}"


@contextmanager
def reached(address: str) -> Iterator[None]:
    """Temporal is asked within; TemporalUnreachable where it does not answer."""
    try:
        yield
    except RPCError as error:
        if error.status not in AWAY:
            raise
        raise TemporalUnreachable(address=address, reason=_reason(error)) from error


class SearchAttributesMissing(Unreachable):
    """The search attributes that dossiers carry cannot be registered here."""

    sentence = (
        "Temporal's namespace {namespace} lacks the search attributes {names} and does not let this"
        " account add them ({reason}); ask its administrator to register them."
    )


class RetentionNotSet(Unreachable):
    """Temporal does not let this account say for how long closed histories are kept."""

    sentence = (
        "Temporal's namespace {namespace} cannot be made to keep closed histories for {hours:g} hours"
        " ({reason}); have its administrator do so, and set MOTCUA_RETENTION_HOURS to what holds."
    )


async def connect(
    address: str | None = None, namespace: str | None = None, *, runtime: Runtime | None = None
) -> Client:
    """A client by TEMPORAL_* variables or the TOML profile, unless an address is given."""
    config = ClientConfig.load_client_connect_config()
    target = address or config.get("target_host") or "localhost:7233"
    config["target_host"] = target
    config["namespace"] = namespace or config.get("namespace") or "default"
    try:
        return await Client.connect(
            **config,
            identity=identity(os.getpid()),
            data_converter=CONVERTER,
            runtime=runtime,
            # Within one machine compressing costs more than it saves.
            grpc_compression=GrpcCompression.NONE if _LOOPBACK.match(target) else GrpcCompression.GZIP,
        )
    except (RuntimeError, RPCError) as error:
        raise TemporalUnreachable(address=target, reason=_reason(error)) from error


async def register(client: Client, keys: Sequence[SearchAttributeKey[Any]]) -> None:
    """Make sure that the namespace knows the search attributes."""
    operator = client.operator_service
    try:
        known = await operator.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
        )
        missing = [key for key in keys if key.name not in known.custom_attributes]
        if missing:
            await operator.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes={
                        key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in missing
                    },
                ),
                timeout=RPC_TIMEOUT,
            )
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return
        if error.status in AWAY:
            raise TemporalUnreachable(address=client.namespace, reason=_reason(error)) from error
        names = ", ".join(key.name for key in keys)
        raise SearchAttributesMissing(
            namespace=client.namespace, names=names, reason=_reason(error)
        ) from error


async def retention(client: Client) -> timedelta:
    """For how long the namespace keeps closed histories."""
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=RPC_TIMEOUT
    )
    return described.config.workflow_execution_retention_ttl.ToTimedelta()


async def keep_for(client: Client, wanted: timedelta) -> None:
    """Have the namespace keep closed histories for so long."""
    if await retention(client) == wanted:
        return
    ttl = Duration()
    ttl.FromTimedelta(wanted)
    try:
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=ttl)
            ),
            timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        if error.status in AWAY:
            raise TemporalUnreachable(address=client.namespace, reason=_reason(error)) from error
        raise RetentionNotSet(
            namespace=client.namespace, hours=wanted.total_seconds() / 3600, reason=_reason(error)
        ) from error


async def check_namespace(client: Client) -> bool:
    """True if the server answers for the client's namespace; TemporalUnreachable or RPCError if not."""
    await retention(client)
    return True


@cache
def pid_namespace() -> str:
    """Within which a process id means one process: the machine since its boot, and the PID namespace.

    Containers can share a host name, and two machines a number of a namespace. Empty where it is not known.
    """
    if sys.platform != "linux":
        return socket.gethostname()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def identity(pid: int) -> str:
    """What the server is told of a process that runs beside this one."""
    return f"{pid}@{socket.gethostname()}#{pid_namespace()}"


async def pollers(client: Client, task_queue: str) -> set[int]:
    """The process ids of the workers beside this process that live and poll a task queue."""
    found = await _pollers(client, task_queue)
    return {pid for each in found if (pid := _pid_beside(each)) is not None}


async def polled(client: Client, task_queue: str) -> bool:
    """Whether a worker, on any machine, polls a task queue."""
    return bool(await _pollers(client, task_queue))


async def _pollers(client: Client, task_queue: str) -> list[str]:
    """The identities of the workers that poll a task queue."""
    with reached(client.namespace):
        described = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=RPC_TIMEOUT,
        )
    return [
        each.identity
        for each in described.pollers
        if polls(each.identity, each.last_access_time.ToMicroseconds() / 1e6, time.time())
    ]


def polls(poller: str, polled_at: float, now: float) -> bool:
    """Whether a worker, by its identity and its last poll (seconds since 1970), still polls.

    The server remembers it for minutes after its death. It counts until it has certainly missed a poll, or
    until then where its process can be seen to be dead.
    """
    pid = _pid_beside(poller)
    return now - polled_at < POLL_SECONDS and (pid is None or not pid_namespace() or _lives(pid, polled_at))


def _pid_beside(poller: str) -> int | None:
    """The process id in an identity; None where it means nothing here."""
    pid = poller.partition("@")[0]
    return int(pid) if pid.isascii() and pid.isdigit() and poller == identity(int(pid)) else None


def _lives(pid: int, polled_at: float) -> bool:
    """Whether this process runs, is not stopped, and is the one that polled then."""
    try:
        process = psutil.Process(pid)
        idle = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD, psutil.STATUS_STOPPED)
        return not idle and process.create_time() <= polled_at + 1  # a second for what clocks round
    except psutil.NoSuchProcess:
        return False


def sandbox(*, pass_through: Sequence[str] = PURE) -> SandboxedWorkflowRunner:
    """The workflow sandbox, with what is pure passed through."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*pass_through)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def _reason(error: BaseException) -> str:
    """One line; of a chain of Rust errors, the words of the innermost."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    words = re.findall(r'message: "([^"]+)"', text)
    return words[-1] if words else text
