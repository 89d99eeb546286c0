"""Noise that is not Gaussian, learned: an autoregression whose innovations a small network draws.

R_n = sum_k a_k R_(n-k) + sigma e_n on the frames of a run. The a_k and sigma are not fitted but
follow from the kernel (Yule-Walker on m kT K(n dt)), so that <R R> = m kT K at all lags up to the
order for every white e_n of unit variance: the second moment of the fluctuation-dissipation theorem
cannot be broken by the network. It says only how e_n is distributed given the last ones
(`learned_noise_innovations`), with mean 0 always and variance 1 on average, exactly.

Only second moments are safe. A GLE with non-Gaussian noise and linear friction has no Boltzmann law
in an anharmonic well; compare its stationary law with the run's before using it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from multiscale.gle.learned_noise_innovations import Network, draw, log_likelihood, train
from multiscale.gle.modes import kernel_at, passivity_margin

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SURE = 4.0  # standard errors by which a network must beat the Gaussian on frames it has not seen
RIDGE = 1e-8  # of <R^2>: white noise that keeps the equations solvable
HELD_OUT = 0.3  # share of each record


class LearnedNoise(NamedTuple):
    """An autoregression tied to a kernel, and the law of its innovations."""

    rate: Complex  # (n_modes,) of the kernel, 1/ps
    amplitude: Complex  # (n_modes,) 1/ps^2
    mass: float  # eV ps^2/unit^2
    kT: float  # eV  # noqa: N815
    dt: float  # ps
    filter: Array  # (order,) a_k
    scale: float  # sigma, eV/unit
    network: Network
    gain: float  # log-likelihood per frame over Gaussian innovations, on frames not trained on
    gain_stderr: float
    kurtosis: float  # excess kurtosis of the innovations of the run
    kurtosis_stderr: float


class GaussianNoiseError(ValueError):
    """The noise is as good as Gaussian; gain, its error and the kurtosis are attributes."""

    def __init__(self, gain: float, gain_stderr: float, kurtosis: float, kurtosis_stderr: float):
        super().__init__(
            f"a learned noise gains {gain:.2g} +- {gain_stderr:.2g} of log-likelihood per frame "
            f"(excess kurtosis of the innovations {kurtosis:.2f} +- {kurtosis_stderr:.2f}), "
            f"expected more than {SURE:.0f} errors. Use the Gaussian noise of embed()."
        )
        self.gain, self.gain_stderr = gain, gain_stderr
        self.kurtosis, self.kurtosis_stderr = kurtosis, kurtosis_stderr


def autoregression(
    rate: Complex, amplitude: Complex, *, mass: float, kT: float, dt: float, order: int
) -> tuple[Array, float]:
    """Return a_k (order,) and sigma (eV/unit) of a noise with <R R> = m kT K up to order dt.

    Parameters
    ----------
    rate, amplitude : the modes of K, 1/ps and 1/ps^2
    mass, kT : eV ps^2/unit^2 and eV
    dt : time between frames, ps
    order : how many earlier frames R depends on; as long as the memory

    Raises
    ------
    ValueError
        If the kernel is not passive: no noise has such a covariance.
    """
    if (margin := passivity_margin(rate, amplitude)) < -1e-9 * abs(float(np.sum(amplitude.real))):
        raise ValueError(
            f"the least Re K(i w) is {margin:.3g} 1/ps, expected >= 0: no noise has this "
            "covariance. Fit with extract_kernel, whose kernels are passive."
        )
    c = mass * kT * kernel_at(rate, amplitude, dt * np.arange(order + 1.0))
    a = np.asarray(solve_toeplitz(c[:-1], c[1:]))
    return a, float(np.sqrt(c[0] - a @ c[1:]))


def covariance_error(noise: LearnedNoise, n_lags: int) -> float:
    """Return the largest |<R(n) R(0)>/(m kT) - K(n dt)| over K(0), up to n_lags frames.

    Zero up to the order of the autoregression but for rounding; a longer one mends what is beyond.
    """
    exact = kernel_at(noise.rate, noise.amplitude, noise.dt * np.arange(n_lags + 1.0))
    order = noise.filter.size
    found = list(exact[: order + 1])
    while len(found) <= n_lags:
        found.append(float(noise.filter @ np.array(found[-1 : -order - 1 : -1])))
    return float(np.abs(np.array(found) - exact).max() / exact[0])


def noise_along(
    x: Array, force: Array, rate: Complex, amplitude: Complex, *, mass: float, dt: float
) -> Array:
    """Return R along a record by the same differences as `simulate_learned`: its exact inverse.

    R_n = m (x_(n+1) - 2 x_n + x_(n-1))/dt^2 - F_n + m sum_k v_(n-1/2-k) int_(k dt)^((k+1) dt) K.

    Parameters
    ----------
    x, force : arrays (n_frames,), unit and mean force in eV/unit
    rate, amplitude, mass : of the kernel, 1/ps, 1/ps^2 and eV ps^2/unit^2
    dt : time between frames, ps

    Returns
    -------
    array (n,), eV/unit
        Without the first frames, whose memory began before the record.
    """
    v = np.diff(x) / dt
    memory = np.zeros(v.size)
    for r, A in zip(np.atleast_1d(rate), np.atleast_1d(amplitude), strict=True):
        gain, decay = A * (1 - np.exp(-r * dt)) / r, np.exp(-r * dt)
        memory += np.real(lfilter([gain], [1, -decay], v.astype(complex)))
    R = mass * (np.diff(v) / dt + memory[:-1]) - np.asarray(force)[1:-1]
    slowest = float(np.min(np.real(rate)))
    return np.asarray(R[min(len(R) // 2, round(6 / slowest / dt)) :])


def learn_noise(  # noqa: PLR0913 (all but the kernel have a default)
    series: Sequence[Array],
    rate: Complex,
    amplitude: Complex,
    *,
    mass: float,
    kT: float,
    dt: float,
    order: int = 40,
    memory: int = 8,
    hidden: int = 12,
    components: int = 3,
    n_steps: int = 400,
    seed: int = 0,
) -> LearnedNoise:
    """Return a noise model for R along some records, or refuse where Gaussian noise will do.

    The innovations are whitened by the autoregression of the records themselves, so that a
    kernel that is slightly off does not pass for a non-Gaussian law.

    Parameters
    ----------
    series : sequence of arrays (n_frames,)
        R along each record, from `noise_along`, eV/unit.
    rate, amplitude, mass, kT, dt : the kernel as fitted
    order : frames of the autoregression
    memory : earlier innovations that the law of the next may depend on
    hidden, components : size of the network, normal laws in its mixture
    n_steps : of the optimiser
    seed : of the first weights and the batches

    Raises
    ------
    GaussianNoiseError
        If the network does not beat Gaussian innovations by SURE errors on frames held out.
    ValueError
        If the records are too short.
    """
    if (shortest := min(len(R) for R in series)) < 20 * order:
        raise ValueError(
            f"the shortest record has {shortest} frames, expected at least {20 * order}. Run "
            "longer or lower the order."
        )
    a, scale = autoregression(rate, amplitude, mass=mass, kT=kT, dt=dt, order=order)
    white = whitened(series, order)
    cut = [round((1 - HELD_OUT) * len(e)) for e in white]
    kurtosis = _with_error([e**4 for e in white])
    kurtosis = (kurtosis[0] - 3, kurtosis[1])
    network = train(
        [e[:n] for e, n in zip(white, cut, strict=True)], memory=memory, hidden=hidden,
        components=components, n_steps=n_steps, rng=np.random.default_rng(seed),
    )  # fmt: skip
    gains = []
    for e, n in zip(white, cut, strict=True):
        late = e[n:]
        gaussian = -0.5 * (late[memory:] ** 2 + np.log(2 * np.pi))
        gains.append(log_likelihood(network, late) - gaussian)
    gain = _with_error(gains)
    if gain[0] < SURE * gain[1]:
        raise GaussianNoiseError(*gain, *kurtosis)
    return LearnedNoise(rate, amplitude, mass, kT, dt, a, scale, network, *gain, *kurtosis)


def whitened(series: Sequence[Array], order: int) -> list[Array]:
    """Return the innovations of records (n - order,), by the autoregression of their covariance.

    They have mean 0 and variance 1 over all records.
    """
    total = np.zeros(order + 1)
    for R in series:  # all products over the same number: a covariance, positive whatever the data
        n = next_fast_len(len(R) + order, real=True)
        total += irfft(np.abs(rfft(R - np.mean(R), n)) ** 2, n)[: order + 1]
    total[0] *= 1 + RIDGE
    a = np.asarray(solve_toeplitz(total[:-1], total[1:]))
    left = [lfilter(np.concatenate([[1.0], -a]), [1.0], R - np.mean(R))[order:] for R in series]
    spread = np.sqrt(np.mean(np.concatenate(left) ** 2))
    return [np.asarray(e / spread) for e in left]


def _with_error(series: Sequence[Array], n_blocks: int = 24) -> tuple[float, float]:
    """Return the mean of records and its standard error from blocks."""
    each = max(1, n_blocks // len(series))
    blocks = np.array([part.mean() for one in series for part in np.array_split(one, each)])
    mean = float(np.mean(np.concatenate(list(series))))
    return mean, float(blocks.std(ddof=1) / blocks.size**0.5)


def sample_noise(
    noise: LearnedNoise, n_steps: int, n_replicas: int, rng: np.random.Generator
) -> Array:
    """Return stationary R (n_replicas, n_steps), eV/unit, one value every dt."""
    warm = 10 * noise.filter.size
    e = draw(noise.network, n_steps + warm, n_replicas, rng)
    R = lfilter([noise.scale], np.concatenate([[1.0], -noise.filter]), e, axis=1)
    return np.asarray(R[:, warm:])
