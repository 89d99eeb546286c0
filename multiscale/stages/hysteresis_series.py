"""Laws of the coercive field in frequency, fitted to the loops of each temperature and size.

Power law E_c = A f^b (Ishibashi & Orihara, Integr. Ferroelectr. 9, 57 (1995)), walls of Merz
velocity in a triangle (closed form of section 5d), and the dimension d of growth from the collapse
X = f^-d Phi(E) of the switched fraction (Orihara, Hashimoto & Ishibashi, JPSJ 63, 1031 (1994)).
Loops that did not switch enter by what they say: E_c is above their amplitude.
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.mesoscale.growth import (
    cyclic_exponent,
    fit_frequency_law,
    power_law,
    wall_law,
)

Array = NDArray[np.float64]
MODEL_ERROR = 0.01  # relative, of a law; beside the statistical error of each loop
LEVELS = np.linspace(0.02, 0.98, 385)  # of the amplitude, where branches are compared


def add_series(ds: xr.Dataset) -> xr.Dataset:
    """Return ds with fits of E_c(f), one `series` a temperature and size, where they are possible.

    Three frequencies at least, of which two switched.
    """
    sizes = ds["half_length"].values if "half_length" in ds else np.zeros(ds.sizes["loop"])
    keys = list(zip(ds["temperature"].values.tolist(), np.nan_to_num(sizes).tolist(), strict=True))
    groups = [np.array([i for i, k in enumerate(keys) if k == key]) for key in dict.fromkeys(keys)]
    rows = [(group, _fits(ds.isel(loop=group))) for group in groups if _enough(ds, group)]
    if not rows:
        return ds
    units = {
        "series_temperature": "K", "series_half_length": "m", "power_law_exponent": "1",
        "power_law_prefactor": "V/m", "merz_rate": "1/s", "merz_activation_field": "V/m",
        "growth_dimension": "1",
    }  # fmt: skip
    names = dict.fromkeys(name for _, row in rows for name in row)
    for name in names:
        unit = units.get(name.removesuffix("_stderr"), "1")
        values = [row.get(name, np.nan) for _, row in rows]
        ds[name] = ("series", values, {"units": unit})
    return _judge(ds)


def _enough(ds: xr.Dataset, group: NDArray[np.int64]) -> bool:
    one = ds.isel(loop=group)
    frequencies = np.unique(one["frequency"].values)
    return bool(len(frequencies) >= 3 and np.isfinite(one["coercive_field"].values).sum() >= 2)


def _fits(one: xr.Dataset) -> dict[str, float]:
    """Return the constants of the laws; the power law's prefactor is E_c at 1 Hz."""
    f, E = one["frequency"].values, one["coercive_field"].values
    error = np.nan_to_num(one["coercive_field_stderr"].values)
    error = np.hypot(error, MODEL_ERROR * np.nan_to_num(E, nan=1.0))
    top = one["amplitude"].values
    seen = np.isfinite(E)
    out = {"series_temperature": float(one["temperature"][0])}
    if "half_length" in one:
        out["series_half_length"] = float(one["half_length"][0])

    def fit(law: Callable[[Array, Array], Array], start: Array) -> tuple[Array, Array, float]:
        found = fit_frequency_law(law, start, f, E, error, top)
        return found.parameters, found.stderr, found.chi2

    b = np.polyfit(np.log(f[seen]), np.log(E[seen]), 1)[0] if seen.sum() > 1 else 0.1
    b = max(float(b), 1e-3)
    A = float(np.exp(np.mean(np.log(E[seen]) - b * np.log(f[seen]))))
    p, s, chi2 = fit(power_law, np.array([A, b]))
    out |= {"power_law_prefactor": p[0], "power_law_prefactor_stderr": s[0]}
    out |= {"power_law_exponent": p[1], "power_law_exponent_stderr": s[1], "power_law_chi2": chi2}
    if one.attrs.get("waveform") == "triangle":
        start = np.array([100 * f.max(), 3 * float(E[seen].mean())])
        p, s, chi2 = fit(wall_law(float(top.max())), start)
        out |= {"merz_rate": p[0], "merz_rate_stderr": s[0], "merz_chi2": chi2}
        out |= {"merz_activation_field": p[1], "merz_activation_field_stderr": s[1]}
    out["growth_dimension"] = growth_dimension(one)
    return out


def growth_dimension(one: xr.Dataset) -> float:
    """Return the median d of X = f^-d Phi(E) over neighbouring frequencies; NaN without overlap.

    Rising branches of the last cycles, where both fractions are between 0.02 and 0.98.
    """
    E, P, f = one["electric_field"].values, _along(one), one["frequency"].values
    period = round(E.shape[1] / max(1.0, float(one["elapsed"][0, -1]) * 1e-12 * f[0]))
    levels = LEVELS * float(one["amplitude"].values.min())
    last = zip(E[:, -period - 1 :], P[:, -period - 1 :], strict=True)
    phi = np.array([_fraction(e, p, levels) for e, p in last])
    phi = np.where((phi > 0.02) & (phi < 0.98), phi, np.nan)
    order = np.argsort(f)
    pairs = [order[i : i + 2] for i in range(len(f) - 1) if f[order[i + 1]] > f[order[i]]]
    d = np.concatenate([cyclic_exponent(f[pair], phi[pair]) for pair in pairs])
    return float(np.median(d[np.isfinite(d)])) if np.isfinite(d).any() else np.nan


def _fraction(E: Array, P: Array, levels: Array) -> Array:
    """Return the switched fraction at fields on the rising branch, from the lowest field on.

    E and P of a cycle that begins at zero field; the branch runs over the cycle's end.
    """
    low = int(np.argmin(E))
    e, p = np.roll(E[:-1], -low), np.roll(P[:-1], -low)
    top = int(np.argmax(e))
    return np.asarray(0.5 * (1 + np.interp(levels, e[: top + 1], p[: top + 1] / np.abs(P).max())))


def _along(ds: xr.Dataset) -> Array:
    n = np.asarray(ds.attrs.get("direction", (0.0, 0.0, 1.0)), float)
    return np.asarray(
        ds["polarization"].transpose("loop", "time", "axis").values @ (n / np.linalg.norm(n))
    )


def _judge(ds: xr.Dataset) -> xr.Dataset:
    """Add which law describes the loops."""
    if "merz_chi2" not in ds:
        return ds
    for i, T in enumerate(ds["series_temperature"].values):
        ratio = float(ds["merz_chi2"][i]) / max(float(ds["power_law_chi2"][i]), 1e-300)
        better = "Merz walls" if ratio < 1 else "a power law"
        ds = schema.add_trust(
            ds, f"law of E_c(f) {i} at {T:g} K: chi2 of Merz over that of the power law", ratio,
            expected="a number", ok=bool(np.isfinite(ratio)),
            message=f"E_c(f) is better described by {better}; a ratio near 1 cannot tell.",
        )  # fmt: skip
    return ds
