"""Study gradient on planted fields: values, doubts, file, figure, command, refusals."""

import numpy as np
import pytest
import xarray as xr
from scipy import constants
from typer.testing import CliRunner

from multiscale import cli, plotting, schema, units
from multiscale.pipeline import store
from multiscale.stages import gradient

N, EDGE, A, D, G = 6, 4.0, 2e8, 5e9, 8e-11  # cells, angstrom, V*m/C, V*m/C, J*m^3/C^2


def planted(T=(300.0,), frames=300, polar=0.0, seed=0):
    """Return an md Dataset with <P_k P_k^*> = kT/V (A + polar zz + D kk + G k^2)^-1."""
    rng, volume = np.random.default_rng(seed), (N * EDGE * 1e-10) ** 3
    q = 2 * np.pi * np.fft.fftfreq(N, EDGE * 1e-10)
    k = np.stack(np.meshgrid(q, q, q, indexing="ij"), axis=-1)
    square = (k**2).sum(axis=-1)
    unit = k / np.sqrt(np.maximum(square, 1))[..., None]
    M = D * unit[..., :, None] * unit[..., None, :] + (A + G * square)[..., None, None] * np.eye(3)
    M = M + np.diag([0, 0, polar])
    root = np.linalg.inv(np.linalg.cholesky(M)).swapaxes(-1, -2)
    fields = []
    for t in T:
        white = np.fft.fftn(rng.standard_normal((frames, N, N, N, 3)), axes=(1, 2, 3), norm="ortho")
        waves = (root @ white[..., None])[..., 0] * np.sqrt(constants.k * t / volume)
        fields.append(np.fft.ifftn(waves, axes=(1, 2, 3), norm="forward").real)
    local = np.array(fields)[:, None]
    run, zero = ("temperature", "walker", "time"), np.zeros((len(T), 1, frames))
    ds = xr.Dataset(
        {
            "polarization": ((*run, "axis"), local.mean(axis=(3, 4, 5))),
            "local_polarization": ((*run, "cell_x", "cell_y", "cell_z", "axis"), local),
            "cell": ((*run, "axis", "axis_b"), zero[..., None, None] + N * EDGE * np.eye(3)),
            "strain": ((*run, "voigt"), np.repeat(zero[..., None], 6, -1)),
            "stress": ((*run, "voigt"), np.repeat(zero[..., None], 6, -1)),
            "potential_energy": (run, zero),
            "kinetic_temperature": (run, zero + 300),
            "electric_field": (("time", "axis"), np.zeros((frames, 3))),
        },
        coords={"temperature": list(T), "time": 0.1 * np.arange(frames)},
        attrs={"definition": "planted", "reference_structure": "cubic", "formula_units": N**3},
    ).assign_attrs(timestep=0.1)
    return schema.finish("md", ds)


@pytest.fixture(scope="module")
def run():
    return planted((300.0, 400.0))


@pytest.fixture(scope="module")
def study(run):
    return gradient.run(run)


def test_planted_constants_come_back(study):
    """Isotropic: G11 = G44 = g, G12 = -g of the set with G44' = 0; 3.5 sigma."""
    truth = np.array([G, -G, G, 0.0])
    miss = np.abs(study["gradient"] - truth).values
    assert np.all(miss <= 3.5 * study["gradient_stderr"].values)
    assert float(study["gradient_stderr"].sel(gradient_term="G44").max()) < 0.1 * G
    for name, value in (("inverse_permittivity", A), ("depolarization", D)):
        assert np.all(np.abs(study[name] - value) < 3.5 * study[f"{name}_stderr"])
    assert all(doubt.ok for doubt in schema.trust(study))


def test_stiffness_of_the_waves_is_that_of_the_model(study):
    k2 = (study["wave_vector"] ** 2).sum("axis")
    for kind, extra in (("transverse", 0.0), ("longitudinal", D)):
        z = (study[f"{kind}_stiffness"] - (A + extra + G * k2)) / study[f"{kind}_stiffness_stderr"]
        assert float(np.abs(z).max()) < 4.5


def test_known_permittivity_is_held(run):
    eps_b = 1 / (units.EPSILON0 * D)
    ds = gradient.run(run.isel(temperature=[0]), background_permittivity=eps_b)
    assert float(ds["depolarization"][0]) == pytest.approx(D)
    assert float(ds["depolarization_stderr"][0]) == 0


def test_polar_domain_taken_for_cubic_is_not_trusted():
    polar = planted(polar=8e8)
    assert not all(doubt.ok for doubt in schema.trust(gradient.run(polar)))
    right = gradient.run(polar, polar="z")
    assert all(doubt.ok for doubt in schema.trust(right))
    z = right["inverse_permittivity"][0, 2]
    assert abs(float(z) - A - 8e8) < 3.5 * float(right["inverse_permittivity_stderr"][0, 2])


def test_figure_has_both_branches(study):
    figure = plotting.long_waves(study)
    assert len(figure.axes) == 4
    assert figure.axes[0].get_legend() is not None


def test_command_writes_the_study(run, tmp_path):
    store.save(run, tmp_path / "md.nc")
    out = tmp_path / "gradient.nc"
    words = ["gradient", str(tmp_path / "md.nc"), "-o", str(out), "--k-max", "6 1/nm", "--figure"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "300 K: G11 " in result.output
    assert "1e-10 J m^3/C^2" in result.output
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert store.load(out).attrs["stage"] == "gradient"


def test_run_without_local_polarization_is_refused(run):
    with pytest.raises(ValueError, match="no local_polarization"):
        gradient.run(run.drop_vars("local_polarization"))
