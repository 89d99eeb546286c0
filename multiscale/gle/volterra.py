"""Volterra equations of the memory kernel, solved on correlations given every dt.

first kind   int_0^t K(t - s) C(s) ds = E(t), E(0) = 0
second kind  K(t) C(0) + int_0^t K(t - s) C'(s) ds = E'(t)

C is the velocity autocorrelation, E = -<f(t) v(0)>/m with f = m dv/dt - F. With C as second-kind
slope or with E integrated once the same equations give the integral of K. Order 2 is the trapezoid
rule. Order 4 is Gregory's rule for the second kind; for the first kind, where Gregory's rules
diverge, the quadrature of the backward differentiation formula of order 4 (Brunner and van der
Houwen, The Numerical Solution of Volterra Equations, 1986, sec. 3.3; Lubich, Numer. Math. 52, 129
(1988)). The first values are solved for at once, with both factors interpolated from t >= 0 alone:
correlations of real data have odd terms there.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad_vec
from scipy.linalg import toeplitz

Array = NDArray[np.float64]
Order = Literal[2, 4]

GREGORY = np.array([3 / 8, 7 / 6, 23 / 24])  # weights at the ends; 1 in between
BACKWARD = 4  # order of the backward differentiation formula
START = 6  # values solved for at once


def first_kind(C: Array, E: Array, start: float, dt: float, order: Order = 2) -> Array:
    """Return K (n,) from int_0^t K(t - s) C(s) ds = E(t).

    Parameters
    ----------
    C, E : at lags 0, dt, ... (n,)
    start : K(0) = E'(0)/C(0); 0 where K is an integral from 0
    dt : time between lags, ps
    order : 2 (trapezoid) or 4 (backward differentiation)
    """
    K = np.zeros(E.size)
    K[0] = start
    if order == 2:
        for n in range(1, E.size):
            rest = 0.5 * K[0] * C[n] + K[1:n] @ C[n - 1 : 0 : -1]
            K[n] = (E[n] / dt - rest) / (0.5 * C[0])
        return K
    block, few = _products(C, E.size), min(START, E.size)
    right = E[1:few] / dt - block[1:, 0] * K[0]
    K[1:few] = np.linalg.solve(block[1:, 1:], right)
    omega, ends = _backward(E.size)
    for n in range(few, E.size):
        early = K[:BACKWARD] * C[n : n - BACKWARD : -1] @ ends[n]
        rest = K[:n] @ (omega[n:0:-1] * C[n:0:-1])
        K[n] = (E[n] / dt - rest - early) / (omega[0] * C[0])
    return K


def second_kind(level: float, slope: Array, source: Array, dt: float, order: Order = 2) -> Array:
    """Return K (n,) from K(t) C(0) + int_0^t K(t - s) C'(s) ds = E'(t).

    Parameters
    ----------
    level : C(0)
    slope, source : C' and E' at lags 0, dt, ... (n,)
    dt : time between lags, ps
    order : 2 (trapezoid) or 4 (Gregory)
    """
    K = np.zeros(source.size)
    K[0] = source[0] / level
    if order == 2:
        for n in range(1, source.size):
            rest = 0.5 * K[0] * slope[n] + K[1:n] @ slope[n - 1 : 0 : -1]
            K[n] = (source[n] - dt * rest) / (level + 0.5 * dt * slope[0])
        return K
    few = min(START, source.size)
    block = level * np.eye(few) + dt * _products(slope, source.size)
    K[1:few] = np.linalg.solve(block[1:, 1:], source[1:few] - block[1:, 0] * K[0])
    for n in range(few, source.size):
        weight = np.ones(n + 1)
        weight[:3], weight[-3:] = GREGORY, GREGORY[::-1]
        rest = (weight[:n] * K[:n]) @ slope[n:0:-1]
        K[n] = (source[n] - dt * rest) / (level + dt * GREGORY[0] * slope[0])
    return K


def _products(C: Array, n: int) -> Array:
    """Return B with int_0^n K(n - s) C(s) ds = dt B[n] . K for the first START lags."""
    m = min(START, n)
    nodes = np.arange(m)
    to_powers = np.linalg.inv(np.vander(nodes, m, increasing=True).astype(float))

    def lagrange(s: float) -> Array:
        return np.asarray(s ** np.arange(m, dtype=float) @ to_powers)

    rows = [np.zeros(m)]
    for end in range(1, m):
        both = quad_vec(
            lambda s, end=end: np.outer(lagrange(s), lagrange(end - s)), 0, end, epsrel=1e-12
        )[0]
        rows.append(both @ C[:m])
    return np.array(rows)


def _backward(n: int) -> tuple[Array, Array]:
    """Return weights omega (n,) of the formula, and corrections at the first lags (n, BACKWARD).

    The sum of both integrates polynomials of degree below BACKWARD exactly.
    """
    delta = np.zeros(BACKWARD + 1)
    for k in range(1, BACKWARD + 1):
        delta[: k + 1] += np.polynomial.polynomial.polypow([1, -1], k) / k
    omega = np.zeros(n)
    omega[0] = 1 / delta[0]
    for i in range(1, n):
        past = omega[max(0, i - BACKWARD) : i][::-1]
        omega[i] = -(delta[1 : past.size + 1] @ past) / delta[0]
    lag, power = np.arange(n, dtype=float), np.arange(BACKWARD)
    exact = lag[:, None] ** (power + 1) / (power + 1)
    done = np.array([np.convolve(omega, lag**q)[:n] for q in power]).T
    vander = np.vander(np.arange(BACKWARD), BACKWARD, increasing=True).astype(float)
    return omega, np.asarray(np.linalg.solve(vander.T, (exact - done).T).T)


def regularised(C: Array, E: Array, dt: float) -> Array:
    """Return the smooth K (n,) of the first-kind equation whose end is zero.

    Minimises |C * K - E|^2 + strength |K''|^2 with K and K' zero after the last lag; the strength
    comes from generalised cross-validation (Golub, Heath and Wahba, Technometrics 21, 215 (1979)).
    Zero at the end excludes the constant that data of a bound coordinate cannot see.

    Parameters
    ----------
    C, E : at lags 0, dt, ... (n,)
    dt : time between lags, ps
    """
    n = E.size
    A = dt * np.tril(toeplitz(C))
    A[:, 0] *= 0.5
    A[np.arange(n), np.arange(n)] *= 0.5
    A[0, 0] = 0.0
    D = np.eye(n) - 2 * np.eye(n, k=1) + np.eye(n, k=2)
    # in y = K'' the penalty is |y|^2: one decomposition serves every strength
    smooth = np.linalg.inv(D)
    U, size, V = np.linalg.svd(A @ smooth)
    seen = U.T @ E
    best = min(np.geomspace(size[0], size[-1] + 1e-12 * size[0], 60), key=_validation(size, seen))
    return np.asarray(smooth @ (V.T @ (size / (size**2 + best**2) * seen)))


def _validation(size: Array, seen: Array):  # type: ignore[no-untyped-def]
    def score(strength: float) -> float:
        left = strength**2 / (size**2 + strength**2)
        return float(np.sum((left * seen) ** 2) / np.sum(left) ** 2)

    return score
