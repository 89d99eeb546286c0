"""Ctrl-C and SIGTERM, obeyed also if the exception that they raise is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupts(*, at_once: bool) -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if Ctrl-C or SIGTERM has come since.

    An exception that a signal raises wherever the program happens to be is lost in a callback of
    the garbage collector, and may leave half a step. So signals are noted, to be obeyed where the
    function is called.

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

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
