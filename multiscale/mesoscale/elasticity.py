"""Elastic energy of a cubic crystal with spontaneous strain, by Fourier transforms.

f_el = C (e - e0)(e - e0) / 2 with e0 = Q P P. Mechanical equilibrium of every wave is closed:
u = -i Gamma C e0 k, where Gamma^-1 = C_ijkl k_j k_l of a cubic crystal is a diagonal plus a
rank-one matrix (Khachaturyan, Theory of Structural Transformations in Solids, 1983). The mean
strain is free, given, or given in part. Voigt order xx yy zz yz xz xy, engineering shear; stress
and stiffness in Pa.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale.green import equilibrium
from multiscale.mesoscale.grid import PAIRS, Grid, Modes
from multiscale.mesoscale.threads import share

Array = NDArray[np.float64]
BOUNDARIES = {"free": (), "clamped": (0, 1, 2, 3, 4, 5), "film": (0, 1, 5)}


def cubic(c11: float, c12: float, c44: float) -> Array:
    """Return a cubic matrix, shape (6, 6), of its three constants."""
    C = np.diag([c11 - c12] * 3 + [c44] * 3)
    C[:3, :3] += c12
    return np.asarray(C)


@dataclass(frozen=True, eq=False)
class Elasticity:
    """Elastic constants, coupling to the polarization and what holds the box.

    Parameters
    ----------
    stiffness : three floats
        C11, C12, C44, Pa.
    electrostriction : three floats
        Q11, Q12, Q44 with e_yz = Q44 Py Pz for the engineering shear e_yz, m^4/C^2.
    boundary : "free", "clamped", "film", or Voigt indices
        Which components of the mean strain are given, in the frame of the box: none, all, those
        in the plane normal to z (a film on a thick substrate), or the ones listed.
    strain : array, shape (6,)
        Mean strain in the frame of the box, for the components that are given.
    stress : array, shape (6,)
        Mean stress in the frame of the box, Pa, for the components that are not.

    Raises
    ------
    ValueError
        If the stiffness is not positive or the boundary has no such name.
    """

    stiffness: tuple[float, float, float]
    electrostriction: tuple[float, float, float]
    boundary: str | tuple[int, ...] = "free"
    strain: ArrayLike = (0.0,) * 6
    stress: ArrayLike = (0.0,) * 6

    def __post_init__(self) -> None:
        """Refuse an unstable crystal and an unknown boundary."""
        if isinstance(self.boundary, str) and self.boundary not in BOUNDARIES:
            raise ValueError(
                f"boundary is {self.boundary!r}, expected one of {', '.join(BOUNDARIES)}. "
                "Choose how the mean strain is held."
            )
        if np.linalg.eigvalsh(self.matrix).min() <= 0:
            raise ValueError(
                f"stiffness is {self.stiffness}, expected C44 > 0, C11 > |C12|, C11 + 2 C12 > 0. "
                "Give C11, C12, C44 in Pa."
            )

    @property
    def held(self) -> list[int]:
        """Voigt indices of the mean strain that are given."""
        named = isinstance(self.boundary, str)
        return list(BOUNDARIES[str(self.boundary)] if named else map(int, self.boundary))

    @cached_property
    def matrix(self) -> Array:
        """Stiffness, shape (6, 6), Pa."""
        return cubic(*self.stiffness)

    @cached_property
    def compliance(self) -> Array:
        """Inverse of the stiffness, shape (6, 6), 1/Pa."""
        return np.asarray(np.linalg.inv(self.matrix))

    def mean_stress(self, spontaneous: Array, grid: Grid) -> Array:
        """Return the mean stress, Pa, in crystal axes for the mean of e0, both shape (6,)."""
        still, response = _mean_law(self, grid)
        return np.asarray(still + response @ spontaneous)

    def work(self, mean_stress: Array, spontaneous: Array, grid: Grid) -> float:
        """Return the work density of the given stress on the mean strain, J/m^3.

        Both arguments have shape (6,) and crystal axes; spontaneous is the mean of e0.
        """
        load = np.asarray(self.stress, float).copy()
        load[self.held] = 0.0
        strain = spontaneous + self.compliance @ mean_stress
        return float(load @ strain_rotation(grid.rotation.T) @ strain)

    def stress_modes(self, modes: Modes, grid: Grid) -> None:
        """Replace modes of e0 by those of the stress, Pa, shape (6, *mode_shape), in place."""
        mean = modes[:, 0, 0, 0].real / grid.size
        real = modes.real.dtype
        x, y, z = (np.stack(k).astype(real) for k in zip(grid.odd_waves, grid.waves, strict=True))
        constants = np.array([*self.stiffness, 1.0], real)
        rows = modes.reshape(6, len(x[0]) * len(y[0]), -1).view(real)
        waves = (x, y, np.repeat(z, 2, axis=1), grid.rotation.astype(real))
        share(equilibrium, grid.workers, rows.shape[1], rows, *waves, constants, least=64)
        modes[:, 0, 0, 0] = self.mean_stress(np.asarray(mean, float), grid) * grid.size


@lru_cache(maxsize=64)
def _mean_law(elasticity: Elasticity, grid: Grid) -> tuple[Array, Array]:
    """Return the mean stress of e0 = 0 and its change with the mean of e0, crystal axes."""
    held = elasticity.held
    free = [i for i in range(6) if i not in held]
    B = strain_rotation(grid.rotation.T)
    C = _turned(elasticity.matrix, B)
    columns = []
    for e0 in (np.zeros(6), *B.T):
        elastic = np.zeros(6)
        elastic[held] = (np.asarray(elasticity.strain, float) - e0)[held]
        if free:
            load = np.asarray(elasticity.stress, float)[free]
            rest = load - C[np.ix_(free, held)] @ elastic[held]
            elastic[free] = np.linalg.solve(C[np.ix_(free, free)], rest)
        columns.append(B.T @ (C @ elastic))
    return columns[0], np.array(columns[1:]).T - columns[0][:, None]


def strain_rotation(R: ArrayLike) -> Array:
    """Return the matrix that turns engineering strains, shape (6, 6): e' = R e R^T.

    Its transpose turns stresses back: sigma = B^T sigma'.
    """
    R = np.asarray(R, float)
    B = np.empty((6, 6))
    for column, (k, m) in enumerate(PAIRS):
        e = np.zeros((3, 3))
        e[k, m] += 0.5
        e[m, k] += 0.5
        turned = R @ e @ R.T
        B[:, column] = [turned[i, j] * (1 if i == j else 2) for i, j in PAIRS]
    return B


def _turned(C: Array, B: Array) -> Array:
    """Return a stiffness after the rotation of strains by B."""
    inverse = np.linalg.inv(B)
    return np.asarray(inverse.T @ C @ inverse)
