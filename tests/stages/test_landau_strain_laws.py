"""Straight lines in temperature through the strain constants."""

import numpy as np
import pytest
import xarray as xr
from planted_metad import C, Q, planted_metad

from multiscale import schema
from multiscale.stages import landau
from multiscale.stages.landau_strain_laws import CONSTANTS, with_strain_laws

T = np.array([300.0, 400, 500, 600, 700])


def planted(seed, bend=0.0, error=0.01):
    """Return strain constants whose C11 falls by 0.1 GPa/K, with noise of the stated error."""
    rng = np.random.default_rng(seed)
    matrix = np.zeros((len(T), 6, 6))
    matrix[:, 0, 0] = 180 - 0.1 * (T - 500) + bend * (T - 500) ** 2
    matrix += error * rng.standard_normal(matrix.shape)
    dims = ("temperature", "voigt", "voigt_b")
    known = {"electrostriction": matrix, "stiffness": matrix}
    ds = xr.Dataset({k: (dims, v) for k, v in known.items()}, coords={"temperature": T})
    for name in known:
        ds[f"{name}_stderr"] = (dims, np.full(matrix.shape, error))
    ds["reference_cell"] = (("temperature", "axis"), np.full((len(T), 3), np.nan))
    ds["reference_cell_stderr"] = ds["reference_cell"]
    return with_strain_laws(ds)


def test_planted_line_is_covered_and_its_p_value_is_uniform():
    """300 sets: 68 and 95 % within 6 and 3 %; a twentieth of the p-values below 0.05."""
    lines = [planted(k).sel(strain_constant="C11") for k in range(300)]
    z = [(x["strain_line"] - [180, -0.1]) / x["strain_line_stderr"] for x in lines]
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.68, abs=0.06)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)
    p = np.array([float(x["strain_line_p_value"]) for x in lines])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_a_curve_is_not_called_a_line():
    assert float(planted(0, bend=1e-5).sel(strain_constant="C11")["strain_line_p_value"]) < 1e-6


def test_unknown_constants_have_no_line():
    one = planted(0).sel(strain_constant="l_ref")
    assert np.isnan(one["strain_line"]).all()
    assert np.isnan(one["strain_line_p_value"])


def test_stage_finds_the_constants_of_the_crystal_without_slopes():
    ds = schema.require(landau.run(planted_metad(), landau.Options(cutoff=0.2)), "landau")
    truth = [*Q, C[0, 0] / 1e9, C[0, 1] / 1e9, C[3, 3] / 1e9]
    value, slope = ds["strain_line"].values[1:].T
    error, of_slope = ds["strain_line_stderr"].values[1:].T
    assert (np.abs(value - truth) < 4 * error).all()
    assert (np.abs(slope) < 4 * of_slope).all()
    assert ds["strain_constant"].values.tolist() == list(CONSTANTS)
