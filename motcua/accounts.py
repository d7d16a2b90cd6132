"""Who is signed in: accounts with passwords (argon2id), sessions, and a book of every sign-in and refusal."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.people import Person
from models.refusals import BadInput, Forbidden, Phrase
from models.rights import OFFICE
from motcua.store import Store
from motcua.store.accounts import AccountRecord, From

__all__ = ["Accounts", "BadPassword", "From", "NotSignedIn", "Session", "SignInRefused"]

SHORTEST, LONGEST = 10, 200
ATTEMPTS, LOCK = 5, timedelta(minutes=15)
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters that nobody takes for one another: a first password is read off a slip of paper."""
_HASHER = PasswordHasher()  # argon2id with the library's parameters, which follow RFC 9106
_NOBODY = _HASHER.hash(secrets.token_hex(16))
"""Checked where there is no account, so that the time taken does not tell."""

Act = Literal["set-password", "unlock", "disable", "enable", "sign-out"]


class SignInRefused(Forbidden):
    """Name and password do not go together, or the account is closed or locked: which of them is not said."""

    sentence = (
        "This name and password do not go together, or the account is closed, or locked for {minutes} minutes"
        " after {attempts} wrong passwords. An administrator can help."
    )

    def __init__(self) -> None:
        super().__init__(minutes=LOCK // timedelta(minutes=1), attempts=ATTEMPTS)


class AccountLocked(Forbidden):
    """Too many wrong passwords."""

    sentence = (
        "Too many wrong passwords: this account is locked for {minutes} minutes, or until it is unlocked."
    )


class NotSignedIn(Forbidden):
    """There is no session, or not any more."""

    sentence = "You are not signed in, or have been signed out after a while. Sign in and go on."


class BadPassword(BadInput):
    """A new password that cannot be used."""

    sentence = "This password cannot be used: {reason}"


class OwnAccount(BadInput):
    """Whoever is signed in would be out, perhaps for good."""

    sentence = "Nobody closes the account that they are signed in with."


class NoSuchPerson(BadInput):
    """Nobody of this name works here."""

    sentence = "Nobody at this office has the user name {person}."


class NotYourAccounts(Forbidden):
    """Accounts are administered by administrators."""

    sentence = "{actor} does not administer accounts."


def made_up() -> str:
    """A password that can be read off a slip of paper: 78 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))


class Session(NamedTuple):
    """Somebody who is signed in."""

    person: Person
    csrf: str
    must_change: bool
    token: str
    """The hash by which the record knows it."""


class Accounts:
    """The accounts of an office's staff. A session lasts `lasts`, and no longer than `idle` without use.

    `today` is the office's date: outside their time nobody gets in.
    """

    def __init__(
        self,
        store: Store,
        people: Mapping[str, Person],
        today: Callable[[], date],
        *,
        lasts: timedelta = timedelta(hours=12),
        idle: timedelta = timedelta(hours=2),
    ) -> None:
        self.record = AccountRecord(store)
        self._people, self._today, self._lasts, self._idle = people, today, lasts, idle

    async def sign_in(self, name: str, password: str, origin: From) -> str:
        """What the browser keeps from now on; SignInRefused, which is on record."""
        person, account = self._people.get(name), await self.record.account(name[:200])
        gone = person is not None and not person.holds(self._today())
        if person is None or account is None or account["password"] is None or account["disabled"] or gone:
            await _matches(_NOBODY, password)
            why = "disabled" if account and account["disabled"] else "no such account"
            why = "outside their time" if gone else why
            await self.record.enter(_kept(name), "refused", why, None, origin)
            raise SignInRefused
        failed = await self.record.count_failure(name, ATTEMPTS, LOCK)
        if failed is None:
            await _matches(_NOBODY, password)
            await self.record.enter(name, "refused", "locked", None, origin)
            raise SignInRefused
        if not await _matches(account["password"], password):
            await self.record.enter(name, "refused", "wrong password", None, origin)
            if failed >= ATTEMPTS:
                await self.record.enter(name, "locked", f"{failed} wrong passwords", None, origin)
            raise SignInRefused
        await self.record.forgive(name)
        token = secrets.token_urlsafe(32)
        await self.record.open_session(_hashed(token), name, secrets.token_urlsafe(32), origin, self._lasts)
        await self.record.enter(name, "signed-in", "", None, origin)
        return token

    async def session(self, token: str | None, *, clicked: bool = True) -> Session:
        """Whose session a browser's token stands for; NotSignedIn where it is none.

        Only what somebody has `clicked` puts off its end.
        """
        found = await self.record.session(_hashed(token), self._idle, clicked=clicked) if token else None
        person = self._people.get(found["person"]) if found else None
        if found is None or person is None or not person.holds(self._today()):
            raise NotSignedIn
        return Session(person, found["csrf"], found["must_change"], _hashed(token or ""))

    async def sign_out(self, session: Session, origin: From) -> None:
        """End this session."""
        await self.record.end_session(session.token, session.person.id)
        await self.record.enter(session.person.id, "signed-out", "", None, origin)

    async def change_password(self, session: Session, old: str, new: str, origin: From) -> None:
        """Change one's own password; all other sessions end."""
        person = session.person
        account = await self.record.account(person.id)
        failed = await self.record.count_failure(person.id, ATTEMPTS, LOCK)
        if failed is None:
            raise AccountLocked(minutes=LOCK // timedelta(minutes=1))
        if account is None or not await _matches(account["password"], old):
            await self.record.enter(person.id, "refused", "wrong password at a change", None, origin)
            raise BadPassword(reason=Phrase("the present password is not right."))
        await self.record.forgive(person.id)
        if old == new:
            raise BadPassword(reason=Phrase("it is the one that you have."))
        await self._set(person, new, must_change=False)
        await self.record.end_sessions(person.id, person.id, but=session.token)
        await self.record.enter(person.id, "password-changed", "", None, origin)

    async def first_password(self, person: str, by: str, origin: From, password: str | None = None) -> str:
        """Give somebody a password; one that is made here must be changed at the next sign-in. Returns it."""
        made = password or made_up()
        await self._set(self._people[person], made, must_change=password is None)
        await self.record.end_sessions(person, by)
        await self.record.enter(person, "password-set", "", by, origin)
        return made

    async def furnish(self, password: str) -> None:
        """Give everybody who has no account this password: for an office that somebody tries out."""
        there = await self.record.accounts()
        encoded = await asyncio.to_thread(_HASHER.hash, _normal(password))
        for person in self._people:
            if person not in there:
                await self.record.set_password(person, encoded, must_change=False)

    async def administer(self, actor: Person, act: Act, person: str, origin: From) -> str | None:
        """An administrator's act on somebody's account; the new password where one was made."""
        if not any(role in OFFICE["accounts"] for role in actor.roles):
            raise NotYourAccounts(actor=actor.id)
        if person not in self._people:
            raise NoSuchPerson(person=person[:60])
        match act:
            case "set-password":
                return await self.first_password(person, actor.id, origin)
            case "unlock":
                await self.record.unlock(person)
            case "disable":
                if person == actor.id:
                    raise OwnAccount
                await self.record.set_disabled(person, True)
                await self.record.end_sessions(person, actor.id)
            case "enable":
                await self.record.set_disabled(person, False)
            case "sign-out":
                await self.record.end_sessions(person, actor.id)
        await self.record.enter(person, act, "", actor.id, origin)
        return None

    async def refused(self, person: str, why: str, origin: From) -> None:
        """Put a refused request on record: who asked for what."""
        await self.record.enter(person, "forbidden", _kept(why), None, origin)

    async def _set(self, person: Person, password: str, *, must_change: bool) -> None:
        _check(person, password)
        encoded = await asyncio.to_thread(_HASHER.hash, _normal(password))
        await self.record.set_password(person.id, encoded, must_change=must_change)


def _check(person: Person, password: str) -> None:
    """Long enough, and not what anybody tries first; no other rules (NIST SP 800-63B, 5.1.1.2)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(
            reason=Phrase("it must have {least} to {most} characters.", least=SHORTEST, most=LONGEST)
        )
    plain = password.casefold()
    if len(set(plain)) < 5 or person.id.casefold() in plain or person.name.casefold() in plain:
        raise BadPassword(
            reason=Phrase("it is too easy to guess: few different characters, or your own name.")
        )


async def _matches(encoded: str, password: str) -> bool:
    if len(password) > LONGEST:
        return False
    try:
        return await asyncio.to_thread(_HASHER.verify, encoded, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """One form for what keyboards send in several: ệ is one letter or three."""
    return unicodedata.normalize("NFKC", password)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _kept(text: str) -> str:
    """What somebody typed, fit for the record."""
    return "".join(letter for letter in text if letter.isprintable())[:200]
