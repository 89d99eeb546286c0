"""Stage metad on the toy ferroelectric: physics, restart, tasks, refusals."""

import io
import json

import numpy as np
import pytest
import torch
import xarray as xr
from pydantic import ValidationError

from multiscale import sampling, schema, units
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.ensembles import nve
from multiscale.sampling import CellBias, Metadynamics, Polarization
from multiscale.sampling.hills import hills_text
from multiscale.stages import metad
from multiscale.stages.metad_doubts import doubt_convergence
from multiscale.stages.simulation import prepare

TINY = {
    "potential": "toy-ferroelectric",
    "size": (1, 1, 1),
    "temperatures": (300.0,),
    "walkers": 2,
    "duration": 1.2,
    "equilibration": 0.1,
    "stride": 5,
    "pace": 0.05,
    "blocks": 3,
    "n_samples": 8,
    "bins": 31,
    "axes": "z",
    "checkpoint_interval": 0.3,
}


def options(**changes):
    return metad.Options(**(TINY | changes))


class Memory:
    """A checkpoint in memory; it raises after a number of saves, as a kill would end the run."""

    def __init__(self, saves=None):
        self.saved, self.left = None, saves

    def load(self):
        return self.saved

    def save(self, arrays):
        for value in arrays.values():
            assert np.asarray(value).dtype.kind in "fiub"
        self.saved = {k: np.array(v) for k, v in arrays.items()}
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.fixture(scope="module")
def one_axis():
    """A run long enough to see physics: one cell of the toy, z biased."""
    long = options(duration=20.0, walkers=4, pace=0.1, blocks=4, n_samples=40, stride=10)
    return metad.run(options=long)


def test_dataset_satisfies_the_schema(one_axis):
    ds = schema.require(one_axis, "metad")
    assert ds.sizes["pz"] == 31
    assert "px" not in ds.dims
    assert ds["free_energy"].attrs["units"] == "J/m^3"
    assert float(ds["free_energy"].min()) == 0
    assert ds["hill_center"].sizes == {"temperature": 1, "hill": 4 * 199, "cv": 1}
    assert ds.attrs["formula_units"] == 1


def test_free_energy_agrees_with_a_long_unbiased_distribution(one_axis):
    # One cell of the toy crosses its barrier by itself: the histogram of P is the truth.
    from multiscale.stages import md

    plain = md.run(
        options=md.Options(
            **{k: v for k, v in TINY.items() if k in md.Options.model_fields}
            | {"walkers": 8, "duration": 25.0, "stride": 10, "seed": 5}
        )
    )
    P = plain["polarization"].values[0, :, :, 2]
    kT = units.KB * 300
    surface = sampling.free_energy_by_reweighting(
        P.reshape(-1, 1), np.zeros(P.size), sampling.blocks_of(8, P.shape[1], 3).ravel(),
        (one_axis["pz"].values,), kT,
        bootstrap=sampling.bootstrap_weights(100, 24, np.random.default_rng(0)),
    )  # fmt: skip
    scale = float(one_axis["volume"][0]) / units.J_PER_M3
    f = one_axis["free_energy"].values[0] * scale
    error = np.hypot(one_axis["free_energy_stderr"].values[0] * scale, surface.stderr)
    low = surface.free_energy < 3 * kT
    difference = (f - surface.free_energy)[low]
    difference = difference - difference.mean()
    assert low.sum() >= 8
    # The errors of the two curves along P are correlated: chi^2 per point, not its tail.
    assert np.mean((difference / error[low]) ** 2) < 2.5
    assert np.abs(difference).max() < 0.6 * kT


def test_log_weights_bring_back_the_unbiased_mean(one_axis):
    # P -> -P: the reweighted mean vanishes within its block error.
    P = one_axis["polarization"].values[0, :, :, 2]
    keep = slice(P.shape[1] // 5, None)
    w = np.exp(one_axis["log_weight"].values[0][:, keep])
    block = sampling.blocks_of(4, P[:, keep].shape[1], 4).ravel()
    top = np.bincount(block, (w * P[:, keep]).ravel())
    bottom = np.bincount(block, w.ravel())
    draws = sampling.bootstrap_weights(400, 16, np.random.default_rng(1))
    means = (draws @ top) / (draws @ bottom)
    assert abs(top.sum() / bottom.sum()) < 3 * means.std()


def test_trust_reports_the_verdict(one_axis):
    doubts = {d.check: d for d in schema.trust(one_axis)}
    assert doubts["two free-energy estimators at 300 K"].ok
    assert doubts["recrossings per walker at 300 K"].value == one_axis["recrossings"][0] / 4
    assert doubts["free energy around P = 0 at 300 K"].ok
    assert doubts["symmetry of the free energy at 300 K"].ok  # P -> -P, which nothing imposed
    assert len(doubts) == 9
    assert one_axis.attrs["convergence"] == "300 K: converged"
    assert one_axis["converged"].values.tolist() == [1]
    ratio = one_axis["block_length"] / one_axis["correlation_time"]
    assert doubts["blocks of the bootstrap at 300 K"].value == pytest.approx(float(ratio[0]))
    assert float(one_axis["block_inflation"][0]) > 1
    assert one_axis["block_count"].values.tolist() == [1, 2, 4, 8, 16, 32, 64]
    errors = one_axis["error_of_blocks"].values[0]
    assert errors[-1] < errors[2]  # blocks of 0.25 ps miss what blocks of 4 ps see


def test_verdict_of_a_short_run_says_what_fails():
    ds = metad.run(options=options(temperatures=(600.0, 300.0)))
    assert ds["converged"].values.tolist() == [0, 0]
    text = ds.attrs["convergence"]
    assert text.startswith("300 K: not converged (")
    assert "; 600 K: not converged (" in text
    assert "last hills" in text


def grown(hole):
    """Doubts of a cubic surface, errors 0.5 kT, known only beyond |P| = hole."""
    edges = np.linspace(-1.15, 1.15, 24)
    size = np.linalg.norm(np.stack(np.meshgrid(edges, edges, edges)), axis=0)
    f = np.where(size >= hole, 0.02 * (size**2 - 0.6) ** 2, np.nan)
    surface = sampling.Surface(f, 0.0125 + 0 * f, f[None], (size >= hole).astype(np.int64) * 4)
    ds = xr.Dataset(
        {"sigma": ("cv", [0.1] * 3), "recrossings": ("temperature", [0.0]),
         "hill_height_ratio": (("temperature", "time_block"), [[1.0]])},
        coords={"cv": ["px", "py", "pz"], "px": edges, "py": edges, "pz": edges},
    )  # fmt: skip
    ds = doubt_convergence(ds, 300.0, 0.025, surface, f, np.zeros((1, 2, 3)))
    return {d.check: d for d in schema.trust(ds)}["free energy around P = 0 at 300 K"]


def test_centre_is_known_by_its_neighbourhood_and_unknown_from_one_well():
    # A 3-D run seldom visits the central bins themselves; a run in its wells never comes near.
    near, far = grown(0.1), grown(0.4)
    assert near.ok
    assert near.value == pytest.approx(0.5)
    assert not far.ok
    assert "innermost bin that is known is at |P| = 0.4" in far.message


def test_same_seed_same_bits_other_seed_other_run():
    first, again = metad.run(options=options()), metad.run(options=options())
    assert first.identical(again)
    assert not np.array_equal(
        first["polarization"], metad.run(options=options(seed=1))["polarization"]
    )


@pytest.mark.parametrize("axes", ["z", "xyz"])
@pytest.mark.parametrize("saves", [1, 3])
def test_restart_is_bitwise(axes, saves):
    o = options(axes=axes, symmetric_hills=axes == "xyz", pace=0.06)
    whole = metad.run(options=o)
    stopped = Memory(saves)
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=o, checkpoint=stopped)
    resumed = Memory()
    resumed.saved = stopped.saved
    assert metad.run(options=o, checkpoint=resumed).identical(whole)


def test_checkpoint_of_other_options_is_refused():
    stopped = Memory(1)
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=options(), checkpoint=stopped)
    other = Memory()
    other.saved = stopped.saved
    with pytest.raises(ValueError, match="belongs to other options"):
        metad.run(options=options(duration=2.4), checkpoint=other)


@pytest.mark.parametrize(
    "changes",
    [{"sigma": 0.09}, {"height": 0.03}, {"bias_factor": 9.0}, {"pace": 0.06}, {"limit": 1.1}],
)
def test_hills_of_other_settings_are_refused_whatever_their_number(changes):
    stopped, other = Memory(1), Memory()
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=options(), checkpoint=stopped)
    other.saved = stopped.saved
    with pytest.raises(ValueError, match="bias has other settings"):
        metad.run(options=options(**changes), checkpoint=other)


def test_temperatures_are_independent_tasks():
    o = options(temperatures=(600.0, 300.0), duration=0.4)
    parts = [metad.run(options=task) for task in metad.split(o)]
    whole = metad.run(options=o)
    assert metad.merge(parts).identical(whole)
    assert whole["temperature"].values.tolist() == [300, 600]
    assert len(schema.trust(whole)) == 2 * len(schema.trust(parts[0]))
    assert whole.attrs["convergence"].count(" K: ") == 2


def test_progress_rises_to_one():
    seen = []
    metad.run(options=options(duration=1.0, checkpoint_interval=0.1), progress=seen.append)
    assert seen == sorted(seen)
    assert 0.8 < seen[-1] <= 1


def test_hills_of_the_dataset_make_its_surface(one_axis):
    table = metad.hills_table(one_axis, 300.0)
    f = sampling.free_energy_from_hills(table, (one_axis["pz"].values,))
    stored = one_axis["free_energy_from_hills"].values[0]
    scale = float(one_axis["volume"][0]) / units.J_PER_M3
    assert np.allclose(f, stored * scale, rtol=0, atol=1e-12)
    back = sampling.read_hills(io.StringIO(hills_text(table)), names=("pz",))
    assert np.array_equal(back.height, table.height)


def test_hills_with_images_make_the_symmetric_surface():
    ds = metad.run(options=options(axes="xyz", symmetric_hills=True, duration=0.5))
    table = metad.hills_table(ds, 300.0)
    assert len(table.time) == 48 * ds.sizes["hill"]
    axes = tuple(ds[n].values for n in ("px", "py", "pz"))
    f = sampling.free_energy_from_hills(table, axes)
    stored = ds["free_energy_from_hills"].values[0]
    scale = float(ds["volume"][0]) / units.J_PER_M3
    assert np.allclose(f, stored * scale, rtol=0, atol=1e-12)
    assert np.allclose(stored, stored.transpose(2, 0, 1), rtol=0, atol=1e-6)


def test_biased_dynamics_conserves_energy():
    # A grown bias held fixed: potential + kinetic + bias is conserved as without it.
    o = options(size=(2, 2, 2), axes="xyz", walkers=1, blocks=6)
    walkers = prepare(o, 300.0)
    settings = metad.well_tempered(o, 300.0)
    bias = Metadynamics(settings)
    rng = np.random.default_rng(2)
    for _ in range(60):
        center = rng.normal([0, 0, 0.6], 0.15, (1, 3))
        settings.add_to(bias.potential, center, np.array([0.02]))
    held = CellBias(Polarization(), lambda values, step: bias.evaluate(values))  # noqa: ARG005
    masses = walkers.system.masses[:, None] * units.AMU

    def spread(steps, timestep):
        run = dynamics(
            walkers.engine, walkers.system, nve(), timestep=timestep, kT=walkers.kT,
            generators=prepare(o, 300.0).generators, bias=held,
        )  # fmt: skip
        total, energy = [], []
        for state, _ in zip(run, range(steps), strict=False):
            kinetic = float((state.momenta**2 / (2 * masses)).sum())
            total.append(float(state.energy[0] + state.bias_energy[0]) + kinetic)
            energy.append(float(state.bias_energy[0]))
        assert np.ptp(energy) > 0.05  # the bias does work
        return np.std(total)

    fine, coarse = spread(800, 0.0005), spread(400, 0.001)
    assert coarse < 2e-3
    assert coarse / fine == pytest.approx(4, rel=0.4)  # second order: no force is missing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bins": 11}, "bins is 11 over .* expected at least 30 to resolve sigma"),
        ({"bias_factor": 1.0}, "greater than 1"),
        ({"height": 0.0}, "greater than 0"),
        ({"walkers": 0}, "greater than 0"),
        ({"sigma": -0.1}, "greater than 0"),
        ({"axes": "xx"}, "'x', 'y', 'z', 'xy'"),
        ({"limit": "3 kV/cm"}, "limit"),
        ({"blocks": 1}, "expected at least 6 blocks"),
        ({"sigma": 0.002, "axes": "xyz", "bins": 2000}, "MiB, expected at most"),
        ({"symmetric_hills": True, "size": (1, 1, 2), "axes": "xz"}, "expected a cubic setting"),
        ({"symmetric_hills": True, "electric_field": (0, 0, 1e6)}, "expected a cubic setting"),
        ({"symmetric_hills": True, "ensemble": "epitaxial"}, "expected a cubic setting"),
        ({"symmetric_hills": True, "ensemble": "nvt"}, "fixed cell of a polar start"),
        ({"hight": 0.1}, "nearest is 'height'"),
        ({"pace": float("inf")}, "pace"),
        ({"pace": 0.001}, "pace is 0.001 ps, expected between the time step of 0.002 ps"),
        ({"pace": 2.0}, "and the duration of 1.2 ps"),
        ({"bias_factor": float("inf")}, "bias_factor"),
        ({"height": float("nan")}, "height"),
    ],
)
def test_bad_options_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        options(**changes)


def test_several_temperatures_with_one_checkpoint_are_refused():
    with pytest.raises(ValueError, match="expected one"):
        metad.run(options=options(temperatures=(300.0, 600.0)), checkpoint=Memory())


def test_quantities_with_units_are_read():
    o = options(sigma="8 uC/cm^2", height="25 meV", pace="100 fs", limit="110 uC/cm^2")
    assert (o.sigma, o.height, o.pace, o.limit) == pytest.approx((0.08, 0.025, 0.1, 1.1))


def test_fixed_cell_has_no_strain():
    ds = metad.run(options=options(ensemble="nvt", duration=0.4))
    assert np.ptp(ds["cell"].values, axis=(0, 1, 2)).max() == 0
    assert json.loads(ds.attrs["trust"])
    assert torch.get_default_dtype() is torch.float32
