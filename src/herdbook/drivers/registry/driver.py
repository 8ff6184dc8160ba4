"""Keeps and reads manifests, blobs and what refers to them in registries, over HTTP."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlencode

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.core.progress import Task
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.registry.answers import Answer, BrokenError
from herdbook.drivers.registry.conversation import Conversation, Question
from herdbook.drivers.registry.downloads import Download
from herdbook.drivers.registry.failures import no_answer, other_bytes, refused
from herdbook.drivers.registry.listing import Lists
from herdbook.drivers.registry.logins import Login, login_for
from herdbook.drivers.registry.memory import Memory
from herdbook.drivers.registry.tokens import Tokens
from herdbook.drivers.registry.uploads import PUSH, Upload
from herdbook.images.artifacts import Artifact
from herdbook.images.documents import INDEX, MANIFEST, Document
from herdbook.images.references import RegistryName
from herdbook.images.referrers import Referrer
from herdbook.images.registries import LARGEST_DOCUMENT_BYTES, Parcel

_DOCKERS = "application/vnd.docker.distribution.manifest"
_ACCEPTED_TYPES = f"{INDEX}, {MANIFEST}, {_DOCKERS}.list.v2+json, {_DOCKERS}.v2+json"
_OK, _CREATED, _NOT_FOUND = 200, 201, 404


class HttpRegistry:
    """Registries; what saves work the next time is remembered under `directory`.

    `login_files` are where podman and docker keep logins, the one that counts first.
    """

    def __init__(self, directory: Path, login_files: Sequence[Path] = ()) -> None:
        self._login_files = login_files
        self._memory = Memory(directory)
        self._lists = Lists(directory / "lists", self)

    @cached_property
    def _conversation(self) -> Conversation:
        """Begun by the first question: to load whom this machine trusts takes its time."""

        def login(name: RegistryName) -> Login | None:
            return login_for(self._login_files, name)

        connections = Connections({}, None)
        return Conversation(connections, Tokens(connections, login))

    def manifest(self, name: RegistryName) -> Document:
        """Return a manifest or an index; see the port's promises."""
        document = self._read_manifest(name)
        if document is None:
            raise NotFoundError(
                f"There is no {name}", hint="Look at its name and its tag once more."
            )
        return document

    def put_manifest(self, name: RegistryName, document: Document) -> None:
        """Keep a manifest or an index; see the port's promises."""
        self._put(name, document)

    def tags(self, name: RegistryName) -> list[str]:
        """Return the tags of a repository, sorted."""
        found: set[str] = set()
        path = f"/v2/{name.path}/tags/list?n=1000"
        while path:
            with self._conversation.ask(name, Question("GET", path)) as answer:
                if answer.status != _OK:
                    raise refused(name, answer, f"list the tags of {name.repository}")
                listed = _json_of(name, answer).get("tags") or []
                if not isinstance(listed, list):
                    raise no_answer(name, "its answer is no list of tags")
                before = len(found)
                found |= {str(tag) for tag in listed}
                path = _next(answer) if len(found) > before else ""
        return sorted(found)

    def has_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Tell whether a repository has a blob."""
        question = Question("HEAD", f"/v2/{name.path}/blobs/{digest}", PUSH)
        with self._conversation.ask(name, question) as answer:
            if answer.status not in (_OK, _NOT_FOUND):
                raise refused(name, answer, f"push to {name.repository}")
            if answer.status == _OK:
                self._memory.note_blob(name, digest)
            return answer.status == _OK

    def mount_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Take a blob over from another repository; see the port's promises."""
        for other in self._memory.others_with(name, digest)[:1]:
            asked = urlencode({"mount": digest, "from": other})
            path = f"/v2/{name.path}/blobs/uploads/?{asked}"
            with self._conversation.ask(name, Question("POST", path, PUSH)) as answer:
                if answer.status == _CREATED:
                    self._memory.note_blob(name, digest)
                    return True
                # Otherwise it has begun an upload, which nobody goes on with: it forgets that.
        return False

    def push_blob(self, name: RegistryName, parcel: Parcel, task: Task) -> int:
        """Send a blob; see the port's promises."""
        sent = Upload(self._conversation, self._memory, name, parcel, task).run()
        self._memory.note_blob(name, parcel.digest)
        return sent

    def pull_blob(
        self, name: RegistryName, digest: Digest, size: int, to: Path, task: Task
    ) -> None:
        """Write a blob into a file; see the port's promises."""
        Download(self._conversation, name, digest, size, to, task).run()
        self._memory.note_blob(name, digest)

    def referrers(self, name: RegistryName, subject: Digest, kind: str = "") -> list[Referrer]:
        """Return what refers to a manifest; see the port's promises."""
        found = self._lists.read(name, subject, kind)
        return [each for each in found if kind in ("", each.kind)]

    def attach(self, name: RegistryName, subject: Digest, artifacts: Sequence[Artifact]) -> None:
        """Keep artifacts and list them; see the port's promises."""
        unlisted = [
            each
            for each in artifacts
            if not self._put(name.at(each.manifest.digest), each.manifest)
        ]
        if unlisted:
            self._lists.add(name, subject, unlisted)

    # --- what lists are made with

    def read_list(self, name: RegistryName) -> bytes | None:
        """Return the index that a tag names, or None where there is no such tag."""
        document = self._read_manifest(name)
        return document.content if document else None

    def ask_list(self, name: RegistryName, subject: Digest, kind: str) -> bytes | None:
        """Return the list that a registry keeps of a manifest's referrers, None if it keeps none.

        Source: OCI distribution specification 1.1, "Listing Referrers".
        """
        asked = f"?{urlencode({'artifactType': kind})}" if kind else ""
        path = f"/v2/{name.path}/referrers/{subject}{asked}"
        with self._conversation.ask(name, Question("GET", path)) as answer:
            if answer.status == _NOT_FOUND:
                return None
            if answer.status != _OK:
                raise refused(name, answer, f"list what refers to {subject}")
            return _content_of(name, answer)

    def _put(self, name: RegistryName, document: Document) -> bool:
        """Keep a manifest; tell whether the registry lists it as referring to its subject."""
        reference = name.digest or name.tag or document.digest
        question = Question(
            "PUT",
            f"/v2/{name.path}/manifests/{reference}",
            PUSH,
            {"Content-Type": document.media_type},
            lambda: document.content,
        )
        with self._conversation.ask(name, question) as answer:
            if answer.status != _CREATED:
                raise refused(name, answer, f"push {name}")
            return "OCI-Subject" in answer.headers

    def _read_manifest(self, name: RegistryName) -> Document | None:
        reference = name.digest or quote(name.tag or "latest")
        path = f"/v2/{name.path}/manifests/{reference}"
        question = Question("GET", path, headers={"Accept": _ACCEPTED_TYPES})
        with self._conversation.ask(name, question) as answer:
            if answer.status == _NOT_FOUND:
                return None
            if answer.status != _OK:
                raise refused(name, answer, f"pull {name}")
            content = _content_of(name, answer)
            said = digests.parse(answer.headers.get("Docker-Content-Digest", ""))
            kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        document = Document(kind, content)
        if document.digest != (name.digest or said or document.digest):
            raise other_bytes(name, f"the manifest {name.digest or said}")
        return document


def _content_of(name: RegistryName, answer: Answer) -> bytes:
    try:
        content = answer.read(LARGEST_DOCUMENT_BYTES + 1)
    except BrokenError as error:
        raise no_answer(name, str(error)) from error
    if len(content) > LARGEST_DOCUMENT_BYTES:
        raise other_bytes(name, "a document of at most 4 MiB")
    return content


def _json_of(name: RegistryName, answer: Answer) -> dict[str, object]:
    try:
        content = json.loads(_content_of(name, answer))
    except (ValueError, RecursionError) as error:
        raise no_answer(name, "its answer is no JSON") from error
    if not isinstance(content, dict):
        raise no_answer(name, "its answer is no JSON object")
    return content


def _next(answer: Answer) -> str:
    """Return where a list goes on (RFC 8288), or nothing."""
    address, _, relation = answer.headers.get("Link", "").partition(";")
    return address.strip(" <>") if 'rel="next"' in relation.replace(" ", "") else ""
