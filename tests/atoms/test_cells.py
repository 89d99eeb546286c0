"""Dipoles of unit cells, and fields that differ from cell to cell, for atoms and local modes."""

from itertools import islice

import numpy as np
import pytest
import torch

from multiscale import materials
from multiscale.atoms import ElectricPotential, Response, Sites, System
from multiscale.atoms.cells import (
    cell_dipoles,
    centred_cells,
    net_charges,
    spread,
    whole_cells,
)
from multiscale.atoms.coupling import couple
from multiscale.atoms.dynamics import dynamics, initial_state, kinetic_energy
from multiscale.atoms.ensembles import nve
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.toy import perovskite
from multiscale.sampling import Grouping, Joined, Modulus, SignResolved, SiteBias, WallPosition

T = torch.float64
SIZE = (2, 1, 3)


def disordered(n=2):
    rng = np.random.default_rng(1)
    system = perovskite(SIZE, n)
    deform = torch.from_numpy(np.eye(3) + 0.03 * rng.normal(size=(n, 3, 3)))
    shift = torch.from_numpy(rng.normal(0, 0.1, tuple(system.positions.shape)))
    moved = (system.positions + shift)[:, None] @ deform[system.system_index]
    return system.replace(positions=moved[:, 0], cell=system.cell @ deform)


def both_kinds():
    reference = perovskite(SIZE)
    titanium = (reference.numbers == 22).numpy()
    yield whole_cells(30, 6)
    yield centred_cells(reference.positions.numpy(), reference.cell[0].numpy(), titanium)


@pytest.mark.parametrize("cells", list(both_kinds()), ids=["whole", "centred"])
def test_cells_add_up_to_the_system(cells):
    system = disordered()
    assert cells.n_cells == 6
    dipoles = cell_dipoles(system, cells)
    torch.testing.assert_close(dipoles.sum(1), couple(system, system.sites, None).dipole)
    # Neutral cells: a shift of the crystal moves no dipole.
    moved = system.replace(positions=system.positions + torch.tensor([0.3, -1.0, 2.0], dtype=T))
    torch.testing.assert_close(cell_dipoles(moved, cells), dipoles, rtol=0, atol=1e-11)
    assert np.abs(net_charges(system.sites.charges[:30].numpy(), cells)).max() < 1e-12


@pytest.mark.parametrize("cells", list(both_kinds()), ids=["whole", "centred"])
def test_equal_fields_are_one_field(cells):
    system = disordered()
    field = torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.4, -0.1]], dtype=T)
    forces, virial = spread(system, cells, field[:, None].expand(2, 6, 3))
    one = couple(system, system.sites, field)
    torch.testing.assert_close(forces, one.forces)
    torch.testing.assert_close(virial, one.virial)


@pytest.mark.parametrize("cells", list(both_kinds()), ids=["whole", "centred"])
def test_forces_and_virial_are_slopes_of_the_dipoles(cells):
    system = disordered()
    fields = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 6, 3)))

    def work(s):
        return (fields * cell_dipoles(s, cells)).sum((1, 2))

    forces, virial = spread(system, cells, fields)
    h = 1e-5
    for i, b in ((0, 0), (7, 1), (33, 2), (59, 0)):
        step = torch.zeros_like(system.positions)
        step[i, b] = h
        ends = [work(system.replace(positions=system.positions + s * step)).sum() for s in (1, -1)]
        assert float(forces[i, b]) == pytest.approx(float(ends[0] - ends[1]) / (2 * h), abs=1e-8)
    for a in range(3):
        for b in range(3):
            ends = []
            for sign in (1, -1):
                g = torch.eye(3, dtype=T)
                g[a, b] += sign * h
                ends.append(
                    work(system.replace(positions=system.positions @ g, cell=system.cell @ g))
                )
            slope = (ends[0] - ends[1]) / (2 * h)
            torch.testing.assert_close(virial[:, a, b], slope, rtol=0, atol=1e-7)


def test_centred_cells_take_eighths_and_halves():
    crystal = perovskite((3, 3, 3))
    titanium = (crystal.numbers == 22).numpy()
    cells = centred_cells(crystal.positions.numpy(), crystal.cell[0].numpy(), titanium)
    shares = np.diff(cells.first)
    assert (shares[(crystal.numbers == 82).numpy()] == 8).all()
    assert (shares[(crystal.numbers == 8).numpy()] == 2).all()
    assert (shares[titanium] == 1).all()
    # Each cell: one Ti, six halves of O, eight eighths of Pb.
    assert np.bincount(cells.cell).tolist() == [15] * 27
    assert np.bincount(cells.cell, cells.share) == pytest.approx(5)
    # Inverting the crystal about a centre maps its cell onto itself: no direction is preferred.
    moved = torch.zeros_like(crystal.positions)
    moved[crystal.numbers == 82] += torch.tensor([0.0, 0.0, 0.1], dtype=T)
    down = crystal.replace(positions=crystal.positions + moved)
    assert np.ptp(cell_dipoles(down, cells).numpy(), axis=1).max() < 1e-12


def test_a_cell_that_one_image_surrounds_is_whole():
    crystal = perovskite((1, 1, 1))
    cells = centred_cells(
        crystal.positions.numpy(), crystal.cell[0].numpy(), (crystal.numbers == 22).numpy()
    )
    assert np.bincount(cells.cell, cells.share) == pytest.approx([5])


class Modes:
    """A lattice of local modes: wells, stiff neighbours along z, each particle a unit cell."""

    def evaluate(self, system, electric_field=None, **asked):  # noqa: ARG002
        assert electric_field is None or isinstance(electric_field, torch.Tensor)
        home = system.sites.scaled[:, None] @ system.cell[system.system_index]
        u = (system.positions - home[:, 0]).reshape(system.n_systems, 4, 3)
        step = u - u.roll(-1, 1)
        square = (u**2).sum(-1, keepdim=True)
        energy = (-2 * square + 8 * square**2).sum((1, 2)) + 0.5 * (step**2).sum((1, 2))
        slope = -4 * u + 32 * square * u + step - step.roll(1, 1)
        dipole = 8.0 * u.sum(1)
        forces = -slope
        if electric_field is not None:
            energy = energy - (electric_field * dipole).sum(1)
            forces = forces + 8.0 * electric_field
        return Response(
            energy, forces.reshape(-1, 3), torch.zeros_like(system.cell), dipole, dipole
        )


def modes():
    """Return four modes along z as a System: particles at the cells, with the mode charge."""
    scaled = torch.tensor([[0, 0, k / 4] for k in range(4)], dtype=T)
    cell = torch.diag(torch.tensor([4.0, 4.0, 16.0], dtype=T))[None]
    shift = torch.tensor([[0.1, 0, 0.3], [0, 0.05, -0.3], [0, 0, -0.25], [0.02, 0, 0.2]], dtype=T)
    return System(
        positions=scaled @ cell[0] + shift,
        cell=cell,
        numbers=torch.full((4,), 22),
        masses=torch.full((4,), 50.0, dtype=T),
        system_index=torch.zeros(4, dtype=torch.int64),
        sites=Sites(scaled, 8.0 * torch.eye(3, dtype=T).repeat(4, 1, 1)),
    )


@pytest.mark.parametrize("field", [None, [0.0, 0.01, 0.02]])
def test_the_same_variables_drive_a_lattice_of_modes(field):
    groups = Grouping((1, 1, 4))
    wall = Joined((WallPosition(groups), SignResolved(groups), Modulus()))
    system, cells = modes(), whole_cells(4, 4)

    def bowl(values, step):  # noqa: ARG001
        apart = values - np.array([3.0, 0.0, 0.4])
        return 0.2 * (apart**2).sum(1), -0.4 * apart

    def spread_of(timestep):
        run = dynamics(
            Modes(), system, nve(), timestep=timestep, kT=torch.full((1,), 0.02, dtype=T),
            generators=[walker_generator(0, 0)], bias=SiteBias(wall, bowl, cells),
            electric_field=None if field is None else torch.tensor(field, dtype=T),
        )  # fmt: skip
        states = list(islice(run, round(0.4 / timestep)))
        total = [float(s.energy + s.bias_energy + kinetic_energy(s, system)) for s in states]
        assert np.std([float(s.bias_energy) for s in states]) > 0.02
        return np.std(total)

    fine, coarse = spread_of(0.0005), spread_of(0.001)
    assert coarse < 2e-3
    assert coarse / fine == pytest.approx(4, rel=0.3)


def test_a_learned_response_does_not_enter_the_dipoles_of_cells():
    # In a field as well: U0 - E.mu - E.alpha.E/2 of the model plus V of the fixed charges.
    potential = ElectricPotential.load("batio3-pbesol", dtype=T)
    assert potential.electric
    material = materials.load("batio3")
    size = (1, 1, 2)
    reference = material.supercell(size)
    sites = Sites(
        torch.from_numpy(reference.get_scaled_positions(wrap=False)),
        torch.from_numpy(material.born_charges(size)),
    )
    system = System.from_ase(material.polar(size)).replace(sites=sites)
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.03, (10, 3)))
    system = system.replace(positions=system.positions + noise)
    sign, cells = SignResolved(Grouping(size)), whole_cells(10, 2)
    bias = SiteBias(sign, lambda s, step: (0.5 * s[:, 0] ** 2, -s), cells)  # noqa: ARG005
    field = torch.tensor([0.0, 0.01, 0.02], dtype=T)

    def at(moved):
        return initial_state(
            potential, moved, nve(), timestep=0.001, kT=torch.full((1,), 0.02, dtype=T),
            generators=[walker_generator(0, 0)], bias=bias, electric_field=field,
        )  # fmt: skip

    state, h = at(system), 1e-4
    plain = potential.evaluate(system, field)
    assert float((state.forces - plain.forces).abs().max()) > 0.1
    torch.testing.assert_close(state.dipole, plain.dipole)
    for i, b in ((1, 2), (4, 0), (8, 2)):
        ends = []
        for s in (1, -1):
            moved = system.positions.clone()
            moved[i, b] += s * h
            there = at(system.replace(positions=moved))
            ends.append(float(there.energy + there.bias_energy))
        assert float(state.forces[i, b]) == pytest.approx(
            (ends[1] - ends[0]) / (2 * h), rel=1e-5, abs=1e-6
        )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: whole_cells(29, 6), "29 atoms fill 6 cells unevenly"),
        (
            lambda: centred_cells(np.zeros((2, 3)), np.eye(3), np.zeros(2, bool)),
            "no atom is a centre",
        ),
        (lambda: cell_dipoles(perovskite((1, 1, 1)), whole_cells(10, 2)), "made of 10 atoms"),
        (
            lambda: cell_dipoles(perovskite((1, 1, 1)).replace(sites=None), whole_cells(5, 1)),
            "expected Born charges",
        ),
    ],
)
def test_impossible_cells_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
