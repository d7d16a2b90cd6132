"""A worker killed between a letter and its record, and many dossiers due at one instant."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from motcua.local import read_run
from tests.chaos.breach import run
from tests.servers import MailServer, Received

pytestmark = pytest.mark.slow  # its dossiers fall due at a real instant a minute away, twice


async def test_sixty_dossiers_fall_due_at_one_instant(tmp_path: Path) -> None:
    """Each of those who are concerned has one letter of each; the worker's own metric says the same."""
    breach = await run(tmp_path, 60, letters=2)
    assert (breach.sent, breach.notices, len(breach.received)) == (120, 120, 120)
    assert set(breach.received.values()) == {1}
    assert breach.metric["count"] >= 120
    assert breach.metric["all_within"] >= breach.lag[-1]


class Killing(MailServer):
    """A mail server that kills the worker at some letters: it has taken them, and nobody hears so."""

    def __init__(self, data_dir: Path, at: tuple[int, ...]) -> None:
        super().__init__()
        self.killed = 0
        self._data_dir, self._at = data_dir, at

    async def handle_DATA(self, session: Any, state: Any, envelope: Any) -> str:
        """Called by aiosmtpd when a message has come."""
        answer = await super().handle_DATA(session, state, envelope)
        if self.due() in self._at[self.killed : self.killed + 1]:
            here = read_run(self._data_dir)
            assert here
            os.kill(here.children["worker-1"], signal.SIGKILL)
            self.killed += 1
        return answer

    def due(self) -> int:
        """How many different letters have come that tell of what is due."""
        return len({each.id for each in self.received if _tells(each)})


def _tells(letter: Received) -> bool:
    return "hạn" in str(letter.message["Subject"]).lower()


async def test_a_worker_killed_between_sending_and_record(tmp_path: Path) -> None:
    """Nothing is lost; what is sent again has the Message-ID that it had."""
    mail = Killing(tmp_path / "data", at=(7,))
    breach = await run(tmp_path, 10, letters=2, mail=mail)
    assert mail.killed == 1
    assert (breach.sent, breach.notices, len(breach.received)) == (20, 20, 20)
    again = Counter(breach.received.values())
    assert again[2] >= 1  # those that the killed worker had sent and not put on record
    assert set(again) <= {1, 2}
