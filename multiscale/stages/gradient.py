"""An md Dataset with local polarization -> gradient energy from its long waves."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import constants

from multiscale import schema
from multiscale.landau import Waves, fit_gradient, gradient_matrix, polarization_waves
from multiscale.landau.branches import branches
from multiscale.landau.gradient import Axes, GradientFit
from multiscale.units import EPSILON0

Array = NDArray[np.float64]
Polar = Literal["none", "x", "y", "z"]

_DIRECTIONS = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
CONSTANTS = ("G11", "G12", "G44", "G44_prime")


def run(
    md: xr.Dataset,
    *,
    k_max: float | None = None,
    polar: Polar = "none",
    background_permittivity: float | None = None,
    quartic: bool = False,
    seed: int = 0,
) -> xr.Dataset:
    """-> gradient, inverse_permittivity, depolarization with errors, stiffness of each wave.

    Parameters
    ----------
    md : Dataset
        Output of stage md with `local_polarization`.
    k_max : float, optional
        Longest wave vector, 1/m; by default 2.1 times the smallest of the box.
    polar : str
        Axis of the polarization of a tetragonal single domain; none in the cubic phase.
    background_permittivity : float, optional
        eps_b, if it is known; else the depolarization is fitted.
    quartic : bool
        Fit terms of fourth order in k too.
    seed : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If md has no local polarization, or too few or too short waves.
    """
    md = schema.require(md, "md")
    if "local_polarization" not in md:
        raise ValueError(
            "the md Dataset has no local_polarization, expected the polarization of each cell. Run "
            'stage md with record = ["local_polarization"].'
        )
    parts, axes = [], _axes(polar)
    D = None if background_permittivity is None else 1 / (EPSILON0 * background_permittivity)
    for T in md["temperature"].values:
        waves = _waves(md.sel(temperature=T), k_max)
        kT = constants.k * float(T)
        fit = fit_gradient(waves, kT, axes=axes, depolarization=D, quartic=quartic, seed=seed)
        parts.append(_doubts(_packed(float(T), waves, fit, axes, kT), waves, fit))
    count = max(part.sizes["wave"] for part in parts)
    parts = [part.pad(wave=(0, count - part.sizes["wave"])) for part in parts]
    ds = schema.concat(parts) if len(parts) > 1 else parts[0]
    return schema.finish("gradient", ds.assign_attrs(polar=polar, quartic=int(quartic)))


def _axes(polar: Polar) -> Axes:
    """Return the axes of equal stiffness."""
    if polar == "none":
        return ((0, 1, 2),)
    along = "xyz".index(polar)
    across = tuple(axis for axis in range(3) if axis != along)
    return (across, (along,))


def _waves(one: xr.Dataset, k_max: float | None) -> Waves:
    """Return the long waves of one temperature; a nearly cubic cell counts as cubic."""
    P = one["local_polarization"].transpose("walker", "time", "cell_x", "cell_y", "cell_z", "axis")
    cells = np.array(P.shape[2:5])
    edges = 1e-10 * np.diagonal(one["cell"].mean(("walker", "time")).values) / cells
    if np.ptp(edges) < 0.01 * edges.mean():
        edges = np.full(3, edges.mean())
    smallest = 2 * np.pi / (edges * cells).max()
    limit = 2.1 * smallest if k_max is None else k_max
    return polarization_waves(P.values, edges, limit, three_directions=bool(np.ptp(edges) == 0))


def _packed(T: float, waves: Waves, fit: GradientFit, axes: Axes, kT: float) -> xr.Dataset:
    """Return the constants and the waves of one temperature."""
    of_axis = [fit.of(_name(axes, axis)) for axis in range(3)]
    D, terms = fit.of("D"), ("temperature", "gradient_term")
    data: dict[str, Any] = {
        "gradient": (terms, fit.gradient[None]),
        "gradient_stderr": (terms, fit.gradient_samples.std(axis=0, ddof=1)[None]),
        "gradient_sample": (("sample", *terms), fit.gradient_samples[:, None]),
        "depolarization": ("temperature", [D[0]]),
        "depolarization_stderr": ("temperature", [D[1]]),
        "wave_vector": (("temperature", "wave", "axis"), waves.wave_vector[None]),
    }
    for end, column in (("", 0), ("_stderr", 1)):
        values = [[each[column] for each in of_axis]]
        data[f"inverse_permittivity{end}"] = (("temperature", "axis"), values)
    for kind, branch in zip(("longitudinal", "transverse"), branches(waves, fit, kT), strict=True):
        for end, x in zip(("", "_stderr", "_model"), branch, strict=True):
            data[f"{kind}_stiffness{end}"] = (("temperature", "wave"), x[None])
    return xr.Dataset(data, coords={"temperature": [T], "gradient_term": list(CONSTANTS)})


def _name(axes: Axes, axis: int) -> str:
    group = next(i for i, members in enumerate(axes) if axis in members)
    return "A" if len(axes) == 1 else f"A{group}"


def _doubts(ds: xr.Dataset, waves: Waves, fit: GradientFit) -> xr.Dataset:
    """Is the run long against the slowest wave, does the model fit, is the crystal stable?"""
    at = f"at {float(ds['temperature'][0]):g} K"
    length = waves.block_inefficiencies
    ds = schema.add_trust(
        ds, f"blocks of the waves {at}", length,
        expected="at least 5 inefficiencies of the slowest wave", ok=length >= 5,
        message="Blocks of the bootstrap remember each other: errors are too small. Run longer.",
    )  # fmt: skip
    worst = float((fit.misfit**2).mean())
    ds = schema.add_trust(
        ds, f"misfit of the waves {at}", worst, expected="mean square below 2 errors", ok=worst < 2,
        message="The waves are not those of the model: a polar domain needs polar, a k_max that "
        "is too large quartic, and several domains cannot be fitted.",
    )  # fmt: skip
    weakest = min(np.linalg.eigvalsh(gradient_matrix(n, fit.gradient)).min() for n in _DIRECTIONS)
    ds = schema.add_trust(
        ds, f"gradient energy of all waves {at}", float(weakest), expected="positive, J*m^3/C^2",
        ok=weakest > 0,
        message="Longitudinal waves soften with k, as those of discrete dipoles do. Use the "
        "constants only with the depolarization beside them and no finer than the lattice.",
    )  # fmt: skip
    smallest = float(ds["inverse_permittivity"].min())
    return schema.add_trust(
        ds, f"stiffness of uniform P {at}", smallest, expected="positive, V*m/C", ok=smallest > 0,
        message="Extrapolated to k = 0 the crystal would not resist: it is at a transition, or "
        "k_max is too large.",
    )  # fmt: skip
