"""Answers with Django in one file, served by waitress."""

import os
import secrets
import signal
import sys

import django
import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def index(_: HttpRequest) -> HttpResponse:
    """Say what answers here."""
    return JsonResponse(
        {"framework": "django", "version": django.get_version(), "language": "python"}
    )


def healthz(_: HttpRequest) -> HttpResponse:
    """Say that all is well."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [path("", index), path("healthz", healthz)]

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_hex(),
)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
waitress.serve(get_wsgi_application(), host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
