import json

import numpy as np
import pytest
import xarray as xr
from pydantic import ValidationError
from scipy.linalg import expm

from multiscale import schema, units
from multiscale.gle import embed, friction_of, kernel_at
from multiscale.gle.modes import laplace, passivity_margin
from multiscale.gle.orientation import orient
from multiscale.landau import TERMS
from multiscale.stages import gle

# A caricature of PbTiO3 in 2x2x2 cells: P of the supercell, stiffness set by G'' V, one slow and
# one fast relaxation and a phonon in the memory.
VOLUME = 500.0  # angstrom^3
T = 300.0
KT = units.KB * T
RATE = np.array([2.0, 15.0, 1.0 + 40j])
AMPLITUDE = np.array([15.0, 900.0, 400.0 + 0j])
SPONTANEOUS = 0.8  # C/m^2
DT = 0.01
A1, A11 = -2e8, 2e8 / (2 * SPONTANEOUS**2)  # minimum at SPONTANEOUS
STIFFNESS = 8e8 * VOLUME / units.J_PER_M3  # G'' = -4 a1 along the polar axis, eV/(C/m^2)^2
MASS = STIFFNESS / 60.0**2 * 4
OPTIONS = gle.Options(window=2.0, n_modes=5, n_bootstrap=4, replicas=32)


def walkers(n_walkers, n_frames, seed):
    """Return the exact harmonic process, (n_walkers, n_frames, 3), around zero."""
    bath = embed(RATE, AMPLITUDE, mass=MASS, kT=KT)
    G, A = bath.coupling, bath.drift
    n = G.size + 2
    M = np.zeros((n, n))
    M[0, 1], M[1, 0] = MASS**-0.5, -STIFFNESS * MASS**-0.5
    M[1, 2:], M[2:, 1], M[2:, 2:] = G, -G, -A
    C = KT * np.diag([1 / STIFFNESS, *np.ones(n - 1)])
    E = expm(M * DT)
    value, vector = np.linalg.eigh(C - E @ C @ E.T)
    L = vector * np.sqrt(value.clip(0))
    rng = np.random.default_rng(seed)
    y = np.sqrt(np.diag(C))[:, None] * rng.standard_normal((n, 3 * n_walkers))
    x = np.empty((n_frames, 3 * n_walkers))
    for t in range(n_frames):
        y = E @ y + L @ rng.standard_normal(y.shape)
        x[t] = y[0]
    return x.reshape(n_frames, n_walkers, 3).transpose(1, 0, 2)


def md_dataset(P, temperatures=(T,)):
    """Return an md Dataset around polarization (temperature, walker, time, axis)."""
    shape = P.shape[:3]
    run = ("temperature", "walker", "time")
    edge = VOLUME ** (1 / 3)
    cell = np.broadcast_to(edge * np.eye(3), (*shape, 3, 3))
    scalar = np.zeros(shape)
    ds = xr.Dataset(
        {
            "polarization": ((*run, "axis"), P),
            "strain": ((*run, "voigt"), np.zeros((*shape, 6))),
            "cell": ((*run, "axis", "axis_b"), cell),
            "potential_energy": (run, scalar),
            "kinetic_temperature": (run, scalar + T),
            "stress": ((*run, "voigt"), np.zeros((*shape, 6))),
            "electric_field": (("time", "axis"), np.zeros((shape[2], 3))),
        },
        {"temperature": list(temperatures), "time": DT * np.arange(shape[2])},
        {
            "definition": "Born charges", "reference_structure": "cubic", "formula_units": 8,
            "timestep": 0.001,
        },
    )  # fmt: skip
    return schema.finish("md", ds)


def landau_dataset(temperatures=(T,)):
    """Return a Landau Dataset with the double well above, isotropic enough in x and y."""
    n = len(temperatures)
    a = np.array([A1, A11, 4 * A11, 0.0, 0.0, 0.0])
    ds = xr.Dataset(
        {
            "coefficient": (("temperature", "term"), np.tile(a, (n, 1))),
            "coefficient_covariance": (("temperature", "term", "term_b"), np.zeros((n, 6, 6))),
            "volume": ("temperature", np.full(n, VOLUME)),
            "spontaneous_polarization": (
                ("temperature", "axis"), np.tile([0, 0, SPONTANEOUS], (n, 1)),
            ),
        },
        {"temperature": list(temperatures), "term": list(TERMS), "term_b": list(TERMS)},
        {"formula_units": 8},
    )  # fmt: skip
    return schema.finish("landau", ds)


@pytest.fixture(scope="module")
def trajectory():
    P = walkers(4, 10_000, 1)
    P[0, :, 0] += SPONTANEOUS  # each walker polar along another axis and sign
    P[1, :, 1] -= SPONTANEOUS
    P[2, :, 2] += SPONTANEOUS
    P[3, :, 2] -= SPONTANEOUS
    return P[None]


@pytest.fixture(scope="module")
def result(trajectory):
    return gle.run(md=md_dataset(trajectory), landau=landau_dataset(), options=OPTIONS)


def test_the_result_keeps_the_schema(result):
    schema.require(result, "gle")
    assert result["kernel"].dims == ("temperature", "axis", "lag")
    assert result["lag"].values[-1] == pytest.approx(2.0)


def test_friction_and_mass_of_the_planted_bath(result):
    friction = result["friction"].values[0]
    assert friction == pytest.approx(friction_of(RATE, AMPLITUDE), rel=0.3)
    assert result["mass"].values[0] == pytest.approx(MASS, rel=0.05)
    stderr = result["friction_stderr"].values[0] / friction
    assert ((stderr > 0.01) & (stderr < 0.5)).all()


def test_kernel_of_the_planted_bath(result):
    lag = result["lag"].values
    truth = kernel_at(RATE, AMPLITUDE, lag)
    for axis in "xyz":
        found = result["kernel"].sel(axis=axis).values[0]
        assert np.linalg.norm(found - truth) < 0.25 * np.linalg.norm(truth)


def test_modes_rebuild_the_kernel_and_are_passive(result):
    one = result.isel(temperature=0).sel(axis="z")
    rate = one["rate_real"].values + 1j * one["rate_imag"].values
    amplitude = one["amplitude_real"].values + 1j * one["amplitude_imag"].values
    np.testing.assert_allclose(
        kernel_at(rate, amplitude, result["lag"].values), one["kernel"].values, rtol=1e-9
    )
    assert friction_of(rate, amplitude) == pytest.approx(float(one["friction"]), rel=1e-9)
    assert passivity_margin(rate, amplitude) >= 0
    bath = embed(rate, amplitude, mass=float(one["mass"]), kT=KT)  # padding is harmless
    assert bath.coupling.size >= rate.size


def test_the_equation_is_tested_and_the_kernel_given_at_the_barrier(result):
    p = result["j_p_value"].values
    assert ((p > 1e-3) & (p <= 1)).all()
    off = (result["fdt_ratio"].values - 1) / result["fdt_ratio_stderr"].values
    assert np.nanmean(off**2) < 1.5
    one = result.isel(temperature=0).sel(axis="z")  # the polar axis has a barrier, the others none
    assert float(one["barrier_position"]) == pytest.approx(0, abs=1e-6)
    wb = float(one["barrier_frequency"])
    slope = -2 * A1 * VOLUME / units.J_PER_M3  # G'' = 2 a1 on top of the Landau barrier
    assert wb == pytest.approx((slope / float(one["mass"])) ** 0.5, rel=1e-3)
    z, K = float(one["grote_hynes_rate"]), float(one["grote_hynes_friction"])
    assert z * (z + K) == pytest.approx(wb**2, rel=1e-9)
    assert K == pytest.approx(laplace(RATE, AMPLITUDE, np.array([z + 0j]))[0].real, rel=0.15)
    assert result["barrier_frequency"].sel(axis=["x", "y"]).isnull().all()


def test_walkers_are_turned_into_one_frame(result):
    assert result["mean_polarization"].values[0] == pytest.approx([0, 0, SPONTANEOUS], abs=0.02)
    assert json.loads(result.attrs["equivalent_axes"]) == [[[0, 1], [2]]]
    x, y = (result["friction"].sel(axis=a).item() for a in "xy")
    assert x == y


def test_velocity_autocorrelation_of_the_model_follows_the_run(result):
    measured = result["velocity_autocorrelation"].values
    model = result["velocity_autocorrelation_model"].values
    assert measured[..., 0] == pytest.approx(1)
    assert np.sqrt(np.mean((measured - model) ** 2)) < 0.06


def test_landau_stiffness_agrees_with_the_run(result):
    doubts = {d.check: d for d in schema.trust(result)}
    assert doubts["Landau stiffness z at 300 K"].value == pytest.approx(1, abs=0.15)
    assert doubts["walkers that switched at 300 K"].ok


def test_landau_force_gives_the_same_friction(trajectory, result):
    options = OPTIONS.model_copy(update={"mean_force": "landau"})
    other = gle.run(md=md_dataset(trajectory), landau=landau_dataset(), options=options)
    a, b = other["friction"].sel(axis="z").item(), result["friction"].sel(axis="z").item()
    assert a == pytest.approx(b, rel=0.3)


def test_one_split_one_merge(result):
    assert gle.split(OPTIONS) == [OPTIONS]
    assert gle.merge([result]) is result


def test_a_walker_that_switched_is_left_out_and_reported(trajectory):
    P = trajectory[0].copy()
    P[0, 5000:, 0] -= 2 * SPONTANEOUS
    assert orient(P).left_out == (0,)
    assert len(orient(P).polarization) == 3


def test_above_the_transition_all_axes_are_equivalent():
    oriented = orient(walkers(2, 4000, 3))
    assert oriented.groups == ((0, 1, 2),)
    assert oriented.mean.tolist() == [0, 0, 0]


def test_a_field_that_varies_is_refused(trajectory):
    md = md_dataset(trajectory)
    md["electric_field"][5:, 2] = 1e7
    with pytest.raises(ValueError, match=r"electric_field .* varies in time"):
        gle.run(md=md, landau=landau_dataset(), options=OPTIONS)


def test_a_temperature_without_landau_fit_is_refused(trajectory):
    with pytest.raises(ValueError, match="300 K of the md Dataset is not in the landau Dataset"):
        gle.run(md=md_dataset(trajectory), landau=landau_dataset((500.0,)), options=OPTIONS)


def test_landau_force_with_unknown_terms_is_refused(trajectory):
    unknown = landau_dataset()
    unknown["coefficient"][:, 2] = np.nan
    with pytest.raises(ValueError, match="Landau coefficients a12 at 300 K are NaN"):
        gle.run(md_dataset(trajectory), unknown, gle.Options(mean_force="landau"))


def test_a_window_longer_than_a_fifth_of_the_run_is_refused(trajectory):
    with pytest.raises(ValueError, match="at least 5 windows"):
        gle.run(md=md_dataset(trajectory[:, :, :500]), landau=landau_dataset(), options=OPTIONS)


def test_options_take_units_and_refuse_nonsense():
    assert gle.Options(window="500 fs").window == pytest.approx(0.5)
    with pytest.raises(ValidationError, match="window"):
        gle.Options(window=-1)
