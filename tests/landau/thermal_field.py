"""A thermal polarization field with a quartic energy and an isotropic gradient energy."""

import numpy as np

A1, A11, A12 = -1.0e8, 2.0e8, 2.0e9
QUARTIC = np.array([A1, A11, A12])  # a12 > 6 a11: a wall of 180 degrees does not turn
P0 = 0.5  # C/m^2, tetragonal domain
STRENGTH, SPACING, KT = 8e-11, 4e-10, 1e-22  # g = G11 = G44 (others 0), cell size, J


def force(P):
    """Return -dG/dP of the quartic energy, (..., 3)."""
    square = P**2
    total = square.sum(axis=-1, keepdims=True)
    return -2 * P * (A1 + 2 * A11 * square + A12 * (total - square))


def frames(P, steps, every, seed, dt=0.25):
    """Yield P (nx, ny, nz, 3) every so many steps of Langevin dynamics in equilibrium.

    Every wave relaxes at its own rate (mobility 1 / (|4 a1| + g k^2)), by the scheme of Leimkuhler
    and Matthews, whose averages of a harmonic field have no error of the step.
    """
    rng, shape = np.random.default_rng(seed), P.shape[:3]
    k = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n, SPACING) for n in shape), indexing="ij")
    stiff = STRENGTH * sum(q**2 for q in k)[..., None]
    mobility = 1 / (4 * abs(A1) + stiff)
    size = np.sqrt(KT * dt / (2 * SPACING**3))

    def noise():
        white = np.fft.fftn(rng.standard_normal(P.shape), axes=(0, 1, 2))
        return size * np.sqrt(mobility) * white

    last = noise()
    for step in range(steps):
        wave = np.fft.fftn(P, axes=(0, 1, 2))
        drift = mobility * (np.fft.fftn(force(P), axes=(0, 1, 2)) - stiff * wave)
        new = noise()
        P = np.fft.ifftn(wave + dt * drift + last + new, axes=(0, 1, 2)).real
        last = new
        if step % every == every - 1:
            yield P
