"""Answers as a registry that can only be read (OCI distribution specification 1.1)."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import quote

from anyio import create_task_group, to_thread
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from herdbook.actions.show_registry import RegistryShow, has_image, is_name, page
from herdbook.actions.workshop import Workshop
from herdbook.api.login import Login, Reader
from herdbook.api.metadata_view import add_metadata_view
from herdbook.api.refusals import RegistryError, refusal, refuse_in_form
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.artifacts import referrers_index
from herdbook.images.documents import Document

_READ = ["GET", "HEAD"]
_EVERY = [*_READ, "DELETE", "PATCH", "POST", "PUT"]
_BINARY = "application/octet-stream"
_EVER = "Thu, 01 Jan 1970 00:00:00 GMT"
_MOST_NAMES = 1000
_THREADS = 6
"""So many requests look something up, or read a piece of a file, at the same moment."""

_Count = Annotated[int, Query(alias="n", ge=0)]


def registry_app(
    workshop: Workshop,
    say: Callable[[str], None],
    hosts: Collection[str] = (),
    login: Login | None = None,
) -> FastAPI:
    """Return what answers; `say` is told of faults, and `login` finds out who reads.

    Where `hosts` are given, only requests that name one of them are answered: a browser can be
    brought to call a server on its own machine by another name, on behalf of a page of anybody's.
    """
    view = _RegistryView(workshop)

    def check_host(request: Request) -> None:
        if hosts and request.url.hostname not in hosts:
            raise RegistryError(421, "DENIED", "This registry is not called so.")

    async def ask_who(request: Request) -> None:
        request.state.reader = await login.reader(request) if login else Reader()

    @asynccontextmanager
    async def working(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        async with create_task_group() as tasks:
            if login:
                tasks.start_soon(login.write_on_time)
            yield
            tasks.cancel_scope.cancel()
        if login:
            login.write_refused(last=True)

    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_host), Depends(ask_who)],
        lifespan=working,
    )
    refuse_in_form(app, say)
    for path, answer in (
        ("/v2/", view.root),
        ("/v2", view.root),
        ("/v2/_catalog", view.catalog),
        ("/v2/{name:path}/manifests/{reference}", view.manifest),
        ("/v2/{name:path}/blobs/{digest}", view.blob),
        ("/v2/{name:path}/tags/list", view.tags),
        ("/v2/{name:path}/referrers/{digest}", view.referrers),
    ):
        app.add_api_route(path, answer, methods=_READ, response_model=None)
    add_metadata_view(app, workshop)
    app.add_api_route("/v2/{rest:path}", view.other, methods=_EVERY, response_model=None)
    return app


class _RegistryView:
    """The answers, one method for each kind of request."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._show = RegistryShow(workshop)

    def root(self) -> Response:
        return JSONResponse({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    def other(self, request: Request) -> Response:
        if request.method in _READ:
            return refusal(404, "NOT_FOUND", "There is nothing here: see /v2/.")
        allowed = {"Allow": ", ".join(_READ)}
        return refusal(405, "UNSUPPORTED", "This registry can only be read.", allowed)

    def manifest(self, request: Request, name: str, reference: str) -> Response:
        _check_name(request, name)
        try:
            document = self._show.manifest(name, reference)
        except NotFoundError as error:
            raise self._unknown(name, "MANIFEST_UNKNOWN", error) from error
        return _document(request, document, document.media_type)

    def blob(self, request: Request, name: str, digest: str) -> Response:
        _check_name(request, name)
        try:
            found = self._show.blob(name, _parsed(digest))
        except NotFoundError as error:
            raise self._unknown(name, "BLOB_UNKNOWN", error) from error
        if isinstance(found, Document):
            return _document(request, found, _BINARY)
        headers = _naming(digest)
        if _has_it(request, digest):
            return Response(status_code=304, headers=headers)
        headers["Last-Modified"] = _EVER  # not when it was used last, which its file tells
        return _BlobResponse(found, headers=headers, media_type=_BINARY)

    def tags(
        self, request: Request, name: str, most: _Count = _MOST_NAMES, last: str = ""
    ) -> Response:
        _check_name(request, name)
        try:
            every = self._show.tags(name)
        except NotFoundError as error:
            raise self._unknown(name, "NAME_UNKNOWN", error) from error
        tags, more = page(every, last, min(most, _MOST_NAMES))
        headers = _next(f"/v2/{name}/tags/list", most, tags) if more else {}
        return JSONResponse({"name": name, "tags": tags}, headers=headers)

    def catalog(self, request: Request, most: _Count = _MOST_NAMES, last: str = "") -> Response:
        most = min(most, _MOST_NAMES)
        names, more = page(self._seen_after(_reader(request), last, most + 1), "", most)
        headers = _next("/v2/_catalog", most, names) if more else {}
        return JSONResponse({"repositories": names}, headers=headers)

    def referrers(
        self,
        request: Request,
        name: str,
        digest: str,
        artifactType: str = "",  # noqa: N803 - its name in the specification
    ) -> Response:
        _check_name(request, name)
        try:
            found = self._show.referrers(name, _parsed(digest))
        except NotFoundError as error:
            raise self._unknown(name, "NAME_UNKNOWN", error) from error
        if not found and not has_image(self._workshop, name):
            raise _no_image(name)
        kind = artifactType.replace(" ", "+")  # as a client means it that did not encode it
        wanted = [each for each in found if kind in {"", each.kind}]
        listed = referrers_index(wanted)
        answer = _document(request, listed, listed.media_type)
        if artifactType:
            answer.headers["OCI-Filters-Applied"] = "artifactType"
        return answer

    def _unknown(self, name: str, code: str, error: NotFoundError) -> RegistryError:
        if not has_image(self._workshop, name):
            return _no_image(name)
        return RegistryError(404, code, error.message)

    def _seen_after(self, reader: Reader, last: str, most: int) -> list[str]:
        """Return so many names after one that a reader may see: the others are not there."""
        found: list[str] = []
        at_once = most if reader.asker is None else _MOST_NAMES
        while len(found) < most:
            names = self._workshop.versions.names_after(last, at_once)
            found += filter(reader.sees, names)
            if len(names) < at_once:
                break
            last = names[-1]
        return found[:most]


class _BlobResponse(FileResponse):
    """A file, or a range of it, in larger pieces than usual: each costs a change of threads."""

    chunk_size = 256 << 10


def _check_name(request: Request, name: str) -> None:
    """Raise RegistryError for what is no name, and for an image that is not there for a reader.

    What one may not see is told as what there is not: else its name would be.
    """
    if not is_name(name):
        raise RegistryError(400, "NAME_INVALID", f"{name!r} is no name of an image")
    if not _reader(request).sees(name):
        raise _no_image(name)


def _reader(request: Request) -> Reader:
    found = request.state.reader
    assert isinstance(found, Reader)  # noqa: S101 - every request is asked before
    return found


def _no_image(name: str) -> RegistryError:
    return RegistryError(404, "NAME_UNKNOWN", f"There is no image {name!r}")


def _parsed(digest: str) -> Digest:
    found = digests.parse(digest)
    if found is None:
        raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is no digest: sha256:...")
    return found


def _naming(digest: str) -> dict[str, str]:
    return {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}


def _has_it(request: Request, digest: str) -> bool:
    return f'"{digest}"' in request.headers.get("if-none-match", "")


def _document(request: Request, document: Document, media_type: str) -> Response:
    headers = _naming(document.digest)
    if _has_it(request, document.digest):
        return Response(status_code=304, headers=headers)
    return Response(document.content, media_type=media_type, headers=headers)


def _next(path: str, most: int, names: Sequence[str]) -> dict[str, str]:
    """Return where the next names are (RFC 5988, as the specification wants it)."""
    return {"Link": f'<{path}?n={most}&last={quote(names[-1], safe="")}>; rel="next"'}
