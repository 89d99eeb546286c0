"""The lattice under dynamics(): conserved energy, equipartition, restarts, scans, bad input."""

from itertools import islice

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics, initial_state, kinetic_energy
from multiscale.atoms.system import System
from multiscale.lattice import EffectiveHamiltonian, hessian
from multiscale.lattice.quadratic import longest_cell_timestep, longest_timestep
from multiscale.lattice.scans import scan

SIZE = (4, 4, 4)
PRESSURE = ensembles.hydrostatic(-4.8) / units.GPA


def generators(n=1, seed=0):
    return [np.random.default_rng([seed, i]) for i in range(n)]


def kT(kelvin, n=1):
    return torch.full((n,), units.KB * kelvin, dtype=torch.float64)


def test_energy_is_conserved_without_a_bath_to_second_order_in_the_time_step():
    engine = EffectiveHamiltonian(BATIO3, SIZE)
    system = engine.system(np.array([0.0, 0.0, 0.1]))
    spread = []
    for n, dt in ((160, 0.004), (320, 0.002)):
        run = dynamics(
            engine, system, ensembles.nve(), timestep=dt, kT=kT(200), generators=generators()
        )
        total = [(s.energy + kinetic_energy(s, system)).item() for s in islice(run, n)]
        spread.append(np.std(total[n // 4 :]))
    assert spread[1] < 0.35 * spread[0]
    assert spread[1] < 1e-3 * 3 * 64 * units.KB * 200


def test_a_harmonic_lattice_has_kT_in_every_mode():
    """Quadratic terms only: <u^2> of each wave is kT over its eigenvalue. Four standard errors."""
    hard = BATIO3.__class__(**{**BATIO3.__dict__, "kappa2": 12.0, "gamma": 0.0, "alpha": 1e-9,
                               "b1xx": 0.0, "b1yy": 0.0, "b4yz": 0.0})  # fmt: skip
    engine = EffectiveHamiltonian(hard, (2, 2, 2), inhomogeneous=False)
    n = 8
    batch = System.concatenate([engine.system()] * n)
    run = dynamics(
        engine, batch, ensembles.nvt(friction=10.0), timestep=0.003, kT=kT(300, n),
        generators=generators(n),
    )  # fmt: skip
    home = batch.positions.numpy()
    square, kept = 0.0, 0
    for state in islice(run, 100, 900, 8):
        u = (state.positions.numpy() - home).reshape(n, 2, 2, 2, 3)
        square += (np.abs(np.fft.fftn(u, axes=(1, 2, 3))) ** 2).mean(0) / 8
        kept += 1
    waves = np.stack(np.meshgrid(*[[0, np.pi]] * 3, indexing="ij"), -1)
    wanted = units.KB * 300 * np.linalg.inv(hessian(waves, hard))
    ratio = square / kept / np.diagonal(wanted, axis1=-2, axis2=-1)
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.03)
    np.testing.assert_allclose(ratio, 1, atol=0.3)


def test_at_constant_pressure_the_mean_stress_is_the_target():
    """Virial theorem of the modes: potential stress minus kinetic, four standard errors."""
    engine, n = EffectiveHamiltonian(BATIO3, (2, 2, 2)), 4
    bath = ensembles.npt_flexible(PRESSURE, friction=5.0, barostat_time=0.3)
    batch = System.concatenate([engine.system()] * n)
    run = dynamics(engine, batch, bath, timestep=0.004, kT=kT(400, n), generators=generators(n))
    stress = []
    for state in islice(run, 100, 600, 5):
        volume = torch.linalg.det(state.cell)
        kinetic = 8 * units.KB * 400 / volume[:, None, None] * torch.eye(3)
        stress.append((state.stress - kinetic).numpy() * units.GPA)
    mean = np.array(stress).mean(0)  # (n, 3, 3)
    error = mean.std(0) / np.sqrt(n - 1)
    # The cell itself counts as one more particle: (N + 1) kT / V.
    wanted = (4.8 - units.KB * 400 / (8 * 62.0) * units.GPA) * np.eye(3)
    lower = np.tri(3, dtype=bool)
    assert (np.abs(mean.mean(0) - wanted) < 4 * error + 0.01)[lower].all()


@pytest.mark.parametrize("size", [SIZE, (18, 18, 18)], ids=["small", "large"])
def test_a_run_continues_bit_by_bit(size):
    """Large ones draw their noise by lanes, and use arrays again that nobody holds."""
    engine = EffectiveHamiltonian(BATIO3, size)
    system, bath = engine.system(), ensembles.npt_orthorhombic(PRESSURE)
    settings = {"timestep": 0.004, "kT": kT(300)}
    noise = generators()
    whole = list(islice(dynamics(engine, system, bath, generators=noise, **settings), 20))
    noise = generators()
    half = list(islice(dynamics(engine, system, bath, generators=noise, **settings), 8))
    other = EffectiveHamiltonian(BATIO3, size)
    rest = dynamics(other, system, bath, generators=noise, state=half[-1], **settings)
    assert torch.equal(next(islice(rest, 11, 12)).positions, whole[-1].positions)


def test_states_that_are_kept_do_not_change():
    engine = EffectiveHamiltonian(BATIO3, (18, 18, 18))
    run = dynamics(engine, engine.system(), ensembles.nvt(), timestep=0.004, kT=kT(300),
                   generators=generators())  # fmt: skip
    kept = list(islice(run, 3))
    before = [(s.positions.clone(), s.momenta.clone(), s.forces.clone()) for s in kept]
    for _ in islice(run, 12):
        pass
    for state, parts in zip(kept, before, strict=True):
        now = (state.positions, state.momenta, state.forces)
        assert all(torch.equal(a, b) for a, b in zip(now, parts, strict=True))


def test_a_scan_takes_the_crystal_from_polar_to_paraelectric():
    engine = EffectiveHamiltonian(BATIO3, SIZE)
    bath = ensembles.npt_orthorhombic(PRESSURE, friction=5.0)
    found = list(scan(
        engine, engine.system(np.array([0, 0, 0.12])), bath, (50.0, 600.0), timestep=0.004,
        equilibration=300, steps=600, generator=np.random.default_rng(0),
        reference=engine.reference,
    ))  # fmt: skip
    cold, hot = (np.linalg.norm(p.polarization.mean(0)) for p in found)
    assert cold > 0.35
    assert hot < 0.15
    assert found[0].polarization.shape == (60, 3)
    assert (found[1].strain.mean(0)[:3] > 0.008).all()


def test_a_scan_takes_one_crystal():
    engine = EffectiveHamiltonian(BATIO3, (1, 1, 2))
    two = System.concatenate([engine.system()] * 2)
    run = scan(engine, two, ensembles.nvt(), (300.0,), timestep=0.002, equilibration=1, steps=1,
               generator=np.random.default_rng(0), reference=engine.reference)  # fmt: skip
    with pytest.raises(ValueError, match="system holds 2 crystals, expected 1"):
        next(run)


def test_the_longest_time_step_is_where_a_harmonic_lattice_blows_up():
    hard = BATIO3.__class__(**{**BATIO3.__dict__, "kappa2": 12.0, "gamma": 0.0, "alpha": 1e-9,
                               "b1xx": 0.0, "b1yy": 0.0, "b4yz": 0.0})  # fmt: skip
    engine = EffectiveHamiltonian(hard, (4, 4, 4), inhomogeneous=False)
    # The longitudinal waves at long wavelength are stiffest; those of this lattice nearly so.
    k = np.stack(np.meshgrid(*[[0, 0.5 * np.pi, np.pi]] * 3, indexing="ij"), -1)
    own = 2 * np.sqrt(hard.mass * units.AMU / np.linalg.eigvalsh(hessian(k, hard)).max())
    assert longest_timestep(hard, hard.mass, 0.0) <= own
    for dt, stable in ((0.99 * own, True), (1.01 * own, False)):
        run = dynamics(
            engine, engine.system(), ensembles.nve(), timestep=dt, kT=kT(1), generators=generators()
        )
        if stable:
            state = next(islice(run, 300, 301))
            assert (state.positions - engine.system().positions).abs().max() < 0.05
        else:
            with pytest.raises(FloatingPointError):
                next(islice(run, 300, 301))


def test_a_light_cell_is_unstable_above_its_longest_time_step():
    engine = EffectiveHamiltonian(BATIO3, (2, 2, 2))
    limit = longest_cell_timestep(BATIO3, units.KB * 100, 0.05)
    for dt, stable in ((0.7 * limit, True), (2.5 * limit, False)):
        bath = ensembles.npt_orthorhombic(PRESSURE, barostat_time=0.05, barostat_friction=0.1)
        run = dynamics(
            engine, engine.system(), bath, timestep=dt, kT=kT(100), generators=generators()
        )
        if stable:
            assert np.isfinite(next(islice(run, 500, 501)).energy.item())
        else:
            with pytest.raises(FloatingPointError):
                next(islice(run, 500, 501))


def test_the_start_draws_momenta_of_the_mode_mass():
    engine = EffectiveHamiltonian(BATIO3, (8, 8, 8))
    system = engine.system()
    state = initial_state(
        engine, system, ensembles.nvt(), timestep=0.002, kT=kT(300), generators=generators()
    )
    per_mode = kinetic_energy(state, system).item() / 512
    assert per_mode == pytest.approx(1.5 * units.KB * 300, rel=0.08)
