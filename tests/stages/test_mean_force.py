"""Stage mean_force on the toy ferroelectric: exact truth, agreement, restart, refusals."""

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError

from multiscale import plotting, schema, units
from multiscale.atoms.toy import Coefficients, perovskite
from multiscale.stages import comparison, md, mean_force, metad, unbiased

CLAMPED = {
    "potential": "toy-ferroelectric",
    "size": (1, 1, 1),
    "temperatures": (300.0,),
    "equilibration": 0.5,
    "stride": 5,
    "ensemble": "nvt",
    "initial": "cubic",
}
KT = units.KB * 300


def options(**changes):
    return mean_force.Options(**(CLAMPED | changes))


def energy(P):
    """Return the free energy of one clamped cell of the toy at P (..., 3), in eV, exactly.

    At fixed P the springs between atoms and the mean leave P^2 k Omega^2 / (2 sum Z^2).
    """
    c = Coefficients()
    charges = perovskite((1, 1, 1)).sites.charges.numpy()
    squares = (np.diagonal(charges, axis1=1, axis2=2) ** 2).sum(axis=0)
    spring = c.k / 2 * (c.lattice_constant**3 / units.C_PER_M2) ** 2 / squares
    q = (P**2).sum(axis=-1)
    return (spring * P**2).sum(axis=-1) + c.a * q + c.b * q**2 + c.c * q**3


def marginal(z):
    """Return the free energy of the z component alone."""
    ticks = np.linspace(-1.4, 1.4, 141)
    P = np.stack(np.meshgrid(ticks, ticks, z, indexing="ij"), -1)
    return -KT * np.log(np.exp(-energy(P) / KT).sum(axis=(0, 1)))


def off(ds, name, truth):
    """Return error / kT and error / stderr below 10 kT, the constant removed."""
    scale = float(ds["volume"][0]) / units.J_PER_M3
    f = ds["free_energy"].values[0] * scale
    error = ds["free_energy_stderr"].values[0] * scale
    low = np.isfinite(f) & (truth - truth.min() < 10 * KT)
    delta = (f - truth)[low]
    delta -= np.average(delta, weights=error[low] ** -2)
    assert low.sum() > 20, name
    return delta / KT, delta / error[low]


@pytest.fixture(scope="module")
def held():
    return mean_force.run(options=options(duration=6.0))


@pytest.fixture(scope="module")
def biased():
    chosen = metad.Options(
        **CLAMPED, duration=40.0, walkers=4, pace=0.2, height=0.01, axes="z", limit=1.0
    )
    return metad.run(options=chosen)


def test_clamped_toy_has_its_exact_free_energy(held):
    error, z = off(held, "pz", marginal(held["pz"].values))
    assert error.std() < 0.2  # 0.1
    assert np.sqrt(np.mean(z**2)) < 1.6
    schema.require(held, "mean_force")
    assert held["free_energy"].dims == ("temperature", "pz")


def test_slope_of_the_free_energy_is_the_field_that_holds_it(held):
    z = held["window_mean"].values[0, :, 0]
    exact = (marginal(z + 1e-4) - marginal(z - 1e-4)) / 2e-4
    scale = float(held["volume"][0]) / units.J_PER_M3
    off_by = held["window_field"].values[0, :, 0] * scale - exact
    # K (s0 - <s>) is the average over the window, F''' var/2 = 0.03 eV/(C/m^2) off the middle.
    off = off_by / np.hypot(0.03, held["window_field_stderr"].values[0, :, 0] * scale)
    # Errors from the blocks of one window have few degrees of freedom: tails of Student's t.
    assert np.sqrt((off**2).mean()) < 1.5
    assert np.abs(off).max() < 6
    field = held["conjugate_field"].sel(gradient="pz").values[0]
    grid = held["pz"].values
    truth = (marginal(grid + 1e-4) - marginal(grid - 1e-4)) / 2e-4 / scale
    low = np.abs(grid) < 0.8
    assert np.abs(field - truth)[low].max() < 0.1 * np.abs(truth).max()


def test_mean_force_metadynamics_and_direct_sampling_agree(held, biased):
    direct = md.run(options=md.Options(**CLAMPED, duration=40.0, walkers=8, seed=3))
    assert off(biased, "pz", marginal(biased["pz"].values))[0].std() < 0.5
    for other in (biased, direct):
        found = comparison.compare(held, other, cutoff=5.0)
        assert float(found["p_value"][0]) > 0.01
        assert float(found["rms"][0]) < 0.5 * KT
        assert schema.trust(found)[0].ok
        assert plotting.agreement(found).axes


def test_a_shifted_well_is_found_out(held):
    tilted = held.copy(deep=True)
    slope = 3 * KT * units.J_PER_M3 / float(held["volume"][0])
    for name in ("free_energy", "free_energy_sample"):
        tilted[name] = (tilted[name] + slope * tilted["pz"]).assign_attrs(tilted[name].attrs)
    found = comparison.compare(held, tilted)
    assert float(found["p_value"][0]) < 0.01
    assert not schema.trust(found)[0].ok


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 1, 1)])
def test_line_with_all_components_held_is_a_cut(direction):
    ds = mean_force.run(
        options=options(axes="xyz", direction=direction, duration=6.0, windows=15, seed=1)
    )
    unit = np.array(direction) / np.linalg.norm(direction)
    error, z = off(ds, "along", energy(ds["along"].values[:, None] * unit))
    assert error.std() < 0.3
    assert np.sqrt(np.mean(z**2)) < 2
    assert plotting.mean_force_profiles(ds).axes


def test_grid_of_two_components_is_consistent():
    ds = mean_force.run(options=options(axes="xz", windows=9, duration=1.0, limit=0.8, bins=17))
    ticks = np.linspace(-1.4, 1.4, 141)
    x, z = ds["px"].values, ds["pz"].values
    P = np.stack(np.meshgrid(x, ticks, z, indexing="ij"), -1)
    error, _ = off(ds, "px pz", -KT * np.log(np.exp(-energy(P) / KT).sum(axis=1)))
    assert error.std() < 0.4
    doubts = {d.check: d for d in schema.trust(ds)}
    assert doubts["forces of one surface at 300 K"].ok


def test_equation_of_state_is_a_route_of_its_own():
    # Eight cells: in constant fields P is as narrow as the features of G, as this route needs.
    hot = CLAMPED | {"temperatures": (1200.0,), "size": (2, 2, 2)}
    fields = np.linspace(-1, 1, 9) * 1.5e9
    runs = [
        md.run(options=md.Options(**hot, duration=4.0, electric_field=(0, 0, e), seed=i))
        for i, e in enumerate(fields)
    ]
    ds = unbiased.equation_of_state(runs)
    again = mean_force.run(options=mean_force.Options(**hot, duration=3.0, limit=0.8, windows=13))
    found = comparison.compare(ds, again, cutoff=10.0)
    assert float(found["p_value"][0]) > 0.01
    assert float(found["rms"][0]) * 8 < 0.5 * units.KB * 1200
    assert np.nanmax(ds["free_energy"]) * ds["volume"][0] > 3 * units.J_PER_M3 * units.KB * 1200
    with pytest.raises(ValueError, match="varies or points off"):
        unbiased.equation_of_state(runs, "x")


class Memory:
    """A checkpoint in memory; it raises after a number of saves, as a kill would end the run."""

    def __init__(self, saves=None):
        self.saved, self.left = None, saves

    def load(self):
        return self.saved

    def save(self, arrays):
        self.saved = {k: np.array(v) for k, v in arrays.items()}
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


SHORT = {"duration": 0.6, "windows": 7, "blocks": 6, "n_samples": 4, "checkpoint_interval": 0.2}


def test_restart_is_bitwise_and_other_options_are_refused():
    o = options(**SHORT, ensemble="npt-orthorhombic")
    whole = mean_force.run(options=o)
    stopped, resumed, other = Memory(2), Memory(), Memory()
    with pytest.raises(KeyboardInterrupt):
        mean_force.run(options=o, checkpoint=stopped)
    resumed.saved = other.saved = stopped.saved
    assert mean_force.run(options=o, checkpoint=resumed).identical(whole)
    for changes in ({"windows": 8}, {"stiffness": 3.0}, {"limit": 0.9}):
        with pytest.raises(ValueError, match="belongs to other options"):
            mean_force.run(options=options(**SHORT | changes), checkpoint=other)


def test_walkers_share_a_window_and_temperatures_are_tasks():
    o = options(**SHORT, walkers=2, temperatures=(300.0, 600.0))
    ds = mean_force.run(options=o)
    assert ds.sizes["walker"] == 14
    assert np.array_equal(ds["window_center"][0], ds["window_center"][1])
    assert mean_force.merge([mean_force.run(options=t) for t in mean_force.split(o)]).identical(ds)


def test_windows_start_where_they_are_held():
    # A spring that pulled from the well would heat the crystal: 4 eV for the outermost window.
    ds = mean_force.run(options=options(**SHORT | {"equilibration": 0.0}))
    first = ds["polarization"].values[0, :, 0, 2]
    assert np.abs(first - ds["window_center"].values[:, 0]).max() < 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windows": 4}, "greater than or equal to 5"),
        ({"stiffness": 0.0}, "greater than 0"),
        ({"stiffness": "3 kV/cm"}, "stiffness"),
        ({"direction": (0, 0, 0)}, "direction is .* expected one within"),
        ({"direction": (0, 1, 1), "axes": "z"}, "expected one within the components"),
        ({"axes": "xyz", "windows": 21}, "makes 9261, expected at most 4096"),
        ({"blocks": 3}, "greater than or equal to 6"),
        ({"duration": 0.05}, "expected at most one block a sample"),
        ({"walkers": 0}, "greater than 0"),
        ({"window": 5}, "nearest is 'windows'"),
    ],
)
def test_bad_options_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        options(**changes)


def test_what_cannot_be_compared_is_refused(held):
    other_size = held.assign_attrs(formula_units=8)
    with pytest.raises(ValueError, match="1 and 8 formula units"):
        comparison.compare(held, other_size)
    colder = held.assign_coords(temperature=[200.0])
    with pytest.raises(ValueError, match="expected a temperature in common"):
        comparison.compare(held, colder)
    with pytest.raises(ValueError, match="expected components in common"):
        comparison.compare(held, held.rename(pz="px"))
    with pytest.raises(ValueError, match="has no free_energy"):
        comparison.compare(held, xr.Dataset(attrs=held.attrs))
    in_field = md.run(
        options=md.Options(**CLAMPED, duration=0.2, walkers=6, electric_field=(0.0, 0.0, 1e8))
    )
    with pytest.raises(ValueError, match="in an electric field"):
        comparison.compare(held, in_field)
