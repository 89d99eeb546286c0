"""A film between ideal electrodes, by images: the lattice and its mirror image, repeated.

An electrode in short circuit mirrors a dipole (ux, uy, uz) into (-ux, -uy, uz). Film and image
together are a periodic lattice twice as thick, whose energy is twice that of the film (Nishimatsu
et al., PRB 78, 104104 (2008)). Dead cells between film and image, half of them at each electrode,
carry no mode: they leave the depolarizing field of a capacitor in series,
E = -P d / ((l + d) eps0 eps_inf) for a film of l and d dead cells.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.coupling import acting_field
from multiscale.atoms.system import Field, Response, System
from multiscale.lattice.crystal import amplitudes, modes
from multiscale.lattice.hamiltonian import EffectiveHamiltonian
from multiscale.lattice.parameters import Parameters

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_MIRROR = np.array([-1.0, -1.0, 1.0])


class Film:
    """Energy, forces, stress and dipole of a film; evaluate() as any potential.

    Parameters
    ----------
    parameters : Parameters
    size : three ints
        Cells of the film along x, y and, between the electrodes, z.
    dead : int
        Dead cells, those of both electrodes together.

    Raises
    ------
    ValueError
        If dead is negative.
    """

    def __init__(self, parameters: Parameters, size: Size, *, dead: int = 0) -> None:
        if dead < 0:
            raise ValueError(f"dead is {dead}, expected 0 or more cells. Correct it.")
        self.parameters, self.size, self.dead = parameters, size, dead
        self.n_cells = int(np.prod(size))
        self._both = EffectiveHamiltonian(parameters, (*size[:2], 2 * (size[2] + dead)))
        self._lengths = np.array(size) * parameters.a0

    def system(self, u: Array | None = None, strain: Array | None = None) -> System:
        """Return the modes u (n_cells, 3) in angstrom of the film as a System."""
        return modes(self.parameters, self.size, u=u, strain=strain)

    def evaluate(self, system: System, electric_field: Field = None, **_: bool) -> Response:
        """Return energy, forces, stress and dipole; a field is the voltage over the thickness.

        Raises
        ------
        ValueError
            If a cell has no right angles, or the field is not along z.
        """
        cells = system.cell.numpy()
        if np.any(cells[:, ~np.eye(3, dtype=np.bool_)]):
            raise ValueError(
                "the cell of the film has shears, expected right angles, which images need. Use "
                "nvt() or epitaxial()."
            )
        u = amplitudes(system)
        mu = torch.from_numpy(self.parameters.charge * u.sum(1))
        E = np.ascontiguousarray(acting_field(electric_field, mu).numpy())
        if np.any(E[:, :2]):
            raise ValueError(
                f"electric_field is {E[0].tolist()} V/angstrom, expected one along z: electrodes "
                "hold none along x and y. Correct it."
            )
        parts = [self._one(*one) for one in zip(u, cells, E, strict=True)]
        energy, forces, stress = (np.stack(column) for column in zip(*parts, strict=True))
        if isinstance(electric_field, torch.Tensor):
            energy = energy - (E * mu.numpy()).sum(1)
        volume = np.abs(np.linalg.det(cells))[:, None]
        return Response(
            energy=torch.from_numpy(energy),
            forces=torch.from_numpy(forces.reshape(-1, 3)),
            stress=torch.from_numpy(stress),
            dipole=mu,
            polarization=torch.from_numpy(mu.numpy() / volume * units.C_PER_M2),
        )

    def _one(self, u: Array, cell: Array, E: Array) -> tuple[float, Array, Array]:
        """Return energy without that of the field, forces and stress of one film."""
        nx, ny, nz = self.size
        stretch = cell.diagonal() / self._lengths
        both = np.zeros((nx, ny, 2 * (nz + self.dead), 3))
        film = u.reshape(nx, ny, nz, 3)
        both[:, :, :nz] = film
        both[:, :, nz + self.dead : 2 * nz + self.dead] = film[:, :, ::-1] * _MIRROR
        strain = np.concatenate([stretch - 1, np.zeros(3)])
        energy, forces, pull = self._both.slopes(both.reshape(-1, 3), strain)
        own = forces.reshape(*both.shape)[:, :, :nz].reshape(-1, 3) + self.parameters.charge * E
        stress = np.diag(0.5 * stretch * pull[:3] - (u * own).sum(0)) / np.prod(cell.diagonal())
        return 0.5 * energy, own, stress
