"""Stages dipoles and dipoles_run: a planted lattice through files, to a larger size and a field."""

import numpy as np
import pytest
import xarray as xr

from multiscale import schema, units
from multiscale.gle import dipole_lattice as dl
from multiscale.gle.dipole_lattice_kernel import LatticeKernel, friction_between
from multiscale.gle.dipole_lattice_simulate import simulate_lattice
from multiscale.pipeline import store
from multiscale.pipeline.dipoles import fit_dipoles, run_dipoles
from multiscale.stages import dipoles, dipoles_run

T, SIZE, EDGE, FRAME = 300.0, (4, 4, 4), 4.0, 0.02
KT = units.KB * T
FORCE = dl.LatticeForce(
    ("u2", "u4", "u22", "j1", "j2", "dipole"),
    np.array([0.45, 2.0, -1.0, -0.06, 0.04, 0.02]),
    np.zeros((6, 6)),
)
KERNEL = LatticeKernel(
    np.array([5.0]), np.zeros(0), np.zeros(0), np.array([[10.0]]), np.zeros((1, 1)), 0.002, KT
)


@pytest.fixture(scope="module")
def md():
    """Return a run of the planted lattice as an md Dataset; modes in e*angstrom."""
    rng = np.random.default_rng(0)
    start = 0.1 * rng.standard_normal((3, *SIZE))
    made = simulate_lattice(KERNEL, FORCE, start, rng, dt=0.005, n_steps=12_000, stride=4)
    P = np.moveaxis(made.modes[300:].astype(float), 1, -1) / EDGE**3 * units.C_PER_M2
    n, run = len(P), ("temperature", "walker", "time")
    data = {
        "local_polarization": ((*run, "cell_x", "cell_y", "cell_z", "axis"), P[None, None]),
        "polarization": ((*run, "axis"), P.mean((1, 2, 3))[None, None]),
        "strain": ((*run, "voigt"), np.zeros((1, 1, n, 6))),
        "cell": ((*run, "axis", "axis_b"), np.tile(4 * EDGE * np.eye(3), (1, 1, n, 1, 1))),
        "potential_energy": (run, np.zeros((1, 1, n))),
        "kinetic_temperature": (run, np.full((1, 1, n), T)),
        "stress": ((*run, "voigt"), np.zeros((1, 1, n, 6))),
        "electric_field": (("time", "axis"), np.zeros((n, 3))),
    }
    coords = {"temperature": [T], "time": FRAME * np.arange(n)}
    about = {
        "definition": "planted", "reference_structure": "cubic", "formula_units": 64,
        "timestep": 0.005, "friction": 0.0,
    }  # fmt: skip
    return schema.finish("md", xr.Dataset(data, coords=coords, attrs=about))


@pytest.fixture(scope="module")
def files(md, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dipoles")
    store.save(md, folder / "md.nc")
    values = ["window=1.2", "n_modes=2", "shells=1", "n_bootstrap=5", "every=0.3"]
    said = fit_dipoles(folder / "md.nc", folder / "dipoles.nc", None, values)
    return folder, said


def test_planted_lattice_comes_back_through_files(files):
    folder, said = files
    ds = store.load(folder / "dipoles.nc")
    truth = dict(zip(FORCE.names, FORCE.coefficients, strict=True))
    for name in ds["interaction_term"].values:
        one = ds.sel(interaction_term=name)
        off = abs(float(one["interaction"]) - truth.get(str(name), 0.0))
        assert off < 5 * float(one["interaction_stderr"]), name
    force, kernel = dipoles.unpack(ds)
    assert ds.sizes["shell"] == 1  # no noise is shared: the data do not ask for it
    # 64 cells and 60 ps know the mean force within 2 % and say so; the kernel takes up the rest
    trust = {doubt.check: doubt for doubt in schema.trust(ds)}
    assert not trust["mean force"].ok
    assert 0.01 < trust["mean force"].value < 0.04
    assert "mean force: the mean force is known within" in said
    assert trust["passive"].ok
    assert kernel.mass == pytest.approx(KERNEL.mass, rel=0.08)
    exact = friction_between(KERNEL, np.zeros((1, 3)))[0]
    assert float(ds["friction"][0]) == pytest.approx(exact, rel=0.12)
    assert "friction, on site: " in said
    many = 1 + kernel.rate.size + 2 * kernel.decay.size + kernel.coupling.size
    again = dipoles.pack(force, kernel._replace(samples=np.ones((2, many))), T, EDGE**3)
    assert np.array_equal(again["coupling"], ds["coupling"])


def test_larger_lattice_runs_in_a_field_and_answers_with_its_susceptibility(files):
    folder, _ = files
    values = ["size=[6,4,4]", "duration=20", "warm=2", "timestep=0.01", "pictures=3"]
    out = folder / "run.nc"
    chosen = [*values, "electric_field=[2e8, 0, 0]"]
    said = run_dipoles(folder / "dipoles.nc", out, None, chosen)
    assert "mean polarization" in said
    ds = store.load(out)
    assert ds["local_dipole"].shape == (3, 6, 4, 4, 3)
    heat = ds["kinetic_temperature"].values
    blocks = heat.reshape(10, -1).mean(1)
    assert abs(blocks.mean() - T) < 4 * blocks.std(ddof=1) / 10**0.5 + 1.0
    # linear response of the mean: chi = N var(mean)/kT of a run without the field
    force, kernel = dipoles.unpack(store.load(folder / "dipoles.nc"))
    rng = np.random.default_rng(1)
    free = simulate_lattice(kernel, force, np.zeros((3, 6, 4, 4)), rng, dt=0.01, n_steps=3000)
    chi = 96 * np.mean(free.mean[300:] ** 2) / kernel.kT
    push = 2e8 * 1e-10
    assert float(ds["dipole"][:, 0].mean()) == pytest.approx(chi * push, rel=0.35)
    assert abs(float(ds["dipole"][:, 1].mean())) < 0.3 * chi * push


def test_bad_runs_are_refused(md):
    options = dipoles.Options()
    with pytest.raises(ValueError, match="no local_polarization"):
        dipoles.run(md.drop_vars("local_polarization"), options)
    driven = md.assign(electric_field=md["electric_field"] + 1e6)
    driven["electric_field"].attrs = md["electric_field"].attrs
    with pytest.raises(ValueError, match="electric_field of the md Dataset is not zero"):
        dipoles.run(driven, options)
    model = dipoles.pack(FORCE, KERNEL._replace(samples=np.ones((2, 3))), T, 64.0)
    with pytest.raises(ValueError, match="expected at least one sample"):
        dipoles_run.run(model, dipoles_run.Options(duration=0.01))
