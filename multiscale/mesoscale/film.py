"""A ferroelectric film between electrodes, with dead layers. SI units.

Waves in the plane, cells across: for every wave the gradient energy (differences between cells,
dP/dn = -P/lambda at the surfaces) and the electrostatic energy (potential linear across a cell,
dead layers and electrodes as exact boundary admittances eps0 eps k coth(k t)) are one Hermitian
matrix of all cells across, so that force and energy belong together exactly. A dead layer of
thickness zero is an ideal electrode. (001) films: box and crystal axes agree, z is the normal.

Elasticity acts cell by cell: strain in the plane that of the substrate, no stress out of it
(Pertsev, Zembilgotov & Tagantsev, PRL 80, 1988 (1998)). With the stiffness of a substrate, the
fringes of strain at walls are there too (`film_strain`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from multiscale.mesoscale import energies, pointwise, polynomial
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.film_matrices import electrostatic_matrices, gradient_matrices
from multiscale.mesoscale.film_strain import FringeSolver, Substrate
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.steps import exponential_weights
from multiscale.units import EPSILON0

Array = NDArray[Any]


class DeadLayer(NamedTuple):
    """A dielectric between the film and an electrode."""

    thickness: float = 0.0  # m
    permittivity: float = 1.0  # relative


@dataclass(frozen=True, eq=False)
class FilmModel:
    """The energy of a film.

    Parameters
    ----------
    shape : three ints
        Cells along x, y (periodic) and across the film.
    spacing : float or three floats
        Edges of a cell, m.
    coefficients : array, shape (6,) or (10,)
        Landau coefficients at zero stress, SI.
    gradient : four floats
        G11, G12, G44, G44', J m^3/C^2.
    background_permittivity : float
        Of the film, relative.
    layers : two DeadLayer
        Below and above the film.
    extrapolation_length : float
        lambda of dP/dn = -P/lambda, m; infinite is a free surface.
    elasticity : Elasticity or None
        Its strain is that of the substrate; the boundary must be "film".
    local_field : array, shape (3, nx, ny, nz), or None
        Quenched field, V/m.
    substrate : three floats, "rigid" or None
        C11, C12, C44 of the half space below, Pa; None leaves out what walls do to the strain.

    Raises
    ------
    UnboundedError, ValueError
        If the Landau energy has no lower bound or the elasticity is not that of a film.
    """

    shape: tuple[int, int, int]
    spacing: float | tuple[float, float, float]
    coefficients: ArrayLike
    gradient: tuple[float, float, float, float]
    background_permittivity: float
    layers: tuple[DeadLayer, DeadLayer] = (DeadLayer(), DeadLayer())
    extrapolation_length: float = np.inf
    elasticity: Elasticity | None = None
    local_field: Array | None = None
    substrate: Substrate | None = None

    def __post_init__(self) -> None:
        """Refuse an energy without a lower bound."""
        polynomial.require_bounded(self.landau)
        if self.elasticity is not None and self.elasticity.boundary != "film":
            raise ValueError(
                f"boundary of the elasticity is {self.elasticity.boundary!r}, expected 'film'. "
                "Give the strain of the substrate in Elasticity(..., 'film', strain)."
            )

    @cached_property
    def grid(self) -> Grid:
        """Cells of the film."""
        return Grid(self.shape, self.spacing)

    @cached_property
    def landau(self) -> Array:
        """Landau coefficients to eighth order, shape (10,)."""
        return np.asarray(polynomial.pad_terms(self.coefficients)[0])

    @property
    def thickness(self) -> float:
        """Thickness of the film, m."""
        return float(self.shape[2] * self.grid.edges[2])

    @cached_property
    def waves(self) -> Array:
        """Wave vectors in the plane, 1/m, shape (nx, ny // 2 + 1, 2)."""
        (nx, ny, _), (dx, dy, _) = self.shape, self.grid.edges
        k = np.meshgrid(fft.fftfreq(nx, dx), fft.rfftfreq(ny, dy), indexing="ij")
        return np.asarray(2 * np.pi * np.stack(k, axis=-1))

    @cached_property
    def gradient_matrix(self) -> Array:
        """Stiffness against gradients, (waves, 3 nz, 3 nz), J m/C^2."""
        flat, even = self._flat_waves()
        nz, dz = self.shape[2], float(self.grid.edges[2])
        return gradient_matrices(flat, even, nz, dz, self.gradient, self.extrapolation_length)

    @cached_property
    def electrostatic_matrix(self) -> Array:
        """d(-E_d)/dP of every wave, (waves, 3 nz, 3 nz), m/F."""
        flat, even = self._flat_waves()
        nz, dz = self.shape[2], float(self.grid.edges[2])
        layers = [(t, EPSILON0 * eps) for t, eps in self.layers]
        eps = EPSILON0 * self.background_permittivity
        return electrostatic_matrices(flat, even, nz, dz, eps, layers)

    @property
    def linear_matrix(self) -> Array:
        """Gradient and depolarization of every wave, (waves, 3 nz, 3 nz), J m/C^2."""
        return self.gradient_matrix + self.electrostatic_matrix

    def _flat_waves(self) -> tuple[Array, Array]:
        """Return odd wave vectors (Nyquist set to zero) and squares of wave numbers, flat."""
        odd = self.waves.copy()
        for axis, n in enumerate(self.shape[:2]):
            if n % 2 == 0:
                np.moveaxis(odd[..., axis], axis, 0)[n // 2] = 0.0
        return odd.reshape(-1, 2), (self.waves**2).reshape(-1, 2)

    # -- forces ----------------------------------------------------------------------------------

    def forward(self, P: Array) -> Array:
        """Return the waves of fields (m, nx, ny, nz), shape (waves, m nz)."""
        modes = fft.rfftn(P, axes=(1, 2)) if self.shape[1] > 1 else fft.fft(P, axis=1)
        return np.asarray(np.moveaxis(modes, 0, 2).reshape(-1, len(P) * self.shape[2]))

    def backward(self, modes: Array) -> Array:
        """Return the fields of waves (waves, m nz), shape (m, nx, ny, nz)."""
        nx, ny, nz = self.shape
        modes = np.moveaxis(modes.reshape(nx, -1, modes.shape[1] // nz, nz), 2, 0)
        if ny > 1:
            return np.asarray(fft.irfftn(modes, s=(nx, ny), axes=(1, 2)))
        return np.asarray(fft.ifft(modes, axis=1).real)

    def applied_field(self, voltage: float) -> float:
        """Return the field, V/m, of a voltage across electrodes and dead layers in the film."""
        dead = sum(layer.thickness / layer.permittivity for layer in self.layers)
        return voltage / (self.thickness + self.background_permittivity * dead)

    def stress(self, P: Array) -> Array:
        """Return the mean stress of every cell, Pa, shape (6, nx, ny, nz)."""
        assert self.elasticity is not None
        e0 = self.spontaneous_strain(P)
        still, columns = self._stress_law
        flat = np.asarray(still[:, None, None, None] + np.tensordot(columns, e0, axes=(0, 0)))
        bent, solver = self._fringes
        if solver is None:
            return flat
        out, modes = self.forward(flat), self.forward(e0)[bent]
        stress = solver.stress(modes.reshape(-1, 6, self.shape[2]))
        out[bent] = stress.reshape(modes.shape)
        return self.backward(out)

    def spontaneous_strain(self, P: Array) -> Array:
        """Return e0 = Q P P, shape (6, nx, ny, nz)."""
        assert self.elasticity is not None
        e0 = np.empty((6, *self.shape))
        Q = np.asarray(self.elasticity.electrostriction, float)
        pointwise.spontaneous_strain(P.reshape(3, -1), Q, e0.reshape(6, -1), 0, self.grid.size)
        return e0

    @cached_property
    def _fringes(self) -> tuple[Array, FringeSolver | None]:
        """Which waves bend the film, and the solver for them; None without a substrate."""
        odd, _ = self._flat_waves()
        bent = np.asarray(odd.any(axis=1))
        if self.elasticity is None or self.substrate is None or not bent.any():
            return bent, None
        nz, dz = self.shape[2], float(self.grid.edges[2])
        args = (odd[bent], nz, dz, self.elasticity.stiffness, self.substrate)
        return bent, FringeSolver(*args)

    @cached_property
    def _stress_law(self) -> tuple[Array, Array]:
        """Stress of an unpolarized cell, Pa, and its change with e0, shapes (6,) and (6, 6)."""
        assert self.elasticity is not None
        still = self.elasticity.mean_stress(np.zeros(6), self.grid)
        rows = [self.elasticity.mean_stress(row, self.grid) - still for row in np.eye(6)]
        return still, np.array(rows)

    def nonlinear_force(self, P: Array) -> Array:
        """Return -dF/dP without 2 a1, gradient and depolarization, V/m."""
        out, n = np.empty_like(P), self.grid.size
        rows = P.reshape(3, -1), pointwise.landau_constants(self.landau, 0.0, P.dtype)
        if self.elasticity is None:
            pointwise.force_free(*rows, out.reshape(3, -1), 0, n)
        else:
            Q = pointwise.strain_constants(self.elasticity.electrostriction, P.dtype)
            s = self.stress(P).reshape(6, -1)
            pointwise.force_strained(*rows, Q, s, out.reshape(3, -1), 0, n)
        return out if self.local_field is None else out + self.local_field

    def force(self, P: Array, voltage: ArrayLike = 0.0) -> Array:
        """Return the driving field, V/m, shape (3, nx, ny, nz), at a voltage, V."""
        linear = self.backward(np.einsum("kij,kj->ki", self.linear_matrix, self.forward(P)))
        out = self.nonlinear_force(P) - 2 * self.landau[0] * P - linear
        out[2] += self.applied_field(float(np.sum(voltage)))
        return np.asarray(out)

    def energies(self, P: Array, voltage: ArrayLike = 0.0) -> dict[str, float]:
        """Return the mean density of each term over the film, J/m^3."""
        return energies.film_by_term(self, P, self.applied_field(float(np.sum(voltage))))

    def energy(self, P: Array, voltage: ArrayLike = 0.0) -> float:
        """Return the mean energy density, J/m^3."""
        return sum(self.energies(P, voltage).values())

    def preconditioner(self, shift: float) -> Callable[[Array], Array]:
        """Return P -> (A/shift + 1)^(-1/2) P with A gradient and depolarization."""
        values, vectors = np.linalg.eigh(self.linear_matrix)
        root = vectors / np.sqrt(np.maximum(1.0 + values / shift, 0.1))[:, None, :]
        matrix = root @ np.conj(np.swapaxes(vectors, 1, 2))
        return lambda P: self.backward(np.einsum("kij,kj->ki", matrix, self.forward(P)))


@dataclass(eq=False)
class FilmEvolution:
    """Overdamped steps of a film, as `evolve.Evolution`: linear part exact, second order.

    Parameters
    ----------
    model : FilmModel
    mobility : float
        Kinetic coefficient L, S/m.
    dt : float
        Time step, s.
    kT : float
        Temperature, J, of the noise.
    """

    model: FilmModel
    mobility: float
    dt: float
    kT: float = 0.0  # noqa: N815

    @cached_property
    def matrices(self) -> tuple[Array, ...]:
        """Decay, first and second weight and noise of every wave."""
        values, vectors = np.linalg.eigh(self.model.linear_matrix)
        rate = self.mobility * (2 * self.model.landau[0] + values)
        thermal = np.sqrt(2 * self.kT / self.model.grid.volume)
        weights = exponential_weights(rate, np.full((1, 1), self.mobility), self.dt, thermal)
        back = np.conj(np.swapaxes(vectors, 1, 2))
        return tuple((vectors * w[:, None, :]) @ back for w in weights)

    def step(self, P: Array, voltage0: float, voltage1: float, xi: Array | None = None) -> Array:
        """Return P after a step in which the voltage, V, goes from one value to another.

        P and the standard normal noise xi have shape (3, nx, ny, nz).
        """
        m = self.model
        decay, first, second, noise = self.matrices
        N0 = m.nonlinear_force(P)
        N0[2] += m.applied_field(voltage0)
        modes = np.einsum("kij,kj->ki", decay, m.forward(P))
        modes += np.einsum("kij,kj->ki", first, m.forward(N0))
        if xi is not None and self.kT > 0:
            modes += np.einsum("kij,kj->ki", noise, m.forward(xi))
        N1 = m.nonlinear_force(m.backward(modes))
        N1[2] += m.applied_field(voltage1)
        return m.backward(modes + np.einsum("kij,kj->ki", second, m.forward(N1 - N0)))
