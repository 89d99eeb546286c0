"""Compiled pass of the coupled likelihood: expected information; notation of its module."""

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@jit
def information(  # noqa: C901, PLR0912 (compiled: loops)
    E: Complex, dZ: Complex, dS: Array, into: Complex, outer: Complex, weight: Array, F: Array
) -> None:
    """Add sum_n weight tr(X_p X_q) to F (p, p).

    X_p = dS_p into E_p into^+ + (dZ_p into E_p outer + its adjoint) is the derivative of the
    logarithm of the spectral matrix of x in whitened coordinates.
    """
    n_terms, d = E.shape[0], E.shape[1]
    X = np.zeros((n_terms, 2 * d * d))
    left = np.zeros((d, d), np.complex128)
    full = np.zeros((d, d), np.complex128)
    for n in range(weight.size):
        root = np.sqrt(weight[n])
        for p in range(n_terms):
            for i in range(d):
                for k in range(d):
                    total = 0j
                    for m in range(d):
                        total += into[n, i, m] * E[p, m, k]
                    left[i, k] = total
            for i in range(d):
                for k in range(d):
                    noise, move = 0j, 0j
                    for m in range(d):
                        noise += left[i, m] * np.conj(into[n, k, m])
                        move += left[i, m] * outer[n, m, k]
                    full[i, k] = 0.5 * dS[p, n] * noise + dZ[p, n] * move
            for i in range(d):
                for k in range(d):
                    value = root * (full[i, k] + np.conj(full[k, i]))
                    X[p, 2 * (i * d + k)] = value.real
                    X[p, 2 * (i * d + k) + 1] = value.imag
        for p in range(n_terms):
            for q in range(n_terms):
                total_real = 0.0
                for m in range(2 * d * d):
                    total_real += X[p, m] * X[q, m]
                F[p, q] += total_real
