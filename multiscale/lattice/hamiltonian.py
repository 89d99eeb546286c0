"""An effective Hamiltonian on a lattice of local modes, with the interface of a potential.

The particles of a System are the modes: one a cell, cells z fastest; the position of a particle is
the middle of its cell plus the mode u in angstrom, its charge Z*, its mass that of the mode. The
displacements of the cells (inhomogeneous strain) follow the modes at once; see acoustic.py.
"""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.coupling import acting_field
from multiscale.atoms.system import Field, Response, System
from multiscale.lattice import passes, quadratic
from multiscale.lattice.crystal import modes
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.shape import Shape, shape_of, stress_of

Array = NDArray[np.float64]
Size = tuple[int, int, int]


class Record(Protocol):
    """A material record with a lattice section."""

    @property
    def lattice(self) -> Any:
        """Return the section; its parameters() are Parameters."""
        ...


class EffectiveHamiltonian:
    """Energy, forces, stress and dipole of a lattice of local modes; evaluate() as any potential.

    Parameters
    ----------
    parameters : Parameters
        Of the crystal; of a solid solution those of the virtual crystal, whose two-body terms and
        elasticity all cells share.
    size : three ints
        Cells along x, y and z.
    inhomogeneous : bool
        Whether the cells strain one by one; False: all alike.
    site : array, shape (kinds, 10), optional
        On-site terms and coupling to strain of each kind of cell, in the order of SITE.
    kind : array of int, shape (n_cells,), optional
        Kind of each cell, z fastest.
    local_field : array, shape (n_cells, 3), optional
        Field of defects on each cell, V/angstrom, in the laboratory's frame.

    Raises
    ------
    ValueError
        If the size, kinds or local fields do not fit.
    """

    def __init__(
        self,
        parameters: Parameters,
        size: Size,
        *,
        inhomogeneous: bool = True,
        site: Array | None = None,
        kind: NDArray[np.int64] | None = None,
        local_field: Array | None = None,
    ) -> None:
        if len(size) != 3 or min(size) < 1:
            raise ValueError(f"size is {size}, expected three whole numbers > 0. Correct it.")
        self.parameters, self.size = parameters, (int(size[0]), int(size[1]), int(size[2]))
        self.n_cells = int(np.prod(size))
        self.inhomogeneous = inhomogeneous and self.n_cells > 1
        self.site = parameters.site()[None] if site is None else np.ascontiguousarray(site)
        zeros = np.zeros(self.n_cells, dtype=np.int64)
        self.kind = zeros if kind is None else np.ascontiguousarray(kind, dtype=np.int64)
        self.local_field = None if local_field is None else np.asarray(local_field, np.float64)
        self._check()
        self.reference = np.diag(np.array(self.size) * parameters.a0)
        self._inverse = np.diag(1 / self.reference.diagonal())
        self._stiffness = self.n_cells * parameters.stiffness()
        self._sites: tuple[object, Array] | None = None
        self._tables = quadratic.tables(self.size, parameters, self.inhomogeneous)
        rows = 6 if self.inhomogeneous else 3
        self._fields = torch.zeros((rows, *self.size), dtype=torch.float64)
        # First the tensions T of the cells, then their inhomogeneous strain; zero without one.
        self._local = np.zeros((6, *self.size))

    @classmethod
    def from_record(
        cls, material: Record, size: Size, *, inhomogeneous: bool = True
    ) -> "EffectiveHamiltonian":
        """Return the Hamiltonian of a material record, `multiscale.materials.load(name)`.

        Raises
        ------
        ValueError
            If the record has no lattice section.
        """
        if material.lattice is None:
            raise ValueError(
                f"material {getattr(material, 'name', '?')!r} has no [lattice], expected an "
                "effective Hamiltonian. Choose another record."
            )
        return cls(material.lattice.parameters(), size, inhomogeneous=inhomogeneous)

    def system(self, u: Array | None = None, strain: Array | None = None) -> System:
        """Return the modes u (n_cells, 3) in angstrom as a System; see crystal.modes()."""
        return modes(self.parameters, self.size, u=u, strain=strain)

    def longest_timestep(self, amplitude: float = 0.3) -> float:
        """Return the longest stable time step in ps for modes up to an amplitude in angstrom."""
        return quadratic.longest_timestep(self.parameters, self.parameters.mass, amplitude)

    def evaluate(
        self,
        system: System,
        electric_field: Field = None,
        *,
        forces: bool = True,
        stress: bool = True,
        polarization: bool = True,
        born_charges: bool = False,
        polarizability: bool = False,
    ) -> Response:
        """Return energy, forces, stress and dipole, always all of them and in float64.

        The stress is that of a cell that carries the modes along, which is what dynamics() wants:
        its mean in equilibrium is kinetic as in any molecular dynamics.

        Raises
        ------
        ValueError
            If the system has no sites, or not one particle a cell.
        """
        del forces, stress, polarization, polarizability
        charges = self._charges(system)
        n, N = system.n_systems, self.n_cells
        energy, dipole = np.empty(n), np.empty((n, 3))
        force, virial = np.empty((n * N, 3)), np.empty((n, 3, 3))
        shapes, pending = [], []
        for s in range(n):
            shape, dipole[s] = self._gather(system, s, charges)
            shapes.append(shape)
            pending.append(self._respond(shape.strain))
        mu = torch.from_numpy(dipole)
        E = np.ascontiguousarray(acting_field(electric_field, mu).numpy())
        for s, (shape, (own, pull, outer, f)) in enumerate(zip(shapes, pending, strict=True)):
            part = slice(s * N, (s + 1) * N)
            energy[s] = own
            passes.scatter(f, shape.turn, charges[part], E[s], force[part])
            virial[s] = shape.volume * stress_of(shape, pull, outer) - np.outer(dipole[s], E[s])
            if self.local_field is not None:
                energy[s] += self._push(system, s, charges, force, virial)
        if isinstance(electric_field, torch.Tensor):
            energy -= (E * dipole).sum(axis=1)
        volume = np.array([shape.volume for shape in shapes])
        return Response(
            energy=torch.from_numpy(energy),
            forces=torch.from_numpy(force),
            stress=torch.from_numpy(virial / volume[:, None, None]),
            dipole=mu,
            polarization=torch.from_numpy(dipole / volume[:, None] * units.C_PER_M2),
            born_charges=system.sites.charges if born_charges and system.sites else None,
        )

    def slopes(self, u: Array, strain: Array) -> tuple[float, Array, Array]:
        """Return energy, forces on the modes and the energy's slope by homogeneous strain.

        Parameters
        ----------
        u : array, shape (n_cells, 3)
            Modes in the crystal's frame, angstrom.
        strain : array, shape (6,)
            Voigt order, engineering shear.

        Returns
        -------
        energy in eV, without fields; forces (n_cells, 3) in eV/angstrom; dE/dstrain (6,) in eV.
        """
        self._fields.numpy()[:3].reshape(3, -1)[:] = u.T
        energy, pull, _, f = self._respond(np.ascontiguousarray(strain))
        return energy, f.T, pull

    def local_strain(self) -> Array:
        """Return the inhomogeneous strain of the cells last evaluated, shape (n_cells, 6)."""
        return self._local.reshape(6, -1).T.copy()

    def _gather(self, system: System, s: int, charges: Array) -> tuple[Shape, Array]:
        """Put the modes of system s into the fields; return its shape and dipole."""
        assert system.sites is not None
        cell = system.cell[s].numpy()
        shape = shape_of(cell, self._inverse)
        part = slice(s * self.n_cells, (s + 1) * self.n_cells)
        u = self._fields.numpy()[:3].reshape(3, -1)
        positions, scaled = system.positions.numpy()[part], system.sites.scaled.numpy()[part]
        return shape, passes.gather_modes(positions, scaled, cell, shape.turn, charges[part], u)

    def _respond(self, strain: Array) -> tuple[float, Array, Array, Array]:
        """Return energy, dE/dstrain (6,), sum of u f (3, 3) and forces (3, n) of the fields."""
        fields = self._fields.numpy()
        u, local = fields[:3].reshape(3, -1), self._local.reshape(6, -1)
        if self.inhomogeneous:
            passes.tensions(u, self.site, self.kind, local)
            passes.pull_corners(self._local, fields[3:])
        spectrum = torch.fft.rfftn(self._fields, dim=(1, 2, 3))
        waves = spectrum.numpy().reshape(len(fields), -1)
        passes.apply_matrices(waves, *self._tables, self.inhomogeneous)
        back = torch.fft.irfftn(spectrum, s=self.size, dim=(1, 2, 3)).numpy()
        if self.inhomogeneous:
            passes.strain_cells(back[3:], self._local)
        f = back[:3].reshape(3, -1)
        own, pull, outer = passes.forces(u, f, local, strain, self.site, self.kind)
        stretched = self._stiffness @ strain
        return own + 0.5 * float(stretched @ strain), pull + stretched, outer, f

    def _push(self, system: System, s: int, charges: Array, force: Array, virial: Array) -> float:
        """Add the local fields to forces and virial; return their energy."""
        assert self.local_field is not None
        assert system.sites is not None
        part = slice(s * self.n_cells, (s + 1) * self.n_cells)
        home = system.sites.scaled.numpy()[part] @ system.cell[s].numpy()
        x = system.positions.numpy()[part] - home
        push = charges[part, None] * self.local_field
        force[part] += push
        virial[s] -= x.T @ push
        return -float((x * push).sum())

    def _charges(self, system: System) -> Array:
        """Return the mode charges (n_atoms,), after a look at the system."""
        if system.sites is None or system.n_atoms != self.n_cells * system.n_systems:
            raise ValueError(
                f"the system has {system.n_atoms} particles in {system.n_systems} systems, "
                f"expected one for each of {self.n_cells} cells, and sites. Make it with "
                "EffectiveHamiltonian.system() or from a record with [lattice]."
            )
        # The sites are the same object all along a trajectory.
        if self._sites is None or self._sites[0] is not system.sites:
            charges = np.ascontiguousarray(system.sites.charges[:, 0, 0].numpy())
            self._sites = (system.sites, charges)
        return self._sites[1]

    def _check(self) -> None:
        N = self.n_cells
        if self.kind.shape != (N,) or self.kind.min() < 0 or self.kind.max() >= len(self.site):
            raise ValueError(
                f"kind has shape {self.kind.shape} and runs to {self.kind.max()}, expected "
                f"({N},) below {len(self.site)}. Give each cell the number of its kind."
            )
        if self.local_field is not None and self.local_field.shape != (N, 3):
            raise ValueError(
                f"local_field has shape {self.local_field.shape}, expected ({N}, 3). Correct it."
            )
