"""Expected against observed error, on errors whose distribution is planted."""

import numpy as np
import pytest

from multiscale.atoms.calibration import calibrate, coverage, scale_factor

N = 20000


@pytest.fixture
def planted():
    """Return errors drawn from normal distributions of known, varied widths."""
    rng = np.random.default_rng(1)
    widths = np.exp(0.5 * rng.normal(size=N))
    return widths * rng.normal(size=N), widths


def test_true_widths_are_calibrated(planted):
    result = calibrate(*planted)
    assert result.factor.value == pytest.approx(1, abs=4 * result.factor.stderr)
    assert result.factor.stderr == pytest.approx(1 / np.sqrt(2 * N), rel=0.05)
    # binomial scatter of a share, four sigma
    assert result.coverage68 == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / N))
    assert result.coverage95 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / N))
    assert result.miscalibration < 0.01
    off = (result.observed - result.expected) / result.observed_stderr
    assert np.abs(off).max() < 4


def test_spreads_half_as_large_need_a_factor_of_two(planted):
    errors, widths = planted
    result = calibrate(errors, widths / 2)
    assert result.factor.value == pytest.approx(2, abs=4 * result.factor.stderr)
    assert result.coverage68 < 0.4
    assert result.miscalibration > 0.1


@pytest.mark.parametrize("members", [4, 8, 16])
def test_the_spread_of_few_members_is_calibrated_by_students_law(members):
    """Members and truth are draws from one distribution, the prediction is the members' mean."""
    rng = np.random.default_rng(members)
    widths = np.exp(0.3 * rng.normal(size=N))
    drawn = widths[:, None] * rng.normal(size=(N, members + 1))
    truth, others = drawn[:, 0], drawn[:, 1:]
    result = calibrate(others.mean(1) - truth, others.std(1, ddof=1), members=members)
    assert result.coverage68 == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / N))
    assert result.coverage95 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / N))
    if members > 5:  # the squares of Student's t with four degrees of freedom have no variance
        assert result.factor.value == pytest.approx(1, abs=4 * result.factor.stderr)


def test_a_centred_committee_has_no_error_of_its_mean():
    rng = np.random.default_rng(3)
    truth, members = rng.normal(size=N), rng.normal(size=(N, 8))
    spread = members.std(1, ddof=1)
    factor = scale_factor(truth, spread, members=8, centred=True)
    assert factor.value == pytest.approx(1, abs=4 * factor.stderr)
    share = coverage(truth / spread, np.array([0.68]), 8, centred=True)
    assert share[0] == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / N))


def test_units_do_not_matter(planted):
    errors, widths = planted
    a, b = calibrate(errors, widths), calibrate(1e3 * errors, 1e3 * widths)
    assert b.factor == pytest.approx(a.factor)
    np.testing.assert_allclose(b.observed, 1e3 * a.observed)
    assert b.correlation == pytest.approx(a.correlation)


def test_repeated_samples_of_a_group_do_not_sharpen_the_error(planted):
    errors, widths = (x[:500] for x in planted)
    once = scale_factor(errors, widths)
    groups = np.repeat(np.arange(500), 7)
    again = scale_factor(np.repeat(errors, 7), np.repeat(widths, 7), groups=groups)
    assert again == pytest.approx(once)


def test_large_spreads_find_large_errors(planted):
    errors, widths = planted
    rng = np.random.default_rng(5)
    assert calibrate(errors, widths).correlation > 0.2
    assert abs(calibrate(errors, rng.permutation(widths)).correlation) < 4 / np.sqrt(N)


def test_bad_input_is_refused(planted):
    errors, widths = planted
    with pytest.raises(ValueError, match="smallest spread is 0, expected|smallest spread is 0 "):
        calibrate(errors, 0 * widths)
    with pytest.raises(ValueError, match="20000 and 3 values, expected as many"):
        calibrate(errors, widths[:3])
    with pytest.raises(ValueError, match="members is 3, expected at least 4"):
        calibrate(errors, widths, members=3)
