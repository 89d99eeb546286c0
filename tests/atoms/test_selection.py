"""Selection of frames, and cutting a periodic cell around an atom."""

import ase
import numpy as np
import pytest

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.committee import Committee
from multiscale.atoms.cutting import cut_block, cut_box
from multiscale.atoms.extrapolation import ActiveSet, build, grade
from multiscale.atoms.network import Network
from multiscale.atoms.readout import readout_weights, with_readout
from multiscale.atoms.selection import by_committee, d_optimal

SIZE = (5, 4, 4)
WORST = 77


@pytest.fixture(scope="module")
def potential() -> ElectricPotential:
    return ElectricPotential(Network(Architecture((8, 22, 82), mixed=16), seed=4))


@pytest.fixture(scope="module")
def large() -> ase.Atoms:
    """Return a strained, rattled large cell in which one atom stands far out."""
    rng = np.random.default_rng(0)
    atoms = materials.load("pbtio3").polar(SIZE)
    atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
    atoms.positions[WORST] += 0.4
    atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + 0.01 * rng.normal(size=(3, 3))), True)
    return atoms


@pytest.fixture(scope="module")
def active(potential) -> ActiveSet:
    return build(potential, [small(seed) for seed in range(40)], rank=32)


def small(seed: int, amplitude: float = 0.05) -> System:
    atoms = materials.load("pbtio3").polar((2, 1, 1))
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return System.from_ase(atoms)


def ideal() -> np.ndarray:
    return materials.load("pbtio3").supercell(SIZE).get_scaled_positions(wrap=False)


def test_of_two_equal_frames_far_out_one_is_chosen(potential, active):
    far, other = small(100, 0.25), small(101, 0.25)
    frames = [small(50), far, far, other]
    choices = d_optimal(potential, active, frames, count=4)
    assert {c.frame for c in choices} in ({1, 3}, {2, 3})
    assert [c.score for c in choices] == sorted((c.score for c in choices), reverse=True)
    worst = choices[0]
    grades = grade(potential, active, frames[worst.frame])
    assert worst.score == pytest.approx(grades.max(), rel=1e-4)
    assert worst.atom == grades.argmax()


def test_after_choosing_the_rest_is_inside(potential, active):
    """Once the chosen frames are in the active set, what was left out has a grade below the
    threshold: built anew by another route.
    """
    frames = [small(200 + k, 0.08) for k in range(40)]
    choices = d_optimal(potential, active, frames, count=40, threshold=2.5)
    assert 0 < len(choices) < 20
    known = [small(seed) for seed in range(40)]
    joined = build(potential, [*known, *(frames[c.frame] for c in choices)], rank=32)
    left = [f for n, f in enumerate(frames) if n not in {c.frame for c in choices}]
    before, after = (max(grade(potential, s, f).max() for f in left) for s in (active, joined))
    # MaxVol has many ends and the principal components move a little: not quite the threshold.
    assert before > 3
    assert after < 0.7 * before


def test_the_committee_finds_the_frame_that_its_members_dispute(potential):
    """Members differ only in the energy of lead: the frame in which lead is moved is disputed."""
    w = readout_weights(potential.network)
    rng = np.random.default_rng(0)
    drawn = [w.copy() for _ in range(4)]
    for weights in drawn:
        weights[2] += rng.normal(size=w.shape[1])
    team = Committee([with_readout(potential, weights) for weights in drawn])
    calm = materials.load("pbtio3").supercell((2, 1, 1))
    moved = calm.copy()
    lead = int(np.flatnonzero(moved.numbers == 82)[0])
    moved.positions[lead] += [0.3, 0.2, 0.1]
    choices = by_committee(team, [System.from_ase(a) for a in (calm, moved, calm)], 2)
    assert choices[0].frame == 1
    assert len(choices) == 2
    spread = team.spread(System.from_ase(moved)).forces.norm(dim=1)
    assert choices[0].score == pytest.approx(float(spread.max()))
    assert choices[0].atom == int(spread.argmax())


def test_a_block_keeps_composition_strain_and_the_environment_of_the_atom(potential, active, large):
    before = grade(potential, active, System.from_ase(large))
    worst = int(before.argmax())
    cut = cut_block(large, worst, ideal(), SIZE, (3, 3, 3))
    assert cut.atoms.get_chemical_formula() == "O81Pb27Ti27"
    np.testing.assert_allclose(
        np.array(cut.atoms.cell), np.array(large.cell) * 3 / np.array(SIZE)[:, None]
    )
    assert cut.atoms.numbers[cut.centre] == large.numbers[worst]
    after = grade(potential, active, System.from_ase(cut.atoms))
    # sites half a block away sit right behind the cutoff, where they hardly count
    assert after[cut.centre] == pytest.approx(before[worst], rel=1e-2)
    assert after.max() < 1.2 * before[worst]


def test_a_block_of_the_whole_cell_is_the_cell(potential, large):
    cut = cut_block(large, 3, ideal(), SIZE, SIZE)
    energies = [float(potential.evaluate(System.from_ase(a)).energy[0]) for a in (cut.atoms, large)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-3)


def test_a_cut_does_not_depend_on_how_atoms_are_wrapped(large):
    wrapped = large.copy()
    wrapped.positions += 0.8  # drifts
    a = cut_block(large, WORST, ideal(), SIZE, (2, 2, 2))
    b = cut_block(wrapped, WORST, ideal(), SIZE, (2, 2, 2))
    np.testing.assert_array_equal(a.origin, b.origin)
    np.testing.assert_allclose(
        a.atoms.get_all_distances(mic=True), b.atoms.get_all_distances(mic=True), atol=1e-9
    )


def test_a_box_keeps_the_environment_and_the_composition(potential, active, large):
    before = grade(potential, active, System.from_ase(large))
    worst = int(before.argmax())
    cut = cut_box(large, worst, edge=12.5, keep=potential.cutoff, potential=potential, steps=3)
    after = grade(potential, active, System.from_ase(cut.atoms))
    assert after[cut.centre] == pytest.approx(before[worst], rel=1e-3)
    symbols = cut.atoms.get_chemical_symbols()
    assert symbols.count("O") == 3 * symbols.count("Ti") == 3 * symbols.count("Pb")
    middle = cut.atoms.get_distances(cut.centre, range(len(cut.atoms)), mic=True)
    for k in np.flatnonzero(middle < potential.cutoff - 0.01):
        apart = large.get_distance(worst, int(cut.origin[k]), mic=True)
        assert middle[k] == pytest.approx(apart, abs=1e-6)


def test_bad_input_is_refused(potential, active, large):
    with pytest.raises(ValueError, match=r"size is \(6, 3, 3\) around atom 0"):
        cut_block(large, 0, ideal(), SIZE, (6, 3, 3))
    with pytest.raises(ValueError, match="ideal sites are not .4, 5, 4. equal cells"):
        cut_block(large, 0, ideal(), (4, 5, 4), (3, 3, 3))
    with pytest.raises(ValueError, match="keep is 5.5 A in a box of 8 A"):
        cut_box(large, 0, edge=8.0, keep=5.5)
    with pytest.raises(ValueError, match="frames are 0 and count is 3"):
        d_optimal(potential, active, [], 3)
    other = ElectricPotential(Network(Architecture((8, 22, 82), mixed=16), seed=8))
    with pytest.raises(ValueError, match="active set belongs to other features"):
        d_optimal(other, active, [small(0)], 1)
