"""First-order reversal curves and Preisach densities. SI units.

rho(Er, E) = -(1/2) d2P/dEr dE of the curves that begin at the reversal field Er (Pike, Roberts &
Verosub, J. Appl. Phys. 85, 6660 (1999)), positive for hysterons that switch up in rising fields;
coercivity (E - Er)/2 and bias (E + Er)/2 are the axes of the Preisach plane.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class ForcMap(NamedTuple):
    """The density on the grid of reversal fields and fields; NaN where E < Er."""

    reversal: Array  # (n,) V/m
    field: Array  # (m,) V/m
    density: Array  # (n, m) C/m^2 per (V/m)^2

    def total(self) -> float:
        """Return the polarization that the hysterons of the map switch, half of it, C/m^2."""
        area = abs(self.reversal[1] - self.reversal[0]) * abs(self.field[1] - self.field[0])
        return float(np.nansum(self.density) * area)

    def preisach(self, coercivity: ArrayLike, bias: ArrayLike) -> Array:
        """Return the density per (coercivity, bias), bilinear; zero outside.

        Both in V/m and of one shape; rho dEr dE = 2 rho d(coercivity) d(bias).
        """
        c, b = np.asarray(coercivity, float), np.asarray(bias, float)
        i = (b - c - self.reversal[0]) / (self.reversal[1] - self.reversal[0])
        j = (b + c - self.field[0]) / (self.field[1] - self.field[0])
        rho = np.nan_to_num(self.density)
        n, m = rho.shape
        inside = (i >= 0) & (i <= n - 1) & (j >= 0) & (j <= m - 1)
        i0 = np.clip(np.floor(i).astype(int), 0, n - 2)
        j0 = np.clip(np.floor(j).astype(int), 0, m - 2)
        u, v = i - i0, j - j0
        value = (1 - u) * ((1 - v) * rho[i0, j0] + v * rho[i0, j0 + 1])
        value += u * ((1 - v) * rho[i0 + 1, j0] + v * rho[i0 + 1, j0 + 1])
        return np.asarray(2 * np.where(inside, value, 0.0))


def forc_map(reversal: ArrayLike, field: ArrayLike, P: ArrayLike, half_width: int = 2) -> ForcMap:
    """Return the map of curves by local quadratic fits.

    Parameters
    ----------
    reversal : array, shape (n,)
        Reversal fields, V/m, equally spaced and rising.
    field : array, shape (m,)
        Fields, V/m, equally spaced and rising.
    P : array, shape (n, m)
        Polarization at each field of each curve, C/m^2; NaN where field < reversal.
    half_width : int
        The fit uses (2 half_width + 1)^2 points, as many of them as exist.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a spacing is not uniform and rising.
    """
    reversal, field, P = (np.asarray(x, float) for x in (reversal, field, P))
    if P.shape != (reversal.size, field.size):
        raise ValueError(
            f"P has shape {P.shape}, expected {(reversal.size, field.size)}: one row per reversal "
            "field, one column per field. Put the curves on a common grid of fields."
        )
    for name, axis in (("reversal", reversal), ("field", field)):
        step = np.diff(axis)
        if step.size == 0 or step[0] <= 0 or not np.allclose(step, step[0], rtol=1e-6):
            raise ValueError(
                f"{name} has steps from {step.min():.6g} to {step.max():.6g} V/m, expected equal "
                "and rising ones. Interpolate the curves."
            )
    w = half_width
    padded = np.pad(P, w, constant_values=np.nan)
    x, y = np.meshgrid(np.arange(-w, w + 1), np.arange(-w, w + 1), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    rho = np.full(P.shape, np.nan)
    for i, j in np.argwhere(np.isfinite(P)):
        patch = padded[i : i + 2 * w + 1, j : j + 2 * w + 1].ravel()
        known = np.isfinite(patch)
        if known.sum() >= 9:
            fit = np.linalg.lstsq(terms[known].astype(float), patch[known], rcond=None)[0]
            rho[i, j] = -0.5 * fit[4]
    unit = (reversal[1] - reversal[0]) * (field[1] - field[0])
    return ForcMap(reversal, field, rho / unit)


def curves_from_record(E: ArrayLike, P: ArrayLike, reversals: ArrayLike, field: ArrayLike) -> Array:
    """Return P of the reversal curves in a record of `waveforms.forc` on a grid of fields.

    Parameters
    ----------
    E, P : array, shape (time,)
        Field, V/m, and polarization, C/m^2.
    reversals : array, shape (n,)
        Reversal fields in the order in which the drive visits them, V/m.
    field : array, shape (m,)
        Fields of the grid, V/m.
    """
    E, P, field = (np.asarray(x, float) for x in (E, P, field))
    turns = np.flatnonzero((np.diff(E)[1:] > 0) & (np.diff(E)[:-1] <= 0)) + 1
    out = np.full((np.size(reversals), field.size), np.nan)
    for row, start in enumerate(turns[: len(out)]):
        rising = np.diff(E[start:]) > 0
        stop = start + (int(np.argmin(rising)) if not rising.all() else len(rising)) + 1
        e, p = E[start:stop], P[start:stop]
        known = (field >= e[0]) & (field <= e[-1])
        out[row, known] = np.interp(field[known], e, p)
    return out
