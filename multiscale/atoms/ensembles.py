"""Statistical ensembles of molecular dynamics, and the measure that each one samples.

Every ensemble with a moving cell writes it as h = h0 F, rows are lattice vectors, where F runs
through a group of lower-triangular matrices: diagonal (three lengths), full (six numbers; the cell
never rotates) or another masked subset that is closed under multiplication. dynamics() samples

    exp(-beta [U(s h) + sum p^2/2m + W(h)])  V^N  ds dp  V dmu(F),

ds scaled positions, W(h) the work of the target stress, dmu the left-invariant (Haar) measure of
the group. In words: the volume has the Gibbs weight V^N exp(-beta p V) dV, and shapes of equal
volume are counted evenly. For three lengths V dmu = dLx dLy dLz. For the full cell,
V dmu = V^-2 dh with the rotations integrated out, which is the measure of Martyna, Tobias and
Klein, J. Chem. Phys. 101, 4177 (1994): for h = h0 F Q, Q a rotation, det(h)^-3 dh = dmu(F) dQ.

Target stress sigma (positive = tension): with p = -tr(sigma)/3 and tau = sigma + p,
W = p V - V_ref sum_ab tau_ab epsilon_ab, epsilon = (F_ref F_ref^T - 1)/2, F_ref = h_ref^-1 h:
the isotropic part is a true pressure, the rest a second Piola-Kirchhoff stress on the reference
cell, because only that does conservative work (Parrinello and Rahman, J. Appl. Phys. 52, 7182).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def _no_cell() -> Mask:
    return np.zeros((3, 3), dtype=np.bool_)


def _no_stress() -> Array:
    return np.zeros((3, 3))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What is held fixed, and how fast the baths act; make one with the functions below.

    Attributes
    ----------
    friction : float or None
        Friction of the thermostat in 1/ps; None: no thermostat (NVE).
    active : array, shape (3, 3)
        Components of the rate dF/dt = F rate that move: lower triangle, closed under products.
    stress : array, shape (3, 3)
        Target stress in eV/angstrom^3, positive = tension, symmetric.
    barostat_time : float
        Time in ps that sets the inertia (n_atoms + 1) kT barostat_time^2 of each cell component.
    barostat_friction : float
        Friction of the cell in 1/ps.
    reference_cell : array, shape (3, 3), or None
        Cell that a target stress other than a pressure refers to, in angstrom.
    """

    friction: float | None = None
    active: Mask = field(default_factory=_no_cell)
    stress: Array = field(default_factory=_no_stress)
    barostat_time: float = 0.5
    barostat_friction: float = 10.0
    reference_cell: Array | None = None

    def __post_init__(self) -> None:
        """Refuse an ensemble that cannot be sampled."""
        if self.friction is not None and not self.friction > 0:
            raise ValueError(f"friction is {self.friction}, expected > 0 1/ps. Use nve() for none.")
        if self.moving and not (self.barostat_time > 0 and self.barostat_friction > 0):
            raise ValueError(
                f"barostat_time is {self.barostat_time} ps and barostat_friction "
                f"{self.barostat_friction} 1/ps, expected both > 0. Give positive numbers."
            )
        if self.moving and self.friction is None:
            raise ValueError(
                "friction is None with a moving cell, expected > 0 1/ps. Set friction."
            )
        pattern = self.active.astype(np.int64)
        if np.triu(pattern, 1).any() or ((pattern @ pattern > 0) & ~self.active).any():
            raise ValueError(
                f"active is {self.active.tolist()}, expected a lower triangle closed under "
                "products. Use npt_orthorhombic(), npt_flexible() or epitaxial()."
            )
        if not np.array_equal(self.stress, self.stress.T):
            raise ValueError(
                f"stress is {self.stress.tolist()}, expected a symmetric 3x3 tensor. Symmetrise it."
            )
        if self.moving and self.reference_cell is None and np.abs(self.deviator).max() > 1e-15:
            raise ValueError(
                "reference_cell is None, expected the cell (angstrom) that an anisotropic target "
                "stress refers to. Give it."
            )

    @property
    def moving(self) -> bool:
        """Return whether the cell moves."""
        return bool(self.active.any())

    @property
    def pressure(self) -> float:
        """Return the isotropic part of the target, in eV/angstrom^3, positive = compression."""
        return -float(np.trace(self.stress)) / 3

    @property
    def deviator(self) -> Array:
        """Return the target stress without its pressure, in eV/angstrom^3."""
        return np.asarray(self.stress + self.pressure * np.eye(3), dtype=np.float64)

    @property
    def modular(self) -> Array:
        """Return d ln(left Haar / right Haar) / d ln F_kk, shape (3,).

        A step F -> F g preserves the right Haar measure; kT times this number is the constant
        force that turns it into the left one: (2, 0, -2) for the full triangle, 0 if diagonal.
        """
        shear = self.active & ~np.eye(3, dtype=np.bool_)
        return np.asarray(shear.sum(axis=0) - shear.sum(axis=1), dtype=np.float64)


def nve() -> Ensemble:
    """Return the microcanonical ensemble: velocity Verlet, no bath."""
    return Ensemble()


def nvt(friction: float = 1.0) -> Ensemble:
    """Return the canonical ensemble at fixed cell (also: a clamped crystal).

    Parameters
    ----------
    friction : float
        Langevin friction in 1/ps.
    """
    return Ensemble(friction=friction)


def npt_orthorhombic(
    stress: Array | None = None,
    *,
    friction: float = 1.0,
    barostat_time: float = 0.5,
    barostat_friction: float = 10.0,
    reference_cell: Array | None = None,
) -> Ensemble:
    """Return the ensemble whose cell stretches along x, y and z.

    Parameters
    ----------
    stress : array, shape (3, 3), optional
        Target in eV/angstrom^3, positive = tension; default 0. Its shears do nothing.
    friction, barostat_friction : float
        Frictions of atoms and cell in 1/ps.
    barostat_time : float
        Inertia of the cell as a time in ps.
    reference_cell : array, shape (3, 3), optional
        Needed if stress is not a pressure.
    """
    return Ensemble(
        friction=friction,
        active=np.eye(3, dtype=np.bool_),
        stress=_no_stress() if stress is None else np.asarray(stress, dtype=np.float64),
        barostat_time=barostat_time,
        barostat_friction=barostat_friction,
        reference_cell=reference_cell,
    )


def npt_flexible(
    stress: Array | None = None,
    *,
    friction: float = 1.0,
    barostat_time: float = 0.5,
    barostat_friction: float = 10.0,
    reference_cell: Array | None = None,
) -> Ensemble:
    """Return the ensemble whose cell takes any shape, without rotating; see npt_orthorhombic()."""
    return Ensemble(
        friction=friction,
        active=np.tri(3, dtype=np.bool_),
        stress=_no_stress() if stress is None else np.asarray(stress, dtype=np.float64),
        barostat_time=barostat_time,
        barostat_friction=barostat_friction,
        reference_cell=reference_cell,
    )


def epitaxial(
    stress: Array | None = None,
    *,
    shear: bool = False,
    friction: float = 1.0,
    barostat_time: float = 0.5,
    barostat_friction: float = 10.0,
    reference_cell: Array | None = None,
) -> Ensemble:
    """Return the ensemble of a film: x and y fixed, z free; shear lets it tilt too."""
    active = _no_cell()
    active[2] = (shear, shear, True)
    return Ensemble(
        friction=friction,
        active=active,
        stress=_no_stress() if stress is None else np.asarray(stress, dtype=np.float64),
        barostat_time=barostat_time,
        barostat_friction=barostat_friction,
        reference_cell=reference_cell,
    )


def hydrostatic(pressure: float) -> Array:
    """Return the stress tensor -pressure * 1, shape (3, 3), in the unit of pressure."""
    return -pressure * np.eye(3)
