"""Memory on a lattice: an on-site kernel, or one with short-range correlations between cells.

m dv_i/dt = F_i - m sum_j int K_ij(s) v_j(t - s) ds + R_i, <R_i(t) R_j(0)> = m kT K_ij(t), the same
scalar for the three components. K_ij depends on the step between the cells only,

    K(k, t) = sum_a B_a(k)^2 g_a(t),   B_a(k) = sum_s b_as gamma_s(k),

with the atoms g_a >= 0 of `modes` and gamma_s(k) the sum of cos(k.R) over the s-th shell of
neighbours (gamma_0 = 1). Damping and noise have the same B, hence Re K(k, i w) >= 0 at every k and
the fluctuation-dissipation relation holds exactly: auxiliary fields live on the cells and couple
through finite stencils. B to shell s makes noise that reaches twice as far.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.modes import Network, kernel_at, network_of, passivity_margin, poles
from multiscale.gle.validation import Check
from multiscale.lattice.quadratic import wave_vectors

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Size = tuple[int, int, int]

SHELLS = ("on site", "first", "second", "third")


class LatticeKernel(NamedTuple):
    """A kernel of a lattice: poles of `modes.Network`, and couplings b of their atoms by shell."""

    rate: Array  # (k,) relaxations, 1/ps
    decay: Array  # (j,) oscillations, 1/ps
    frequency: Array  # (j,) 1/ps
    coupling: Array  # (k + 2 j, n_shells + 1): relaxations, g+, g-; 1/ps
    coupling_covariance: Array  # of coupling.ravel()
    mass: float  # eV ps^2/unit^2
    kT: float  # eV  # noqa: N815
    white: float = 0.0  # memoryless friction beside K, the same in every cell, 1/ps
    mass_stderr: float = 0.0
    samples: Array = np.zeros((0, 0))  # (n_bootstrap, n) refits of (log mass, poles, coupling)
    checks: tuple[Check, ...] = ()


def shell_sums(k: Array, n_shells: int) -> Array:
    """Return gamma_0 ... gamma_n at wave vectors (..., 3), shape (..., n_shells + 1)."""
    x, y, z = np.moveaxis(np.cos(k), -1, 0)
    sums = (np.ones_like(x), 2 * (x + y + z), 4 * (x * y + y * z + z * x), 8 * x * y * z)
    return np.stack(sums[: n_shells + 1], -1)


def on_site_kernel(
    rate: Complex, amplitude: Complex, *, mass: float, kT: float, white: float = 0.0
) -> LatticeKernel:
    """Return the lattice kernel that acts in every cell alike, K(t) = Re sum A exp(-rate t).

    Parameters
    ----------
    rate, amplitude : arrays (n_modes,), complex, 1/ps and 1/ps^2
    mass, kT, white : eV ps^2/unit^2, eV, 1/ps

    Raises
    ------
    ValueError
        If a mode grows or is not passive.
    """
    n = network_of(rate, amplitude)
    b = np.sqrt(np.concatenate([n.weight, n.plus, n.minus]))[:, None]
    zero = np.zeros((b.size, b.size))
    return LatticeKernel(n.rate, n.decay, n.frequency, b, zero, mass, kT, white)


def network_at(kernel: LatticeKernel, gamma: Array) -> Network:
    """Return the passive network at one wave vector with shell sums gamma (n_shells + 1,)."""
    weight = (kernel.coupling @ gamma) ** 2
    k, j = kernel.rate.size, kernel.decay.size
    c, plus, minus = np.split(weight, [k, k + j])
    return Network(c, kernel.rate, plus, minus, kernel.decay, kernel.frequency)


def kernel_between(kernel: LatticeKernel, lag: Array, steps: Array, grid: int = 8) -> Array:
    """Return K_ij(t) in 1/ps^2 at lags (n,) ps between cells a step (m, 3) apart, (m, n).

    Parameters
    ----------
    kernel : LatticeKernel
    lag : array (n,), ps
    steps : array (m, 3) of whole numbers
    grid : points of the Brillouin zone along each axis; more than twice the reach
    """
    k, gamma, weight = zone(kernel, grid)
    atoms = np.array(
        [kernel_at(*poles(unit_network(kernel, a)), lag) for a in range(len(kernel.coupling))]
    )
    squared = (gamma @ kernel.coupling.T) ** 2  # (n_k, n_atoms)
    phase = np.cos(steps @ k.T) * weight
    return np.asarray(phase @ squared @ atoms)


def friction_between(kernel: LatticeKernel, steps: Array, grid: int = 8) -> Array:
    """Return int_0^inf K_ij dt + white in 1/ps between cells a step (m, 3) apart, (m,)."""
    k, gamma, weight = zone(kernel, grid)
    each = np.array([_friction(unit_network(kernel, a)) for a in range(len(kernel.coupling))])
    total = (gamma @ kernel.coupling.T) ** 2 @ each + kernel.white
    return np.asarray(np.cos(steps @ k.T) * weight @ total)


def friction_samples(kernel: LatticeKernel, steps: Array) -> Array:
    """Return `friction_between` of the kernel's resamplings, (n_bootstrap, m): std is its error."""
    k, j, shape = kernel.rate.size, kernel.decay.size, kernel.coupling.shape
    found = []
    for sample in kernel.samples:
        _, rate, decay, frequency, b = np.split(sample, np.cumsum([1, k, j, j]))
        poles = {"rate": np.exp(rate), "decay": np.exp(decay), "frequency": np.exp(frequency)}
        found.append(friction_between(kernel._replace(**poles, coupling=b.reshape(shape)), steps))
    return np.array(found).reshape(len(kernel.samples), len(steps))


def lattice_passivity(kernel: LatticeKernel, grid: int = 8) -> float:
    """Return the least Re K(k, i w) in 1/ps over frequencies and a grid of wave vectors.

    Zero or more by construction; a number below says that the arithmetic failed.
    """
    _, gamma, _ = zone(kernel, grid)
    if not len(kernel.coupling):
        return kernel.white
    distinct = np.unique(gamma.round(9), axis=0)
    margins = [passivity_margin(*poles(network_at(kernel, g))) for g in distinct]
    return min(margins) + kernel.white


def zone(kernel: LatticeKernel, grid: int) -> tuple[Array, Array, Array]:
    """Return wave vectors (n, 3), their shell sums and weights (n,) that add up to one."""
    step = 2 * np.pi * np.arange(grid) / grid
    k = np.stack(np.meshgrid(step, step, step, indexing="ij"), -1).reshape(-1, 3)
    n = np.full(len(k), 1 / len(k))
    return k, shell_sums(k, kernel.coupling.shape[1] - 1), n


def unit_network(kernel: LatticeKernel, atom: int) -> Network:
    """Return the network with weight one in one atom, and only its pole."""
    k, j = kernel.rate.size, kernel.decay.size
    none, one = np.zeros(0), np.ones(1)
    if atom < k:
        return Network(one, kernel.rate[atom : atom + 1], none, none, none, none)
    i = (atom - k) % j
    pole = kernel.decay[i : i + 1], kernel.frequency[i : i + 1]
    plus = np.array([float(atom < k + j)])
    return Network(none, none, plus, 1 - plus, *pole)


def _friction(network: Network) -> float:
    rate, amplitude = poles(network)
    return float(np.sum((amplitude / rate).real))


def drift_matrices(kernel: LatticeKernel, gamma: Array) -> tuple[Array, Array]:
    """Return G (..., n) and A (n, n), 1/ps, of the auxiliary fields at shell sums (..., shells)."""
    B = gamma @ kernel.coupling.T
    k, j = kernel.rate.size, kernel.decay.size
    A = np.zeros((k + 2 * j, k + 2 * j))
    A[range(k), range(k)] = kernel.rate
    for i, (g, w) in enumerate(zip(kernel.decay, kernel.frequency, strict=True)):
        W = np.hypot(g, w)
        first, second = k + i, k + j + i  # carry g+ and g-
        A[first, second], A[second, first], A[second, second] = -W, W, 2 * g
    return np.asarray(B), A


def distinct_waves(size: Size, n_shells: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the distinct shell sums of a lattice (n, n_shells + 1) and which each wave has (n_k,).

    Waves as in a real transform; without shells all are alike.
    """
    gamma = shell_sums(wave_vectors(size).reshape(-1, 3), n_shells)
    found, index = np.unique(gamma.round(9), axis=0, return_inverse=True)
    return found, np.asarray(index.ravel(), np.int64)
