"""A signal is obeyed wherever it comes, also where Python throws its exception away."""

import signal
import time
import weakref

import pytest

from multiscale.pipeline.signals import interrupts


class Thing:
    pass


def lose_a_signal() -> None:
    """Let Ctrl-C come while a callback of the garbage collector runs."""
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    assert reference() is None


def lose_a_signal_and_wait() -> None:
    lose_a_signal()
    time.sleep(5)
    pytest.fail("five seconds passed")


def test_a_signal_raises_where_it_comes():
    with pytest.raises(KeyboardInterrupt), interrupts(at_once=True):
        signal.raise_signal(signal.SIGINT)


def test_a_lost_signal_comes_again_and_nothing_is_printed(capfd):
    """pytest also turns an exception that Python ignored into a failure."""
    with pytest.raises(KeyboardInterrupt), interrupts(at_once=True):
        lose_a_signal_and_wait()
    assert capfd.readouterr().err == ""


def test_no_alarm_is_left_behind():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), interrupts(at_once=True):
        lose_a_signal_and_wait()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) == before


def test_other_lost_exceptions_are_still_told(monkeypatch):
    def fails(_: object) -> None:
        raise ValueError("of the callback")

    told = []
    monkeypatch.setattr("sys.unraisablehook", lambda lost: told.append(lost.exc_type))
    with interrupts(at_once=True):
        thing = Thing()
        reference = weakref.ref(thing, fails)
        del thing
    assert reference() is None
    assert told == [ValueError]


def test_without_at_once_only_the_second_signal_raises():
    with interrupts(at_once=False) as check:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
