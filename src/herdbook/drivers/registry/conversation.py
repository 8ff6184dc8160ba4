"""Asks registries: says who one is where they want to know, and asks again where that may help."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError

from herdbook.drivers.http.connections import Connections
from herdbook.drivers.registry.answers import Answer, BrokenError, reason
from herdbook.drivers.registry.challenges import parse_challenges
from herdbook.drivers.registry.failures import is_passing, no_answer
from herdbook.drivers.registry.tokens import Tokens
from herdbook.images.references import RegistryName

_UNAUTHORIZED = 401
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_PAUSES_AT_FIRST_SECONDS = (0.5,)
_LONGEST_PAUSE_SECONDS = 60.0

Body = Callable[[], bytes | Iterable[bytes]]
"""Gives what is to be sent, from its beginning, as often as it has to be sent."""


@dataclass(frozen=True)
class Question:
    """What a registry is asked; `actions` are what we need leave for: `pull` or `pull,push`."""

    method: str
    path: str
    actions: str = "pull"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


class Patience:
    """Counts failures in a row, and pauses longer after each."""

    def __init__(self, name: RegistryName, conversation: "Conversation") -> None:
        self._name = name
        self._conversation = conversation
        self._failures = 0

    def progress(self) -> None:
        """Say that something was achieved: the failures before it do not count any more."""
        self._failures = 0

    def bear(self, error: BrokenError) -> None:
        """Pause before the next attempt; raises NetworkError where that was the last one."""
        pauses = self._conversation.pauses(self._name)
        if self._failures >= len(pauses):
            raise no_answer(self._name, str(error)) from error
        pause = max(pauses[self._failures], error.pause_seconds)
        self._failures += 1
        self._conversation.wait(pause)


class Conversation:
    """Questions to registries, over connections that stay open; for several threads at once."""

    def __init__(self, connections: Connections, tokens: Tokens) -> None:
        self._connections = connections
        self._tokens = tokens
        self._answered: set[str] = set()
        self._over = Event()

    def ask(self, name: RegistryName, question: Question) -> Answer:
        """Return the answer, its body still to be read, after as many attempts as it takes.

        Raises NetworkError. A status that says that something is wrong is an answer, too.
        """
        patience = Patience(name, self)
        while True:
            try:
                return self.ask_once(name, question)
            except BrokenError as error:
                patience.bear(error)

    def ask_once(self, name: RegistryName, question: Question) -> Answer:
        """Return the answer; raises BrokenError where asking again may help."""
        try:
            answer = self._asked(name, question)
        except HTTPError as error:
            raise BrokenError(reason(error)) from error
        self._answered.add(name.host)
        if is_passing(answer.status):
            with answer:
                pause = _pause_seconds(answer.headers.get("Retry-After", ""))
                raise BrokenError(f"it answers {answer.status}", pause)
        return answer

    def pauses(self, name: RegistryName) -> tuple[float, ...]:
        """Return how long to wait after each failure: not long for who never answered."""
        return _PAUSES_SECONDS if name.host in self._answered else _PAUSES_AT_FIRST_SECONDS

    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        self._over.wait(seconds)

    def _asked(self, name: RegistryName, question: Question) -> Answer:
        header = self._tokens.header(name, question.actions)
        answer = self._sent(name, question, header)
        if answer.status != _UNAUTHORIZED:
            return answer
        challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
        leave = self._tokens.answer(name, question.actions, challenges, header)
        if leave is None:
            return answer
        answer.close()
        return self._sent(name, question, leave)

    def _sent(self, name: RegistryName, question: Question, leave: str | None) -> Answer:
        headers = dict(question.headers)
        if leave is not None:
            headers["Authorization"] = leave
        body = question.body() if question.body else None
        address = address_of(name, question.path)
        if not address.startswith(base_of(name)):
            headers.pop("Authorization", None)  # an upload's place may be anywhere
        response = self._connections.request(question.method, address, headers, body)
        return Answer(question.method, response)


def base_of(name: RegistryName) -> str:
    """Return the address of a registry; only one on this machine may do without a certificate."""
    return f"http{'' if name.is_on_this_machine else 's'}://{name.host}/"


def address_of(name: RegistryName, path: str, beside: str = "") -> str:
    """Return the address of a path of a registry, or a whole address as it is.

    A relative path begins where `beside` is. Raises NetworkError for what can be no address.
    """
    try:
        return urljoin(beside or base_of(name), path)
    except ValueError as error:
        raise no_answer(name, "it gives an address that is none") from error


def _pause_seconds(header: str) -> float:
    """Read Retry-After where it is a number of seconds (RFC 9110, 10.2.3)."""
    return min(float(header), _LONGEST_PAUSE_SECONDS) if header.isdecimal() else 0.0
