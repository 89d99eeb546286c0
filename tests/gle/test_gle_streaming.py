import numpy as np
import pytest

from multiscale.gle import streamed_correlations


def plain(x, n_lags):
    n = len(x) - n_lags + 1
    return np.array([x[k : k + n].T @ x[:n] / n for k in range(n_lags)])


@pytest.mark.parametrize("chunk", [7, 100, 5000])
def test_streamed_matrices_equal_the_plain_sums(chunk):
    x = np.random.default_rng(0).standard_normal((5000, 2)) @ np.array([[1, 0.5], [0, 1]])
    chunks = [x[i : i + chunk] for i in range(0, len(x), chunk)]
    found = streamed_correlations([chunks], 20, n_blocks=4, block=64)
    assert 4 <= len(found.origins) <= 9
    np.testing.assert_allclose(found.mean(), plain(x, 20), atol=1e-12)


def test_several_records_are_weighted_by_their_origins():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((300, 1)), 2 + rng.standard_normal((700, 1))
    found = streamed_correlations([[a], [b]], 10).mean()
    exact = (291 * plain(a, 10) + 691 * plain(b, 10)) / (291 + 691)
    np.testing.assert_allclose(found, exact, atol=1e-12)


def test_error_of_white_noise():
    x = np.random.default_rng(2).standard_normal((200_000, 1))
    found = streamed_correlations([[x]], 5, block=500)
    np.testing.assert_allclose(found.stderr()[1:], 200_000**-0.5, rtol=0.25)
    rng = np.random.default_rng(3)
    spread = np.std([found.replica(rng) for _ in range(200)], 0)
    np.testing.assert_allclose(spread, found.stderr(), rtol=0.25)


def test_the_number_of_blocks_does_not_grow_with_the_record():
    chunk = np.zeros((1000, 1), np.float32)
    found = streamed_correlations([(chunk for _ in range(3000))], 10, n_blocks=16, block=100)
    assert 16 <= len(found.blocks) <= 33
    assert found.origins.sum() == 3_000_000 - 9


def test_a_missing_value_names_record_and_frame():
    x = np.zeros((100, 1))
    y = x.copy()
    y[30] = np.nan
    with pytest.raises(ValueError, match="frame 130 of record 1 is .nan."):
        streamed_correlations([[x], [x, y]], 10)


def test_a_record_shorter_than_the_window_is_named():
    with pytest.raises(ValueError, match="record 0 has 5 frames"):
        streamed_correlations([[np.zeros((5, 1))]], 10)
