"""A fit for Ferret and OpenFerro: the same numbers as its record has, what is unknown said."""

import sys
import types

import numpy as np
import pytest
import xarray as xr
from test_export_record import HAUN, block

from multiscale import landau
from multiscale.pipeline.export import FORMATS


def fit(**changes):
    """Return the fit whose coefficients, stiffness and electrostriction are those of a record."""
    stiffness, Q = HAUN.elastic.matrix(), HAUN.electrostriction.matrix()
    parts = {"coefficient": HAUN.landau.array(298.0), "stiffness": stiffness, "electrostriction": Q}
    dims = {"coefficient": ("term",)}
    return xr.Dataset(
        {
            name: (("temperature", *dims.get(name, ("voigt", "voigt_b"))), np.array(value)[None])
            for name, value in (parts | changes).items()
        },
        coords={"temperature": [298.0], "term": list(landau.TERMS)},
    )


def export(form, ds):
    return FORMATS[form][1](ds, 298.0)


def test_ferret_gets_coefficients_stiffness_and_tensor_shear():
    text = export("ferret", fit())
    a = HAUN.landau.at(298.0)
    assert block(text, "Landau_P")["alpha112"] == pytest.approx(a["a112"] * 1e-9)
    assert block(text, "mat_C") == pytest.approx({"C11": 174.6, "C12": 79.4, "C44": 111.1})
    assert block(text, "mat_Q") == pytest.approx({"Q11": 0.089, "Q12": -0.026, "Q44": 0.03375})
    stiff = HAUN.elastic.matrix()
    stiff[3, 3] = np.nan
    text = export("ferret", fit(stiffness=stiff))
    assert "stiffness: shear is not determined" in text
    assert "mat_C" not in text


def test_openferro_gets_the_energy_of_the_fit(monkeypatch):
    jax = types.ModuleType("jax")
    jax.numpy = np
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setitem(sys.modules, "jax.numpy", np)
    names = {}
    exec(compile(export("openferro", fit()), "engine", "exec"), names)
    P = np.array([0.05, -0.2, 0.22])
    found = names["landau_energy"](np.broadcast_to(P, (2, 2, 2, 3)), names["parameters"](4.0))
    joule = 8 * 64e-30 * landau.free_energy(P, HAUN.landau.array(298.0))
    assert found == pytest.approx(joule / 1.602176634e-19, rel=1e-9)


@pytest.mark.parametrize("form", ["ferret", "ferrox", "openferro"])
def test_unknown_coefficients_are_refused(form):
    a = HAUN.landau.array(298.0)
    a[5] = np.nan
    with pytest.raises(ValueError, match=r"a123 are not determined at 298 K.*Bias three"):
        export(form, fit(coefficient=a))
