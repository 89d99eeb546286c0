"""Figures of films and walls."""

import numpy as np

from multiscale import landau, materials
from multiscale.plotting import film_phases, wall_profile
from multiscale.stages import films

ELASTIC = landau.Elasticity(
    landau.electrostriction(0.089, -0.026, 0.0675),
    landau.stiffness_from_compliance(8.0e-12, -2.5e-12, 9.0e-12),
)
SIXTH = [-7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9]


def test_phases_of_a_film_are_named_where_they_are():
    T, misfit = np.linspace(200, 1000, 21), np.linspace(-0.02, 0.02, 25)
    figure = film_phases(films.run(materials.load("pbtio3-haun1987"), T, misfit))
    (ax,) = figure.axes
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert set(places) == {"p", "c", "aa", "r"}
    assert places["c"][0] < 0 < places["aa"][0]
    assert places["p"][1] > places["r"][1]
    assert ax.get_xlabel() == "misfit strain (%)"


def test_wall_figure_shows_the_components_that_do_not_vanish():
    a = np.array([3.8e5 * (298 - 752), *SIXTH])
    wall = landau.wall_90(a, (1.04e-10, 0, 0.52e-10, 0.52e-10), ELASTIC)
    figure = wall_profile({"90°": wall})
    (ax,) = figure.axes
    assert [line.get_label() for line in ax.lines[:2]] == ["$P_x$", "$P_y$"]
    assert "mJ/m²" in ax.get_title(loc="left")
