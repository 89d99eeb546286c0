"""MaxVol and the extrapolation grade: invariants, brute force, structures far from the data."""

from itertools import combinations, product

import ase
import numpy as np
import pytest
import torch

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.extrapolation import (
    ACTIVE_SET,
    GAMMA_HIGH,
    GAMMA_LOW,
    ActiveSet,
    Grader,
    build,
    grade,
    scalars_of,
)
from multiscale.atoms.maxvol import coordinates, maxvol
from multiscale.atoms.network import Network
from multiscale.pipeline.committees import save_active_set

CUT = 1e-6  # of float64 sums in another order


def frame(seed: int, amplitude: float = 0.05, strain: float = 0.0) -> ase.Atoms:
    """Return a rattled tetragonal cell of ten atoms."""
    atoms = materials.load("pbtio3").polar((2, 1, 1))
    atoms.set_cell(np.array(atoms.cell) * (1 + strain), scale_atoms=True)
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=(len(atoms), 3))
    return atoms


@pytest.fixture(scope="module")
def potential() -> ElectricPotential:
    return ElectricPotential(
        Network(Architecture((8, 22, 82), mixed=16), seed=4).double(), dtype=torch.float64
    )


@pytest.fixture(scope="module")
def training() -> list[System]:
    return [System.from_ase(frame(seed)) for seed in range(60)]


@pytest.fixture(scope="module")
def active(potential, training) -> ActiveSet:
    return build(potential, training, rank=32)


@pytest.mark.parametrize("seed", range(5))
def test_maxvol_cannot_be_raised_by_any_swap(seed):
    X = np.random.default_rng(seed).normal(size=(12, 3))
    chosen = maxvol(X, tolerance=1e-9)
    volume = abs(np.linalg.det(X[chosen]))
    for row, column in product(range(12), range(3)):
        swapped = chosen.copy()
        swapped[column] = row
        assert abs(np.linalg.det(X[swapped])) <= volume * (1 + 1e-6)
    best = max(abs(np.linalg.det(X[list(c)])) for c in combinations(range(12), 3))
    assert best / 3 ** (3 / 2) <= volume <= best * (1 + 1e-9)  # Goreinov's bound


def test_maxvol_grades_are_at_most_one_and_the_determinant_only_grows():
    X = np.random.default_rng(1).normal(size=(400, 10))
    start = np.arange(10)
    loose, tight = (maxvol(X, tolerance, start) for tolerance in (1.0, 0.01))
    volumes = [abs(np.linalg.det(X[rows])) for rows in (start, loose, tight)]
    assert volumes[0] < volumes[1] < volumes[2]
    assert np.abs(coordinates(X, X[tight])).max() <= 1.01 + 1e-9
    assert np.abs(coordinates(X, X[loose])).max() <= 2 + 1e-9


def test_maxvol_does_not_depend_on_a_linear_change_of_features():
    rng = np.random.default_rng(2)
    X, T = rng.normal(size=(100, 6)), rng.normal(size=(6, 6))
    rows = maxvol(X)
    np.testing.assert_array_equal(rows, maxvol(X @ T, chosen=rows))


def test_maxvol_refuses_dependent_columns_and_too_few_rows():
    X = np.random.default_rng(3).normal(size=(20, 4))
    with pytest.raises(ValueError, match="X has 3 rows and 4 columns"):
        maxvol(X[:3])
    X[:, 3] = X[:, 0] - X[:, 1]
    with pytest.raises(ValueError, match="condition number of the chosen rows"):
        maxvol(X)


def test_compiled_scalars_are_those_of_the_network(potential, training):
    from multiscale.atoms.neighbours import find_pairs, pad

    system, known = training[0], np.array(potential.species)
    index = np.searchsorted(known, system.numbers.numpy())
    rows = pad(find_pairs(system, potential.cutoff), index, 3)
    home = rows.shift.double() @ system.cell[0]
    r = system.positions
    vectors = r[rows.neighbour] - r[rows.atoms][:, None] + home
    expected = torch.cat(potential.network.features(vectors, rows)).detach()
    np.testing.assert_allclose(
        scalars_of(potential.network, system)[rows.atoms], expected, rtol=1e-9, atol=1e-9
    )


def test_grades_of_the_training_atoms_are_at_most_one(potential, active, training):
    grader = Grader(potential, active)
    grades = [grader(system) for system in training]
    assert max(g.max() for g in grades) <= 1.01 + CUT
    for n, atom in active.origin[0][:5]:  # an active atom is one of its own basis
        assert grades[n][atom] == pytest.approx(1, abs=CUT)


def test_compiled_grade_is_that_of_the_reduced_rows(potential, active):
    system = System.from_ase(frame(100, 0.15))
    expected = np.zeros(system.n_atoms)
    for s, z in enumerate(active.species):
        mine = system.numbers.numpy() == z
        rows = active.rows(s, scalars_of(potential.network, system)[mine])
        expected[mine] = np.abs(coordinates(rows, active.active[s])).max(axis=1)
    np.testing.assert_allclose(grade(potential, active, system), expected, rtol=1e-7)


def test_grades_do_not_change_under_rotation_and_translation(potential, active):
    atoms = frame(101, 0.1)
    before = grade(potential, active, System.from_ase(atoms))
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)
    atoms.positions += [0.3, -1.2, 5.0]
    order = np.random.default_rng(0).permutation(len(atoms))
    after = grade(potential, active, System.from_ase(atoms[order]))
    np.testing.assert_allclose(after, before[order], rtol=1e-7)


@pytest.mark.parametrize(
    ("amplitude", "strain", "least"),
    [(0.05, -0.1, GAMMA_HIGH), (0.05, 0.1, GAMMA_LOW), (0.3, 0.0, GAMMA_HIGH)],
    ids=["compressed", "expanded", "hot"],
)
def test_structures_far_from_the_data_have_high_grades(potential, active, amplitude, strain, least):
    system = System.from_ase(frame(102, amplitude, strain))
    assert grade(potential, active, system).max() > least
    like = System.from_ase(frame(103))
    assert grade(potential, active, like).max() < GAMMA_LOW


def test_only_the_surroundings_of_a_displaced_atom_are_far_out(potential):
    big = materials.load("pbtio3").polar((4, 4, 4))
    rng = np.random.default_rng(5)
    active = build(potential, [_rattled(big, rng) for _ in range(3)], rank=32)
    atoms = _rattled(big, rng).to_ase()[0]
    atoms.positions[7] += 0.6
    grades = grade(potential, active, System.from_ase(atoms))
    distance = atoms.get_distances(7, range(len(atoms)), mic=True)
    assert grades[distance > potential.cutoff + 1].max() < GAMMA_LOW
    assert grades.max() > 2 * GAMMA_LOW
    assert distance[grades.argmax()] < potential.cutoff


def _rattled(atoms: ase.Atoms, rng: np.random.Generator) -> System:
    moved = atoms.copy()
    moved.positions += 0.05 * rng.normal(size=moved.positions.shape)
    return System.from_ase(moved)


def test_an_active_set_survives_its_file(active, tmp_path):
    save_active_set(active, tmp_path)
    again = ActiveSet.load(tmp_path)
    for name, array in active.arrays().items():
        np.testing.assert_array_equal(getattr(again, name), array)
    (tmp_path / ACTIVE_SET).write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="active_set.safetensors is damaged"):
        ActiveSet.load(tmp_path)
    (tmp_path / ACTIVE_SET).unlink()
    assert ActiveSet.load(tmp_path) is None


def test_a_species_that_no_frame_holds_is_far_out(potential):
    frames = []
    for seed in range(10):
        lead = ase.Atoms("Pb2", [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
        lead.positions[1] += 0.1 * np.random.default_rng(seed).normal(size=3)
        frames.append(System.from_ase(lead))
    active = build(potential, frames, rank=16)
    system = System.from_ase(frame(0))
    grades = grade(potential, active, system)
    assert (grades[system.numbers.numpy() != 82] > 1e5).all()


def test_bad_input_is_refused(potential, active, training):
    other = ElectricPotential(Network(Architecture((8, 22, 82), mixed=16), seed=9))
    with pytest.raises(ValueError, match="active set belongs to other features"):
        Grader(other, active)
    with pytest.raises(ValueError, match="rank is 20, expected a multiple of 16"):
        build(potential, training, rank=20)
    with pytest.raises(ValueError, match="frames is empty"):
        build(potential, [])
    with pytest.raises(ValueError, match="atomic numbers are .29., expected those"):
        grade(potential, active, System.from_ase(ase.Atoms("Cu", cell=[3, 3, 3], pbc=True)))
