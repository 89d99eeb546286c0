"""Figures: drawn from Datasets whose content is known."""

import json

import numpy as np
import pytest
import xarray as xr

from multiscale import plotting
from multiscale.plotting.gle import embedded_kernel
from multiscale.plotting.hysteresis import longitudinal
from multiscale.plotting.md import lattice_of, polarization_of
from multiscale.plotting.metad import cut

DOUBT = json.dumps(
    [{"check": "length", "value": 3.0, "expected": "50", "ok": False, "message": "Run longer."}]
)
A1, A11 = -1e8, 1e8  # f = A1 P^2 + A11 P^4: wells at P^2 = 0.5


def trajectory(polar=(2, 0)):
    """Two walkers at two temperatures, polar along z and x; a = 4, c = 4.2 in 2x2x2 cells."""
    P = np.zeros((2, 2, 30, 3))
    cell = np.zeros((2, 2, 30, 3, 3))
    for w, axis in enumerate(polar):
        P[:, w, :, axis] = -0.7
        for a in range(3):
            cell[:, w, :, a, a] = 8.4 if a == axis else 8.0
    run = ("temperature", "walker", "time")
    return xr.Dataset(
        {"polarization": ((*run, "axis"), P), "cell": ((*run, "axis", "axis_b"), cell)},
        coords={"temperature": [300.0, 600.0], "time": np.arange(30) * 0.1},
        attrs={"formula_units": 8, "trust": DOUBT},
    )


def surface():
    p = np.linspace(-1, 1, 21)
    x, y, z = np.meshgrid(p, p, p, indexing="ij")
    P2, P4 = x**2 + y**2 + z**2, x**4 + y**4 + z**4
    f = A1 * P2 + A11 * P4
    dims = ("temperature", "px", "py", "pz")
    return xr.Dataset(
        {
            "free_energy": (dims, (f - f.min())[None]),
            "free_energy_stderr": (dims, np.full((1, *f.shape), 1e5)),
            "volume": ("temperature", [512.0]),
            "hill_height_ratio": (("temperature", "time_block"), [[1.0, 0.5, 0.2]]),
            "recrossings": ("temperature", [7]),
        },
        coords={"temperature": [300.0], "px": p, "py": p, "pz": p},
        attrs={"formula_units": 8},
    )


def model():
    terms = ["a1", "a11", "a12", "a111", "a112", "a123"]
    return xr.Dataset(
        {
            "coefficient": (("temperature", "term"), [[A1, A11, 0, 0, 0, 0]]),
            "coefficient_covariance": (("temperature", "term", "term_b"), np.eye(6)[None]),
            "spontaneous_polarization": (("temperature", "axis"), [[0.0, 0.0, 0.7]]),
        },
        coords={"temperature": [300.0], "term": terms},
    )


def memory():
    lag = np.linspace(0, 1, 50)
    mode = {"temperature": [300.0], "axis": ["z"], "lag": lag}
    shape = ("temperature", "axis", "mode")
    K = 10 * np.exp(-3 * lag)
    return xr.Dataset(
        {
            "kernel": (("temperature", "axis", "lag"), K[None, None]),
            "rate_real": (shape, [[[3.0, np.nan]]]),
            "rate_imag": (shape, [[[0.0, np.nan]]]),
            "amplitude_real": (shape, [[[10.0, np.nan]]]),
            "amplitude_imag": (shape, [[[0.0, np.nan]]]),
            "velocity_autocorrelation": (("temperature", "axis", "lag"), K[None, None] / 10),
            "fdt_residual": (("temperature", "axis", "lag"), 0 * K[None, None]),
            "fdt_frequency": (("temperature", "axis", "band"), [[[0.1, 1.0, 10.0, np.nan]]]),
            "fdt_ratio": (("temperature", "axis", "band"), [[[1.1, 0.9, 1.0, np.nan]]]),
            "fdt_ratio_stderr": (("temperature", "axis", "band"), [[[0.1, 0.1, 0.05, np.nan]]]),
            "j_p_value": (("temperature", "axis"), [[0.4]]),
        },
        coords=mode,
    )


def loops():
    phase = np.linspace(0, 4 * np.pi, 100)
    P = np.zeros((2, 100, 3))
    P[0, :, 2], P[1, :, 2] = 0.7 * np.sin(phase - 0.5), 0.1 * np.sin(phase)
    strain = np.zeros((2, 100, 6))
    strain[..., 2] = P[..., 2] ** 2 * 0.1
    return xr.Dataset(
        {
            "electric_field": (("loop", "time"), 2e8 * np.sin(phase) * np.ones((2, 1))),
            "polarization": (("loop", "time", "axis"), P),
            "strain": (("loop", "time", "voigt"), strain),
            "temperature": ("loop", [300.0, 900.0]),
            "frequency": ("loop", [1e9, 1e9]),
            "coercive_field": ("loop", [9.6e7, np.nan]),
            "switched": ("loop", [True, False]),
        }
    )


def timed_loops():
    t = np.linspace(0, 2000.0, 100) * np.ones((2, 1))
    return loops().assign(elapsed=(("loop", "time"), t, {"units": "ps"}))


DRAWINGS = {
    "traces": lambda: plotting.traces(trajectory()),
    "lattice": lambda: plotting.lattice_parameters(trajectory()),
    "polarization": lambda: plotting.spontaneous_polarization(trajectory(), model()),
    "cuts": lambda: plotting.free_energy_cuts(surface()),
    "map": lambda: plotting.free_energy_map(surface()),
    "convergence": lambda: plotting.convergence(surface()),
    "coefficients": lambda: plotting.coefficients(model()),
    "profiles": lambda: plotting.profiles(model(), surface()),
    "kernels": lambda: plotting.kernels(memory()),
    "autocorrelation": lambda: plotting.velocity_autocorrelation(memory()),
    "residual": lambda: plotting.dissipation_residual(memory()),
    "ratio": lambda: plotting.dissipation_ratio(memory()),
    "loops": lambda: plotting.loops(loops()),
    "butterflies": lambda: plotting.butterflies(loops()),
    "switching_currents": lambda: plotting.switching_currents(timed_loops()),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_axis_is_labelled_and_has_data(name, tmp_path):
    figure = DRAWINGS[name]()
    figure.savefig(tmp_path / "a.svg")
    shown = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    assert shown
    for ax in shown:
        assert ax.has_data()
    assert any(ax.get_xlabel() for ax in shown)
    assert any("(" in ax.get_ylabel() or ax.get_ylabel() for ax in shown) or name == "coefficients"


def test_c_belongs_to_the_polar_axis_of_each_walker():
    (a, _), (c, _), (ratio, error) = lattice_of(trajectory(polar=(2, 0)))
    assert a == pytest.approx(4.0)
    assert c == pytest.approx(4.2)
    assert ratio == pytest.approx(1.05)
    assert error == pytest.approx(0, abs=1e-12)
    assert polarization_of(trajectory())[0] == pytest.approx(0.7)


@pytest.mark.parametrize(("along", "f"), [(1, A1 + A11), (2, A1 + A11 / 2), (3, A1 + A11 / 3)])
def test_cuts_run_along_the_cubic_directions(along, f):
    p, g = cut(surface()["free_energy"].isel(temperature=0), along)
    at_one = np.interp(1.0, p, g - g[np.abs(p).argmin()])
    assert at_one == pytest.approx(f, abs=0.05 * abs(A1))


def test_the_drawn_kernel_is_the_sum_of_its_modes():
    one = memory().isel(temperature=0, axis=0)
    lag = one["lag"].values
    assert embedded_kernel(one, lag) == pytest.approx(10 * np.exp(-3 * lag))


def test_strain_along_a_diagonal_counts_shear_once():
    strain = np.array([0.01, 0.02, 0.03, 0.0, 0.0, 0.004])  # engineering: 2 e_xy
    n = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    tensor = np.array([[0.01, 0.002, 0], [0.002, 0.02, 0], [0, 0, 0.03]])
    assert longitudinal(strain, n) == pytest.approx(n @ tensor @ n)


def test_loops_that_do_not_switch_are_dashed_and_say_so():
    figure = plotting.loops(loops())
    lines = {line.get_label(): line.get_linestyle() for line in figure.axes[0].get_lines()}
    assert lines["300 K"] == "-"
    assert lines["900 K, does not switch"] == "--"
    assert figure.axes[0].get_xlabel() == "E (MV/cm)"


def test_doubts_are_written_on_the_figure():
    figure = plotting.lattice_parameters(trajectory())
    assert "Not trusted: length: 3, expected 50" in figure.get_supxlabel()


def test_a_map_of_one_component_is_refused():
    flat = surface().isel(px=10, py=10, drop=True)
    with pytest.raises(ValueError, match="expected two for a map"):
        plotting.free_energy_map(flat)
