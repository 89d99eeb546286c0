"""Stage landau on planted surfaces; tests/landau has the physics."""

import numpy as np
import pytest
import xarray as xr
from planted_metad import LATTICE, REFERENCE_STRAIN, C, Q, haun, planted_metad

from multiscale import schema
from multiscale.stages import landau
from multiscale.units import J_PER_M3


@pytest.fixture(scope="module")
def metad():
    return planted_metad()


@pytest.fixture(scope="module")
def fitted(metad):
    return landau.run(metad, landau.Options(cutoff=0.2))


def doubt(ds, check):
    (found,) = [entry for entry in schema.trust(ds) if entry.check == check]
    return found


def within(ds, name, truth, sigmas=4.0):
    error = ds[f"{name}_stderr"].values
    return np.abs(ds[name].values - truth) <= sigmas * error + 1e-12


def test_output_is_what_the_schema_promises(fitted):
    assert schema.require(fitted, "landau").equals(fitted)
    assert fitted.attrs["formula_units"] == 8
    units = dict(zip(fitted.term.values.tolist(), fitted.coefficient_units.values, strict=True))
    assert units["a112"] == "J*m^9/C^6"


def test_coefficients_are_recovered_within_their_errors(fitted):
    for i, T in enumerate(fitted.temperature.values):
        error = np.sqrt(np.diag(fitted.coefficient_covariance[i]))
        assert (
            np.abs(fitted.coefficient[i].values - haun(T)) == pytest.approx(0, abs=1)
            or (np.abs(fitted.coefficient[i].values - haun(T)) < 4 * error).all()
        )
        assert (error < 0.2 * np.abs(haun(300))).all()


def test_predictions_are_those_of_the_planted_model(fitted):
    assert fitted.phase.values.tolist() == ["T", "T", "C"]
    assert within(fitted.isel(axis=2), "spontaneous_polarization", [0.6175, 0.4385, 0.0]).all()
    assert not fitted.spontaneous_polarization.isel(axis=[0, 1]).values.any()
    chi = [1 / (8.8541878188e-12 * 2 * 3.8e5 * 148)]
    assert within(fitted.isel(temperature=[2]), "susceptibility", chi).all()
    assert np.isfinite(fitted.coercive_field.values[:2]).all()
    assert np.isnan(fitted.coercive_field.values[2])


def test_transition_is_found_with_an_error_that_covers_it(fitted):
    assert within(fitted, "transition_temperature", 765.48)
    assert 0.1 < float(fitted.transition_temperature_stderr) < 30
    assert within(fitted, "curie_weiss_temperature", 752)
    assert within(fitted, "latent_heat", 40.8e6)
    entry = doubt(fitted, "transition temperature")
    assert entry.ok
    assert "T to C on heating" in entry.message


def test_strain_coupling_is_that_of_the_planted_crystal(fitted):
    for name, truth in (("stiffness", C / 1e9), ("electrostriction", _cubic(*Q))):
        assert within(fitted, name, truth).all()
        assert (fitted[f"{name}_stderr"].values[:, 0, 0] < 0.2 * truth[0, 0]).all()
    assert within(fitted, "reference_cell", LATTICE * (1 + REFERENCE_STRAIN)).all()


def _cubic(c11, c12, c44):
    M = np.zeros((6, 6))
    M[:3, :3] = c12
    np.fill_diagonal(M, [c11] * 3 + [c44] * 3)
    return M


def test_same_seed_gives_the_same_dataset(metad, fitted):
    assert landau.run(metad, landau.Options(cutoff=0.2)).identical(fitted)


def test_order_of_the_temperatures_does_not_enter_the_result_of_one(metad, fitted):
    alone = landau.run(metad.isel(temperature=[1]), landau.Options(cutoff=0.2))
    for name in ("coefficient", "stiffness_stderr", "coercive_field_stderr"):
        assert alone[name].values[0] == pytest.approx(fitted[name].values[1], nan_ok=True)


def test_split_and_merge_are_the_whole(metad, fitted):
    parts = [landau.run(metad, o) for o in landau.split(landau.Options(cutoff=0.2))]
    assert landau.merge(parts).identical(fitted)


def test_file_survives_a_round_trip(fitted, tmp_path):
    fitted.to_netcdf(tmp_path / "landau.nc", engine="h5netcdf")
    assert xr.load_dataset(tmp_path / "landau.nc", engine="h5netcdf").equals(fitted)


def test_progress_ends_at_one(metad):
    seen = []
    landau.run(metad.isel(temperature=[0]), landau.Options(cutoff=0.2), progress=seen.append)
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_one_biased_axis_gives_axis_terms_and_says_so():
    ds = landau.run(planted_metad(axes="z"), landau.Options(cutoff=0.2))
    known = np.isfinite(ds.coefficient.values).all(axis=0)
    assert ds.term.values[known].tolist() == ["a1", "a11", "a111"]
    assert ds.spontaneous_polarization.values[0, 2] == pytest.approx(0.6175, abs=0.05)
    assert np.isfinite(ds.coercive_field.values[0])
    entry = doubt(ds, "undetermined terms at 600 K")
    assert not entry.ok
    assert "a12, a112, a123 do not enter" in entry.message


def test_temperatures_that_do_not_bracket_the_transition_give_nan_and_the_reason():
    ds = landau.run(planted_metad((300.0, 500.0)), landau.Options(cutoff=0.2))
    assert np.isnan(ds.transition_temperature)
    entry = doubt(ds, "transition temperature")
    assert not entry.ok
    assert "Run wider apart" in entry.message


def test_one_temperature_has_no_law(metad):
    ds = landau.run(metad.isel(temperature=[0]), landau.Options(cutoff=0.2))
    assert np.isnan(ds.curie_weiss_temperature)
    assert "One temperature cannot show a transition" in doubt(ds, "transition temperature").message


def test_wells_are_judged_by_the_samples(fitted):
    assert "Double well: the tetragonal state" in doubt(fitted, "wells at 600 K").message
    assert "Single well" in doubt(fitted, "wells at 900 K").message
    assert doubt(fitted, "wells at 900 K").ok
    noisy = landau.run(planted_metad((765.0,), noise=2e7), landau.Options(cutoff=0.2))
    entry = doubt(noisy, "wells at 765 K")
    assert not entry.ok
    assert "Not significant" in entry.message


def test_run_that_never_crossed_the_barrier_is_doubted(metad, fitted):
    """Only the wells were visited: what lies between them is an extrapolation."""
    assert doubt(fitted, "data around P = 0 at 600 K").ok
    size = np.sqrt(metad.px**2 + metad.py**2 + metad.pz**2)
    hole = metad.isel(temperature=[0])
    hole = hole.assign(free_energy=hole.free_energy.where(size > 0.35))
    hole["free_energy"].attrs = metad["free_energy"].attrs
    entry = doubt(landau.run(hole, landau.Options(cutoff=0.2)), "data around P = 0 at 600 K")
    assert not entry.ok
    assert "extrapolations" in entry.message


def test_surface_without_a_sampled_point_is_refused(metad):
    empty = metad.isel(temperature=[0]).copy(deep=True)
    empty["free_energy"][:] = np.nan
    with pytest.raises(ValueError, match="free_energy at 600 K has no sampled point"):
        landau.run(empty, landau.Options())


def test_surface_that_no_polynomial_fits_is_doubted(metad):
    rough = metad.copy(deep=True)
    wiggle = np.sin(25 * (rough.px + rough.py + rough.pz)) * 3 * J_PER_M3 * 1e-3 / 64
    rough["free_energy"] += wiggle.transpose("px", "py", "pz") * 3
    entry = doubt(landau.run(rough, landau.Options(cutoff=0.2)), "fit residual at 600 K")
    assert not entry.ok
    assert "meV per formula unit" in entry.message
    assert "beyond the noise" in entry.message


def test_misfit_within_the_noise_of_the_surface_is_no_fault_of_the_model(metad):
    rough = metad.isel(temperature=[0]).copy(deep=True)
    noise = 4e-3 * J_PER_M3 / 64  # 4 meV per formula unit
    f = rough["free_energy"]
    f += noise * np.random.default_rng(0).standard_normal(f.shape)
    f -= f.min()
    rough["free_energy_stderr"][:] = noise
    entry = doubt(landau.run(rough, landau.Options(cutoff=0.2)), "fit residual at 600 K")
    assert entry.value > 3  # meV per formula unit
    assert entry.ok
    assert "1.0" in entry.message
    assert "only follow the noise" in entry.message


def test_noise_around_zero_polarization_is_doubted(metad):
    loud = metad.isel(temperature=[0]).copy(deep=True)
    size = np.sqrt(loud.px**2 + loud.py**2 + loud.pz**2)
    error = loud.free_energy_stderr
    loud["free_energy_stderr"] = error.where(size > 0.2, 1e9)
    loud["free_energy_stderr"].attrs = error.attrs
    entry = doubt(landau.run(loud, landau.Options(cutoff=0.2)), "data around P = 0 at 600 K")
    assert not entry.ok


def test_surface_in_a_field_is_doubted(metad, fitted):
    assert not [d for d in schema.trust(fitted) if d.check == "cubic surface"]
    driven = metad.isel(temperature=[0]).assign_attrs(broken_symmetry="electric field")
    entry = doubt(landau.run(driven, landau.Options(cutoff=0.2)), "cubic surface")
    assert not entry.ok
    assert "metad ran with electric field" in entry.message


def test_surface_without_samples_has_errors_that_are_doubted(metad):
    bare = metad.drop_vars(["free_energy_sample", "free_energy_stderr"])
    ds = landau.run(bare, landau.Options(cutoff=0.2))
    assert ds.sizes["sample"] == 200
    entry = doubt(ds, "samples of the surface at 600 K")
    assert not entry.ok
    assert "too small" in entry.message


def test_fixed_cell_gives_no_strain_coupling_and_says_so(metad):
    fixed = metad.copy(deep=True)
    fixed["strain"][:] = 0.0
    ds = landau.run(fixed, landau.Options(cutoff=0.2))
    assert np.isnan(ds.stiffness).all()
    assert "Run metad at constant pressure" in doubt(ds, "strain coupling at 600 K").message


def test_model_that_falls_beyond_its_data_is_made_to_rise():
    """Above the transition a low cutoff leaves the sixth-order terms to the noise."""
    metad = planted_metad((1200.0,), noise=4e7, seed=3)
    held = landau.run(metad, landau.Options(cutoff=0.06))
    free = landau.run(metad, landau.Options(cutoff=0.06, bounded=False))
    from multiscale.landau import boundedness

    rising = [boundedness(a).bounded for a in held.coefficient_sample.values[:, 0]]
    falling = [boundedness(a).bounded for a in free.coefficient_sample.values[:, 0]]
    assert all(rising)
    assert not all(falling)


def test_too_few_points_below_the_cutoff_are_refused(metad):
    with pytest.raises(ValueError, match="Raise the cutoff, refine the grid, or lower the order"):
        landau.run(metad, landau.Options(cutoff=0.0005))


def test_free_energy_per_supercell_is_refused(metad):
    wrong = metad.copy(deep=True)
    for name in ("free_energy", "free_energy_sample", "free_energy_stderr"):
        wrong[name] = wrong[name] / J_PER_M3 * float(wrong.volume[0])
        wrong[name].attrs["units"] = "J/m^3"
    with pytest.raises(ValueError, match="If it is an energy per supercell"):
        landau.run(wrong, landau.Options(cutoff=0.2))


def test_polarization_in_other_units_is_refused(metad):
    wrong = metad.assign_coords({p: metad[p] * 100 for p in ("px", "py", "pz")})
    for p in ("px", "py", "pz"):
        wrong[p].attrs["units"] = "C/m^2"
    with pytest.raises(ValueError, match="px .* reaches 96"):
        landau.run(wrong, landau.Options(cutoff=0.2))


def test_options_take_units_and_refuse_other_orders():
    assert landau.Options(cutoff="50 meV").cutoff == pytest.approx(0.05)
    with pytest.raises(ValueError, match="order"):
        landau.Options(order=5)
    with pytest.raises(ValueError, match="nearest is 'cutoff'"):
        landau.Options(cutof=0.1)
