"""Committees: mean and spread, the posterior of the readout against planted truths, files."""

import ase
import ase.build
import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, Sites, System
from multiscale.atoms.calibration import coverage
from multiscale.atoms.committee import Committee
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.ensembles import nvt
from multiscale.atoms.extrapolation import scalars_of
from multiscale.atoms.network import Network
from multiscale.atoms.posterior import (
    Rows,
    draw_committee,
    infer,
    normal_of,
    posterior,
    readout_committee,
    refit_readout,
    rows_of,
)
from multiscale.atoms.readout import design, in_double, readout_weights, reference, with_readout
from multiscale.pipeline import committees

LEAD = (82,)
NOISE = 0.05  # eV/angstrom


def lead(seed: int) -> ase.Atoms:
    """Return four atoms of fcc lead, rattled and strained."""
    rng = np.random.default_rng(seed)
    atoms = ase.build.bulk("Pb", a=4.9, cubic=True)
    atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3))), True)
    atoms.positions += 0.15 * rng.normal(size=atoms.positions.shape)
    return atoms


def untrained(species: tuple[int, ...], frames: list[ase.Atoms], seed: int) -> ElectricPotential:
    """Return a small random network, its scalars standardised on frames."""
    network = Network(Architecture(species, channels=16, mixed=16, hidden=(16, 16)), seed)
    scalars = np.concatenate([scalars_of(network, System.from_ase(a)) for a in frames])
    numbers = np.concatenate([a.numbers for a in frames])
    for s, z in enumerate(species):
        x = torch.from_numpy(scalars[numbers == z])
        network.feature_mean[s] = x.mean(0)
        network.feature_scale[s] = 1 / (x.std(0) + 1e-3 * x.std(0).mean())
    return ElectricPotential(network.double(), dtype=torch.float64)


def labelled_by(
    potential: ElectricPotential, atoms: ase.Atoms, noise: float, rng: np.random.Generator
) -> ase.Atoms:
    """Return a frame with the potential's forces and noise on top; no other label."""
    forces = potential.evaluate(System.from_ase(atoms)).forces.numpy()
    atoms.calc = SinglePointCalculator(atoms, forces=forces + noise * rng.normal(size=(4, 3)))
    return atoms


@pytest.fixture(scope="module")
def perovskite() -> tuple[ElectricPotential, System]:
    frames = []
    for seed in range(4):
        atoms = materials.load("pbtio3").polar((1, 1, 1))
        atoms.positions += 0.1 * np.random.default_rng(seed).normal(size=atoms.positions.shape)
        frames.append(atoms)
    scaled = materials.load("pbtio3").supercell((1, 1, 1)).get_scaled_positions(wrap=False)
    charges = materials.load("pbtio3").born_charges((1, 1, 1))
    sites = Sites(torch.from_numpy(scaled), torch.from_numpy(charges))
    return untrained((8, 22, 82), frames, 1), System.from_ase(frames[0]).replace(sites=sites)


@pytest.fixture(scope="module")
def team(perovskite) -> Committee:
    """Return five members with readouts drawn about one potential's, their mean not quite his."""
    rng = np.random.default_rng(2)
    w = readout_weights(perovskite[0].network)
    drawn = w + 0.1 * rng.normal(size=(5, *w.shape))
    return Committee([with_readout(perovskite[0], weights) for weights in drawn])


def test_energy_forces_and_stress_are_linear_in_the_readout(perovskite):
    """The design matrix against the compiled evaluation, for weights it was not made with."""
    potential, system = perovskite
    model = design(in_double(potential.network), system)
    rng = np.random.default_rng(0)
    for _ in range(3):
        w = rng.normal(size=readout_weights(potential.network).shape)
        answer = with_readout(potential, w).evaluate(system)
        energy = model.energy @ w.ravel() + reference(potential.network, system)
        np.testing.assert_allclose(energy, answer.energy, rtol=1e-10)
        np.testing.assert_allclose(
            (model.forces @ w.ravel()).reshape(-1, 3), answer.forces, atol=1e-10
        )
        voigt = answer.stress[0, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        np.testing.assert_allclose(model.stress @ w.ravel(), voigt, atol=1e-12)


@pytest.fixture(scope="module")
def planted():
    """Return a potential fitted to noisy forces of a teacher, training and noise-free frames."""
    frames = [lead(seed) for seed in range(28)]
    start = untrained(LEAD, frames[:20], 5)
    rng = np.random.default_rng(6)
    w = readout_weights(start.network)
    teacher = with_readout(start, w + rng.normal(size=w.shape))
    training = [labelled_by(teacher, a, NOISE, rng) for a in frames[:20]]
    others = [labelled_by(teacher, a, 0.0, rng) for a in frames[20:]]
    return refit_readout(start, training, prior=1e-10), training, others


@pytest.mark.parametrize("wrong", [1.0, 3.0])
def test_posterior_knows_the_error_of_a_linear_fit(wrong):
    """For a linear model with normal noise the posterior is exact. Errors of predictions against
    the noise-free truth follow it in scale and in 68 and 95 % coverage, whatever the noise was
    taken for: `wrong` multiplies the residuals that the normal equations report.
    """
    rng, scale = np.random.default_rng(0), np.logspace(0, -2, 20)
    z = []
    for _ in range(100):
        J = rng.normal(size=(200, 20)) * scale
        noise = NOISE * rng.normal(size=200)
        off = np.linalg.solve(J.T @ J, J.T @ noise)  # the error of the fitted weights
        normal = normal_of(Rows(wrong * (noise - J @ off), J))
        x = rng.normal(size=(240, 20)) * scale
        each = [{"forces": Rows(-(part @ off), part)} for part in np.split(x[:120], 40)]
        result = infer({"forces": normal}, each)
        z.append((x[120:] @ off) / (result.factors["forces"].value * result.deviation(x[120:])))
    share68, share95 = coverage(np.concatenate(z), np.array([0.68, 0.95]))
    # 100 fits of 20 weights: at least 1000 independent errors, four sigma
    assert np.std(z) == pytest.approx(1, abs=4 / np.sqrt(2000))
    assert share68 == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / 1000))
    assert share95 == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 1000))


def test_members_scatter_as_the_posterior_says(planted):
    potential, training, others = planted
    distribution = posterior(potential, training, others[:3])
    committee = draw_committee(potential, distribution, members=40, seed=1)
    system = System.from_ase(others[4])
    J = rows_of(in_double(potential.network), others[4])["forces"].J
    expected = distribution.factors["forces"].value * distribution.deviation(J)
    ratio = committee.spread(system).forces.numpy().ravel() / expected
    assert np.abs(ratio - 1).max() < 4 / np.sqrt(2 * 39)  # four sigma of a standard deviation
    same = draw_committee(potential, distribution, members=40, seed=1)
    torch.testing.assert_close(same.spread(system).forces, committee.spread(system).forces)


def test_members_are_centred_on_the_potential(planted):
    potential, training, others = planted
    committee = readout_committee(potential, training, others[:3], members=4)
    answers = committee.evaluate_members(System.from_ase(others[4]))
    alone = potential.evaluate(System.from_ase(others[4]))
    for name in ("energy", "forces", "stress"):
        mean = torch.stack([getattr(a, name) for a in answers]).mean(0)
        torch.testing.assert_close(mean, getattr(alone, name), rtol=1e-9, atol=1e-9)


def test_refit_finds_the_teacher_without_noise(planted):
    potential, _, others = planted

    def worst(p: ElectricPotential, atoms: ase.Atoms) -> float:
        return float(
            np.abs(p.evaluate(System.from_ase(atoms)).forces.numpy() - atoms.get_forces()).max()
        )

    again = refit_readout(potential, others, prior=1e-12)
    assert worst(again, others[0]) < 1e-3 * worst(potential, others[0])


def test_mean_and_spread_are_those_of_the_members(team, perovskite):
    system = perovskite[1]
    answers = [m.evaluate(system, born_charges=True) for m in team.members]
    mean, spread = team.evaluate_with_spread(system, born_charges=True)
    for name in ("energy", "forces", "stress", "dipole", "polarization", "born_charges"):
        values = np.stack([getattr(a, name).numpy() for a in answers])
        np.testing.assert_allclose(getattr(mean, name), values.mean(0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(
            getattr(spread, name), values.std(0, ddof=1), rtol=1e-9, atol=1e-12
        )
    assert mean.polarizability is spread.polarizability is None


def test_factors_multiply_spreads_and_leave_means(team, perovskite):
    scaled = Committee(team.members, factors={"forces": 3.0})
    system = perovskite[1]
    torch.testing.assert_close(scaled.spread(system).forces, 3 * team.spread(system).forces)
    torch.testing.assert_close(scaled.spread(system).stress, team.spread(system).stress)
    torch.testing.assert_close(scaled.evaluate(system).forces, team.evaluate(system).forces)


def test_a_field_of_the_dipole_is_asked_once_and_does_not_count_in_the_energy(team, perovskite):
    seen = []

    def field(dipole):
        seen.append(dipole)
        return 0.01 * torch.ones_like(dipole)

    system = perovskite[1]
    answer = team.evaluate(system, field)
    constant = team.evaluate(system, torch.full((3,), 0.01, dtype=torch.float64))
    assert len(seen) == 1
    torch.testing.assert_close(answer.forces, constant.forces)
    torch.testing.assert_close(answer.energy, team.evaluate(system).energy)


def test_dynamics_runs_on_a_committee(team, perovskite):
    system, kT = perovskite[1], torch.tensor([0.01], dtype=torch.float64)
    rng = [np.random.default_rng(0)]
    run = dynamics(team, system, nvt(), timestep=1e-4, kT=kT, generators=rng)
    state = next(run)
    moved = system.replace(positions=state.positions)
    torch.testing.assert_close(state.forces, team.evaluate(moved).forces)


@pytest.mark.parametrize("shared", [True, False])
def test_a_committee_survives_its_folder(team, perovskite, tmp_path, shared):
    centre = perovskite[0] if shared else None
    for member in (*team.members, perovskite[0]):
        member.card = {"architecture": member.network.architecture.to_dict()}
    kept = Committee(team.members, centre=centre, factors={"energy": 0.7, "forces": 1.2})
    committees.save(kept, tmp_path, {"title": "a test"})
    again = Committee.load(tmp_path, dtype=torch.float64)
    system = perovskite[1]
    assert again.factors == kept.factors
    for a, b in zip(
        again.evaluate_with_spread(system), kept.evaluate_with_spread(system), strict=True
    ):
        torch.testing.assert_close(a.forces, b.forces, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(a.energy, b.energy, rtol=1e-5, atol=1e-5)
    if shared:  # the folder is that of an ordinary potential too
        alone = ElectricPotential.load(tmp_path, dtype=torch.float64)
        torch.testing.assert_close(again.evaluate(system).forces, alone.evaluate(system).forces)


def test_bad_committees_are_refused(team, planted, tmp_path):
    with pytest.raises(ValueError, match="members are 3, expected at least 4"):
        Committee(team.members[:3])
    with pytest.raises(ValueError, match="species of the members are"):
        Committee([*team.members, planted[0]])
    with pytest.raises(ValueError, match="holds no committee"):
        Committee.load(tmp_path)
    with pytest.raises(ValueError, match="calibration has 0 frames and no forces"):
        posterior(planted[0], planted[1][:3], [])
    with pytest.raises(ValueError, match="labels of the frames are none"):
        posterior(planted[0], [lead(0)], planted[2])
    committees.save(Committee(team.members, centre=team.members[0]), tmp_path)
    (tmp_path / "readouts.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="readouts.safetensors is damaged"):
        Committee.load(tmp_path)
