"""Strain coupling of a cubic ferroelectric from a (biased) constant-pressure run.

F(P, eta) = V [G(P) + 1/2 (eta - Z Q)^T C (eta - Z Q)], Q the quadratic products of P. A bias acts
on the polarization alone, so the distribution of the strain at given P is that of the unbiased
crystal: a normal law with mean l + Z Q and covariance (kT/V) C^-1. Regression of the strain on Q
therefore gives the reference cell l and the electrostriction Z, and the residual covariance gives
the stiffness C, without any reweighting. P must be the very variable that was biased, mu/V with
the volume of the same frame: given mu/<V> instead, the strain is no longer distributed so.

In cubic symmetry the volume strain, the deviatoric strain and the shears have independent
residuals, so three scalar regressions are the efficient generalised least squares.
Voigt order xx yy zz yz xz xy, engineering shear; SI units.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array
from multiscale.landau.strain_blocks import blocks_per_walker, checked, inefficiency

NAMES = ("reference_strain", "Q11", "Q12", "Q44", "C11", "C12", "C44")
"""Order of the parameters in StrainCoupling.samples and .stderr."""


@dataclass(frozen=True)
class StrainCoupling:
    """Cubic strain coupling; strain is counted from the unpolarized cell at this temperature."""

    reference_strain: (
        float  # strain of the unpolarized cell from the cell the input is counted from
    )
    Q11: float  # m^4/C^2
    Q12: float
    Q44: float  # engineering: eta_yz = Q44 Py Pz; NaN for a run without shear
    C11: float  # Pa, isothermal, at fixed P
    C12: float
    C44: float
    samples: Array  # (n_samples, 7), block bootstrap, order of NAMES
    blocks: int  # number of blocks over all walkers
    block_inefficiencies: float  # length of a block in statistical inefficiencies of the strain

    @property
    def stderr(self) -> Array:
        """Return the standard error of each of NAMES, (7,)."""
        return np.asarray(self.samples.std(axis=0, ddof=1))

    @property
    def electrostriction(self) -> Array:
        """Return Z (6, 6), m^4/C^2: rows are strains, columns xx yy zz yz xz xy products of P."""
        return cubic_matrix(self.Q11, self.Q12, self.Q44)

    @property
    def stiffness(self) -> Array:
        """Return C (6, 6), Pa."""
        return cubic_matrix(self.C11, self.C12, self.C44)


class _Channel(NamedTuple):
    """One scalar regression y = x . beta + noise; several components share beta."""

    x: Array  # (walker, time, component, parameter)
    y: Array  # (walker, time, component)


def cubic_matrix(c11: float, c12: float, c44: float) -> Array:
    """Return the (6, 6) Voigt matrix of three cubic constants, in their unit."""
    M = np.zeros((6, 6))
    M[:3, :3] = c12
    M[range(3), range(3)] = c11
    M[range(3, 6), range(3, 6)] = c44
    return M


def fit_strain_coupling(
    P: ArrayLike,
    strain: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    kT: float,
    volume: float,
    n_samples: int = 200,
    seed: int = 0,
) -> StrainCoupling:
    """Fit reference cell, electrostriction and stiffness to a run at constant pressure.

    The stiffness is corrected for the fitted parameters and for the finite number of independent
    frames (the mean of an inverse variance exceeds the inverse of the mean). Errors come from a
    bootstrap over blocks of time of all walkers.

    Parameters
    ----------
    P : array, shape (walker, time, 3)
        Polarization mu/V of each frame, C/m^2.
    strain : array, shape (walker, time, 6)
        Strain of the supercell in the same frames, from any fixed cubic cell; engineering shear.
        Shears that are all zero (an orthorhombic run) give NaN for Q44 and C44.
    weights : array, shape (walker, time), optional
        Weights of the frames. A bias on P needs none.
    kT : float
        J.
    volume : float
        Mean volume of the supercell, m^3.
    n_samples : int
        Number of bootstrap samples.
    seed : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        For shapes that do not fit, values that are not finite, fewer than 20 frames, or a strain
        that does not fluctuate (a run at constant volume).
    """
    P, strain, w = checked(P, strain, weights)
    channels = _channels(P, strain)
    g = [inefficiency(_residual(channel, w)) for channel in channels]
    m = blocks_per_walker(P.shape[0], P.shape[1], max(memory for memory, _ in g))
    central = _parameters([_sums(c, w, 1).sum(axis=0)[None] for c in channels], g, kT / volume)[0]
    samples = _bootstrap([_sums(c, w, m) for c in channels], g, kT / volume, n_samples, seed)
    n_blocks = m * P.shape[0]
    spread = np.sqrt(n_blocks / max(n_blocks - 1, 1))  # a bootstrap of few blocks is too narrow
    reference, Q11, Q12, Q44, C11, C12, C44 = central.tolist()
    return StrainCoupling(
        reference_strain=reference,
        Q11=Q11,
        Q12=Q12,
        Q44=Q44,
        C11=C11,
        C12=C12,
        C44=C44,
        samples=central + spread * (samples - central),
        blocks=n_blocks,
        block_inefficiencies=P.shape[1] / m / max(memory for memory, _ in g),
    )


def reference_volume(cell: ArrayLike, strain: ArrayLike) -> float:
    """Return the volume of the cell from which strains are counted.

    cell (..., 3, 3), lattice vectors in rows; strain (..., 6), the symmetric part of F - 1 in the
    same frames. The median over the frames is taken: an antisymmetric part of F, which strain does
    not tell, changes the volume at second order.
    """
    xx, yy, zz, yz, xz, xy = np.moveaxis(np.asarray(strain, dtype=np.float64), -1, 0)
    # Determinant of 1 + strain; off-diagonal components are half the engineering shear.
    x, y, z = 1 + xx, 1 + yy, 1 + zz
    stretch = x * y * z + (yz * xz * xy - x * yz**2 - y * xz**2 - z * xy**2) / 4
    return float(np.median(np.abs(np.linalg.det(np.asarray(cell))) / stretch))


def _channels(P: Array, strain: Array) -> list[_Channel]:
    """Return the volume, deviatoric and (if there is shear) shear regressions."""
    squares = P**2
    total = squares.sum(axis=-1, keepdims=True)
    trace = strain[..., :3].sum(axis=-1, keepdims=True)
    out = [
        _Channel(np.stack([np.full_like(total, 3.0), total], axis=-1), trace),
        # Two orthonormal components span the deviators, so that none is counted twice.
        _Channel((squares @ _DEVIATORS)[..., None], strain[..., :3] @ _DEVIATORS),
    ]
    if strain[..., 3:].any():
        products = P[..., [1, 0, 0]] * P[..., [2, 2, 1]]
        out.append(_Channel(products[..., None], strain[..., 3:]))
    return out


_DEVIATORS = np.array([[1, -1, 0], [1, 1, -2]]).T / np.sqrt([2.0, 6.0])


def _residual(channel: _Channel, w: Array) -> Array:
    """Return the residual of statsmodels' weighted regression, (walker, time, component)."""
    weights = np.broadcast_to(w[..., None], channel.y.shape).ravel()
    x = channel.x.reshape(-1, channel.x.shape[-1])
    resid = sm.WLS(channel.y.ravel(), x, weights=weights).fit().resid
    return np.asarray(resid).reshape(channel.y.shape)


def _sums(channel: _Channel, w: Array, m: int) -> Array:
    """Return the moment matrix of (x, y) in each of m blocks of each walker, with the count.

    Shape (walker * m, k + 2, k + 2): weighted sums of (x, y) (x, y)^T in the upper left corner,
    the number of frames times components in the last entry.
    """
    z = np.concatenate([channel.x, channel.y[..., None]], axis=-1)
    k = z.shape[-1]
    edges = np.linspace(0, z.shape[1], m + 1).round().astype(int)
    out = np.zeros((m, z.shape[0], k + 1, k + 1))
    for block, (start, stop) in enumerate(pairwise(edges)):
        part, weight = z[:, start:stop], w[:, start:stop]
        out[block, :, :k, :k] = np.einsum("wtci,wtcj,wt->wij", part, part, weight, optimize=True)
        out[block, :, k, k] = weight.sum(axis=1) * z.shape[2]
    return out.reshape(-1, k + 1, k + 1)


def _parameters(sums: list[Array], g: list[tuple[float, float]], kT_per_volume: float) -> Array:
    """Return NAMES (n, 7) from the moment matrices (n, k + 1, k + 1) of each channel."""
    beta, modulus = [], []
    for moments, (_, of_square) in zip(sums, g, strict=True):
        k = moments.shape[-1] - 2
        xx, xy, yy = moments[:, :k, :k], moments[:, :k, k], moments[:, k, k]
        b = np.linalg.solve(xx, xy[..., None])[..., 0]
        n = moments[:, -1, -1]
        freedom = np.maximum(n / of_square - k, 3.0)
        variance = (yy - (b * xy).sum(axis=-1)) / n * (freedom + k) / freedom
        beta.append(b)
        modulus.append(kT_per_volume / variance * (freedom - 2) / freedom)
    nan = np.full(len(beta[0]), np.nan)
    shear, c44 = (beta[2][:, 0], modulus[2]) if len(sums) == 3 else (nan, nan)
    reference, volumetric, deviatoric = beta[0][:, 0], beta[0][:, 1], beta[1][:, 0]
    # The trace has variance 3 kT/V (S11 + 2 S12), each orthonormal deviator kT/V (S11 - S12).
    sum_c, difference_c = 3 * modulus[0], modulus[1]
    stretch = 1 + reference  # from the input's cell to the reference cell
    columns = [
        (volumetric + 2 * deviatoric) / 3 / stretch,
        (volumetric - deviatoric) / 3 / stretch,
        shear / stretch,
        (sum_c + 2 * difference_c) / 3 * stretch**2,
        (sum_c - difference_c) / 3 * stretch**2,
        c44 * stretch**2,
    ]
    return np.column_stack([reference, *columns])


def _bootstrap(
    sums: list[Array], g: list[tuple[float, float]], kT_per_volume: float, n: int, seed: int
) -> Array:
    """Return NAMES (n, 7) of n samples, each a draw of as many blocks as there are."""
    rng = np.random.default_rng(seed)
    m = len(sums[0])
    counts = rng.multinomial(m, np.full(m, 1 / m), size=n).astype(np.float64)
    drawn = [np.einsum("sb,bij->sij", counts, moments) for moments in sums]
    return _parameters(drawn, g, kT_per_volume)
