"""The figure of a calibration: one row an observable, what it says is what was measured."""

import numpy as np
import pytest

from multiscale.atoms.calibration import calibrate
from multiscale.plotting.uncertainty import calibration


def test_each_observable_has_a_row_with_its_numbers():
    rng = np.random.default_rng(0)
    widths = 0.05 * np.exp(0.4 * rng.normal(size=400))
    result = calibrate(widths * rng.normal(size=400), widths, bins=5)
    figure = calibration({"forces": result, "stress": result})
    assert len(figure.axes) == 6
    reliability, scores, coverage = figure.axes[:3]
    assert reliability.get_ylabel() == "RMS error (meV/Å)"
    (points,) = (c.lines[0] for c in reliability.containers)
    np.testing.assert_allclose(points.get_xdata(), 1e3 * result.expected)
    np.testing.assert_allclose(points.get_ydata(), 1e3 * result.observed)
    assert f"{result.factor.value:.2f}" in scores.get_title("left")
    x, y = coverage.lines[1].get_data()
    assert np.interp(0.68, x, y) == pytest.approx(result.coverage68, abs=0.01)
