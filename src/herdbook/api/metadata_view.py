"""Gives out signed metadata to clients of The Update Framework: /tuf/metadata and /tuf/targets."""

from fastapi import FastAPI, Request, Response

from herdbook.actions.show_metadata import metadata_file, target_file
from herdbook.actions.workshop import Workshop
from herdbook.api.refusals import refusal
from herdbook.core.errors import NotFoundError


def add_metadata_view(app: FastAPI, workshop: Workshop) -> None:
    """Have an application answer for signed metadata, too."""

    def metadata(name: str) -> Response:
        try:
            return Response(metadata_file(workshop, name), media_type="application/json")
        except NotFoundError as error:
            return refusal(404, "NOT_FOUND", error.message)

    def target(request: Request, name: str) -> Response:
        try:
            content = target_file(workshop, name, request.state.reader.sees)
            return Response(content, media_type="application/octet-stream")
        except NotFoundError as error:
            return refusal(404, "NOT_FOUND", error.message)

    for path, answer in (("/tuf/metadata/{name}", metadata), ("/tuf/targets/{name}", target)):
        app.add_api_route(path, answer, methods=["GET", "HEAD"], response_model=None)
