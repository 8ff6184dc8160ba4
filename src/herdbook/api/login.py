"""Asks whoever reads who they are, as clients of registries say it: HTTP Basic (RFC 7617)."""

import math
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from anyio import CapacityLimiter, Lock, sleep, to_thread
from fastapi import Request

from herdbook.actions.identify import Identity, by_token, token_meant
from herdbook.actions.identify_by_issuer import Vouching
from herdbook.actions.note import note
from herdbook.actions.require_role import asker
from herdbook.actions.workshop import Workshop
from herdbook.api.guesses import Guesser, Guesses
from herdbook.api.refusals import RegistryError
from herdbook.api.refused_logins import RefusedLogins
from herdbook.api.remembered import RightPasswords
from herdbook.api.waiting import Waiting
from herdbook.core.errors import (
    ForbiddenError,
    HerdbookError,
    NetworkError,
    VerificationError,
)
from herdbook.people import passwords
from herdbook.people.deciding import Asker, may_read
from herdbook.people.id_tokens import is_like_an_id_token
from herdbook.people.model import Authority, Means, Standing, User
from herdbook.people.tokens import is_like_a_token

_ASK = {"WWW-Authenticate": 'Basic realm="Herdbook"'}
_MOST_CHECKS = 8
"""So many ID tokens are checked at once: where a provider hangs, nobody else waits for it."""

_LATER = {"Retry-After": "10"}
_WRITE_SECONDS = 60.0


@dataclass(frozen=True)
class Reader:
    """Whoever reads, and what they may; without an `asker`, nobody was asked and all is open."""

    standing: Standing = field(default_factory=Standing)
    asker: Asker | None = None

    def sees(self, image: str) -> bool:
        """Tell whether an image is there for them."""
        return self.asker is None or may_read(self.standing, self.asker, image)


class Login:
    """Finds out who reads.

    They are asked where that is `required`; and wherever not only this machine can reach us, as
    soon as somebody was granted a role. Logins that are refused are written down, not each.
    """

    def __init__(self, workshop: Workshop, *, required: bool, local: bool) -> None:
        self._workshop = workshop
        self._vouching = Vouching(workshop.people, workshop.providers)
        self._required = required
        self._local = local
        seconds = workshop.clock.monotonic_seconds
        self._guesses = Guesses(seconds)
        self._right = RightPasswords(seconds)
        self._refused = RefusedLogins(seconds)
        self._waiting = Waiting()
        self._turn = cache(Lock)  # made where it is waited for first: it belongs to that loop
        self._checks = cache(lambda: CapacityLimiter(_MOST_CHECKS))

    async def reader(self, request: Request) -> Reader:
        """Return who reads; raises RegistryError 401, or 429 for who guesses too often."""
        if self._local and not self._required:
            return Reader()
        standing = await to_thread.run_sync(self._workshop.people.standing)
        if not self._required and not standing.grants:
            return Reader()
        name, password = _credentials(request)
        address = request.client.host if request.client else ""
        if is_like_a_token(password):
            found = await self._by_token(address, password)
        elif is_like_an_id_token(password):
            found = await self._by_id_token(address, password)
        else:
            found = await self._by_password((address, name), password)
        asked = asker(self._workshop, found.actor, found.authority)
        return Reader(standing, Asker(asked.actor, asked.authority, cache(asked.groups)))

    async def write_on_time(self) -> None:
        """Write down, again and again, how many more logins were refused; until it is cancelled."""
        while True:
            await sleep(_WRITE_SECONDS)
            await to_thread.run_sync(self.write_refused)

    def write_refused(self, *, last: bool = False) -> None:
        """Write down what is due of refused logins; all of it with `last`.

        A server that stands by writes nothing. Whoever is refused is so, also where that fails.
        """
        due = self._refused.due(last=last)
        for each in due if self._may_write() else ():
            with suppress(HerdbookError):
                note(
                    self._workshop,
                    "refuse-login",
                    each.name or "nobody known",
                    address=each.address,
                    reason=each.why,
                    count=each.count,
                )

    def _may_write(self) -> bool:
        """Tell whether this is no server that stands by: it would only wait for others to write."""
        duty = self._workshop.duty
        return not duty.shared or duty.holds()

    async def _refuse(self, address: str, name: str, why: str) -> None:
        self._refused.add(address, name, why)
        await to_thread.run_sync(self.write_refused)

    async def _by_token(self, address: str, text: str) -> Identity:
        people, now = self._workshop.people, self._workshop.clock.now()

        def found() -> Identity:
            return by_token(people, text, now, noted=self._may_write())

        try:
            return await to_thread.run_sync(found)
        except ForbiddenError as error:
            token = await to_thread.run_sync(token_meant, people, text)
            await self._refuse(address, token.subject.actor if token else "", error.message)
            raise _unknown(error.message) from error

    async def _by_id_token(self, address: str, text: str) -> Identity:
        now = self._workshop.clock.now()

        def found() -> Identity:
            return self._vouching.by_id_token(text, now, noted=self._may_write()).identity

        try:
            return await to_thread.run_sync(found, limiter=self._checks())
        except ForbiddenError as error:
            # Whom it names is not to be believed, and it may be any text.
            await self._refuse(address, "", error.message)
            raise _unknown(error.message) from error
        except (NetworkError, VerificationError) as error:
            raise RegistryError(503, "UNAVAILABLE", error.message, _LATER) from error

    async def _by_password(self, guesser: Guesser, password: str) -> Identity:
        address, name = guesser
        user = await to_thread.run_sync(self._workshop.people.user, name)
        try:
            await self._check(user, guesser, password)
        except RegistryError as error:
            await self._refuse(address, user.name if user else "", error.message)
            raise
        return Identity(name, Authority(Means.PASSWORD))

    async def _check(self, user: User | None, guesser: Guesser, password: str) -> None:
        """Raise RegistryError where a password is wrong, or is not checked now."""
        if user is not None and self._is_known(user, password):
            return
        self._refuse_in_haste(guesser)
        if not self._waiting.has_room(guesser):
            raise _too_often(1.0)
        with self._waiting.place(guesser):
            await self._check_in_turn(user, guesser, password)

    async def _check_in_turn(self, user: User | None, guesser: Guesser, password: str) -> None:
        async with self._turn():
            if user is not None and self._is_known(user, password):
                return  # it was checked while we waited
            self._refuse_in_haste(guesser)
            kept = user.password if user and not user.disabled else ""
            if not await to_thread.run_sync(passwords.is_same, kept, password):
                self._guesses.was_wrong(guesser)
                raise _unknown("Who you are, or your password, is not known here.")
        self._guesses.was_right(guesser)
        if user is not None:
            self._right.add(user, password)

    def _refuse_in_haste(self, guesser: Guesser) -> None:
        if wait := self._guesses.wait_seconds(guesser):
            raise _too_often(wait)

    def _is_known(self, user: User, password: str) -> bool:
        return not user.disabled and self._right.has(user, password)


def _credentials(request: Request) -> tuple[str, str]:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        raise _unknown("Say who you are: podman login, or docker login.")
    try:
        name, colon, password = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise _unknown("That is no name and password.") from error
    if not colon or not name.isprintable():
        raise _unknown("That is no name and password.")
    return name, password


def _unknown(words: str) -> RegistryError:
    return RegistryError(401, "UNAUTHORIZED", words, _ASK)


def _too_often(wait_seconds: float) -> RegistryError:
    headers = {"Retry-After": str(math.ceil(wait_seconds))}
    return RegistryError(429, "TOOMANYREQUESTS", "Too many wrong passwords: wait a while.", headers)
