"""Shows long work: bars on a terminal, a line for each finished piece elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from herdbook.core import progress as port

_WORTH_A_LINE_SECONDS = 0.5


class TerminalProgress:
    """Bars and spinners on standard error, for as long as there is something to wait for."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            _AmountColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._open = 0
        self._counting = Lock()

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[port.Task]:
        """Show one piece of work until the block ends."""
        started = time.monotonic()
        self._count(1)
        task = self._progress.add_task(title, total=total, unit=unit)
        try:
            yield _Shown(self._progress, task)
        finally:
            self._progress.remove_task(task)
            self._count(-1)
        seconds = time.monotonic() - started
        if seconds >= _WORTH_A_LINE_SECONDS:
            self.say(f"{title} ({seconds:.1f} s)")

    def _count(self, more: int) -> None:
        """Show the bars from the first open task to the last, in whatever threads they are."""
        with self._counting:
            self._open += more
            if self._console.is_terminal and self._open == max(more, 0):
                (self._progress.start if more > 0 else self._progress.stop)()

    def say(self, text: str) -> None:
        """Tell one fact worth a line of its own."""
        self._progress.console.print(text, style="dim", highlight=False, markup=False)


class _Shown:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: int = 1) -> None:
        self._progress.advance(self._task, amount)

    def describe(self, text: str) -> None:
        self._progress.update(self._task, description=text)


class _RateColumn(ProgressColumn):
    """How fast it goes and how long it will still take, once that can be told."""

    def render(self, task: Task) -> Text:
        """Render one cell."""
        speed = task.finished_speed or task.speed
        if task.total is None or task.fields["unit"] == "bytes" or not speed:
            return Text("")
        rate = f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min"
        left = task.time_remaining
        return Text(rate if left is None else f"{rate}, {timedelta(seconds=int(left))} left")


class _AmountColumn(ProgressColumn):
    """Bytes as bytes, other things as 3/12, nothing where no total is known."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = DownloadColumn(binary_units=True)
        self._count = MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        """Render one cell."""
        if task.total is None:
            return Text("")
        column = self._bytes if task.fields["unit"] == "bytes" else self._count
        return column.render(task)
