"""Settings that hold secrets: read from the environment, and quoted nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from motcua.config import BadSetting, Settings

SECRET = "whsec_geheim"


def test_secrets_of_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JSON object; nothing of it is shown."""
    assert Settings.read().webhook_secrets == {}
    monkeypatch.setenv("MOTCUA_WEBHOOK_SECRETS", f'{{"sms": "{SECRET}"}}')
    monkeypatch.setenv("MOTCUA_SMTP_URL", "smtp://motcua:geheim@localhost")
    settings = Settings.read()
    assert settings.webhook_secrets["sms"].get_secret_value() == SECRET
    assert "geheim" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "text", [SECRET, f'{{"sms": "{SECRET}"', f'["{SECRET}"]', f'{{"sms": {{"{SECRET}": 1}}}}']
)
def test_secrets_that_cannot_be_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting, not what it holds."""
    monkeypatch.setenv("MOTCUA_WEBHOOK_SECRETS", text)
    with pytest.raises(BadSetting, match="MOTCUA_WEBHOOK_SECRETS") as caught:
        Settings.read()
    assert "geheim" not in str(caught.value)


def test_the_database_has_its_usual_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """All others begin with MOTCUA_."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://motcua@localhost/motcua")
    monkeypatch.setenv("MOTCUA_DATABASE_URL", "postgresql://somebody@elsewhere/else")
    assert Settings.read().database_url == "postgresql://motcua@localhost/motcua"


TIMES = ("MOTCUA_RPC_TIMEOUT", "MOTCUA_SMTP_TIMEOUT", "MOTCUA_WEBHOOK_TIMEOUT")


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name in TIMES for text in ("inf", "nan", "0", "-1", "1e9", "soon")]
    # Longer than Temporal waits before it gives the notice to somebody else, while this one still sends.
    + [(name, "180") for name in TIMES[1:]],
)
def test_times_that_are_none(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an infinite one a letter was waited for without end."""
    monkeypatch.setenv(name, text)
    with pytest.raises(BadSetting, match=f"^{name}: "):
        Settings.read()


def test_a_worker_whose_settings_are_wrong_says_so_in_a_sentence() -> None:
    """It ended with the stack of a library."""
    worker = Path(__file__).resolve().parents[2] / "worker.py"
    done = subprocess.run(
        [sys.executable, str(worker)],
        env={**os.environ, "MOTCUA_SMTP_TIMEOUT": "inf"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert "MOTCUA_SMTP_TIMEOUT: Input should be less than or equal to 120" in said
    assert "Traceback" not in said
