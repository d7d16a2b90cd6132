"""Settings that hold secrets: read from the environment, and quoted nowhere."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from motcua.config import Settings

SECRET = "whsec_geheim"


def test_secrets_of_the_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JSON object; nothing of it is shown."""
    assert Settings().webhook_secrets == {}
    monkeypatch.setenv("MOTCUA_WEBHOOK_SECRETS", f'{{"sms": "{SECRET}"}}')
    monkeypatch.setenv("MOTCUA_SMTP_URL", "smtp://motcua:geheim@localhost")
    settings = Settings()
    assert settings.webhook_secrets["sms"].get_secret_value() == SECRET
    assert "geheim" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "text", [SECRET, f'{{"sms": "{SECRET}"', f'["{SECRET}"]', f'{{"sms": {{"{SECRET}": 1}}}}']
)
def test_secrets_that_cannot_be_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the setting, not what it holds."""
    monkeypatch.setenv("MOTCUA_WEBHOOK_SECRETS", text)
    with pytest.raises(ValidationError, match="webhook_secrets") as caught:
        Settings()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("text", ["inf", "nan", "0", "-1", "1e9", "soon"])
@pytest.mark.parametrize("name", ["rpc_timeout", "smtp_timeout", "webhook_timeout"])
def test_times_that_are_none(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an infinite one a letter was waited for without end."""
    monkeypatch.setenv(f"MOTCUA_{name.upper()}", text)
    with pytest.raises(ValidationError, match=name):
        Settings()
