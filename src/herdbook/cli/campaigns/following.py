"""Works at a campaign in this process, or watches another one do so."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from herdbook.actions.look_at_campaign import Looker, Status
from herdbook.actions.run_campaign import work_at
from herdbook.actions.start_campaign import campaign_numbered
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.model import CampaignState
from herdbook.cli.campaigns.status_page import status_line, status_lines
from herdbook.cli.output import Output
from herdbook.core.errors import ConflictError

_LOOK_SECONDS = 1.0
_IDLE_LOOKS = 3
_MOST_REFUSALS = 5
_NICENESS = 5

Tell = Callable[[Status], None]


def work_or_follow(workshop: Workshop, output: Output, number: int) -> Status:
    """Work at a running campaign; while another process does so, show how far that is.

    Should the other one end before its time, this one goes on in its place.
    """
    os.nice(_NICENESS)  # what people wait for goes before it
    looker, refusals = Looker(workshop, number), 0
    while True:
        status = looker.look(campaign_numbered(workshop, number))
        if status.campaign.state is not CampaignState.RUNNING:
            return status
        if status.worked_at:
            output.note(f"Another process works at campaign {number} already: this one watches")
            with telling(output) as tell:
                follow(looker, tell)
            continue
        try:
            with _told_how_to_go_on(output, number):
                work_at(workshop, number)
        except ConflictError:
            refusals += 1  # another process was quicker
            if refusals > _MOST_REFUSALS:
                raise
            workshop.clock.sleep(_LOOK_SECONDS)


@contextmanager
def _told_how_to_go_on(output: Output, number: int) -> Iterator[None]:
    """Say that a campaign is not lost when something ends the work at it."""
    try:
        yield
    except ConflictError:
        raise
    except BaseException:
        output.note(
            f"Nothing that campaign {number} has done is lost. It goes on with: "
            f"herdbook campaign resume {number}"
        )
        raise


def follow(looker: Looker, tell: Tell) -> Status:
    """Tell where a campaign is, again and again, until it is over or nobody works at it."""
    idle = 0
    while True:
        status = looker.look(campaign_numbered(looker.workshop, looker.number))
        tell(status)
        idle = 0 if status.worked_at else idle + 1
        if status.is_over or idle == _IDLE_LOOKS:
            return status
        looker.workshop.clock.sleep(_LOOK_SECONDS)


@contextmanager
def telling(output: Output) -> Iterator[Tell]:
    """Give what tells where a campaign is: a page drawn anew on a terminal, else lines of news."""
    console = Console()
    if output.as_json:
        yield lambda _: None
    elif console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            yield lambda status: live.update(Text("\n".join(status_lines(status))), refresh=True)
    else:
        yield news(status_line, output.text)


def news(render: Callable[[Status], str], write: Callable[[str], None]) -> Tell:
    """Return what writes how a campaign is whenever that has changed."""
    last = ""

    def tell(status: Status) -> None:
        nonlocal last
        if (line := render(status)) != last:
            write(line)
            last = line

    return tell
