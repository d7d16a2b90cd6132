"""Settings: environment variables with the prefix MOTCUA_, each documented in the README's table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set from outside; PostgreSQL's own is DATABASE_URL, Temporal's are TEMPORAL_*."""

    model_config = SettingsConfigDict(env_prefix="MOTCUA_", extra="ignore")

    data_dir: Path = Path(".motcua")
    """Where the embedded servers keep their data, and where a running office is found."""
    catalog_dir: Path = Path(__file__).resolve().parent.parent / "catalog"
    """The office, its procedures and calendars."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the worker's Prometheus endpoint on loopback; 0 takes a free one."""
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
    rpc_timeout: float = Field(default=20.0, gt=0)
    """Seconds that a person waits for an answer before being told that it may still come."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious log lines that are written."""
    public_url: str = Field(default="", pattern=r"^(https?://[^\s/]\S*)?$")
    """Where citizens look dossiers up, at {public_url}/track/{code}; in letters and on receipts."""
    smtp_url: SecretStr | None = None
    """The mail server: smtp:// (STARTTLS), smtps:// or smtp+plain://, with user and password."""
    mail_from: str = "motcua <motcua@localhost.localdomain>"
    """Who mails come from."""
    smtp_timeout: float = Field(default=20.0, gt=0, le=60)
    """Seconds for one letter, from connecting to the server's last word."""
    webhook_secrets: dict[str, SecretStr] = {}
    """A secret (whsec_ and Base64) for each webhook of the office, as a JSON object."""
    webhook_private: bool = False
    """Whether webhooks may lead into the office's own network."""
    webhook_timeout: float = Field(default=10.0, gt=0, le=60)
    """Seconds for one webhook."""
    ca_file: Path | None = None
    """Certificates of authorities that mail servers and webhooks are trusted by, instead of the system's."""
    send_simulated: bool = False
    """Whether mail and webhooks also tell of simulated dossiers; a rehearsal must not by accident."""
    min_free_mb: int = 300
    """Free disk space, in MB, below which the embedded servers do not start."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    """PostgreSQL, when it is not the embedded one."""
