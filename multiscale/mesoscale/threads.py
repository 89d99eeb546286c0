"""Work on cells shared among threads: compiled passes, and transforms of components.

A pass has a range of cells for each thread, cut at multiples of BLOCK, which is also what it works
on at once, so that a cell gets the same bits whatever the number of threads; sums are added in
the order of the ranges.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

BLOCK = 256  # items that a pass loads, works on and stores: they stay in the fastest cache
WIDTH = BLOCK + 8  # rows at distances that are powers of two would share lines of the cache
LEAST = 8192  # items below which another thread costs more than it saves


def share(
    pass_: Callable[..., Any], workers: int, count: int, *args: Any, least: int = LEAST
) -> list[Any]:
    """Call pass_(*args, start, stop) for ranges that cover 0 to count; return what they return.

    Parameters
    ----------
    pass_ : function
        Compiled by `multiscale.compiled.released`; the last two arguments are the range.
    workers : int
        Most threads.
    count : int
        Items: cells or modes.
    *args
        Its other arguments.
    least : int
        Items below which another thread costs more than it saves; fewer than BLOCK for items
        that are whole rows.
    """
    pieces = max(1, min(workers, count // least))
    step = BLOCK if least >= BLOCK else 1
    size = -(-count // (pieces * step)) * step
    ranges = [(start, min(start + size, count)) for start in range(0, count, size)]
    if len(ranges) == 1:
        return [pass_(*args, *ranges[0])]
    others = [_threads(pieces - 1, os.getpid()).submit(pass_, *args, *r) for r in ranges[1:]]
    return [pass_(*args, *ranges[0]), *(other.result() for other in others)]


def each(function: Callable[[Any], None], items: Sequence[Any], workers: int) -> None:
    """Call function(item) for every item, items dealt out to threads like cards.

    Parameters
    ----------
    function : function
        Works outside the lock of the interpreter, such as a Fourier transform.
    items : sequence
    workers : int
        Most threads.
    """
    hands = [items[i::workers] for i in range(min(workers, len(items)))]

    def play(hand: Sequence[Any]) -> None:
        for item in hand:
            function(item)

    others = [_threads(len(hands) - 1, os.getpid()).submit(play, hand) for hand in hands[1:]]
    play(hands[0])
    for other in others:
        other.result()


@lru_cache(maxsize=8)
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    """Return threads of this process: those of a parent do not live on in its children."""
    del process
    return ThreadPoolExecutor(count, thread_name_prefix="mesoscale")
