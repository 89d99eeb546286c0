"""Stage spectra on planted runs and on the toy: values, checks, files, figures, bad input."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import expm

from multiscale import cli, schema, units
from multiscale.atoms import phonons
from multiscale.atoms.relaxation import relax
from multiscale.atoms.response import fluctuation_factor
from multiscale.pipeline import store
from multiscale.pipeline.report import write_report
from multiscale.plotting.spectra import all_of
from multiscale.stages import md, spectra
from multiscale.stages.simulation import prepare

CELL, T, DT = 8.0, 300.0, 0.005
FACTOR = fluctuation_factor(CELL**3, T)
PER_CM = 2 * np.pi * units.LIGHT
EPS_INF = 1 + 30 / (units.EPSILON0_ATOMIC * CELL**3)  # of the planted polarizability
LINES = ((180.0, 30.0, 20.0), (300.0, 30.0, 6.0), (450.0, 30.0, 2.0))  # 1/cm, 1/cm, strength


def damped(rng, nu, width, walkers, frames):
    """Return positions and velocities of Langevin oscillators with unit variance, (w, t)."""
    w0, g = nu * PER_CM, width * PER_CM
    step, stationary = expm(DT * np.array([[0, 1], [-(w0**2), -g]])), np.diag([1.0, w0**2])
    noise = np.linalg.cholesky(stationary - step @ stationary @ step.T)
    z = np.sqrt(stationary) @ rng.normal(size=(2, walkers))
    out = np.empty((frames, 2, walkers))
    for t in range(frames):
        out[t] = z
        z = step @ z + noise @ rng.normal(size=(2, walkers))
    return out[:, 0].T, out[:, 1].T


def planted(seed=1, walkers=6, frames=4000, field=(0.0, 0.0, 0.0), electrons=True, **attrs):
    """Return an md Dataset whose three axes are three oscillators of known permittivity."""
    rng = np.random.default_rng(seed)
    x, v = zip(*(damped(rng, nu, g, walkers, frames) for nu, g, _ in LINES), strict=True)
    q, speed = np.stack(x, -1), np.stack(v, -1)
    strength = np.array([s for *_, s in LINES])
    pull = units.EPSILON0 * (strength + electrons * (EPS_INF - 1)) * np.array(field)
    P = q * np.sqrt(strength / FACTOR) + pull + np.array([0, 0, 0.5])
    alpha = 30 * np.eye(3) + q[..., 2, None, None] * np.diag([1.0, 1.0, 3.0])
    run = ("temperature", "walker", "time")
    zero = np.zeros((1, walkers, frames))
    ds = xr.Dataset(
        {
            "polarization": ((*run, "axis"), P[None]),
            "cell": ((*run, "axis", "axis_b"), zero[..., None, None] + CELL * np.eye(3)),
            "strain": ((*run, "voigt"), np.repeat(zero[..., None], 6, -1)),
            "stress": ((*run, "voigt"), np.repeat(zero[..., None], 6, -1)),
            "potential_energy": (run, zero),
            "kinetic_temperature": (run, zero + T),
            "electric_field": (("time", "axis"), np.tile(field, (frames, 1)).astype(float)),
            "velocity": ((*run, "atom", "axis"), np.stack([speed, speed * 0.5], -2)[None]),
            "polarizability": ((*run, "axis", "axis_b"), alpha[None]),
            "atomic_number": ("atom", [8, 22]),
            "atomic_mass": ("atom", [16.0, 64.0]),
        },
        coords={"temperature": [T], "time": DT * np.arange(frames)},
        attrs={
            "definition": "model dipole", "reference_structure": "planted", "formula_units": 1,
            "timestep": DT, "friction": 0.5, **attrs,
        },
    )  # fmt: skip
    return schema.finish("md", ds)


OPTIONS = spectra.Options(resolution=15.0, max_wavenumber=700.0, angle_step=45.0)


@pytest.fixture(scope="module")
def found():
    """Return the spectra of a planted run and of the same in fields."""
    in_field = [planted(seed=n + 2, field=f) for n, f in enumerate(((1e7, 0, 0), (0, 0, 2e7)))]
    return spectra.run(planted(), OPTIONS, in_field=in_field)


def at_peak(array, nu):
    return float(array.sel(wavenumber=nu, method="nearest"))


def test_planted_lines_have_their_place_strength_and_absorption(found):
    schema.require(found, "spectra")
    one = found.isel(temperature=0)
    for a, (nu, width, strength) in enumerate(LINES):
        eps = one.permittivity_imag.isel(axis=a, axis_b=a)
        # The window widens the line: its height falls, to about width/(width + resolution).
        assert 0.6 < at_peak(eps, nu) / (strength * nu / width) < 1.05
        alpha_n = one.infrared_absorption.isel(axis=a)
        assert float(alpha_n.idxmax("wavenumber")) == pytest.approx(nu, abs=8)
        assert at_peak(alpha_n, nu) == pytest.approx(2 * np.pi * nu * at_peak(eps, nu), rel=0.03)


def test_static_permittivity_by_fluctuations_and_fields_is_the_planted_one(found):
    one = found.isel(temperature=0)
    infinite = one.permittivity_infinite.values.diagonal()
    assert infinite == pytest.approx(np.full(3, EPS_INF), rel=0.01)
    for a, (*_, strength) in enumerate(LINES):
        at = one.isel(axis=a, axis_b=a)
        truth = infinite[a] + strength
        off = float(at.permittivity_static) - truth
        assert abs(off) < 3 * float(at.permittivity_static_stderr)
    by_field = one.permittivity_static_field
    for a in (0, 2):
        off = float(by_field[a, a]) - EPS_INF - LINES[a][2]
        assert abs(off) < 3 * float(one.permittivity_static_field_stderr[a, a])
    assert np.isnan(by_field[:, 1]).all()


def test_fields_without_the_electrons_disagree_and_the_stage_says_so(found):
    wrong = [planted(seed=9, field=f, electrons=False) for f in ((0, 0, 3e9), (0, 0, -3e9))]
    ds = spectra.run(planted(), OPTIONS, in_field=wrong)
    check = {d.check: d.ok for d in schema.trust(ds)}
    name = "permittivity by fields and by fluctuations at 300 K"
    assert check[name] is False
    assert {d.check: d.ok for d in schema.trust(found)}[name] is True


def test_density_of_states_counts_three_a_atom(found):
    total = found.vibrational_density.integrate("wavenumber").isel(temperature=0)
    assert found.species.values.tolist() == ["O", "Ti"]
    assert total.values == pytest.approx([3.0, 3.0], rel=0.1)


def test_raman_line_of_one_mode_only(found):
    one = found.isel(temperature=0)
    peak = one.raman_powder_parallel.idxmax("wavenumber")
    assert float(peak) == pytest.approx(450, abs=10)
    assert float(one.raman_crossed.max()) < 1e-9 * float(one.raman_parallel.max())  # A1 in xy


def test_committee_widens_the_band_by_its_disagreement():
    members = [planted(seed=n) for n in (1, 2, 3)]
    shifted = members[1].assign(polarization=members[1].polarization * 1.3)
    shifted.polarization.attrs = members[1].polarization.attrs
    ds = spectra.run(members[0], OPTIONS, members=[shifted, members[2]])
    alone = spectra.run(members[0], OPTIONS)
    zz = {"temperature": 0, "axis": 0, "axis_b": 0}
    spread = float(ds.permittivity_static_spread.isel(zz))
    assert spread > 2 * float(alone.permittivity_static_stderr.isel(zz))
    assert spread == pytest.approx(20 * 0.69 / np.sqrt(3), rel=0.35)
    assert float(ds.permittivity_static.isel(zz)) > float(alone.permittivity_static.isel(zz))


def test_doubts_are_about_what_was_planted():
    def failing(ds):
        return {d.check.removesuffix(" at 300 K") for d in schema.trust(ds) if not d.ok}

    assert failing(spectra.run(planted(), OPTIONS)) == set()
    short = planted(frames=1100, walkers=1)
    assert "windows in the run" in failing(spectra.run(short, OPTIONS))
    switched = planted()
    switched["polarization"][:, 1, 2000:, 2] -= 1.0
    assert "one state" in failing(spectra.run(switched, OPTIONS))
    drifting = planted()
    drifting["polarization"] += 0.05 * drifting.time / drifting.time[-1]
    drifting["polarization"].attrs["units"] = "C/m^2"
    assert "steady polarization" in failing(spectra.run(drifting, OPTIONS))
    assert "width from the thermostat" in failing(spectra.run(planted(friction=10.0), OPTIONS))
    sparse = planted().isel(time=slice(None, None, 6))
    rare = spectra.run(sparse, spectra.Options(resolution=40.0))
    assert "fast motion" in failing(rare)
    unknown = planted().drop_vars("polarizability")
    assert "electronic permittivity" in failing(spectra.run(unknown, OPTIONS))


def test_toy_ferroelectric_by_field_and_by_fluctuations():
    common = {
        "potential": "toy-ferroelectric", "size": (2, 2, 2), "temperatures": (300.0,),
        "walkers": 4, "duration": "12 ps", "equilibration": "2 ps", "ensemble": "nvt",
    }  # fmt: skip
    at_zero = md.run(options=md.Options(**common, stride=4))
    along = md.run(options=md.Options(**common, electric_field=(0, 0, 4e7)))
    against = md.run(options=md.Options(**common, electric_field=(0, 0, -4e7)))
    ds = spectra.run(at_zero, spectra.Options(resolution=20), in_field=[along, against])
    one = ds.isel(temperature=0, axis=2, axis_b=2)
    apart = float(one.permittivity_static - one.permittivity_static_field)
    error = np.hypot(one.permittivity_static_stderr, one.permittivity_static_field_stderr)
    assert abs(apart) < 3 * float(error)
    assert float(error) < 0.3 * float(one.permittivity_static)


def test_lines_of_cold_dynamics_are_the_phonons():
    # Two routes: a nearly harmonic crystal at 3 K, and the second derivatives at its minimum.
    options = md.Options(
        potential="toy-ferroelectric", size=(2, 1, 1), temperatures=(3.0,), walkers=4,
        duration="25 ps", equilibration="3 ps", ensemble="nvt", stride=4, friction=0.5,
    )  # fmt: skip
    ds = spectra.run(md.run(options=options), spectra.Options(resolution=8, max_wavenumber=600))
    walkers = prepare(options.model_copy(update={"walkers": 1}), 3.0)
    rest = relax(walkers.engine, walkers.system, tolerance=1e-7, most=5000).system
    modes = phonons.normal_modes(phonons.hessian(walkers.engine, rest), rest.masses.numpy())
    charge = phonons.mode_charges(modes, rest.sites.charges.numpy()) ** 2
    for axis in (0, 2):
        expected = modes.wavenumber[charge[:, axis].argmax()]
        line = ds.infrared_absorption.isel(temperature=0, axis=axis).idxmax("wavenumber")
        assert float(line) == pytest.approx(expected, abs=4)


def test_command_reads_and_writes_files_and_figures(tmp_path, monkeypatch, capsys):
    store.save(planted(frames=1500, walkers=3), tmp_path / "md.nc")
    store.save(planted(frames=1500, walkers=3, seed=3, field=(0, 0, 3e7)), tmp_path / "field.nc")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.log, "handlers", [])
    command = "spectra md.nc -o out.nc --figure --in-field field.nc --set resolution=25"
    cli.app([*command.split(), "--set", "window=hann"], standalone_mode=False)
    ds = store.load(Path("out.nc"))
    schema.require(ds, "spectra")
    assert "hann" in ds.attrs["resolution"]
    assert "provenance" in ds.attrs
    said = capsys.readouterr().out
    for name in ("infrared", "permittivity", "density-of-states", "raman-map", "raman-powder"):
        assert Path(f"out-{name}.png").stat().st_size > 5000
        assert f"out-{name}.png" in said
    again = spectra.run(
        store.load(Path("md.nc")), spectra.Options(resolution=25, window="hann"),
        in_field=[store.load(Path("field.nc"))],
    )  # fmt: skip
    assert np.array_equal(again.permittivity_imag, ds.permittivity_imag)


def test_report_shows_numbers_and_figures(found, tmp_path):
    store.save(found, tmp_path / "spectra.nc")
    page = write_report(tmp_path).read_text()
    assert "ε0 zz from fluctuations" in page
    assert "could not be drawn" not in page
    assert all(caption in page for caption in all_of(found))


def test_bad_input_is_refused():
    one = planted(frames=300)
    with pytest.raises(ValueError, match=r"each walker lasts 1.5 ps, expected at least"):
        spectra.run(one, OPTIONS)
    driven = planted(frames=2000)
    driven["electric_field"][:, 2] = np.sin(driven.time) * 1e6
    with pytest.raises(ValueError, match="electric_field of the md Dataset varies in time"):
        spectra.run(driven, OPTIONS)
    other = planted(frames=2000).assign_coords(temperature=[400.0])
    other["temperature"].attrs["units"] = "K"
    with pytest.raises(ValueError, match="temperature 300 K is not in every md Dataset"):
        spectra.run(planted(frames=2000), OPTIONS, in_field=[other])
    with pytest.raises(ValueError, match="members of the committee have"):
        spectra.run(planted(frames=2000), OPTIONS, members=[planted(frames=1900)])
    with pytest.raises(ValueError, match="field is the same at all 2 points"):
        spectra.run(planted(frames=2000), OPTIONS, in_field=[planted(frames=2000)])
    with pytest.raises(ValueError, match="resolution"):
        spectra.Options(resolution="10 K")
    with pytest.raises(ValueError, match="nearest is 'resolution'"):
        spectra.Options(resolutoin=10)
