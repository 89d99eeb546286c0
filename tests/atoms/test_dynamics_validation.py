"""Kinetic energy and equipartition judged by physical-validation (Merz and Shirts, 2018)."""

import warnings
from itertools import islice

import numpy as np
import pytest
import torch

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics, kinetic_energy
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.toy import ToyCrystal, perovskite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    physical_validation = pytest.importorskip("physical_validation")

TEMPERATURE = 400.0


@pytest.fixture(scope="module")
def trajectory():
    """Return (masses, kinetic energies, velocities) of a strongly thermostatted crystal.

    The friction times the interval between samples is 2: they are independent.

    Masses in amu, velocities in angstrom/ps, energies in amu angstrom^2/ps^2.
    """
    system = perovskite((1, 1, 1), 8)
    run = dynamics(
        ToyCrystal(), system, ensembles.nvt(50.0), timestep=0.001,
        kT=torch.full((8,), units.KB * TEMPERATURE, dtype=torch.float64),
        generators=[walker_generator(2, w) for w in range(8)],
    )  # fmt: skip
    states = list(islice(run, 500, 12000, 40))
    kinetic = torch.stack([kinetic_energy(s, system) for s in states]).numpy() / units.AMU
    masses = system.masses.numpy()[:5]
    velocity = (
        torch.stack([s.momenta for s in states]).numpy()
        / (system.masses.numpy() * units.AMU)[:, None]
    )
    return masses, kinetic, velocity.reshape(len(states), 8, 5, 3)


def simulation_data(masses, kinetic, velocity):
    pv = physical_validation.data
    unit = pv.UnitData(
        kb=units.KB / units.AMU, energy_str="amu*A^2/ps^2", energy_conversion=0.01,
        length_str="A", length_conversion=0.1, volume_str="A^3", volume_conversion=1e-3,
        temperature_str="K", temperature_conversion=1.0, pressure_str="eV/A^3",
        pressure_conversion=1.602176634e6, time_str="ps", time_conversion=1.0,
    )  # fmt: skip
    system = pv.SystemData(
        natoms=5, nconstraints=0, ndof_reduction_tra=0, ndof_reduction_rot=0, mass=masses,
        molecule_idx=np.arange(5), nconstraints_per_molecule=np.zeros(5),
    )  # fmt: skip
    return pv.SimulationData(
        units=unit, dt=0.04, system=system,
        ensemble=pv.EnsembleData("NVT", natoms=5, volume=60.4, temperature=TEMPERATURE),
        observables=pv.ObservableData(
            kinetic_energy=kinetic, potential_energy=np.zeros_like(kinetic),
            total_energy=kinetic, volume=np.full_like(kinetic, 60.4),
        ),
        trajectory=pv.TrajectoryData(velocity * 0, velocity),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_kinetic_energy_has_the_canonical_distribution(trajectory):
    masses, kinetic, velocity = trajectory
    data = simulation_data(masses, kinetic.T.ravel(), velocity[:, 0])
    p_value = physical_validation.kinetic_energy.distribution(
        data, strict=True, verbosity=0, data_is_uncorrelated=True
    )
    assert p_value > 1e-3


@pytest.mark.filterwarnings("ignore")
def test_atoms_share_the_kinetic_energy_equally(trajectory):
    masses, kinetic, velocity = trajectory
    joined = velocity.transpose(1, 0, 2, 3).reshape(-1, 5, 3)
    data = simulation_data(masses, kinetic.T.ravel(), joined)
    deviations = physical_validation.kinetic_energy.equipartition(
        data, strict=False, verbosity=0, data_is_uncorrelated=True
    )
    assert np.abs(np.array(deviations, dtype=float)).max() < 4


def pair(kind, low, high, temperatures):
    """Return what physical-validation wants of two runs: ensemble, energies and volumes."""
    pv = physical_validation.data
    out = []
    for (energy, volume, pressure), temperature in zip((low, high), temperatures, strict=True):
        unit = pv.UnitData(
            kb=units.KB, energy_str="eV", energy_conversion=96.485, length_str="A",
            length_conversion=0.1, volume_str="A^3", volume_conversion=1e-3, temperature_str="K",
            temperature_conversion=1.0, pressure_str="eV/A^3", pressure_conversion=1.602176634e6,
            time_str="ps", time_conversion=1.0,
        )  # fmt: skip
        more = {"pressure": pressure} if kind == "NPT" else {"volume": volume[0]}
        out.append(
            pv.SimulationData(
                units=unit, dt=1.0,
                ensemble=pv.EnsembleData(kind, natoms=5, temperature=temperature, **more),
                observables=pv.ObservableData(
                    potential_energy=energy, total_energy=energy, volume=volume,
                    kinetic_energy=energy * 0,
                ),
            )
        )  # fmt: skip
    return out


def sampled(temperature, pressure):
    """Return potential energies and volumes of a ferroelectric cell at a temperature, pressure."""
    walkers = 96
    system = perovskite((1, 1, 1), walkers)
    ensemble = ensembles.nvt(8.0)
    if pressure is not None:
        ensemble = ensembles.npt_flexible(
            ensembles.hydrostatic(pressure), friction=8.0, barostat_time=0.1, barostat_friction=30.0
        )
    run = dynamics(
        ToyCrystal(), system, ensemble, timestep=0.002,
        kT=torch.full((walkers,), units.KB * temperature, dtype=torch.float64),
        generators=[walker_generator(4, w) for w in range(walkers)],
    )  # fmt: skip
    states = list(islice(run, 800, 3500, 150))
    energy = torch.cat([s.energy for s in states]).numpy()
    volume = torch.cat([torch.linalg.det(s.cell) for s in states]).numpy()
    return energy, volume, pressure


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "temperatures", "pressures"),
    [
        ("NVT", (400.0, 480.0), (None, None)),
        pytest.param("NPT", (400.0, 400.0), (0.0, 0.012), marks=pytest.mark.slow),
        ("NPT", (400.0, 460.0), (0.0, 0.008)),
    ],
)
def test_energy_and_volume_have_the_gibbs_weights(kind, temperatures, pressures):
    # ln of the ratio of two distributions is linear, slope beta (and beta p), in an anharmonic
    # crystal of which nothing else is known (Shirts, JCTC 9, 909 (2013)).
    low, high = (sampled(T, p) for T, p in zip(temperatures, pressures, strict=True))
    one, two = pair(kind, low, high, temperatures)
    off = physical_validation.ensemble.check(
        one, two, total_energy=False, data_is_uncorrelated=True, verbosity=0,
        bootstrap_repetitions=40, bootstrap_seed=1,
    )  # fmt: skip
    assert np.abs(off).max() < 3.5
    # The test resolves a tenth of the temperature, half of the pressure.
    wrong = pair(kind, low, high, (temperatures[0], 1.1 * temperatures[1]))
    if pressures[1] and temperatures[0] == temperatures[1]:
        wrong = pair(kind, low, (*high[:2], 1.5 * pressures[1]), temperatures)
    found = physical_validation.ensemble.check(
        *wrong, total_energy=False, data_is_uncorrelated=True, verbosity=0,
        bootstrap_repetitions=40, bootstrap_seed=1,
    )  # fmt: skip
    assert np.abs(found).max() > 3.5
