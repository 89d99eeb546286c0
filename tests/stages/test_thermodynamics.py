"""Energy, entropy, averages and transition from metad Datasets with planted, exact truth."""

import numpy as np
import pytest
import xarray as xr

from multiscale import sampling, schema, units
from multiscale.sampling.blocking import inflation
from multiscale.stages import metad, thermodynamics
from multiscale.stages.metad_frames import enthalpy

# U = -A P^2 + B P^4 + K (V - Vc)^2/2 + n springs whose stiffness grows as 1 + C P^2;
# Vc = V0 (1 + Q P^2). Exactly: F = -A P^2 + B P^4 + p Vc + (n/2) kT ln(1 + C P^2).
A, B, SPRINGS, C, V0, Q, K = 0.5, 0.45, 40, 0.6, 490.0, 0.02, 0.02
ENTROPY = 0.5 * SPRINGS * units.KB
AXIS = (np.arange(25) + 0.5) * (2 * 1.1 / 25) - 1.1
BLOCKS = 6


def truth(P, T, p):
    H = -A * P**2 + B * P**4 + p / units.GPA * V0 * (1 + Q * P**2)
    S = -ENTROPY * np.log(1 + C * P**2)
    return H, S, H - T * S


def planted(T, p, rng, n=6000):
    """metad Dataset of four walkers under a bias that is flat, at T (K) and p (GPa)."""
    kT = units.KB * T
    P = rng.uniform(-1.1, 1.1, (4, n))
    volume = V0 * (1 + Q * P**2) - p / units.GPA / K + rng.normal(0, np.sqrt(kT / K), P.shape)
    U = -A * P**2 + B * P**4 + 0.5 * K * (volume - V0 * (1 + Q * P**2)) ** 2
    U = U + 0.5 * kT * rng.chisquare(SPRINGS, P.shape)
    log_weight = -truth(P, T, p)[2] / kT
    block = sampling.blocks_of(4, n, BLOCKS).ravel()
    weights = sampling.bootstrap_weights(100, 4 * BLOCKS, rng, inflation(1e9, 1.0))
    F = sampling.free_energy_by_reweighting(
        P.reshape(-1, 1), log_weight.ravel(), block, (AXIS,), kT,
        reference=(truth(P, T, p)[2].ravel(), truth(AXIS, T, p)[2]), bootstrap=weights,
    )  # fmt: skip
    edge = np.cbrt(volume)
    scale = units.J_PER_M3 / V0
    run = ("temperature", "walker", "time")
    zero = np.zeros((1, 4, n))
    from_hills = truth(AXIS, T, p)[2]
    ds = xr.Dataset(
        {
            "free_energy": (("temperature", "pz"), scale * F.free_energy[None]),
            "free_energy_stderr": (("temperature", "pz"), scale * F.stderr[None]),
            "free_energy_sample": (("sample", "temperature", "pz"), scale * F.sample[:, None]),
            "free_energy_from_hills": (("temperature", "pz"), scale * from_hills[None]),
            "volume": ("temperature", [V0]),
            "polarization": ((*run, "axis"), np.stack([0 * P, 0 * P, P], -1)[None]),
            "cell": ((*run, "axis", "axis_b"), (edge[..., None, None] * np.eye(3))[None]),
            "strain": (
                (*run, "voigt"),
                (edge / np.cbrt(V0) - 1)[None, ..., None] * np.array([1.0, 1, 1, 0, 0, 0]),
            ),
            "potential_energy": (run, U[None]),
            "log_weight": (run, log_weight[None]),
            "bias": (run, zero),
            "kinetic_temperature": (run, zero + T),
            "stress": ((*run, "voigt"), np.zeros((1, 4, n, 6))),
            "block_weight": (("temperature", "sample", "block"), weights[None]),
        },
        coords={"temperature": [T], "time": 0.01 * np.arange(n), "pz": AXIS},
        attrs={"formula_units": 8, "definition": "planted", "reference_structure": "cubic",
               "pressure": p, "symmetric_hills": 0, "discard": 0.0, "blocks": BLOCKS},
    )  # fmt: skip
    return schema.finish("metad", ds)


@pytest.fixture(scope="module", params=[0.0, 3.0], ids=["no pressure", "3 GPa"])
def study(request):
    rng = np.random.default_rng(int(request.param))
    parts = [planted(T, request.param, rng) for T in (340.0, 380.0, 420.0, 460.0, 500.0, 540.0)]
    ds = schema.concat(parts)
    return request.param, ds, thermodynamics.run(ds)


def relative(x, known):
    return x - x[known].mean()


def test_entropy_and_enthalpy_at_P_are_the_planted_ones(study):
    p, _, th = study
    for i, T in enumerate(th["temperature"].values):
        one = th.isel(temperature=i)
        H, S, _ = truth(AXIS, T, p)
        known = np.isfinite(one["entropy_at"].values)
        assert known.sum() == 25
        for found, exact, error in (
            (one["enthalpy_at"].values, H, one["enthalpy_at_stderr"].values),
            (one["entropy_at"].values, S, one["entropy_at_stderr"].values),
        ):
            z = (relative(found, known) - relative(exact, known))[known] / error[known]
            assert np.sqrt(np.mean(z**2)) < 1.7
            assert error[known].mean() < 0.15 * np.ptp(exact)


def test_two_routes_agree_between_all_temperatures(study):
    _, _, th = study
    assert th["interval"].values.tolist() == [360, 400, 440, 480, 520]
    assert (th["entropy_p_value"] > 0.01).all()
    assert (th["enthalpy_p_value"] > 0.01).all()
    checks = [d for d in schema.trust(th) if d.check.startswith("entropy by two routes")]
    assert len(checks) == 5
    assert all(d.ok for d in checks)


def test_forgetting_the_pressure_is_found_out(study):
    p, ds, _ = study
    forgotten = thermodynamics.run(ds.assign_attrs(pressure=0.0))
    if p == 0:
        assert forgotten["enthalpy_p_value"].min() > 0.01
    else:  # p V0 Q P^2 is 0.18 eV at |P| = 1
        assert forgotten["enthalpy_p_value"].max() < 0.01
        assert not all(d.ok for d in schema.trust(forgotten))


def test_transition_is_where_the_planted_curvature_vanishes(study):
    p, _, th = study
    expected = (A - p / units.GPA * V0 * Q) / (ENTROPY * C)  # 483 K, 306 K at 3 GPa
    if p == 0:
        assert th.attrs["transition_order"] == "second"
        error = float(th["transition_temperature_stderr"])
        # a sixth-order polynomial stands for the logarithm: 1 K
        assert abs(float(th["transition_temperature"]) - expected) < 3 * error + 1 < 20
        assert "bracketed: in 100 %" in th.attrs["transition"]
    else:
        assert expected < 340
        assert "not polar at any temperature" in th.attrs["transition"]
        assert np.isnan(th["transition_temperature"])
        assert not schema.trust(th)[-1].ok


def test_means_are_those_without_the_bias(study):
    p, _, th = study
    fine = np.linspace(-1.1, 1.1, 4001)
    z = []
    for i, T in enumerate(th["temperature"].values):
        F = truth(fine, T, p)[2]
        w = np.exp(-(F - F.min()) / (units.KB * T))
        square = (w * fine**2).sum() / w.sum()
        one = th.isel(temperature=i)
        volume = V0 * (1 + Q * square) - p / units.GPA / K
        z.append((float(one["mean_volume"]) - volume) / float(one["mean_volume_stderr"]))
        U = (w * (-A * fine**2 + B * fine**4)).sum() / w.sum()
        U += 0.5 * (SPRINGS + 1) * units.KB * T + 0.5 * (p / units.GPA) ** 2 / K
        z.append((float(one["mean_energy"]) - U) / float(one["mean_energy_stderr"]))
    assert np.sqrt(np.mean(np.square(z))) < 1.6


def test_work_against_a_stress_given_either_way_is_the_same():
    one = planted(400.0, 2.0, np.random.default_rng(0), n=50).isel(temperature=0)
    by_stress = one.assign_attrs(pressure=0.0, target_stress=[-2.0, -2.0, -2.0, 0, 0, 0])
    assert np.allclose(enthalpy(by_stress), enthalpy(one), rtol=0, atol=1e-12)


def test_work_against_a_shear_and_a_field():
    one = planted(400.0, 0.0, np.random.default_rng(0), n=50).isel(temperature=0)
    strain = np.zeros((4, 50, 6))
    strain[..., 5] = 1e-4
    one["strain"] = (("walker", "time", "voigt"), strain)
    base = enthalpy(one)
    cell = one["cell"].values
    volume = np.linalg.det(cell)
    sheared = enthalpy(one.assign_attrs(target_stress=[0, 0, 0, 0, 0, 1.0]))
    assert np.allclose(sheared - base, -volume * 1e-4 / units.GPA, rtol=1e-3)
    pulled = enthalpy(one.assign_attrs(target_field=[0.0, 0.0, 1e8]))
    P = one["polarization"].values[..., 2]
    expected = -1e8 * P * volume / units.J_PER_M3  # E in V/m, P in C/m^2: J/m^3 times volume
    assert np.allclose(pulled - base, expected, rtol=1e-9)


def test_files_of_older_versions_are_refused():
    ds = planted(400.0, 0.0, np.random.default_rng(0), n=60).drop_vars("block_weight")
    with pytest.raises(ValueError, match="has no block_weight"):
        thermodynamics.run(ds)


def test_a_real_run_in_three_dimensions_with_images():
    o = metad.Options(
        potential="toy-ferroelectric", size=(1, 1, 1), temperatures=(250.0, 350.0), walkers=4,
        duration=6.0, equilibration=0.2, stride=5, pace=0.05, blocks=4, n_samples=30, bins=31,
        axes="xyz", symmetric_hills=True,
    )  # fmt: skip
    th = thermodynamics.run(metad.run(options=o))
    assert th["strain_at"].dims == ("temperature", "px", "py", "pz", "voigt")
    e = th["strain_at"].isel(temperature=0)
    turned = e.transpose("pz", "px", "py", "voigt").values
    # x -> y -> z -> x turns the strain with P
    assert np.allclose(
        e.values[..., [0, 1, 2]], turned[..., [2, 0, 1]], equal_nan=True, rtol=0, atol=1e-9
    )
    assert "transition" in th.attrs
