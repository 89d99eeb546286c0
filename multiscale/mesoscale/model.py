"""The free energy of a ferroelectric in a periodic box of one to three dimensions. SI units.

F = int [f_L(P) + f_G(grad P) + f_el + f_es - E.P] dV (mesoscale.md, section 3):
Landau to eighth order, the full cubic gradient energy, elasticity (`elasticity`) and the
depolarizing field E_d(k) = -k (k.P) / (eps0 eps_b k^2). Components along the crystal axes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale import energies, mode_passes, pointwise, polynomial
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.grid import PAIRS, Grid, Modes
from multiscale.mesoscale.inhomogeneous import equilibrium_stress
from multiscale.mesoscale.threads import each, share
from multiscale.units import EPSILON0

Array = NDArray[Any]  # float32 or float64
ALONE = 32768  # cells from which components are transformed one at a time


@dataclass(frozen=True, eq=False)
class FieldModel:
    """All terms of the energy.

    Parameters
    ----------
    grid : Grid
        Box, cells and orientation.
    coefficients : array, shape (6,) or (10,)
        Landau coefficients at zero stress, SI.
    gradient : four floats
        G11, G12, G44, G44', J m^3/C^2.
    elasticity : Elasticity or None
        None leaves strain out.
    background_permittivity : float or None
        Relative; None leaves the depolarizing field out.
    electrodes : Electrodes or None
        None is a short circuit: the mean polarization feels no field.
    local_field : array, shape (3, nx, ny, nz), or None
        Quenched field, V/m: random fields, dipole defects, or that of `charge_field`.
    local_curvature : array, shape (nx, ny, nz), or None
        Quenched shift of 2 a1, J m/C^2: random transition temperature.
    relative_stiffness : array, shape (nx, ny, nz), or None
        Stiffness over that of `elasticity`: pores, inclusions, a soft layer.
    kT : float
        Temperature, J; 0 is without noise.
    single : bool
        Fields in single precision.
    differences : bool
        Gradients by differences of neighbouring cells, as many codes have them, instead of by
        waves: walls are pinned more.

    Raises
    ------
    UnboundedError, ValueError
        If the Landau energy has no lower bound or the gradient energy is negative.
    """

    grid: Grid
    coefficients: ArrayLike
    gradient: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    elasticity: Elasticity | None = None
    background_permittivity: float | None = None
    electrodes: Electrodes | None = None
    local_field: Array | None = None
    local_curvature: Array | None = None
    relative_stiffness: Array | None = None
    kT: float = 0.0  # noqa: N815
    single: bool = False
    differences: bool = False

    def __post_init__(self) -> None:
        """Refuse energies without a lower bound and parts that do not fit together."""
        polynomial.require_bounded(self.landau)
        self._check_parts()
        for k in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
            lowest = float(np.linalg.eigvalsh(self._gradient_matrix(np.outer(k, k))).min())
            if lowest < 0:
                raise ValueError(
                    f"gradient energy is {lowest:.3g} J m^3/C^2 for waves along {k}, expected at "
                    "least 0. Check the signs and the convention of G11, G12, G44, G44'."
                )

    def _check_parts(self) -> None:
        """Refuse electrodes without a medium, and fields of another shape."""
        if self.electrodes is not None and (
            self.background_permittivity is None or self.electrodes.axis not in (0, 1, 2)
        ):
            raise ValueError(
                f"electrodes are {self.electrodes!r} with background_permittivity "
                f"{self.background_permittivity!r}, expected axis 0, 1 or 2 and a number. "
                "Give both, or leave the electrodes out (a short circuit)."
            )
        for name, components in (
            ("local_field", (3,)), ("local_curvature", ()), ("relative_stiffness", ())
        ):  # fmt: skip
            array, shape = getattr(self, name), (*components, *self.grid.shape)
            if array is not None and np.shape(array) != shape:
                raise ValueError(
                    f"{name} has shape {np.shape(array)}, expected {shape}. Make it on the grid."
                )

    @cached_property
    def landau(self) -> Array:
        """Landau coefficients to eighth order, shape (10,)."""
        return np.asarray(polynomial.pad_terms(self.coefficients)[0])

    @property
    def dtype(self) -> type[np.floating]:
        """Precision of the fields."""
        return np.float32 if self.single else np.float64

    # -- quadratic part, in Fourier space --------------------------------------------------------

    def _gradient_matrix(self, K: Array) -> Array:
        """Return the stiffness of waves with products K = k k, shape (..., 3, 3), J m/C^2."""
        g11, g12, g44, g44p = self.gradient
        trace = np.trace(K, axis1=-2, axis2=-1)[..., None, None]
        diagonal = np.eye(3) * ((g11 - g44 - g44p) * K + (g44 + g44p) * trace)
        return np.asarray(diagonal + (1 - np.eye(3)) * (g12 + g44 - g44p) * K)

    def depolarization_matrix(self, block: slice) -> Array:
        """Return d(-E_d)/dP of a block of modes, shape (block, ny, nzr, 3, 3), m/F."""
        K = self.grid.products(block)
        out = np.zeros_like(K)
        if self.background_permittivity is None:
            return out
        eps = EPSILON0 * self.background_permittivity
        trace = np.trace(K, axis1=-2, axis2=-1)[..., None, None]
        np.divide(K, eps * trace, out=out, where=trace > 0)
        if block.start == 0 and self.electrodes is not None:
            n = self.grid.rotation[:, self.electrodes.axis]
            out[0, 0, 0] = np.outer(n, n) / (eps + self.electrodes.series_capacitance)
        return out

    def gradient_matrix(self, block: slice) -> Array:
        """Return the stiffness against gradients of a block of modes, J m/C^2."""
        products = self.grid.difference_products if self.differences else self.grid.products
        return self._gradient_matrix(products(block))

    def linear_matrix(self, block: slice) -> Array:
        """Return gradient and depolarization of a block, (block, ny, nzr, 3, 3), J m/C^2."""
        return self.gradient_matrix(block) + self.depolarization_matrix(block)

    # -- the rest, cell by cell ------------------------------------------------------------------

    def spontaneous_strain(self, P: Array) -> Array:
        """Return e0 = Q P P, shape (6, nx, ny, nz); P of shape (3, nx, ny, nz)."""
        assert self.elasticity is not None
        out = np.empty((6, *self.grid.shape), P.dtype)
        Q = np.asarray(self.elasticity.electrostriction, P.dtype)
        args = (P.reshape(3, -1), Q, out.reshape(6, -1))
        share(pointwise.spontaneous_strain, self.grid.workers, self.grid.size, *args)
        return out

    def stress(self, P: Array) -> Array:
        """Return the stress in mechanical equilibrium, Pa, shape (6, nx, ny, nz)."""
        assert self.elasticity is not None
        if self.relative_stiffness is not None:
            e0 = self.spontaneous_strain(P)
            return equilibrium_stress(self.elasticity, self.grid, self.relative_stiffness, e0)
        return self._homogeneous_stress(P).copy()

    def _homogeneous_stress(self, P: Array) -> Array:
        """Return `stress` in an array that the next call writes over."""
        assert self.elasticity is not None
        field, modes = self._buffers(P.dtype)
        Q = np.asarray(self.elasticity.electrostriction, P.dtype)
        args = (P.reshape(3, -1), Q, field.reshape(6, -1))
        share(pointwise.spontaneous_strain, self.grid.workers, self.grid.size, *args)
        # components one at a time stay in the cache, and each thread has its own; but not if small
        size, threads = (1, 1) if self.grid.size >= ALONE else (6, self.grid.workers)
        groups = [slice(c, c + size) for c in range(0, 6, size)]

        def forward(c: slice) -> None:
            modes[c] = self.grid.forward(field[c], threads)

        def backward(c: slice) -> None:
            field[c] = self.grid.backward(modes[c], threads)

        each(forward, groups, self.grid.workers)
        self.elasticity.stress_modes(modes, self.grid)
        each(backward, groups, self.grid.workers)
        return field

    def _buffers(self, dtype: Any) -> tuple[Array, Modes]:
        """Return arrays for six fields and their modes; fresh ones cost page faults every step.

        They make a model the property of one thread of Python; `Grid.workers` is safe.
        """
        if dtype not in self._kept:
            modes = np.empty((6, *self.grid.mode_shape), np.result_type(dtype, np.complex64))
            self._kept[dtype] = np.empty((6, *self.grid.shape), dtype), modes
        return self._kept[dtype]

    @cached_property
    def _kept(self) -> dict[Any, tuple[Array, Modes]]:
        return {}

    def strain(self, P: Array) -> Array:
        """Return the strain, engineering shear, crystal axes, shape (6, nx, ny, nz)."""
        assert self.elasticity is not None
        elastic = np.tensordot(self.elasticity.compliance, self.reduced(self.stress(P)), axes=1)
        return np.asarray(self.spontaneous_strain(P) + elastic)

    def reduced(self, stress: Array) -> Array:
        """Return stress over relative stiffness: what a crystal of C0 would feel at that strain."""
        return stress if self.relative_stiffness is None else stress / self.relative_stiffness

    def nonlinear_force(self, P: Array, shift: float = 0.0, out: Array | None = None) -> Array:
        """Return -dF/dP without 2 a1, gradient and depolarization, plus shift P; V/m.

        The result is written into out, which may be P itself.
        """
        quenched = self._quenched(P)
        out = np.empty_like(P) if out is None else out
        b = pointwise.landau_constants(self.landau, shift, P.dtype)
        workers, n, end = self.grid.workers, self.grid.size, out.reshape(3, -1)
        if self.elasticity is None:
            share(pointwise.force_free, workers, n, P.reshape(3, -1), b, end)
        else:
            Q = pointwise.strain_constants(self.elasticity.electrostriction, P.dtype)
            uniform = self.relative_stiffness is None
            s = self._homogeneous_stress(P) if uniform else self.stress(P)
            args = (P.reshape(3, -1), b, Q, s.reshape(6, -1), end)
            share(pointwise.force_strained, workers, n, *args)
        if quenched is not None:
            out += quenched
        return out

    def _quenched(self, P: Array) -> Array | None:
        """Return the field of the disorder at P, V/m."""
        if self.local_curvature is None:
            return self.local_field
        shifted = -self.local_curvature * P
        return np.asarray(shifted if self.local_field is None else shifted + self.local_field)

    @cached_property
    def linear_components(self) -> Array:
        """`linear_matrix` of all modes as (6, mode), Voigt order, kept for repeated use."""
        blocks = [pair_matrix(self.linear_matrix(block)) for block in self.grid.blocks()]
        return np.concatenate(blocks, axis=1).reshape(6, -1).astype(self.dtype)

    def linear_force(self, P: Array) -> Array:
        """Return gradient and depolarization times P, V/m."""
        modes = self.grid.forward(P)
        out = np.empty_like(modes)
        self._apply(np.asarray(self.linear_components, P.dtype), modes, out)
        return self.grid.backward(out)

    def _apply(self, matrix: Array, modes: Modes, out: Modes) -> None:
        """Write matrices (6, mode) times modes."""
        rows = mode_passes.as_reals(modes), mode_passes.as_reals(out)
        share(mode_passes.apply, self.grid.workers, matrix.shape[1], matrix, *rows)

    def preconditioner(self, shift: float) -> Callable[[Array], Array]:
        """Return P -> (A/shift + 1)^(-1/2) P with A gradient and depolarization."""
        blocks = []
        for block in self.grid.blocks():
            values, vectors = np.linalg.eigh(self.linear_matrix(block))
            root = vectors / np.sqrt(1.0 + values / shift)[..., None, :]
            blocks.append(pair_matrix(root @ np.swapaxes(vectors, -1, -2)))
        matrix = np.concatenate(blocks, axis=1).reshape(6, -1)

        def apply(P: Array) -> Array:
            modes = self.grid.forward(P)
            out = np.empty_like(modes)
            self._apply(matrix, modes, out)
            return self.grid.backward(out)

        return apply

    def force(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """Return the driving field E - dF/dP, V/m, shape (3, nx, ny, nz); E in crystal axes."""
        applied = np.asarray(E, float).reshape(3, 1, 1, 1)
        rest = self.nonlinear_force(P) - 2 * self.landau[0] * P
        return np.asarray(applied + rest - self.linear_force(P))

    def energies(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> dict[str, float]:
        """Return the mean density of each term, J/m^3; their sum is what relaxation lowers."""
        return energies.by_term(self, P, E)

    def energy(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> float:
        """Return the mean energy density, J/m^3."""
        return energies.total(self, P, E)


def pair_matrix(components: Array) -> Array:
    """Return symmetric matrices (..., 3, 3) as components (6, ...) in Voigt order."""
    return np.stack([components[..., i, j] for i, j in PAIRS])
