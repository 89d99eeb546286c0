"""Parity plots and learning curves: what they say is what was planted."""

import numpy as np
import pytest

from multiscale.plotting import learning_curves, parity


@pytest.mark.parametrize("n", [100, 20000])
def test_a_parity_plot_states_the_planted_errors(n):
    x = np.linspace(-1, 1, n)
    off = np.where(np.arange(n) % 2, 0.03, -0.01)
    figure = parity(x, x + off, "born_effective_charges", "e*angstrom^2/V")
    text = figure.axes[0].texts[0].get_text()
    assert "RMSE 0.0224 e Å²/V" in text
    assert "MAE 0.02 e Å²/V" in text
    assert f"n = {n}" in text
    assert figure.axes[0].get_xlabel() == "born effective charges, reference (e Å²/V)"


def test_many_points_are_shaded_by_density_and_all_are_counted():
    x = np.random.default_rng(0).normal(size=20000)
    figure = parity(x, x, "forces", "eV/angstrom")
    shades = figure.axes[0].collections[0]
    assert shades.get_array().sum() == 20000
    assert len(figure.axes) == 2  # with a colour bar


def test_one_point_has_a_range():
    low, high = parity(np.array([2.0]), np.array([2.0]), "energy", "eV/atom").axes[0].get_xlim()
    assert low < 2 < high


def test_learning_curves_have_a_panel_for_each_label_that_is_known():
    record = {
        "epoch": range(1, 101),
        "forces": np.geomspace(1, 0.01, 100),
        "forces_held_out": np.geomspace(1, 0.02, 100),
        "energy": np.geomspace(1, 0.001, 100),
        "energy_held_out": np.full(100, np.nan),
        "stress": np.full(100, np.nan),
    }
    axes = learning_curves(record, {"forces": "eV/angstrom"}).axes
    assert [ax.get_title(loc="left") for ax in axes] == ["forces (eV/Å)", "energy"]
    assert [len(ax.lines) for ax in axes] == [2, 1]
    assert axes[0].get_xscale() == axes[0].get_yscale() == "log"
    assert axes[0].lines[1].get_ydata()[-1] == pytest.approx(0.02)


def test_learning_curves_of_one_epoch_can_be_drawn():
    (axis,) = learning_curves({"epoch": [1], "energy": [0.1]}).axes
    assert axis.lines[0].get_marker() == "o"
