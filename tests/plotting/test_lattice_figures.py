"""Figures of the lattice engine, from small Datasets made by hand."""

import numpy as np
import pytest
import xarray as xr

from multiscale import plotting


@pytest.fixture
def walls():
    time = np.linspace(0, 4, 50)
    path = np.stack([-2.0 * time, 40 + 2.0 * time])[None, None] * np.array([0, 1]).reshape(
        2, 1, 1, 1
    )
    return xr.Dataset(
        {
            "wall_position": (("run", "walker", "wall", "time"), path),
            "wall_side": ("wall", [-1.0, 1.0]),
            "temperature": ("run", [300.0, 300.0]),
            "electric_field": ("run", [0.0, 1e7]),
            "velocity": ("run", [0.0, 200.0]),
            "velocity_stderr": ("run", [5.0, 10.0]),
        },
        coords={"time": time},
        attrs={"trust": "[]"},
    )


def test_walls_are_drawn_along_the_drive(walls):
    figure = plotting.wall_paths(walls)
    left, right = figure.axes
    ends = [line.get_ydata()[-1] for line in left.get_lines()]
    assert ends == pytest.approx([0, 0, 0.8, 0.8])  # nm: both walls of the second run advance
    assert {t.get_text() for t in left.get_legend().get_texts()} == {
        "300 K, 0 MV/m",
        "300 K, 10 MV/m",
    }
    assert "m/s" in right.get_ylabel()


def test_nuclei_are_drawn_with_their_critical_radius():
    time = np.linspace(0, 4, 20)
    radii = np.stack([3 - 0.5 * time, 5 + 0.5 * time])[:, None]
    ds = xr.Dataset(
        {
            "radius": (("run", "walker", "time"), radii),
            "start_radius": ("run", [3.0, 5.0]),
            "temperature": ("run", [300.0, 300.0]),
            "electric_field": ("run", [1e7, 1e7]),
            "critical_radius": ("run", [4.0, 4.0]),
        },
        coords={"time": time},
        attrs={"trust": "[]"},
    )  # fmt: skip
    (ax,) = [a for a in plotting.nucleus_radii(ds).axes if a.get_visible()]
    assert [line.get_ydata()[0] for line in ax.get_lines()] == [3, 5, 4]
    assert ax.get_title(loc="left") == "300 K, 10 MV/m"


def test_local_dipoles_and_their_map():
    rng = np.random.default_rng(0)
    P = 0.2 * rng.standard_normal((1, 1, 4, 3, 4, 3))
    centre = np.linspace(-0.6, 0.6, 21)
    ds = xr.Dataset(
        {
            "local_polarization": (
                ("temperature", "walker", "cell_x", "cell_y", "cell_z", "axis"), P,
            ),
            "density": (("temperature", "component", "axis"), np.ones((1, 21, 3))),
            "order": (("temperature", "axis"), [[3.0, 2.0, 1.0]]),
            "cell_edge": (("temperature", "axis"), [[4.0, 4.0, 4.1]]),
        },
        coords={"temperature": [300.0], "axis": list("xyz"), "component": centre},
        attrs={"trust": "[]"},
    )  # fmt: skip
    figure = plotting.local_dipoles(ds)
    assert len(figure.axes) == 3
    assert figure.axes[1].get_legend().get_texts()[0].get_text() == "300 K, 2.00"
    picture = plotting.variant_map(ds).axes[0]
    assert (picture.get_xlabel(), picture.get_ylabel()) == ("x (nm)", "z (nm)")
    assert picture.get_images()[0].get_array().shape == (4, 4, 3)


def test_the_stiffness_of_waves_names_the_points_of_the_zone():
    values = np.arange(15.0).reshape(5, 3)
    ds = xr.Dataset(
        {
            "path": ("wave", np.arange(5.0)),
            "hessian": (("wave", "mode"), values),
            "felt_stiffness": (("temperature", "wave", "mode"), values[None] + 1),
        },
        coords={"temperature": [300.0], "point": ("wave", ["G", "X", "M", "R", "G"])},
        attrs={"trust": "[]"},
    )
    (ax,) = plotting.felt_stiffness(ds).axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["Γ", "X", "M", "R", "Γ"]


def test_a_profile_at_rest_shows_three_components():
    (ax,) = plotting.static_profile(np.arange(6.0), np.ones((6, 3))).axes
    assert len(ax.get_lines()) == 3
