import json

import numpy as np
import pytest
import xarray as xr

from multiscale import gle, schema
from multiscale.cli import app
from multiscale.mesoscale import fit_velocity
from multiscale.pipeline import store
from multiscale.pipeline.hysteresis_files import velocities
from multiscale.pipeline.wall_drift import study_wall_drift
from multiscale.plotting import wall_motion
from multiscale.stages import wall_drift
from multiscale.stages.wall_drift import Options
from multiscale.units import J_PER_M3, KB

# A wall at 300 K in cells of 4 angstrom; 10 MV/m push it with 9 meV/angstrom
T, PERIOD, DT, AREA, P = 300.0, 4.0, 0.04, 240.0, 0.3
KT = KB * T
PUSH = 2 * P * AREA / J_PER_M3  # eV/angstrom per V/m
RATE, AMPLITUDE = np.array([8.0, 1.5 + 9j]), np.array([90.0, 30 + 5j])
WALL = gle.embed(RATE, AMPLITUDE, mass=0.0022, kT=KT, white=1.0)
PINNING = 0.05
FIELDS = np.array([0.0, 2e7, 6e7])
CHOSEN = Options(
    fields=(4e7,), window=4.0, duration=80.0, replicas=128, n_samples=4, n_bootstrap=8, harmonics=2
)


def pinning(x):
    return PINNING * np.sin(2 * np.pi * np.asarray(x) / PERIOD)


def walls(walkers=4, n=12_000, fields=FIELDS):
    """Return a lattice_walls Dataset of planted walls; the lower one goes back in a field."""
    x, v = [], []
    side = np.array([-1.0, 1.0])
    for r, E in enumerate(fields):
        run = gle.simulate(
            WALL, gle.tabulated_periodic(pinning, PERIOD), np.zeros(2 * walkers),
            np.random.default_rng(r), dt=DT / 2, n_steps=2 * (n + 250), stride=2,
            field=lambda t, E=E: np.full_like(t, PUSH * E),
        ).position[:, 250:]  # fmt: skip
        moved = (run[:, -1] - run[:, 0]) / (n * DT)
        v.append((100 * moved.mean(), 100 * moved.std(ddof=1) / moved.size**0.5))
        x.append(run.reshape(walkers, 2, n) * side[:, None])
    mean, error = np.array(v).T
    runs = len(fields)
    once = {"temperature": T, "wall_area": AREA, "lattice_period": PERIOD, "moves": 1.0}
    data = {name: ("run", np.full(runs, value)) for name, value in once.items()}
    data |= {
        "wall_position": (("run", "walker", "wall", "time"), np.array(x)),
        "wall_side": ("wall", side),
        "electric_field": ("run", np.asarray(fields)),
        "domain_polarization": ("run", np.full(runs, P)),
        "velocity": ("run", mean),
        "velocity_stderr": ("run", error),
        "sound_samples": (("run", "walker"), np.full((runs, walkers), n)),
        "condition": (("run", "walker"), np.zeros((runs, walkers))),
    }
    about = dict.fromkeys(("definition", "reference_structure", "kind"), "planted")
    ds = xr.Dataset(
        data, {"time": DT * np.arange(n), "run": np.arange(runs)},
        {**about, "formula_units": 1, "timestep": DT, "friction": 1.0},
    )  # fmt: skip
    return schema.finish("lattice_walls", ds)


@pytest.fixture(scope="module")
def planted():
    return walls()


@pytest.fixture(scope="module")
def drift(planted):
    return wall_drift.run(planted, CHOSEN)


def test_table_agrees_with_the_walls_in_a_field(drift):
    assert drift["electric_field"].values.tolist() == [2e7, 4e7, 6e7]
    direct = drift["velocity_direct"].values
    assert np.isnan(direct[1])
    error = np.hypot(drift["velocity_stderr"], drift["velocity_direct_stderr"]).values[::2]
    off = np.abs(drift["velocity"].values - direct)[::2]
    assert (off < 3.5 * error).all()
    assert (error < 0.2 * direct[::2]).all()
    assert (np.diff(drift["velocity"]) > 0).all()


def test_barrier_friction_and_mass_are_those_planted(drift):
    one = drift.isel(run=0)
    for name, truth in (
        ("pinning_barrier", PINNING * PERIOD / np.pi),
        ("wall_friction", gle.friction_of(RATE, AMPLITUDE)),
    ):
        error = float(one[f"{name}_stderr"])
        assert abs(float(one[name]) - truth) < 3.5 * error < 0.5 * truth
    assert float(one["wall_mass"]) == pytest.approx(WALL.mass, rel=0.05)
    assert float(one["push"]) == pytest.approx(PUSH)


def test_runs_in_a_field_confirm_pinning_and_kernel(drift):
    entries = {e.check: e for e in schema.trust(drift)}
    for name in ("pinning in a field", "kernel in a field", "equation against runs in a field"):
        assert entries[f"{name} at 300 K"].ok, entries[f"{name} at 300 K"]


def test_wrong_temperature_is_seen(planted):
    """A wall at 300 K told to be at 200 K: the runs in a field do not follow its equation."""
    cold = planted.assign(temperature=planted["temperature"] * 0 + 200.0)
    cold["temperature"].attrs = planted["temperature"].attrs
    found = wall_drift.run(cold, CHOSEN)
    bad = {e.check for e in schema.trust(found) if not e.ok}
    assert "equation against runs in a field at 200 K" in bad


def test_table_feeds_a_law_of_the_wall_model(drift):
    E, v, error = (drift[n].values for n in ("electric_field", "velocity", "velocity_stderr"))
    fit = fit_velocity(E, v, error, "merz")
    assert np.abs(fit.velocity(E) / v - 1).max() < 0.3


def test_command_writes_file_table_and_figure(planted, tmp_path):
    store.save(planted.isel(time=slice(0, 4000)), tmp_path / "walls.nc")
    values = ["window=4 ps", "duration=30", "replicas=32", "n_samples=3", "n_bootstrap=4",
              "harmonics=1", "fields=[4e7]"]  # fmt: skip
    said = study_wall_drift(tmp_path / "walls.nc", tmp_path / "drift.nc", None, values, True)
    assert "300 K: barrier" in said
    ds = store.load(tmp_path / "drift.nc")
    for name in ("drift.csv", "drift.nc"):  # as [hysteresis.wall] reads them
        rows = np.array(velocities(tmp_path / name))
        np.testing.assert_allclose(rows[:, 2], ds["velocity"], rtol=1e-7)
        np.testing.assert_allclose(rows[:, 3], ds["velocity_stderr"], rtol=1e-7)
    assert json.loads(ds.attrs["provenance"])
    assert (tmp_path / "drift.png").stat().st_size > 10_000


def test_the_figure_says_what_is_not_trusted(drift):
    assert len(wall_motion(drift).axes) == 3


def test_walls_at_rest_are_needed(planted):
    with pytest.raises(ValueError, match="no run without field at 300 K"):
        wall_drift.run(planted.isel(run=[1, 2]), CHOSEN)
    with pytest.raises(ValueError, match="expected at least 5 windows"):
        wall_drift.run(planted.isel(time=slice(0, 100)), CHOSEN)


def test_the_command_is_there():
    names = [c.name for g in app.registered_groups for c in g.typer_instance.registered_commands]
    assert "wall-drift" in names
