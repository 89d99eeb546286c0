"""Free energies over any collective variables: exact marginals, figures that name units."""

import numpy as np
import pytest
import xarray as xr

from multiscale import units
from multiscale.plotting import (
    free_energy_plane,
    free_energy_profiles,
    is_of_polarization,
)
from multiscale.plotting.variables import marginal

KT = units.KB * 300.0
VOLUME = 60.0


def surface(*names):
    """Return a free energy that is a sum of parabolas, one for each variable."""
    axes = {n: np.linspace(-1.0, 1.0, 41 + 2 * k) for k, n in enumerate(names)}
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    F = sum((k + 1) * 0.1 * x**2 for k, x in enumerate(mesh))
    density = xr.DataArray(
        F[None] * units.J_PER_M3 / VOLUME, dims=("temperature", *names),
        coords={**axes, "temperature": [300.0]},
    )  # fmt: skip
    ds = xr.Dataset({"free_energy": density, "volume": ("temperature", [VOLUME])})
    for name in names:
        ds[name].attrs = {"units": "1", "long_name": name.replace("_", " ")}
    return ds.assign_attrs(trust="[]", formula_units=1)


def test_marginals_of_independent_variables_are_their_own_free_energies():
    ds = surface("p_modulus", "strain_zz", "wall")
    for k, name in enumerate(("p_modulus", "strain_zz", "wall")):
        found = marginal(ds, name).values[0]
        assert np.allclose(found, (k + 1) * 0.1 * ds[name].values ** 2, atol=1e-9)


def test_unvisited_bins_stay_empty():
    ds = surface("sign", "wall")
    ds["free_energy"][0, :3] = np.nan
    found = marginal(ds, "sign").values[0]
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3:]).all()
    assert np.isfinite(marginal(ds, "wall").values).all()


def test_figures_name_variables_and_units():
    ds = surface("plane", "strain_zz")
    ds["plane"].attrs = {"units": "C/m^2", "long_name": "polarization of a plane of cells"}
    profiles, plane = free_energy_profiles(ds), free_energy_plane(ds)
    labels = [ax.get_xlabel() for ax in profiles.axes]
    assert labels == ["polarization of a plane of cells (C/m^2)", "strain zz"]
    assert plane.axes[0].get_ylabel() == "strain zz"
    drawn = profiles.axes[1].lines[0].get_ydata()
    assert np.allclose(drawn, 200 * ds["strain_zz"].values ** 2, atol=1e-6)  # meV


def test_a_map_of_one_variable_is_refused():
    with pytest.raises(ValueError, match="expected two for a map"):
        free_energy_plane(surface("wall"))


def test_polarization_is_told_from_other_variables():
    assert is_of_polarization(surface("px", "pz"))
    assert not is_of_polarization(surface("px", "strain_zz"))
