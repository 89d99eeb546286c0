"""A metad Dataset with known truth: Haun's free energy, a strain-coupled crystal, smooth errors."""

import numpy as np
import scipy.signal
import xarray as xr
from scipy import constants

from multiscale import landau, schema
from multiscale.units import J_PER_M3

Q = (0.089, -0.026, 0.0675)
C = landau.stiffness_from_compliance(8.0e-12, -2.5e-12, 9.0e-12)
LATTICE, CELLS, REFERENCE_STRAIN = 3.924, 8, 0.01
VOLUME = CELLS * (LATTICE * (1 + REFERENCE_STRAIN)) ** 3  # angstrom^3


def haun(T):
    return np.array([3.8e5 * (T - 752), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])


def planted_metad(
    temperatures=(600.0, 750.0, 900.0), axes="xyz", *, noise=1e6, samples=40, frames=400, seed=0
):
    """Return the Dataset; noise is the size of the errors of the surface in J/m^3."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(-0.96, 0.96, 17)
    P = np.zeros((*[17] * len(axes), 3))
    mesh = np.meshgrid(*[grid] * len(axes), indexing="ij")
    for axis, values in zip(axes, mesh, strict=True):
        P[..., "xyz".index(axis)] = values
    surfaces = [_surfaces(P, T, noise, samples, rng) for T in temperatures]
    runs = [_run(T, frames, rng) for T in temperatures]
    dims = ("temperature", *(f"p{a}" for a in axes))
    frame = ("temperature", "walker", "time")
    scalars = np.zeros((len(temperatures), 4, frames))
    strain = np.array([strain for _, strain in runs])
    ds = xr.Dataset(
        {
            "free_energy": (dims, np.array([f for f, _ in surfaces])),
            "free_energy_stderr": (dims, np.array([s.std(axis=0) for _, s in surfaces])),
            "free_energy_sample": (("sample", *dims), np.stack([s for _, s in surfaces], 1)),
            "volume": ("temperature", np.full(len(temperatures), VOLUME)),
            "polarization": ((*frame, "axis"), np.array([p for p, _ in runs])),
            "strain": ((*frame, "voigt"), strain),
            "cell": ((*frame, "axis", "axis_b"), 2 * LATTICE * _deformation(strain)),
            "stress": ((*frame, "voigt"), np.zeros((*scalars.shape, 6))),
            **{
                name: (frame, scalars)
                for name in ("potential_energy", "kinetic_temperature", "bias", "log_weight")
            },
        },
        coords={
            "temperature": list(temperatures),
            "time": np.arange(frames) * 0.02,
            **{d: grid for d in dims[1:]},
        },
        attrs={"formula_units": CELLS, "definition": "planted", "reference_structure": "cubic"},
    )
    return schema.finish("metad", ds)


def _surfaces(P, T, noise, samples, rng):
    """Return a surface with smooth errors (NaN where nobody went) and samples of it."""
    f = landau.free_energy(P, haun(T))
    basis = landau.invariants(P, 8) / 0.9 ** np.array([2, 4, 4, 6, 6, 6, 8, 8, 8, 8])

    def error():
        return noise * basis[..., :6] @ rng.standard_normal(6)

    estimate = f - f.min() + error()
    estimate -= estimate.min()
    visited = estimate < 0.25 * J_PER_M3 * CELLS / VOLUME
    estimate = np.where(visited, estimate, np.nan)
    return estimate, np.array([estimate + error() for _ in range(samples)])


def _run(T, frames, rng):
    """Return P (walker, time, axis) and strain (walker, time, voigt), autocorrelated."""
    P = 0.4 * _smooth(rng, 0.98, frames, 3)
    root = np.linalg.cholesky(constants.k * T / (VOLUME * 1e-30) * np.linalg.inv(C))
    products = np.concatenate([P**2, P[..., [1, 0, 0]] * P[..., [2, 2, 1]]], axis=-1)
    own = products @ landau.cubic_matrix(*Q).T + _smooth(rng, 0.8, frames, 6) @ root.T
    strain = own * (1 + REFERENCE_STRAIN)
    strain[..., :3] += REFERENCE_STRAIN
    return P, strain


def _smooth(rng, rho, frames, components):
    noise = rng.standard_normal((4, frames + 300, components))
    return scipy.signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)[:, 300:]


def _deformation(e):
    xx, yy, zz, yz, xz, xy = np.moveaxis(e, -1, 0)
    rows = [[1 + xx, xy / 2, xz / 2], [xy / 2, 1 + yy, yz / 2], [xz / 2, yz / 2, 1 + zz]]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))
