"""States where a version comes from, and reads that back: in-toto statements, SLSA provenance."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.images.documents import timestamp

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
TOLD = "urn:herdbook:told:1"
"""The type of a statement that an artifact tells of a version what its builder knows."""

BUILD_TYPE = "urn:herdbook:build:1"
"""What the parameters of the provenance mean: docs/signatures.md says it."""

_SHA256 = "sha256"
_TRAVELLING = "travelling"
"""What follows a version's label where it is about documents in another compression."""


@dataclass(frozen=True)
class Origins:
    """All that a version's provenance says: what it is, and what it was made from.

    `variants` are the digests of their manifests by kind; `indexes` those of the signed lists of
    packages by pocket; `parent` is the version it was made from, `base` somebody else's image.
    `cause` is why it was made: its author's wish, or a campaign. `signer` is the identity of the
    key that had signed what came from elsewhere: where that is distrusted, so is what it brought.
    """

    image: str
    number: int
    digest: Digest
    variants: Mapping[str, Digest]
    lock: Digest
    recipe: Digest
    build_key: Digest
    created_at: datetime
    cause: str
    signer: str = ""
    indexes: Sequence[tuple[str, Digest]] = ()
    parent: tuple[str, Digest] | None = None
    base: tuple[str, Digest] | None = None

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.image}:{self.number}"


def statement(subjects: Mapping[str, Digest], predicate_type: str, predicate: object) -> bytes:
    """Return an in-toto statement about what has these digests (in-toto attestation 1.0)."""
    return digests.canonical_json(
        {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": _hashed(each)} for name, each in subjects.items()],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def provenance(origins: Origins, builder: str, program: str) -> bytes:
    """Return where a version comes from, as its builder states it; a function of its arguments.

    `builder` is the identity of the key, `program` the version of Herdbook. Source: SLSA 1.0,
    "Build: Provenance".
    """
    label = origins.label
    variants = {f"{label} {kind}": each for kind, each in sorted(origins.variants.items())}
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"image": origins.image, "recipe": _hashed(origins.recipe)},
            "internalParameters": {
                "number": origins.number,
                "build_key": origins.build_key,
                "cause": origins.cause,
                **({"signer": origins.signer} if origins.signer else {}),
            },
            "resolvedDependencies": list(_dependencies(origins)),
        },
        "runDetails": {
            "builder": {"id": f"urn:herdbook:builder:{builder}", "version": {"herdbook": program}},
            "metadata": {"invocationId": label, "finishedOn": timestamp(origins.created_at)},
        },
    }
    return statement({label: origins.digest, **variants}, PROVENANCE, predicate)


def subjects_of(payload: bytes) -> dict[str, Digest]:
    """Return what a statement of ours is about, by name."""
    return {each["name"]: _digest(each["digest"]) for each in json.loads(payload)["subject"]}


def predicate_type_of(payload: bytes) -> str:
    """Return the type of a statement; empty for what is none."""
    try:
        return str(json.loads(payload)["predicateType"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def restated(payload: bytes, label: str, digest: Digest) -> bytes:
    """Return a provenance as one about something more, such as a version as it travels.

    That comes last; the statement stays as it is where that is a subject of it already.
    """
    content = json.loads(payload)
    if any(each["digest"] == _hashed(digest) for each in content["subject"]):
        return payload
    travelling = {"name": f"{label} {_TRAVELLING}", "digest": _hashed(digest)}
    return digests.canonical_json({**content, "subject": [*content["subject"], travelling]})


def _dependencies(origins: Origins) -> Iterator[dict[str, object]]:
    yield {"name": "lock", "digest": _hashed(origins.lock)}
    for pocket, digest in origins.indexes:
        yield {"name": f"InRelease {pocket}", "digest": _hashed(digest)}
    for name, found in (("parent", origins.parent), ("base", origins.base)):
        if found is not None:
            yield {"name": name, "uri": found[0], "digest": _hashed(found[1])}


@dataclass(frozen=True)
class Stated:
    """What a provenance of ours says, read back; see `Origins`."""

    image: str
    number: int
    cause: str
    digest: Digest
    lock: Digest
    recipe: Digest
    build_key: Digest
    variants: Mapping[str, Digest]
    signer: str

    @property
    def label(self) -> str:
        """The version that it is about."""
        return f"{self.image}:{self.number}"


def read_provenance(payload: bytes) -> Stated:
    """Read a provenance of ours; raises VerificationError for any other statement."""
    try:
        content = json.loads(payload)
        predicate = content["predicate"]
        definition = predicate["buildDefinition"]
        if (content["predicateType"], definition["buildType"]) != (PROVENANCE, BUILD_TYPE):
            raise VerificationError("That is a statement about something else")
        internal, external = definition["internalParameters"], definition["externalParameters"]
        whole, *variants = content["subject"]
        (lock,) = (each for each in definition["resolvedDependencies"] if each["name"] == "lock")
        return Stated(
            image=str(external["image"]),
            number=int(internal["number"]),
            cause=str(internal["cause"]),
            digest=_digest(whole["digest"]),
            lock=_digest(lock["digest"]),
            recipe=_digest(external["recipe"]),
            build_key=Digest(str(internal["build_key"])),
            variants={
                _last_word(each["name"]): _digest(each["digest"])
                for each in variants
                if _last_word(each["name"]) != _TRAVELLING
            },
            signer=str(internal.get("signer", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VerificationError("That is no statement of where a version comes from") from error


def _last_word(text: str) -> str:
    return text.rpartition(" ")[2]


def _hashed(digest: Digest) -> dict[str, str]:
    return {_SHA256: digests.hexadecimal(digest)}


def _digest(hashed: Mapping[str, str]) -> Digest:
    return Digest(f"{_SHA256}:{hashed[_SHA256]}")
