"""An effective Hamiltonian on a lattice of local modes, with the interface of a potential.

The particles of a System are the modes: one a cell, cells z fastest; the position of a particle is
the middle of its cell plus the mode u in angstrom, its charge Z*, its mass that of the mode. The
displacements of the cells (inhomogeneous strain) follow the modes at once; see acoustic.py.
"""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.coupling import acting_field
from multiscale.atoms.spare import Spare
from multiscale.atoms.system import Field, Response, System
from multiscale.lattice import forces as last_pass
from multiscale.lattice import passes, quadratic
from multiscale.lattice.crystal import modes
from multiscale.lattice.parameters import SITE, Parameters
from multiscale.lattice.room import Room
from multiscale.lattice.shape import Shape, shape_of, stress_of
from multiscale.lattice.spectral import respond

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_ALIKE = np.zeros((1, 1), dtype=np.int64)  # kinds of cells that are all alike: not read


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
    dtype : float64 or float32
        Of the fields and their transforms. float32 is faster, with forces good to about 1e-6 of
        their size; positions, energies, sums and what evaluate() returns are float64 always.

    Raises
    ------
    ValueError
        If the size, kinds, local fields or dtype do not fit, or a kind has no lower bound.
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
        dtype: type = np.float64,
    ) -> None:
        if len(size) != 3 or min(size) < 1:
            raise ValueError(f"size is {size}, expected three whole numbers > 0. Correct it.")
        if dtype not in (np.float64, np.float32):
            raise ValueError(f"dtype is {dtype}, expected float64 or float32. Choose one of them.")
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
        self._charge = np.full(self.n_cells, parameters.charge)
        self._spare = Spare((self.n_cells, 3))
        self._tables = quadratic.tables(self.size, parameters, self.inhomogeneous, dtype)
        self._room = Room(self.size, self.inhomogeneous, dtype)
        self._kinds = self._room.spread(self.kind) if len(self.site) > 1 else _ALIKE

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
        kinds, mass = self._kinds_of_cells(), self.parameters.mass
        return min(quadratic.longest_timestep(p, mass, amplitude) for p in kinds)

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
        if self._spare.shape != (n * N, 3):
            self._spare = Spare((n * N, 3))
        force, virial = self._spare.take(), np.empty((n, 3, 3))
        shapes = [shape_of(cell, self._inverse) for cell in system.cell.numpy()]
        for s, shape in enumerate(shapes):
            dipole[s] = self._gather(system, s, shape, charges)
        mu = torch.from_numpy(dipole)
        E = np.ascontiguousarray(acting_field(electric_field, mu).numpy())
        for s, shape in enumerate(shapes):
            part = slice(s * N, (s + 1) * N)
            if n > 1:  # the room holds the modes of the last system
                self._gather(system, s, shape, charges)
            energy[s], pull, outer = self._respond(
                shape.strain, shape.turn, charges[part], E[s], force[part]
            )
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
        self._room.fill(u)
        force = np.empty((self.n_cells, 3))
        energy, pull, _ = self._respond(
            np.asarray(strain, np.float64), np.eye(3), self._charge, np.zeros(3), force
        )
        return energy, force, pull

    def local_strain(self) -> Array:
        """Return the inhomogeneous strain of the cells last evaluated, shape (n_cells, 6)."""
        return self._room.local_strain()

    def _gather(self, system: System, s: int, shape: Shape, charges: Array) -> Array:
        """Put the modes of system s into the room; return its dipole."""
        assert system.sites is not None
        part = slice(s * self.n_cells, (s + 1) * self.n_cells)
        return passes.gather_modes(
            system.positions.numpy()[part].reshape(-1),
            system.sites.scaled.numpy()[part].reshape(-1), system.cell[s].numpy(), shape.turn,
            charges[part], self._room.u, self.size, self._room.plan.wide,
        )  # fmt: skip

    def _respond(
        self, strain: Array, turn: Array, charges: Array, E: Array, out: Array
    ) -> tuple[float, Array, Array]:
        """Fill out (n_cells, 3) with forces; return energy, dE/dstrain (6,), sum of u f (3, 3)."""
        room, wide = self._room, self._room.plan.wide
        if self.inhomogeneous:
            passes.pull_corners(
                room.u, self.site, self._kinds, room.S, self.size, wide, room.tension, room.rows
            )
        respond(room.u, room.S, room.f, room.w, self._tables, room.plan)
        sums = np.empty(15)
        own = last_pass.forces(
            room.u, room.f, room.w, strain, self.site, self._kinds, turn, charges, E,
            out.reshape(-1), self.size, wide, room.eta, room.rows, sums,
        )  # fmt: skip
        stretched = self._stiffness @ strain
        energy = own + 0.5 * float(stretched @ strain)
        return energy, sums[:6] + stretched, sums[6:].reshape(3, 3)

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

    def _kinds_of_cells(self) -> list[Parameters]:
        """Return the parameters of each kind; raise ValueError if one has no lower bound."""
        found = []
        for n, row in enumerate(self.site):
            try:
                found.append(replace(self.parameters, **dict(zip(SITE, row.tolist(), strict=True))))
            except ValueError as error:
                raise ValueError(f"cells of kind {n}: {error}") from error
        return found

    def _check(self) -> None:
        N = self.n_cells
        self._kinds_of_cells()
        if self.kind.shape != (N,) or self.kind.min() < 0 or self.kind.max() >= len(self.site):
            raise ValueError(
                f"kind has shape {self.kind.shape} and runs to {self.kind.max()}, expected "
                f"({N},) below {len(self.site)}. Give each cell the number of its kind."
            )
        if self.local_field is not None and self.local_field.shape != (N, 3):
            raise ValueError(
                f"local_field has shape {self.local_field.shape}, expected ({N}, 3). Correct it."
            )
