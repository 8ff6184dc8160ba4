"""Signals are told of at once, whatever the main thread holds, and in a thread of their own."""

import os
import signal
from threading import Event, Lock, get_ident, main_thread

import pytest

from herdbook.server.signals import heeding

NUMBERS = (signal.SIGUSR1, signal.SIGUSR2)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_told_may_wait_for_a_lock_that_the_main_thread_holds(number: int) -> None:
    """By a handler, this would hang for ever."""
    lock, told = Lock(), Event()
    threads: list[int] = []

    def tell() -> None:
        with lock:
            threads.append(get_ident())
            told.set()

    with heeding(NUMBERS, tell):
        with lock:
            send(number)
            assert not told.wait(0.05)
        assert told.wait(5)
    assert threads != [main_thread().ident]


def test_it_is_told_while_the_main_thread_waits_and_each_time() -> None:
    counted: list[int] = []
    third = Event()

    def tell() -> None:
        counted.append(1)
        if len(counted) == 3:
            third.set()

    with heeding(NUMBERS, tell):
        for number in (*NUMBERS, NUMBERS[0]):
            send(number)
        assert third.wait(5)


def test_afterwards_all_is_as_before() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with heeding(NUMBERS, lambda: None):
        pass
    assert [signal.getsignal(number) for number in NUMBERS] == before
    assert signal.set_wakeup_fd(-1) == -1
