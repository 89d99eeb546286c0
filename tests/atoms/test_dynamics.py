"""Dynamics of the analytic crystal: conservation, statistics, work of fields, restarts."""

from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import (
    State,
    dynamics,
    initial_state,
    kinetic_energy,
    kinetic_temperature,
)
from multiscale.atoms.generators import (
    pack_generators,
    unpack_generator,
    unpack_generators,
    walker_generator,
)
from multiscale.atoms.toy import IdealGas, ToyCrystal, perovskite

T = torch.float64


def kT_of(*temperatures):
    return units.KB * torch.tensor(temperatures, dtype=T)


def generators(count, seed=5):
    return [walker_generator(seed, w) for w in range(count)]


def last(states, steps):
    return next(islice(states, steps - 1, None))


def test_energy_of_a_closed_crystal_drifts_below_1_mev_per_atom_and_ns():
    system = perovskite((2, 2, 2), 4)
    run = dynamics(
        ToyCrystal(), system, ensembles.nve(), timestep=0.001,
        kT=kT_of(600, 600, 600, 600), generators=generators(4),
    )  # fmt: skip
    total = [s.energy + kinetic_energy(s, system) for s in islice(run, 0, 20000, 20)]
    energy = torch.stack(total).numpy() / 40
    time = np.arange(len(energy)) * 0.02e-3  # ns
    slope = np.polyfit(time, energy, 1)[0]
    assert np.abs(slope).max() < 1e-3
    assert energy.std(axis=0).max() < 1e-4


def test_velocity_verlet_error_is_of_second_order():
    system = perovskite((1, 1, 1))
    deviations = []
    for timestep in (0.001, 0.002):
        run = dynamics(
            ToyCrystal(), system, ensembles.nve(), timestep=timestep, kT=kT_of(600),
            generators=generators(1),
        )  # fmt: skip
        total = [s.energy + kinetic_energy(s, system) for s in islice(run, round(4 / timestep))]
        deviations.append(float(torch.stack(total).std()))
    assert deviations[1] / deviations[0] == pytest.approx(4, rel=0.1)


def test_momenta_have_the_maxwell_distribution():
    system = perovskite((2, 2, 2), 2)
    wanted = (300.0, 700.0)
    run = dynamics(
        ToyCrystal(), system, ensembles.nvt(5.0), timestep=0.002, kT=kT_of(*wanted),
        generators=generators(2),
    )  # fmt: skip
    states = list(islice(run, 500, 15000, 50))
    found = torch.stack([kinetic_temperature(s, system, ensembles.nvt()) for s in states]).numpy()
    error = np.array(wanted) * np.sqrt(2 / (3 * 40)) / np.sqrt(len(states) / 2)
    # BAOAB's kinetic temperature is low by (omega dt)^2 / 4, here below 0.6 %.
    assert (np.abs(found.mean(0) - wanted) < 4 * error + 0.006 * np.array(wanted)).all()
    p = torch.stack([s.momenta for s in states]).numpy()
    scaled = p / np.sqrt(system.masses.numpy() * units.AMU)[:, None]
    for n, temperature in enumerate(wanted):
        v = scaled[:, 40 * n : 40 * (n + 1)] / np.sqrt(units.KB * temperature)
        kurtosis = (v**4).mean() / (v**2).mean() ** 2
        assert kurtosis == pytest.approx(3, abs=5 * np.sqrt(24 / v.size))


def field_at(time):
    return torch.tensor([0.06, -0.03, 0.15], dtype=T) * np.sin(20 * time)


def test_work_of_a_changing_field_is_the_energy_gained():
    # d(K + U0 - E.mu)/dt = -mu . dE/dt
    system = perovskite((2, 1, 1))
    timestep = 0.0002
    run = dynamics(
        ToyCrystal(), system, ensembles.nve(), timestep=timestep, kT=kT_of(300),
        generators=generators(1), electric_field=field_at,
    )  # fmt: skip
    states = list(islice(run, 5000))
    enthalpy = [float(s.energy[0] + kinetic_energy(s, system)[0]) for s in states]
    work = 0.0
    for a, b in pairwise(states):
        change = field_at(b.step * timestep) - field_at(a.step * timestep)
        work -= float((a.dipole[0] + b.dipole[0]) @ change) / 2
    assert abs(work) > 0.05
    assert enthalpy[-1] - enthalpy[0] == pytest.approx(work, rel=1e-4)


def quadratic_bias(dipole, cell, step):
    """Return a bias with terms in dipole, cell and step."""
    target = torch.tensor([1.0, -2.0, 3.0], dtype=T)
    strength = 0.01 * (1 + step)
    volume = torch.linalg.det(cell)
    energy = 0.5 * strength * ((dipole - target) ** 2).sum(-1) + 1e-5 * volume**2
    stress = 2e-5 * volume[:, None, None] * torch.eye(3, dtype=T)
    return energy, -strength * (dipole - target), stress


def strained(n_systems=2):
    rng = np.random.default_rng(8)
    system = perovskite((2, 1, 1), n_systems)
    F = torch.from_numpy(np.eye(3) + 0.03 * np.tril(rng.normal(size=(n_systems, 3, 3))))
    noise = 0.1 * torch.from_numpy(rng.normal(size=(system.n_atoms, 3)))
    positions = torch.einsum("ia,iab->ib", system.positions, F[system.system_index]) + noise
    return system.replace(positions=positions, cell=system.cell @ F)


def enthalpy_of(system, **drive):
    count = system.n_systems
    state = initial_state(
        ToyCrystal(), system, ensembles.nvt(), timestep=0.001, kT=kT_of(*[300] * count),
        generators=generators(count), **drive,
    )  # fmt: skip
    return state.energy + state.bias_energy, state


@pytest.mark.parametrize(
    "drive",
    [
        {},
        {"electric_field": torch.tensor([[0.1, 0.0, 0.02], [0.0, -0.05, 0.03]], dtype=T)},
        {"bias": quadratic_bias},
        {"bias": quadratic_bias, "electric_field": torch.tensor([0.1, 0.2, -0.1], dtype=T)},
    ],
)
def test_forces_and_stress_are_derivatives_of_the_energy(drive):
    system = strained()
    _, state = enthalpy_of(system, **drive)
    step = 1e-5
    for i, axis in ((0, 0), (3, 1), (7, 2), (15, 0)):
        ends = []
        for sign in (1, -1):
            moved = system.positions.clone()
            moved[i, axis] += sign * step
            ends.append(enthalpy_of(system.replace(positions=moved), **drive)[0].sum())
        slope = float(ends[1] - ends[0]) / (2 * step)
        assert float(state.forces[i, axis]) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    for a in range(3):
        for b in range(3):
            g = torch.eye(3, dtype=T)
            ends = []
            for sign in (1, -1):
                g[a, b] = float(a == b) + sign * step
                moved = system.replace(positions=system.positions @ g, cell=system.cell @ g)
                ends.append(enthalpy_of(moved, **drive)[0])
            slope = (ends[0] - ends[1]) / (2 * step) / system.volume
            assert state.stress[:, a, b].numpy() == pytest.approx(slope.numpy(), rel=1e-6, abs=1e-9)


def test_cell_forces_conserve_the_extended_energy():
    # Baths off: K + U + pV - V_ref tau:eps + P^2/2M - (N + 1) kT ln V - 2 kT ln(F_xx / F_zz).
    system = strained(1)
    reference = perovskite((2, 1, 1)).cell[0].numpy()
    stress = np.array([[0.01, 0.004, 0.0], [0.004, -0.005, 0.006], [0.0, 0.006, -0.02]])
    ensemble = ensembles.npt_flexible(
        stress, friction=1e-12, barostat_friction=1e-12, reference_cell=reference
    )
    kT = float(kT_of(600)[0])
    spreads = []
    for timestep in (0.0005, 0.001):
        run = dynamics(
            ToyCrystal(), system, ensemble, timestep=timestep, kT=kT_of(600),
            generators=generators(1), electric_field=torch.tensor([0.02, 0.01, 0.03], dtype=T),
        )  # fmt: skip
        total = []
        for s in islice(run, round(1 / timestep)):
            h = s.cell[0].numpy()
            volume, F = np.linalg.det(h), np.linalg.inv(reference) @ h
            deviator = stress - np.trace(stress) / 3 * np.eye(3)
            work = -np.trace(stress) / 3 * volume
            work -= np.linalg.det(reference) * (deviator * (F @ F.T - np.eye(3)) / 2).sum()
            inertia = 11 * kT * ensemble.barostat_time**2
            moving = float((s.cell_momentum**2).sum()) / (2 * inertia)
            weights = 11 * np.log(volume) + 2 * np.log(F[0, 0] / F[2, 2])
            total.append(float(s.energy + kinetic_energy(s, system)) + work + moving - kT * weights)
        spreads.append(np.ptp(total))
    assert spreads[1] < 0.02
    assert spreads[1] / spreads[0] == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    "ensemble", [ensembles.nve(), ensembles.nvt(), ensembles.npt_flexible()], ids=str
)
def test_restart_from_saved_arrays_is_bitwise(ensemble):
    system = perovskite((2, 1, 1), 3)
    setup = {"timestep": 0.002, "kT": kT_of(300, 400, 500), "electric_field": field_at}

    def run(rngs, state=None):
        return dynamics(ToyCrystal(), system, ensemble, generators=rngs, state=state, **setup)

    whole = last(run(generators(3)), 50)
    rngs = generators(3)
    saved = {**last(run(rngs), 20).arrays(), "generators": pack_generators(rngs)}
    again = last(run(unpack_generators(saved["generators"]), State.from_arrays(saved)), 30)
    assert all(np.array_equal(x, y) for x, y in zip(whole, again, strict=True))


def test_a_walker_does_not_depend_on_its_batch():
    setup = {"timestep": 0.002}
    ensemble = ensembles.npt_orthorhombic()
    batch = last(
        dynamics(
            ToyCrystal(), perovskite((2, 1, 1), 3), ensemble, kT=kT_of(300, 400, 500),
            generators=generators(3), **setup,
        ),
        40,
    )  # fmt: skip
    alone = last(
        dynamics(
            ToyCrystal(), perovskite((2, 1, 1)), ensemble, kT=kT_of(400),
            generators=generators(3)[1:2], **setup,
        ),
        40,
    )  # fmt: skip
    assert np.array_equal(batch.positions[10:20], alone.positions)
    assert np.array_equal(batch.cell[1:2], alone.cell)


def test_packed_generator_continues_the_stream():
    one = walker_generator(3, 300_000, 7)
    one.standard_normal(13)
    one.integers(5, dtype=np.uint32)
    two = unpack_generator(pack_generators([one])[0])
    assert np.array_equal(one.standard_normal(9), two.standard_normal(9))


def test_start_of_a_closed_system_rests():
    system = perovskite((1, 1, 1), 2)
    state = initial_state(
        ToyCrystal(), system, ensembles.nve(), timestep=0.001, kT=kT_of(300, 300),
        generators=generators(2),
    )  # fmt: skip
    assert system.sum_by_system(state.momenta).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestep": 0.0}, "timestep is 0.0, expected > 0"),
        ({"kT": kT_of(300)}, "expected 2 positive values"),
        ({"kT": kT_of(300, -1)}, "expected 2 positive values"),
        ({"generators": generators(1)}, "generators are 1, expected 2"),
        ({"potential": IdealGas(), "electric_field": field_at}, "no polarization"),
        ({"potential": IdealGas(), "bias": quadratic_bias}, "no polarization"),
    ],
)
def test_impossible_runs_are_refused_before_the_first_step(changes, message):
    setup = {
        "potential": ToyCrystal(), "system": perovskite((1, 1, 1), 2), "ensemble": ensembles.nvt(),
        "timestep": 0.001, "kT": kT_of(300, 300), "generators": generators(2),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        next(dynamics(**{**setup, **changes}))


def test_a_run_that_blows_up_says_so():
    system = perovskite((1, 1, 1))
    run = dynamics(
        ToyCrystal(),
        system,
        ensembles.nve(),
        timestep=0.5,
        kT=kT_of(3000),
        generators=generators(1),
    )
    with pytest.raises(FloatingPointError, match="Take a shorter time step"):
        last(run, 5000)
