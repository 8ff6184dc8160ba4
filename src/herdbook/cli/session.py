"""Opens what a command works with; imported late, so that help and completion stay quick."""

from dataclasses import replace

from herdbook.actions.workshop import Workshop
from herdbook.cli.loading import end_loading
from herdbook.cli.output import Output
from herdbook.core.given_secrets import GivenSecrets
from herdbook.core.progress import NoProgress, Progress
from herdbook.server.program import open_workshop
from herdbook.server.settings import load_settings


def open_session(
    output: Output, secrets: GivenSecrets | None = None, *, heed_login: bool = True
) -> Workshop:
    """Return the workshop, with progress shown to people only.

    Without `heed_login` neither token nor session says who gives the command: it is about that,
    or its own.
    """
    settings = replace(load_settings(), heed_login=heed_login)
    workshop = open_workshop(settings, _progress(output), secrets)
    end_loading()
    return workshop


def _progress(output: Output) -> Progress:
    if output.as_json:
        return NoProgress()
    from herdbook.cli.progress import TerminalProgress

    return TerminalProgress()
