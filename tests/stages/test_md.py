"""Stage md on the toy ferroelectric: physics, branch, restart, and what it refuses."""

import json

import numpy as np
import pytest
import xarray as xr

from multiscale import schema, units
from multiscale.atoms.diagnostics import half_drift, integrated_time, largest_jump
from multiscale.atoms.kinematics import closest_distance, from_voigt, strain, voigt
from multiscale.stages import md

TINY = {
    "potential": "toy-ferroelectric",
    "size": (2, 2, 1),
    "temperatures": (300.0,),
    "walkers": 2,
    "duration": "0.4 ps",
    "equilibration": "0.1 ps",
}


class Memory:
    """A checkpoint in memory that stops the run after so many saves."""

    def __init__(self, stop_after=None):
        self.saved, self.count, self.stop_after = None, 0, stop_after

    def load(self):
        return self.saved

    def save(self, arrays):
        self.saved = {name: np.array(value) for name, value in arrays.items()}
        self.count += 1
        if self.count == self.stop_after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def cold():
    """Return a run of the toy at 100 K, deep in its tetragonal phase."""
    return md.run(
        options=md.Options(
            potential="toy-ferroelectric", temperatures=(100.0,), walkers=4, duration="10 ps",
            equilibration="3 ps",
        )
    )  # fmt: skip


def test_cold_ferroelectric_is_tetragonal_with_its_polarization(cold):
    P = cold.polarization.mean(("temperature", "walker", "time")).values
    assert P[2] == pytest.approx(0.70, abs=0.03)
    assert np.abs(P[:2]).max() < 0.05
    length = cold.cell.mean(("temperature", "walker", "time")).values.diagonal()
    assert 2 * length[2] / (length[0] + length[1]) == pytest.approx(1.047, abs=0.006)


def test_start_from_the_cubic_reference_finds_the_same_state(cold):
    options = md.Options(
        potential="toy-ferroelectric", temperatures=(100.0,), walkers=2, duration="4 ps",
        equilibration="6 ps", initial="cubic",
    )  # fmt: skip
    P = md.run(options=options).polarization.mean("time").values[0]
    polar = np.abs(P).max(axis=1)
    assert polar == pytest.approx(float(cold.polarization.mean(("walker", "time"))[0, 2]), abs=0.06)


def test_mean_stress_is_the_target():
    # The virial theorem: the mean of potential plus kinetic stress is the target.
    options = md.Options(
        potential="toy-ferroelectric", temperatures=(300.0,), walkers=8, duration="8 ps",
        equilibration="3 ps", size=(1, 1, 1), pressure="3 GPa", stride=5,
    )  # fmt: skip
    stress = md.run(options=options).stress.mean("time").values[0, :, :3]
    error = stress.std(axis=0, ddof=1) / np.sqrt(8)
    assert (np.abs(stress.mean(axis=0) + 3) < 4 * error).all()
    assert error.max() < 0.3


def test_mean_stress_is_an_anisotropic_target():
    # No mean force on the cell: <V sigma> = V_ref <F^T tau F> - p <V> + kT diag(3, 1, -1), with
    # the deviator tau of the target and the measure of ensembles.py; six components, no rotation.
    wanted = (4.0, -2.0, -1.0, 0.8, -0.6, 1.0)
    options = md.Options(
        potential="toy-ferroelectric", temperatures=(900.0,), walkers=16, duration="8 ps",
        equilibration="2 ps", size=(1, 1, 1), pressure="2 GPa", stride=5, ensemble="npt-flexible",
        stress=[f"{x} GPa" for x in wanted], barostat_time="0.1 ps",
    )  # fmt: skip
    ds = md.run(options=options)
    cell, reference = ds["cell"].values[0], 3.924 * np.eye(3)
    V, V_ref = np.linalg.det(cell)[..., None, None], np.linalg.det(reference)
    F = np.linalg.inv(reference) @ cell
    target = from_voigt(np.array(wanted)) - 2 * np.eye(3)
    pressure = -np.trace(target) / 3
    tau = target + pressure * np.eye(3)
    thermal = units.KB * 900 * units.GPA * np.diag([3.0, 1.0, -1.0])  # 1 + modular
    force = V_ref * F.swapaxes(-1, -2) @ tau @ F - V * from_voigt(ds["stress"].values[0])
    force = (force + thermal - pressure * V * np.eye(3)).mean(axis=1) / V_ref  # (walker, 3, 3) GPa
    lower = np.tril_indices(3)
    mean, error = force.mean(axis=0)[lower], force.std(axis=0, ddof=1)[lower] / 4
    assert (np.abs(mean) < 4 * error).all()
    assert error.max() < 0.35
    strained = ds["strain"].mean(("temperature", "walker", "time")).values
    assert (strained[:3].argmax(), *np.sign(strained[3:])) == (0, 1, -1, 1)


def test_strong_opposite_field_turns_the_polarization():
    options = md.Options(
        potential="toy-ferroelectric", temperatures=(300.0,), walkers=2, duration="2 ps",
        equilibration="3 ps", electric_field=("0 V/m", "0 V/m", "-8 MV/cm"),
    )  # fmt: skip
    ds = md.run(options=options)
    assert float(ds.polarization.sel(axis="z").mean()) < -0.5
    assert (ds.electric_field.sel(axis="z") == -8e8).all()


def test_waveforms_start_at_zero_and_reach_their_amplitude():
    wave = {"electric_field": (0.0, 0.0, 1e8), "frequency": "1 THz"}
    times = np.array([-0.3, 0.0, 0.25, 0.5, 0.75, 1.0])
    for name in ("sine", "triangle"):
        options = md.Options(**{**TINY, **wave, "waveform": name})
        E = md.field(options, times)[:, 2] / 1e8
        assert pytest.approx([0, 0, 1, 0, -1, 0], abs=1e-12) == E
    middle = md.field(options, np.array([0.125]))[0, 2]
    assert middle == pytest.approx(0.5e8)


def test_cell_rests_at_constant_volume():
    ds = md.run(options=md.Options(**TINY, ensemble="nvt"))
    assert float(np.ptp(ds.cell.values, axis=2).max()) == 0.0


def test_film_keeps_its_in_plane_lattice():
    ds = md.run(options=md.Options(**TINY, ensemble="epitaxial", in_plane_lattice="3.90 angstrom"))
    cell = ds.cell.values
    assert cell[..., 0, 0] == pytest.approx(7.8)
    assert np.ptp(cell[..., 2, 2]) > 0


def test_temperatures_together_or_apart_give_the_same():
    options = md.Options(**{**TINY, "temperatures": (500.0, 300.0)})
    whole = md.run(options=options)
    parts = md.merge([md.run(options=task) for task in md.split(options)])
    xr.testing.assert_identical(whole, parts)
    assert whole.temperature.values.tolist() == [300.0, 500.0]


@pytest.mark.parametrize("ensemble", ["nvt", "npt-orthorhombic", "npt-flexible"])
def test_killed_run_continues_bit_for_bit(ensemble):
    options = md.Options(
        **TINY, ensemble=ensemble, checkpoint_interval="0.06 ps", waveform="sine",
        frequency="2 THz", electric_field=(1e8, 0.0, 2e8),
    )  # fmt: skip
    whole = md.run(options=options)
    memory = Memory(stop_after=1)
    for _ in range(3):  # in the equilibration, then twice in the run
        with pytest.raises(KeyboardInterrupt):
            md.run(options=options, checkpoint=memory)
        memory.count = 0
    memory.stop_after = None
    xr.testing.assert_identical(md.run(options=options, checkpoint=memory), whole)


def test_killed_run_of_the_shipped_potential_continues_bit_for_bit():
    # Here the neighbour list is state too: it is dropped at each checkpoint, saved or not.
    options = md.Options(
        **{**TINY, "potential": "pbtio3-pbesol", "size": (1, 1, 1), "duration": "0.2 ps"},
        checkpoint_interval="0.05 ps",
    )  # fmt: skip
    whole = md.run(options=options)
    memory = Memory(stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        md.run(options=options, checkpoint=memory)
    memory.stop_after = None
    xr.testing.assert_identical(md.run(options=options, checkpoint=memory), whole)


def test_checkpoint_of_other_options_is_refused():
    memory = Memory()
    md.run(options=md.Options(**TINY, checkpoint_interval="0.1 ps"), checkpoint=memory)
    longer = md.Options(**{**TINY, "duration": "0.8 ps"})
    with pytest.raises(ValueError, match="belongs to other options"):
        md.run(options=longer, checkpoint=memory)


def test_dataset_says_how_polarization_is_counted_and_what_was_checked(cold):
    schema.require(cold, "md")
    assert "Born charges" in cold.attrs["definition"]
    assert cold.attrs["formula_units"] == 8
    assert cold.time.values[0] == 0.0
    checks = {doubt["check"]: doubt["ok"] for doubt in json.loads(cold.attrs["trust"])}
    assert set(checks) == {
        "kinetic temperature at 100 K", "polarization branch at 100 K",
        "equilibration at 100 K", "length at 100 K",
    }  # fmt: skip
    assert all(checks.values())


def test_progress_runs_to_the_end():
    seen = []
    md.run(options=md.Options(**TINY, checkpoint_interval="0.1 ps"), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"potential": "no-such"}, "no-such"),
        ({"material": "pbtio4"}, "material 'pbtio4' is unknown"),
        ({"material": "pbtio3-haun1987"}, "has no structure"),
        ({"ensemble": "nvt", "in_plane_lattice": 0.5}, "closest atoms of the start are 0.354"),
    ],
)
def test_unknown_names_are_refused_before_any_work(changes, message):
    with pytest.raises(ValueError, match=message):
        md.run(options=md.Options(**{**TINY, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperatures": (300.0, 300.0)}, "expected all different"),
        ({"temperatures": (-5.0,)}, "greater than 0"),
        ({"duration": "0.001 ps"}, "expected at least one stride"),
        ({"in_plane_lattice": 3.9}, "expected 'epitaxial' or 'nvt'"),
        ({"waveform": "sine"}, "expected 0 for static and more"),
        ({"frequency": "1 GHz"}, "expected 0 for static and more"),
        ({"walkers": 0}, "greater than 0"),
        ({"ensemble": "npt"}, "npt-orthorhombic"),
        ({"timestp": 0.001}, "nearest is 'timestep'"),
        ({"timestep": "2 K"}, "2 K"),
    ],
)
def test_impossible_options_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        md.Options(**{**TINY, **changes})


def test_strain_is_engineering_strain_from_the_reference():
    reference = 2 * np.eye(3)
    cell = reference @ np.array([[1.01, 0, 0], [0.004, 1, 0], [0, 0.006, 0.98]])
    expected = [0.01, 0, -0.02, 0.006, 0, 0.004]
    assert strain(cell, reference) == pytest.approx(expected)
    assert np.array_equal(voigt(from_voigt(np.arange(6.0))), np.arange(6.0))


def test_closest_distance_sees_periodic_images():
    positions = np.array([[0.1, 0, 0], [9.8, 0, 0], [5, 5, 5]])
    assert closest_distance(positions, 10 * np.eye(3)) == pytest.approx(0.3)


def test_integrated_time_of_an_autoregressive_series():
    # x' = a x + noise: (1 + a) / (1 - a)
    rng = np.random.default_rng(4)
    x = np.zeros((8, 20000))
    noise = rng.normal(size=x.shape)
    for t in range(1, x.shape[1]):
        x[:, t] = 0.9 * x[:, t - 1] + noise[:, t]
    assert integrated_time(x) == pytest.approx(19, rel=0.1)
    assert abs(half_drift(x)) < 3
    assert abs(half_drift(x + np.linspace(0, 3, x.shape[1]))) > 4
    folded = x[..., None].copy()
    folded[0, 10:] += 60
    assert largest_jump(x[..., None]) < 6
    assert largest_jump(folded) > 20
