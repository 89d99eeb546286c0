"""Reference cell, electrostriction and stiffness as straight lines in temperature, with errors."""

import numpy as np
import statsmodels.api as sm
import xarray as xr
from scipy.stats import chi2

from multiscale.landau.polynomials import Array

CONSTANTS = ("l_ref", "Q11", "Q12", "Q44", "C11", "C12", "C44")
"""In angstrom, m^4/C^2 and GPa."""
_PLACES = {"11": (0, 0), "12": (0, 1), "44": (3, 3)}
_NAMES = {"Q": "electrostriction", "C": "stiffness"}


def with_strain_laws(ds: xr.Dataset) -> xr.Dataset:
    """Return ds with a line in T through each strain constant: value at the mean T, slope, p-value.

    Weighted least squares with the errors of each temperature. Constants that are unknown at some
    temperature are NaN; so are p-values for two temperatures, which a line always meets.

    Parameters
    ----------
    ds : Dataset
        Of stage landau, with strain constants and their errors at each temperature.
    """
    T = ds["temperature"].values
    if len(T) < 2:
        return ds
    lines = [_line(T, *_values(ds, name)) for name in CONSTANTS]
    values, errors, p = (np.array(column) for column in zip(*lines, strict=True))
    dims = ("strain_constant", "line_part")
    return ds.assign(
        strain_line=(dims, values),
        strain_line_stderr=(dims, errors),
        strain_line_p_value=("strain_constant", p),
        strain_line_temperature=((), float(T.mean())),
    ).assign_coords(strain_constant=list(CONSTANTS), line_part=["value", "slope"])


def _values(ds: xr.Dataset, name: str) -> tuple[Array, Array]:
    """Return the values (n,) of a constant at each temperature, and their errors."""
    if name == "l_ref":
        return ds["reference_cell"].values[:, 0], ds["reference_cell_stderr"].values[:, 0]
    variable, (i, j) = _NAMES[name[0]], _PLACES[name[1:]]
    return ds[variable].values[:, i, j], ds[f"{variable}_stderr"].values[:, i, j]


def _line(T: Array, y: Array, error: Array) -> tuple[Array, Array, float]:
    """Return (value at mean T, slope), their errors, and the p-value of the line."""
    known = bool(np.isfinite(y).all() and np.isfinite(error).all() and (error > 0).all())
    if not known:
        return np.full(2, np.nan), np.full(2, np.nan), np.nan
    X = sm.add_constant(T - T.mean())
    fit = sm.WLS(y, X, weights=error**-2.0).fit(cov_type="fixed scale")
    square = float((((y - fit.fittedvalues) / error) ** 2).sum())
    p = float(chi2.sf(square, len(T) - 2)) if len(T) > 2 else np.nan
    return np.asarray(fit.params), np.asarray(fit.bse), p
