"""Free energies without a bias: the histogram of P, and the equation of state E(P)."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling, schema, units
from multiscale.stages.options import millikelvin, stream

Array = NDArray[np.float64]
GRID = ("px", "py", "pz", "along")


def histogram(
    md: xr.Dataset, like: xr.Dataset, *, blocks: int = 4, n_samples: int = 64, seed: int = 0
) -> xr.Dataset:
    """-> free_energy on the grid of another Dataset, from the unbiased distribution of P.

    Only what the run crossed freely is right: above the transition, or in a cell so small that it
    switches by itself.

    Parameters
    ----------
    md : Dataset
        Of stage md, in no field.
    like : Dataset
        With free_energy, whose dimensions and points are used.
    blocks : int
        Pieces of each walker for the bootstrap.
    n_samples, seed : int
        Of the bootstrap.

    Raises
    ------
    ValueError
        If md is not a run of P without a field, or like has a line as its grid.
    """
    md = schema.require(md, "md")
    names = [n for n in GRID if n in like["free_energy"].dims]
    if names == ["along"]:
        raise ValueError(
            "the free energy is given along a line with all components held, expected the "
            "distribution of one to three components. Compare with a run of axes = 'x', 'y' or 'z'."
        )
    if (np.abs(md["electric_field"].values) > 0).any():
        raise ValueError(
            "the md run is in an electric field, expected none for a histogram of P. "
            "Run it without."
        )
    axes = tuple(like[n].values for n in names)
    components = ["xyz".index(n[1]) for n in names]
    parts = []
    for i, T in enumerate(md["temperature"].values):
        P = md["polarization"].values[i][..., components]
        n_walkers, n_frames, _ = P.shape
        generator = stream(seed, millikelvin(float(T)))
        pieces = max(blocks, -(-sampling.FEWEST_BLOCKS // n_walkers))
        surface = sampling.free_energy_by_reweighting(
            P.reshape(-1, len(names)),
            np.zeros(n_walkers * n_frames),
            sampling.blocks_of(n_walkers, n_frames, pieces).ravel(),
            axes,
            units.KB * float(T),
            bootstrap=sampling.bootstrap_weights(n_samples, n_walkers * pieces, generator),
        )
        volume = float(np.abs(np.linalg.det(md["cell"].values[i])).mean())
        parts.append(
            _pack(names, axes, float(T), surface.free_energy, surface.sample, volume, md.attrs)
        )
    return schema.concat(parts) if len(parts) > 1 else parts[0]


def equation_of_state(
    runs: Sequence[xr.Dataset], axis: str = "z", *, bins: int = 41, blocks: int = 8,
    n_samples: int = 64, seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """-> free_energy(temperature, p<axis>) from <P> in constant fields: E(P) = dG/dP integrated.

    At constant field the average of dG/dP is the field itself, so that the runs are windows
    without a spring. States that no field makes stable, those between two wells, are not reached
    below the transition: use stage mean_force there.

    Parameters
    ----------
    runs : sequence of Dataset
        At least five of stage md, of the same crystal, in different static fields along axis.
    axis : "x", "y" or "z"
        Component of field and P.
    bins : int
        Points between the outermost mean polarizations.
    blocks, n_samples, seed : int
        Pieces of each run, and the bootstrap.

    Raises
    ------
    ValueError
        If there are too few runs, or a field varies or points elsewhere.
    """
    a = "xyz".index(axis)
    runs = sorted((schema.require(r, "md") for r in runs), key=lambda r: _field_along(r, a))
    fields = np.array([_field_along(run, a) for run in runs])
    parts = []
    for T in runs[0]["temperature"].values:
        generator = stream(seed, millikelvin(float(T)))
        each = [run.sel(temperature=T) for run in runs]
        volume = float(np.mean([np.abs(np.linalg.det(r["cell"].values)).mean() for r in each]))
        values = np.concatenate([r["polarization"].values[..., [a]] for r in each])
        walkers = np.array([r.sizes["walker"] for r in each])
        pull = np.repeat(fields, walkers)[:, None] * volume / units.J_PER_M3
        weights = np.stack(
            [sampling.bootstrap_weights(n_samples, blocks, generator) for _ in values], axis=1
        )
        block = np.arange(values.shape[1]) * blocks // values.shape[1]
        windows = sampling.sampled_windows(values, block, weights, pull, units.KB * float(T))
        grid = np.linspace(windows.mean.min(), windows.mean.max(), bins)
        found = sampling.integrate(windows, (len(runs),), (grid,))
        parts.append(
            _pack([f"p{axis}"], (grid,), float(T), found.free_energy, found.sample, volume,
                  runs[0].attrs)
        )  # fmt: skip
    return schema.concat(parts) if len(parts) > 1 else parts[0]


def _field_along(run: xr.Dataset, a: int) -> float:
    field = run["electric_field"].values
    if np.ptp(field, axis=0).any() or np.delete(field[0], a).any():
        raise ValueError(
            f"the electric field is {field[0].tolist()} V/m at first and varies or points off "
            f"{'xyz'[a]}, expected a static one along it. Leave this run out."
        )
    return float(field[0, a])


def _pack(
    names: Sequence[str],
    axes: tuple[Array, ...],
    T: float,
    f: Array,
    sample: Array,
    volume: float,
    attrs: dict[str, object],
) -> xr.Dataset:
    """Return free energies in eV as a Dataset of densities."""
    density = units.J_PER_M3 / volume
    dims = ("temperature", *names)
    error = np.sqrt(np.mean((sample - f) ** 2, axis=0))
    ds = xr.Dataset(
        {
            "free_energy": (dims, density * f[None], {"units": "J/m^3"}),
            "free_energy_stderr": (dims, density * error[None], {"units": "J/m^3"}),
            "free_energy_sample": (
                ("sample", *dims), density * sample[:, None], {"units": "J/m^3"},
            ),
            "volume": ("temperature", [volume], {"units": "angstrom^3"}),
        },
        coords={"temperature": [T]} | dict(zip(names, axes, strict=True)),
    )  # fmt: skip
    known = ("formula_units", "definition", "reference_structure", "potential")
    return ds.assign_attrs({k: v for k, v in attrs.items() if k in known})
