"""Settings: environment variables with the prefix MOTCUA_, each documented in the README's table."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from models.refusals import BadInput

MOST_SENDING = 120
"""Seconds: below the three minutes after which a notice is tried again, for then it would go out twice."""


class BadSetting(BadInput):
    """An environment variable that cannot be used."""

    sentence = "{name}: {reason}"


class Settings(BaseModel):
    """What can be set from outside; PostgreSQL's own is DATABASE_URL, Temporal's are TEMPORAL_*."""

    model_config = ConfigDict(hide_input_in_errors=True)

    data_dir: Path = Path(".motcua")
    """Where the embedded servers keep their data, and where a running office is found."""
    catalog_dir: Path = Path(__file__).resolve().parent.parent / "catalog"
    """The office, its procedures and calendars."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the worker's Prometheus endpoint on loopback; 0 takes a free one."""
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port on which a worker answers /healthz and /readyz on loopback; 0: none (embedded: a free one)."""
    temporal_port: int = Field(default=0, ge=0, le=65535)
    """Port of the embedded Temporal server; 0 takes a free one."""
    ui_port: int = Field(default=0, ge=0, le=65535)
    """Port of the embedded Temporal server's pages; 0 takes a free one."""
    temporal_sync: Literal["off", "normal", "full"] = "normal"
    """SQLite's `synchronous` in the embedded Temporal server: what a power loss may cost (decision 0004)."""
    workers: int = Field(default=1, ge=1, le=64)
    """How many worker processes the embedded office runs."""
    cached_dossiers: int = Field(default=2000, ge=10)
    """How many open dossiers a worker keeps in memory."""
    sandbox: bool = False
    """Run workflows in Temporal's sandbox, as the tests do; it costs a fifth of the speed (decision 0005)."""
    rpc_timeout: float = Field(default=20.0, gt=0, le=600)
    """Seconds that a person waits for an answer before being told that it may still come."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious log lines that are written."""
    web_host: str = "127.0.0.1"
    """The address on which the desk answers; behind a proxy that speaks TLS, loopback is right."""
    web_port: int = Field(default=0, ge=0, le=65535)
    """Port of the desk; 0 takes a free one."""
    session_hours: float = Field(default=12, gt=0, le=24 * 30)
    """Hours after which everybody signs in again."""
    session_idle: float = Field(default=120, gt=0, le=60 * 24 * 30)
    """Minutes without a click after which one is signed out."""
    backdate_days: int = Field(default=30, ge=0, le=3650)
    """Days by which a hand-in may lie back when it is entered (`submitted_at`); simulated ones are exempt."""
    upload_mb: int = Field(default=20, ge=1, le=100)
    """Megabytes of a file that is attached to a dossier, at most."""
    clamd: str = Field(default="", pattern=r"^(/\S+|[^\s/]+)?$")
    """ClamAV's daemon, which looks through every file: `host:port` or its socket's path; empty: none."""
    public_url: str = Field(default="", pattern=r"^(https?://[^\s/]\S*)?$")
    """Where citizens look dossiers up, at {public_url}/track/{code}; in letters and on receipts."""
    ca_file: Path | None = None
    """A file with the only authorities whose certificates the mail server and channels may have."""
    send_simulated: bool = False
    """Whether mail and webhooks also tell of simulated dossiers; a rehearsal must not by accident."""
    retention_hours: float = Field(default=90 * 24, ge=1, le=24 * 365 * 10)
    """Hours for which Temporal keeps closed histories; they are archived long before (docs/audit.md)."""
    archive_url: str = Field(default="", pattern=r"^(s3://[a-z0-9.-]+(/[^\s?#]+)?)?$")
    """Where archived histories are put: `s3://bucket/prefix`, with AWS_* for access; empty: PostgreSQL."""
    seal_dir: Path | None = None
    """The folder, outside the database, with the keys and copies of seals; else below the data directory."""
    tsa_url: str = Field(default="", pattern=r"^(https?://[^\s/]\S*)?$")
    """The time-stamping authority (RFC 3161) that stamps each seal; empty: none."""
    tsa_ca: Path | None = None
    """A file with the root certificates of time-stamping authorities whose stamps are believed."""
    min_free_mb: int = 300
    """Free disk space, in MB, below which the embedded servers do not start."""
    unresponsive_seconds: float = Field(default=30.0, ge=1, le=3600)
    """Seconds after which an embedded server or worker that does not answer is killed and started again."""
    smtp_url: SecretStr | None = None
    """The mail server, as in docs/channels.md; without one no letters are sent."""
    mail_from: str | None = None
    """The sender of letters: `Name <a@b>`."""
    smtp_timeout: float = Field(default=20.0, gt=0, le=MOST_SENDING)
    """Seconds that sending one letter may take."""
    webhook_secrets: dict[str, SecretStr] = {}
    """For each channel, by its id, the secret that signs what is posted to it."""
    webhook_private: bool = False
    """Whether channels may lie in a private network, and be spoken to in the clear."""
    webhook_timeout: float = Field(default=10.0, gt=0, le=MOST_SENDING)
    """Seconds that posting one notice may take."""
    database_url: str | None = None
    """PostgreSQL, when it is not the embedded one."""

    @property
    def desk(self) -> dict[str, Any]:
        """What a desk is set to."""
        return {"rpc_timeout": self.rpc_timeout, "backdate_days": self.backdate_days}

    def seals(self, namespace: str | None) -> Path:
        """The folder of the seals' keys and copies; each namespace has its own."""
        return self.seal_dir or self.data_dir / "seals" / (namespace or "default")

    @property
    def retention(self) -> timedelta:
        """For how long Temporal keeps closed histories."""
        return timedelta(hours=self.retention_hours)

    @classmethod
    def read(cls, **given: Any) -> Self:
        """The settings of this process, but for what is given.

        Raises BadSetting, which names the first variable that cannot be used.
        """
        variables = {field: cls.variable(field) for field in cls.model_fields}
        found = {field: os.environ[name] for field, name in variables.items() if name in os.environ}
        try:
            return cls.model_validate({**found, **given})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field, *within = map(str, first["loc"])
            name = ".".join((cls.variable(field), *within))
            raise BadSetting(name=name, reason=first["msg"].removeprefix("Value error, ")) from None

    @staticmethod
    def variable(field: str) -> str:
        """The environment variable of a field."""
        return "DATABASE_URL" if field == "database_url" else f"MOTCUA_{field.upper()}"

    @field_validator("webhook_secrets", mode="before")
    @classmethod
    def _object(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError("it is no JSON object of channel ids and secrets") from None
