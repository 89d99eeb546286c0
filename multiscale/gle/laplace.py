"""Passive kernel from correlations by Laplace transforms over a finite window: coarse frames.

With C = <v(t) x(0)> and p = <F(t) x(0)>, m dC/dt = p - m (K * C) from C(0) = 0. Multiplied by
exp(-z t) and integrated over [0, T], every mode exp(-r t) of K contributes exactly
[C_T(z) - exp(-z T) y_r]/(z + r), y_r = int_0^T exp(-r(T - s)) C(s) ds: nothing is truncated. A few
dozen complex z replace hundreds of lags, no derivative of data is taken, and the only error of the
time step is that of the spline through the correlations. Modes of the passive cone (`modes`) enter
one at a time, and all poles slide after each. With blocks of the run the residuals are weighed by
their covariance, and their least square is the J-test of the equation (Hansen, Econometrica 50,
1029 (1982)).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, nnls
from scipy.stats import f as f_distribution

from multiscale.gle.direct import half_spline
from multiscale.gle.modes import EMPTY, Network, poles
from multiscale.gle.pursuit import OSCILLATION, RELAXATION, Limits, dictionary, with_one_more

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

N_MOMENTS = 24  # complex frequencies
NODES, PANELS = 12, 400  # of the quadrature over the window
PERIOD = 0.5  # highest frequency, share of pi/dt
CUT = 1e-5  # eigenvalues of the correlation of the residuals below this are left out
# chi^2 that a mode must be worth: twice what `pursuit` asks of -ln p
RELAXING, OSCILLATING = 2 * RELAXATION, 2 * OSCILLATION
NOTHING = 1e-16  # mean square of relative residuals that counts as none


class LaplaceFit(NamedTuple):
    """A passive kernel, the mass, and how well the equation holds."""

    rate: Complex  # (n_modes,) 1/ps
    amplitude: Complex  # (n_modes,) 1/ps^2
    mass: float  # eV ps^2/unit^2
    misfit: float  # chi^2 with blocks; else root mean square of the relative residuals
    freedom: int  # degrees of freedom of chi^2; 0 without blocks
    p_value: float  # of the J-test; NaN without blocks


class Windowed(NamedTuple):
    """Correlations inside the window on the nodes of a quadrature, and the frequencies."""

    z: Complex  # (n_z,)
    late: Array  # (n_nodes,) T - t
    window: float
    weighed: Array  # (n_blocks, n_nodes) C times the weights of the quadrature
    flat: Complex  # (n_blocks, n_z) transform of C
    inertia: Complex  # (n_blocks, n_z) of dC/dt
    push: Complex  # (n_blocks, n_z) of <F x>

    def modes(self, r: Complex) -> tuple[Complex, Complex]:
        """Return h(z) = [C_T - exp(-z T) y_r]/(z + r) of modes r (m,) and dh/dr, (..., m, n_z)."""
        decay = np.exp(-np.multiply.outer(self.late, r))
        edge = np.exp(-self.z * self.window)
        pole = 1 / (self.z + r[:, None])
        # einsum: products this small are slower on several threads
        y = np.einsum("bn,nm->bm", self.weighed, decay)
        late = np.einsum("bn,nm->bm", self.weighed * self.late, decay)
        h: Complex = (self.flat[:, None, :] - y[..., None] * edge) * pole
        return h, np.asarray((late[..., None] * edge - h) * pole)

    def memory(self, rate: Complex, amplitude: Complex) -> Complex:
        """Return the transform of K * C, (n_blocks, n_z)."""
        h, _ = self.modes(rate)
        conjugate, _ = self.modes(rate.conj())
        both = amplitude[:, None] * h + amplitude.conj()[:, None] * conjugate
        return np.asarray(0.5 * both.sum(1))


def windowed(xx: Array, Fx: Array, dt: float) -> Windowed:
    """Return the transforms of <x(t) x(0)> and <F(t) x(0)>, each (n_blocks, n_lags), every dt."""
    n, window = xx.shape[1], dt * (xx.shape[1] - 1)
    node, weight = np.polynomial.legendre.leggauss(NODES)
    panels = min(n - 1, PANELS)
    width = window / panels
    t = (width * (np.arange(panels)[:, None] + 0.5 * (node + 1))).ravel()
    w = np.tile(0.5 * width * weight, panels)
    turn = np.concatenate([[0.0], np.geomspace(1 / window, PERIOD * np.pi / dt, N_MOMENTS - 1)])
    z = 0.5 / window + 0.1 * turn + 1j * turn
    decay = w * np.exp(-np.multiply.outer(z, t))
    places = [half_spline(row, dt, [1, 3], 7) for row in xx]
    pushes = np.array([half_spline(row, dt, [1, 3], 7)(t) for row in Fx])
    C = np.array([place(t, 1) for place in places])
    end = np.array([float(place(window, 1)) for place in places])
    flat = C @ decay.T
    inertia = end[:, None] * np.exp(-z * window) + z * flat
    return Windowed(z, window - t, window, C * w, flat, inertia, pushes @ decay.T)


def laplace_kernel(
    xx: Array, Fx: Array, dt: float, *, origins: Array | None = None, n_modes: int = 8
) -> LaplaceFit:
    """Return the passive kernel of correlations.

    Parameters
    ----------
    xx, Fx : <x(t) x(0)> in unit^2 and <F(t) x(0)> in eV at lags 0, dt, ..., (n_lags,), or of
        blocks of the run (n_blocks, n_lags), as `block_correlations` returns them
    dt : time between lags, ps
    origins : weight of each block (n_blocks,); needed with blocks
    n_modes : most modes

    Raises
    ------
    ValueError
        If there are fewer blocks than twice the moments.
    """
    if origins is None:
        mean = windowed(np.atleast_2d(xx), np.atleast_2d(Fx), dt)
        size = np.abs(mean.inertia[0]) + np.abs(mean.push[0])
        return _fitted(mean, np.diag(np.tile(1 / size, 2)), 0, dt, n_modes)
    if len(xx) < 4 * N_MOMENTS:
        raise ValueError(
            f"there are {len(xx)} blocks, expected at least {4 * N_MOMENTS}. Use more and shorter "
            "blocks."
        )
    share = origins / origins.sum()
    mean = windowed((share @ xx)[None], (share @ Fx)[None], dt)
    size = np.abs(mean.inertia[0]) + np.abs(mean.push[0])
    first = _fitted(mean, np.diag(np.tile(1 / size, 2)), 0, dt, n_modes)
    whiten = _whitening(windowed(xx, Fx, dt), share, first)
    return _fitted(mean, whiten, len(xx), dt, n_modes)


def _stacked(values: Complex) -> Array:
    return np.concatenate([values.real, values.imag], -1)


def _whitening(blocks: Windowed, share: Array, fit: LaplaceFit) -> Array:
    """Return W with W r of unit covariance, from the residuals of the blocks."""
    memory = blocks.memory(fit.rate, fit.amplitude)
    r = _stacked(fit.mass * (blocks.inertia + memory) - blocks.push)
    off = (r - share @ r) * np.sqrt(share)[:, None]
    n = len(r)
    covariance = off.T @ off / (n - 1)
    # at z on the real axis there is no imaginary part
    scale = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), 1.0))
    value, vector = np.linalg.eigh(covariance / np.outer(scale, scale))
    keep = value > CUT * value[-1]
    return np.asarray((vector[:, keep] / np.sqrt(value[keep])).T / scale)


def _equations(mean: Windowed, p: Array, like: Network) -> tuple[Complex, Complex]:
    """Return the residuals (n_z,) and their derivatives in the logarithms p (n_p, n_z)."""
    mass, (c, r, a, b, g, w) = _unpack(p, like)
    k = r.size
    h, slope = (part[0] for part in mean.modes(np.concatenate([r + 0j, g + 1j * w, g - 1j * w])))
    up, down = np.split(h[k:], 2)
    up1, down1 = np.split(slope[k:], 2)
    A, turn = ((a + b) + 1j * (a - b) * g / w)[:, None], (1j * g / w)[:, None]
    lean = (1j * (a - b) / w)[:, None]
    plus = 0.5 * a[:, None] * ((1 + turn) * up + (1 - turn) * down)
    minus = 0.5 * b[:, None] * ((1 - turn) * up + (1 + turn) * down)
    relaxing = c[:, None] * h[:k]
    by_g = 0.5 * g[:, None] * (lean * (up - down) + A * up1 + A.conj() * down1)
    bent = -lean * turn / 1j * (up - down)
    by_w = 0.5 * w[:, None] * (bent + 1j * A * up1 - 1j * A.conj() * down1)
    whole = mean.inertia[0] + relaxing.sum(0) + plus.sum(0) + minus.sum(0)
    parts = [whole[None], relaxing, c[:, None] * r[:, None] * slope[:k], plus, minus, by_g, by_w]
    residual: Complex = mass * whole - mean.push[0]
    return residual, np.asarray(mass * np.concatenate(parts))


def _fitted(mean: Windowed, whiten: Array, n_blocks: int, dt: float, n_modes: int) -> LaplaceFit:
    """Return the fit: modes enter while each is worth its parameters."""
    limits = Limits(1 / mean.window, PERIOD * np.pi / dt)

    def slide(p: Array, like: Network, n: int = 20) -> tuple[Array, Network, float]:
        low, high = _bounds(like, limits)
        found = least_squares(
            lambda q: whiten @ _stacked(_equations(mean, q, like)[0]),
            np.clip(p, low + 1e-3, high - 1e-3),
            jac=lambda q: whiten @ _stacked(_equations(mean, q, like)[1]).T,
            bounds=(low, high),
            max_nfev=n,
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-14,
        )
        return found.x, like, float(2 * found.cost)

    def worth(network: Network) -> float:
        modes = RELAXING * network.rate.size + OSCILLATING * network.decay.size
        return modes if n_blocks else 0.0

    atoms = dictionary(limits)
    columns = _columns(mean, atoms)
    best = slide(*_start(mean, whiten, columns, atoms))
    while best[1].rate.size + best[1].decay.size < n_modes:
        trials = [slide(*t) for t in _grown(mean, whiten, best[0], best[1], (columns, atoms))]
        least = min(trials, key=lambda trial: trial[2] + worth(trial[1]), default=best)
        gain = best[2] + worth(best[1]) - least[2] - worth(least[1])
        # without blocks nothing says what a mode is worth: it must halve what is left
        if gain <= 0 or (not n_blocks and gain < 0.5 * best[2] + NOTHING * len(whiten)):
            break
        best = least
    best = slide(best[0], best[1], 400)
    mass, network = _unpack(best[0], best[1])
    rate, amplitude = poles(network)
    if not n_blocks:
        return LaplaceFit(rate, amplitude, mass, (best[2] / len(whiten)) ** 0.5, 0, np.nan)
    # Hotelling: the covariance itself comes from a finite number of blocks
    freedom = len(whiten) - best[0].size
    ratio = best[2] * (n_blocks - freedom) / (freedom * (n_blocks - 1))
    p = float(f_distribution.sf(ratio, freedom, n_blocks - freedom))
    return LaplaceFit(rate, amplitude, mass, best[2], freedom, p)


def _bounds(like: Network, limits: Limits) -> tuple[Array, Array]:
    """Return the box of the logarithms: poles stay resolvable, weights positive."""
    k, j = like.rate.size, like.decay.size
    slow, fast = np.log(limits.slowest / 3), np.log(3 * limits.fastest)
    tiny, huge = np.log(1e-9 * limits.slowest**2), np.log(1e4 * limits.fastest**2)
    sizes = [1, k, k, 2 * j, 2 * j]
    low, high = np.array([-700, tiny, slow, tiny, slow]), np.array([700, huge, fast, huge, fast])
    return np.repeat(low, sizes), np.repeat(high, sizes)


def _columns(mean: Windowed, atoms: Network) -> Complex:
    """Return the transforms of unit atoms: relaxations, g+ and g-, (n, n_z)."""
    g, w = atoms.decay, atoms.frequency
    pole, turn = g + 1j * w, 1j * g / w
    rates = np.concatenate([atoms.rate + 0j, pole, pole])
    units = np.concatenate([atoms.weight + 0j, 1 + turn, 1 - turn])[:, None]
    h, conjugate = mean.modes(rates)[0][0], mean.modes(rates.conj())[0][0]
    return np.asarray(0.5 * (units * h + units.conj() * conjugate))


def _start(
    mean: Windowed, whiten: Array, columns: Complex, atoms: Network
) -> tuple[Array, Network]:
    """Return mass and the single relaxation that fit best."""
    right, found = whiten @ _stacked(mean.push[0]), []
    for i, rate in enumerate(atoms.rate):
        both = np.stack([mean.inertia[0], columns[i]])
        (mass, weight), left = nnls((whiten @ _stacked(both).T), right)
        one = EMPTY._replace(weight=np.array([weight / max(mass, 1e-300)]), rate=np.array([rate]))
        found.append((left, mass, one))
    _, mass, one = min(found, key=lambda trial: trial[0])
    return _pack(mass, one), one


def _grown(
    mean: Windowed, whiten: Array, p: Array, like: Network, known: tuple[Complex, Network]
) -> list[tuple[Array, Network]]:
    """Return the model plus one mode: the two best relaxations and the three best oscillations."""
    columns, atoms = known
    mass, network = _unpack(p, like)
    r = whiten @ _stacked(_equations(mean, p, like)[0])
    A = mass * (whiten @ _stacked(columns).T)
    size = np.sqrt(np.sum(A**2, 0)) + 1e-300
    score = np.maximum(-(r @ A) / size, 0.0)
    networks = with_one_more(network, atoms, score, score / size)
    return [(_pack(mass, one), one) for one in networks]


def _pack(mass: float, network: Network) -> Array:
    numbers = np.concatenate([np.array([mass]), *network])
    return np.asarray(np.log(np.maximum(numbers, 1e-300)))


def _unpack(p: Array, like: Network) -> tuple[float, Network]:
    parts = np.split(np.exp(p), 1 + np.cumsum([part.size for part in like]))
    return float(parts[0][0]), Network(parts[0][1:], *parts[1:-1])
