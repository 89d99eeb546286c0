"""Passes over cells are shared among threads without gaps, overlaps or other bits."""

import threading

import numpy as np
import pytest

from multiscale.mesoscale import pointwise
from multiscale.mesoscale.threads import BLOCK, LEAST, each, share


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 255, LEAST, 2 * LEAST + 1, 10 * LEAST + 77])
def test_ranges_cover_every_cell_once(workers, count):
    ranges = share(lambda start, stop: (start, stop), workers, count)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == count
    assert [stop for _, stop in ranges[:-1]] == [start for start, _ in ranges[1:]]
    assert len(ranges) <= workers
    assert all(start % BLOCK == 0 for start, _ in ranges)


def test_rows_are_shared_one_by_one():
    assert share(lambda start, stop: (start, stop), 2, 100, least=10) == [(0, 50), (50, 100)]


def test_other_threads_do_work():
    names = share(lambda *_: threading.current_thread().name, 2, 4 * LEAST)
    assert names[0] != names[1]


@pytest.mark.parametrize("workers", [1, 2, 4, 9])
def test_every_item_is_dealt_once(workers):
    seen = []
    each(seen.append, range(6), workers)
    assert sorted(seen) == list(range(6))


def test_an_error_of_a_thread_is_not_lost():
    def fail(start, stop):
        if start > 0:
            raise ValueError(f"cells from {start} to {stop}")

    with pytest.raises(ValueError, match="cells from"):
        share(fail, 2, 4 * LEAST)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cells_have_the_same_bits_on_any_number_of_threads(dtype):
    rng, n = np.random.default_rng(0), 5 * LEAST + 13
    P, s = (rng.normal(size=(c, n)).astype(dtype) for c in (3, 6))
    b = pointwise.landau_constants(rng.normal(size=10), 0.3, dtype)
    Q = pointwise.strain_constants([0.1, -0.03, 0.07], dtype)
    results = []
    for workers in (1, 2, 4):
        out = np.empty_like(P)
        share(pointwise.force_strained, workers, n, P, b, Q, s, out)
        results.append(out)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
