"""Ctrl-C and SIGTERM, obeyed also if the exception that they raise is lost."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

AGAIN = 0.01
"""Seconds after which an exception that was lost is raised once more."""


@contextmanager
def interrupts(*, at_once: bool) -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if Ctrl-C or SIGTERM has come since.

    An exception that a signal raises wherever the program happens to be is lost in a callback of
    the garbage collector, and may leave half a step. So signals are noted, to be obeyed where the
    function is called; and one that was lost comes again, without a word, a moment later.

    Parameters
    ----------
    at_once : bool
        Whether the first signal also raises where it comes; else only a second one does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def note(number: int, _: object) -> None:
        came.append(number)
        if at_once or len(came) > 1:
            raise KeyboardInterrupt

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.signal(number, note) for number in handled}
    try:
        with _lost_ones_come_again():
            yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _lost_ones_come_again() -> Iterator[None]:
    """Let an alarm repeat a KeyboardInterrupt that Python could not raise, and not print it."""
    told = sys.unraisablehook

    def lost(exception: "sys.UnraisableHookArgs") -> None:
        if issubclass(exception.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        else:
            told(exception)

    sys.unraisablehook = lost
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = told
