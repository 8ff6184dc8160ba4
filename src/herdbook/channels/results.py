"""What came of trying a version: started, tested, built again, looked at by commands of one's own.

It is stated as an in-toto statement with the predicate for test results, so that it can be signed.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from herdbook.channels.model import Made
from herdbook.core import digests
from herdbook.core.digests import EMPTY, Digest
from herdbook.core.errors import VerificationError
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.statements import statement

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
"""The type of a statement that a version was tried; docs/channels.md says what we add to it."""

OWN_PART = "herdbook"


class ResultKind(StrEnum):
    """What was done to find out."""

    BOOTS = "boots"
    """A variant was started, and became ready."""
    TESTS = "tests"
    """The recipe's own tests were run inside a variant."""
    REPRODUCED = "reproduced"
    """It was built again, elsewhere and from nothing, and compared."""
    COMMAND = "command"
    """A command of somebody's looked at it."""


@dataclass(frozen=True)
class Part:
    """One of the things that were tried; `said` are the last lines of what it printed."""

    name: str
    passed: bool
    seconds: float = 0.0
    said: str = ""


@dataclass(frozen=True)
class Result:
    """What came of it: all `parts` have to have passed.

    `name` is the variant or the command; `text` names what was run, so that what another command
    came to does not count for it.
    """

    image: str
    version: int
    digest: Digest
    kind: ResultKind
    at: datetime
    who: str
    parts: tuple[Part, ...]
    name: str = ""
    text: Digest = EMPTY

    @property
    def made(self) -> Made:
        """The version, as lineages name it."""
        return self.image, self.version

    @property
    def passed(self) -> bool:
        """Whether it is as it should be; where nothing was tried, it is not."""
        return bool(self.parts) and all(each.passed for each in self.parts)

    @property
    def failed(self) -> tuple[str, ...]:
        """What did not pass, by name."""
        return tuple(each.name for each in self.parts if not each.passed)

    @property
    def title(self) -> str:
        """How people name what was done."""
        return title_of(self.kind, self.name)

    @property
    def subject(self) -> str:
        """What the audit says that was tried; another result of this name takes its place."""
        return f"{self.image}:{self.version} {self.title} {digests.short(self.text)}"


def title_of(kind: ResultKind, name: str) -> str:
    """Return how people name what is to be done, such as `boots container`."""
    return f"{kind} {name}".strip()


def result_statement(result: Result) -> bytes:
    """Return what is signed of a result: all of it."""
    predicate = {
        "result": "PASSED" if result.passed else "FAILED",
        "configuration": [
            {"name": result.title, "digest": {"sha256": digests.hexadecimal(result.text)}}
        ],
        "passedTests": [each.name for each in result.parts if each.passed],
        "warnedTests": [],
        "failedTests": list(result.failed),
        OWN_PART: {
            "version": result.version,
            "kind": result.kind.value,
            "name": result.name,
            "at": result.at.isoformat(),
            "who": result.who,
            "parts": [
                {
                    "name": each.name,
                    "passed": each.passed,
                    "seconds": each.seconds,
                    "said": each.said,
                }
                for each in result.parts
            ],
        },
    }
    return statement({f"{result.image}:{result.version}": result.digest}, TEST_RESULT, predicate)


def read_result(envelope: Envelope) -> Result:
    """Read a result back; raises VerificationError for a statement of anything else."""
    try:
        content = json.loads(envelope.payload)
        if content["predicateType"] != TEST_RESULT:
            raise VerificationError("That is a statement about something else")
        return _result(content["subject"][0], content["predicate"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise VerificationError("That is no statement of how a version was tried") from error


def _result(subject: dict[str, Any], predicate: dict[str, Any]) -> Result:
    own = predicate[OWN_PART]
    return Result(
        image=subject["name"].rpartition(":")[0],
        version=int(own["version"]),
        digest=Digest(f"sha256:{subject['digest']['sha256']}"),
        kind=ResultKind(own["kind"]),
        at=datetime.fromisoformat(own["at"]),
        who=own["who"],
        parts=tuple(Part(**each) for each in own["parts"]),
        name=own["name"],
        text=Digest(f"sha256:{predicate['configuration'][0]['digest']['sha256']}"),
    )
