"""Stages of the lattice engine: walls, loops, nuclei, domains, structure; restarts, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError

from multiscale import schema
from multiscale.stages import (
    lattice_domains,
    lattice_loops,
    lattice_nuclei,
    lattice_structure,
    lattice_walls,
    md,
)

QUICK = {"duration": 0.4, "equilibration": 0.1, "walkers": 1}
WALLS = {**QUICK, "size": (12, 2, 2), "temperatures": (100.0,)}
LOOPS = {
    "material": "pbtio3-feram", "pressure": 0.0, "size": (2, 2, 2), "temperatures": (100.0,),
    "frequencies": (250e9,), "cycles": 2, "samples_per_cycle": 40, "timestep": 0.002,
    "stride": 10, "equilibration": 0.2, "friction": 10.0, "walkers": 1,
}  # fmt: skip


class InterruptedRunError(Exception):
    """Stands for a job that was killed."""


class Memory:
    """A checkpoint that stops the run once, after a number of saves."""

    def __init__(self, stop_after):
        self.kept, self.left = None, stop_after

    def load(self):
        return self.kept

    def save(self, arrays):
        self.kept = {name: np.array(value) for name, value in arrays.items()}
        self.left -= 1
        if self.left == 0:
            raise InterruptedRunError


@pytest.fixture(scope="module")
def walls():
    return lattice_walls.run(options=lattice_walls.Options(**WALLS, fields=(0.0, 5e6)))


def test_walls_say_where_they_are_and_what_a_field_does_to_them(walls):
    schema.require(walls, "lattice_walls")
    assert walls.sizes == {"run": 2, "walker": 1, "wall": 2, "time": 20, "plane": 12}
    assert_allclose(walls["electric_field"], [0, 5e6])
    start = (
        walls["wall_position"].isel(time=0).values / walls["lattice_period"].values[:, None, None]
    )
    assert_allclose(start[:, 0], [[0, 6]] * 2, atol=0.5)
    area = walls["wall_area"].values
    assert_allclose(area, (2 * 3.97) ** 2, rtol=0.03)
    assert_allclose(walls["domain_polarization"], 0.26, atol=0.04)  # rhombohedral: along one axis
    checks = {doubt.check for doubt in schema.trust(walls)}
    assert {"two walls at 100 K, 5 MV/m", "motion at 100 K, 5 MV/m"} <= checks


def test_a_wall_that_stands_still_is_not_called_moving(walls):
    """Half a picosecond at 100 K in a weak field."""
    doubts = {doubt.check: doubt for doubt in schema.trust(walls)}
    assert not doubts["motion at 100 K, 5 MV/m"].ok
    assert not walls["moves"].values.any()


def test_an_interrupted_run_of_walls_ends_as_one_that_was_not():
    options = lattice_walls.Options(**WALLS, fields=(5e6,), checkpoint_interval=0.1)
    whole = lattice_walls.run(options=options)
    memory = Memory(stop_after=3)
    with pytest.raises(InterruptedRunError):
        lattice_walls.run(options=options, checkpoint=memory)
    rest = lattice_walls.run(options=options, checkpoint=memory)
    assert np.array_equal(rest["wall_position"], whole["wall_position"], equal_nan=True)
    two = options.model_copy(update={"fields": (0.0, 1e6)})
    with pytest.raises(ValueError, match="2 runs have one checkpoint"):
        lattice_walls.run(options=two, checkpoint=memory)


def test_tasks_of_walls_merge_in_order(walls):
    options = lattice_walls.Options(**WALLS, fields=(0.0, 5e6))
    parts = [lattice_walls.run(options=one) for one in reversed(lattice_walls.split(options))]
    joined = lattice_walls.merge(parts)
    assert np.array_equal(joined["wall_position"], walls["wall_position"], equal_nan=True)


def test_walls_of_90_degrees_run_too():
    options = lattice_walls.Options(
        **{**WALLS, "size": (16, 16, 1), "temperatures": (50.0,)}, kind="90",
        material="pbtio3-scan2017", pressure=0.0, fields=(0.0,),
    )  # fmt: skip
    ds = lattice_walls.run(options=options)
    assert (ds["condition"] == 0).all()
    assert float(ds["lattice_period"][0]) == pytest.approx(3.95 / np.sqrt(2), rel=0.03)


def test_the_strain_of_a_continuum_runs_in_a_flexible_cell_too():
    options = {**WALLS, "strain_model": "continuum", "fields": (0.0,), "ensemble": "npt-flexible"}
    ds = lattice_walls.run(options=lattice_walls.Options(**options))
    assert np.isfinite(ds["wall_position"].isel(time=0)).all()


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        (lattice_walls, {"size": (8, 2, 2)}, "4 cells apart .* Take at least 10 cells along x"),
        (lattice_walls, {"size": (12, 2, 2), "share": 0.2}, "at least 25 cells along x"),
        (lattice_walls, {"fields": (1e6, 1e6)}, "expected all different"),
        (lattice_walls, {"electric_field": (0, 0, 1e6)}, "the stage makes the field"),
        (lattice_loops, {"duration": 5.0}, "a loop takes cycles over frequency"),
        (lattice_loops, {"direction": (0, 0, 0)}, "expected a vector"),
        (lattice_loops, {"frequencies": (3.3e12,)}, "expected a multiple of samples_per_cycle"),
        (lattice_nuclei, {"radii": (30.0,)}, "radius is 30 cells .* at most 9.5"),
    ],
)
def test_impossible_options_are_refused_before_any_work(stage, change, message):
    with pytest.raises(ValidationError, match=message):
        stage.Options(**change)


def test_a_crystal_of_atoms_is_refused():
    with pytest.raises(ValueError, match="'pbtio3', which has no effective Hamiltonian"):
        lattice_walls.run(options=lattice_walls.Options(**{**WALLS, "material": "pbtio3"}))


def test_a_strong_field_switches_and_a_weak_one_is_censored():
    strong, weak = (
        lattice_loops.run(options=lattice_loops.Options(**LOOPS, amplitude=E, snapshots=3))
        for E in (1.5e9, 1e8)
    )
    schema.require(strong, "hysteresis")
    assert bool(strong["switched"][0])
    assert 2e8 < float(strong["coercive_field"][0]) < 1.2e9
    assert strong["polarization_field"].shape == (1, 3, 2, 2, 2, 3)
    assert strong["state"].item() == "switched"
    assert weak["state"].item() == "minor"
    assert np.isnan(weak["coercive_field"]).all()
    assert not schema.trust(weak)[0].ok
    mean = weak["polarization"].isel(loop=0).mean("time").values
    assert_allclose(mean, [0, 0, 0.8], atol=0.06)


def test_steps_hold_the_field_and_take_what_settled():
    options = lattice_loops.Options(**LOOPS, amplitude=1.5e9, waveform="steps")
    ds = lattice_loops.run(options=options)
    assert ds.sizes["time"] == 81
    assert_allclose(ds["electric_field"][0, [0, 10, 20, 30]], [0, 1.5e9, 0, -1.5e9], atol=1)


def test_nuclei_without_a_verdict_say_so():
    options = lattice_nuclei.Options(
        **{**QUICK, "equilibration": 0.0}, size=(12, 12, 1), radii=(2.0, 3.5), fields=(1e7,)
    )
    ds = lattice_nuclei.run(options=options)
    schema.require(ds, "lattice_nuclei")
    assert_allclose(ds["radius"][:, 0, 0], [2.0, 3.5], atol=0.5)
    doubt = schema.trust(ds)[-1]
    assert doubt.check == "critical radius at 270 K, 10 MV/m"
    assert doubt.ok == bool(np.isfinite(ds["critical_radius"]).all())


@pytest.fixture(scope="module")
def run():
    return md.run(options=md.Options(
        potential="lattice", material="batio3-zvr1995", size=(4, 4, 4), temperatures=(150.0, 500.0),
        pressure=-4.8, duration=4.0, equilibration=1.0, stride=25, walkers=1, timestep=0.004,
        record=("local_polarization",),
    ))  # fmt: skip


def test_local_dipoles_of_the_ferroelectric_and_the_paraelectric_crystal(run):
    ds = lattice_domains.run(run, symmetry="rhombohedral")
    assert_allclose(ds["share"].sum("variant_name"), 1)
    cold, hot = (ds["site"].sel(temperature=T) for T in (150.0, 500.0))
    assert float(cold.max()) > 2 * float(hot.max())
    assert (ds["order"] < 3).all()
    width = float(ds["component"][1] - ds["component"][0])
    assert_allclose(ds["density"].sum("component") * width, 1, rtol=1e-6)
    with pytest.raises(ValueError, match="expected 0 <= smallest < 1"):
        lattice_domains.run(run, smallest=2.0)
    with pytest.raises(ValueError, match="no local_polarization"):
        lattice_domains.run(run.drop_vars("local_polarization"))


def test_the_structure_factor_of_a_run_stiffens_what_is_unstable(run):
    """The Hessian at u = 0 has negative branches; those that waves feel are positive."""
    ds = lattice_structure.run(run, "batio3-zvr1995")
    assert float(ds["hessian"].min()) < 0
    felt = ds["felt_stiffness"].sel(temperature=500.0).values
    assert (felt[1:-1] > 0).all()
    # The longitudinal optical branch hardly feels anharmonicity.
    stiff = ds["felt_stiffness"].sel(temperature=500.0)[1, -1] / ds["hessian"][1, -1]
    assert float(stiff) == pytest.approx(1, abs=0.5)
    with pytest.raises(ValueError, match="which has no effective Hamiltonian"):
        lattice_structure.run(run, "batio3")
