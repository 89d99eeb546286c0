"""Figures of a global Landau fit."""

import numpy as np
import pytest
from stages.planted_metad import planted_metad

from multiscale import plotting
from multiscale.stages import landau


@pytest.fixture(scope="module")
def fitted():
    metad = planted_metad((600.0, 700.0, 900.0), seed=4)
    return landau.run(metad, landau.Options(cutoff=0.2, temperatures="global"))


def test_laws_are_drawn_through_the_coefficients(fitted):
    figure = plotting.laws(fitted)
    first = figure.axes[0]
    x, y = first.lines[0].get_data()
    T = fitted.temperature.values
    expected = fitted.coefficient.sel(term="a1").values
    assert np.interp(T, x, y) == pytest.approx(expected, rel=1e-3, abs=1e4)
    assert "J m/C^2" in first.get_title(loc="left")


def test_candidates_are_drawn_from_best_to_worst(fitted):
    figure = plotting.candidates(fitted)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths[0] == 0
    assert widths == sorted(widths)
    assert len(widths) == fitted.sizes["candidate"]
    assert "1(T)" in figure.axes[0].get_yticklabels()[0].get_text()


def test_strain_coupling_is_drawn_with_its_units(fitted):
    titles = [ax.get_title(loc="left") for ax in plotting.strain_coupling(fitted).axes]
    assert titles == [
        "electrostriction (m$^4$/C$^2$)",
        "stiffness (GPa)",
        "lattice constant at P = 0 (Å)",
    ]
