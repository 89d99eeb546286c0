"""Normal numbers of a time step: their law, and what a restart needs."""

import numpy as np
import pytest

from multiscale.noise import standard_normal


def draw(rng, n):
    out = np.empty(n)
    standard_normal(rng, out)
    return out


@pytest.mark.parametrize("n", [3000, 5000, 100_001])
def test_numbers_depend_on_the_state_of_the_generator_only(n):
    rng = np.random.default_rng(3)
    first, state = draw(rng, n), rng.bit_generator.state
    second = draw(rng, n)
    again = np.random.default_rng()
    again.bit_generator.state = state
    assert np.array_equal(draw(again, n), second)
    assert not np.array_equal(first, second)


def test_a_few_numbers_are_those_of_the_generator_itself():
    wanted = np.random.default_rng(5).standard_normal(4096)
    assert np.array_equal(draw(np.random.default_rng(5), 4096), wanted)


def test_many_numbers_are_normal():
    """Moments to the eighth, tails, and products of neighbours; four standard errors."""
    x = np.concatenate([draw(np.random.default_rng(s), 200_000) for s in range(10)])
    n = len(x)
    for power, moment, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105), (6, 15, 10395)):
        assert abs((x**power).mean() - moment) < 4 * np.sqrt((square - moment**2) / n)
    for level, tail in ((2.0, 0.0455003), (3.0, 0.0026998), (4.0, 6.334e-5)):
        assert abs((np.abs(x) > level).mean() - tail) < 4 * np.sqrt(tail / n)
    for lag in (1, 2, 3, 511, 512, 1023, 1024):
        assert abs((x[lag:] * x[:-lag]).mean()) < 4 / np.sqrt(n)
        assert abs((x[lag:] ** 2 * x[:-lag] ** 2).mean() - 1) < 4 * np.sqrt(8 / n)
