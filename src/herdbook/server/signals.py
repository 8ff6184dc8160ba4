"""Tells of signals in a thread, where all may be done: a handler must not take any lock.

Whatever the main thread holds when a signal comes, it holds until the handler has returned.
"""

import signal
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Thread


@contextmanager
def heeding(numbers: Collection[signal.Signals], tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` at once whenever one of these signals comes, until the block ends.

    To be entered in the main thread.
    """
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def hear() -> None:
        while heard := receiver.recv(1):
            if heard[0] in numbers:
                tell()

    thread = Thread(target=hear, name="signals", daemon=True)
    thread.start()
    # The interpreter writes a signal's number there by itself, whatever the main thread does.
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _do_nothing) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        sender.close()
        thread.join()
        receiver.close()


def _do_nothing(*_: object) -> None:
    """Stand in for the default, which would end the program."""
