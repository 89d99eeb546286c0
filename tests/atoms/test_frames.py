"""Labels of frames: found, folded, checked, split."""

from pathlib import Path

import ase
import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from planted_frames import planted, scale

from multiscale import units
from multiscale.atoms.frame_checks import check_frames, check_species
from multiscale.atoms.frame_consistency import near_pairs, work_slopes
from multiscale.atoms.frames import (
    check_split,
    fold,
    labels,
    read_checked,
    read_frames,
    read_labelled,
    split_frames,
)

DATASETS = Path(__file__).parents[3] / "shared" / "datasets"
RYDBERG, BOHR = 13.605693, 0.529177


@pytest.fixture(scope="module")
def frames() -> list[ase.Atoms]:
    return planted(40)


def shipped(pattern: str) -> list[Path]:
    if not DATASETS.is_dir():
        pytest.skip(f"needs the first-principles files in {DATASETS}")
    return sorted(DATASETS.glob(pattern))


def with_label(atoms: ase.Atoms, **changes: object) -> ase.Atoms:
    """Return a copy with labels replaced."""
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(copy, **(atoms.calc.results | changes))
    return copy


# First-principles data


@pytest.mark.parametrize("name", ["batio3-electric/BaTiO3", "sio2-electric/SiO2"])
def test_first_principles_files_with_six_labels_are_fine(name):
    for path in shipped(f"{name}.extxyz"):
        frames, odd = read_checked(path)
        assert len(labels(frames[0]).names) == 6
        assert not odd


def test_the_one_repeated_frame_of_catio3_is_found_and_stays_on_one_side():
    for path in shipped("*/CaTiO3.extxyz"):
        frames, odd = read_checked(path)
        assert len(odd) == 1
        assert "frame 45 repeat" in odd[0]
        for seed in range(5):
            training, _ = split_frames(frames, 0.5, seed)
            assert (41 in training) == (45 in training)


@pytest.mark.slow
def test_all_shipped_files_pass():
    for path in shipped("*/*.extxyz"):
        assert len(read_checked(path)[1]) <= 1, path


@pytest.mark.parametrize(
    ("name", "factors", "message"),
    [
        ("sio2", {"energy": 1 / RYDBERG, "forces": BOHR / RYDBERG}, r"Ry/bohr"),
        ("batio3", {"energy": 1 / RYDBERG, "forces": BOHR / RYDBERG}, r"Ry/bohr"),
        ("sio2", {"forces": BOHR / RYDBERG}, "energies in eV with forces in Ry/bohr"),
        (
            "batio3",
            {"polarization": 16.0218 / 1827.94},
            r"follow the Born charges.*but does in C/m",
        ),
    ],
)
def test_first_principles_labels_in_other_units_are_refused(name, factors, message):
    for path in shipped(f"{name}-electric/*.extxyz"):
        with pytest.raises(ValueError, match=message):
            check_frames(scale(read_frames(path)[:50], **factors))


# Labels


def test_labels_are_found_in_info_arrays_and_results_alike(frames):
    one = labels(frames[0])
    bare = frames[0].copy()
    bare.info = {
        "REF_energy": one.energy,
        "virial": -one.stress * bare.get_volume(),
        "dipole": one.polarization,
        "polarizability": one.polarizability.ravel(),
    }
    bare.arrays["REF_forces"] = one.forces
    bare.arrays["born_charges"] = one.born_charges.reshape(-1, 9)
    again = labels(bare)
    assert again.names == one.names
    for name in one.names:
        assert getattr(again, name) == pytest.approx(getattr(one, name), abs=1e-12)


def test_born_charges_are_read_row_by_row(frames):
    charges = np.arange(90.0).reshape(10, 9)
    found = labels(with_label(frames[0], born_effective_charges=charges)).born_charges
    assert found[0, 0].tolist() == [0, 1, 2]  # d(dipole x)/d(x, y, z)


def test_labels_survive_a_file(frames, tmp_path):
    write(tmp_path / "a.extxyz", frames[:3])
    for before, after in zip(frames, read_frames(tmp_path / "a.extxyz"), strict=False):
        for name, value in labels(before)._asdict().items():
            assert getattr(labels(after), name) == pytest.approx(value, abs=1e-6)


def test_any_subset_of_labels_is_enough():
    atoms = planted(1)[0]
    bare = atoms.copy()
    bare.info = {"polarization": [0.1, 0.2, 0.3]}
    assert labels(bare).names == ("polarization",)
    assert not check_frames([bare])


def test_two_different_energies_are_refused(frames):
    atoms = with_label(frames[0])
    atoms.info["REF_energy"] = 7.0
    with pytest.raises(ValueError, match="REF_energy and energy have different values"):
        labels(atoms)


# Folding


def test_a_difference_does_not_see_the_branch():
    rng = np.random.default_rng(1)
    cell = 4 * np.eye(3) + rng.normal(size=(20, 3, 3))
    small = (0.98 * (rng.random((20, 1, 3)) - 0.5) @ cell)[:, 0]
    branch = (rng.integers(-5, 6, size=(20, 1, 3)) @ cell)[:, 0]
    assert fold(small + branch, cell) == pytest.approx(small, abs=1e-12)


def test_the_folded_difference_passes_its_gradient_on():
    cell = torch.tensor([[4.0, 0, 0], [1, 5, 0], [0, 0, 6]], dtype=torch.float64)
    far = torch.tensor([[9.1, 5.2, -6.3]], dtype=torch.float64, requires_grad=True)
    near = fold(far, cell)
    near.square().sum().backward()
    assert near.detach().numpy() == pytest.approx(
        fold(far.detach().numpy(), cell.numpy()), abs=1e-12
    )
    assert far.grad == pytest.approx(2 * near.detach(), abs=1e-12)


# Checks


def test_exact_labels_are_fine(frames):
    assert check_frames(frames) == []


def test_energies_follow_forces_and_stress_with_slope_one():
    near = planted(40, moved=0.005, strained=0.001)
    known = [labels(atoms) for atoms in near]
    slopes = work_slopes(known, near_pairs(near))
    assert slopes.forces == pytest.approx(1, abs=0.02)
    assert slopes.stress == pytest.approx(1, abs=0.02)
    assert slopes.explained > 0.999


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"stress": units.GPA}, "largest stress of frames 0, .* probably in GPa"),
        ({"stress": 10 * units.GPA}, "in kbar"),
        ({"stress": -1.0}, "the work of the stress, expected 1.*positive under tension"),
        ({"forces": 1e3}, "Forces in meV/angstrom are 1000 times too large"),
        ({"forces": -1.0}, "gradients instead of forces"),
        ({"forces": BOHR / RYDBERG}, "energies in eV with forces in Ry/bohr"),
        ({"energy": 1 / RYDBERG}, "energies in Ry with forces in eV/angstrom"),
        ({"energy": 96.485}, "energies in kJ/mol|energies of the same atoms"),
        ({"energy": 1e3}, "energies of the same atoms differ by .* eV per atom"),
        ({"polarization": 1 / BOHR}, "does not follow the Born charges .* but does in e.bohr"),
        ({"polarization": -1.0}, "with the opposite sign"),
        ({"polarizability": 1 / 0.0694}, "permittivity of 58.*angstrom.3 is multiplied by 0.0694"),
        ({"polarizability": -1.0}, "gives a permittivity of -3"),
        ({"born_effective_charges": 100.0}, "largest Born charge .* expected below 25"),
    ],
)
def test_labels_in_other_units_are_refused(frames, factors, message):
    with pytest.raises(ValueError, match=message):
        check_frames(scale(frames, **factors), "a.extxyz")


def test_polarization_in_another_unit_is_named(frames):
    volume = frames[0].get_volume()
    small = [
        with_label(a, polarization=labels(a).polarization * units.C_PER_M2 / volume)
        for a in planted(20, strained=0.0)
    ]
    with pytest.raises(ValueError, match="but does in C/m"):
        check_frames(small)


def test_any_branch_of_the_polarization_is_fine(frames):
    moved = [with_label(a, polarization=labels(a).polarization + 3 * a.cell[0]) for a in frames]
    assert check_frames(moved) == []


def test_a_polarization_on_no_branch_is_named(frames):
    bad = list(frames)
    bad[7] = with_label(bad[7], polarization=labels(bad[7]).polarization + 0.5 * bad[7].cell[2])
    with pytest.raises(ValueError, match="a.extxyz: polarization of frame 7 is .* nearest branch"):
        check_frames(bad, "a.extxyz")


def test_born_charges_that_break_the_sum_rule_are_refused_with_the_number(frames):
    charges = labels(frames[3]).born_charges + 0.02 * np.eye(3)
    bad = [*frames[:3], with_label(frames[3], born_effective_charges=charges.reshape(-1, 9))]
    with pytest.raises(ValueError, match="born_charges of frame 3 sum to 0.02 e per atom"):
        check_frames(bad)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("energy", np.nan),
        ("forces", np.full((10, 3), np.inf)),
        ("polarization", np.full(3, np.nan)),
    ],
)
def test_labels_that_are_not_finite_are_named(frames, name, value):
    bad = [frames[0], with_label(frames[1], **{name: value})]
    with pytest.raises(ValueError, match=f"a.extxyz: {name} of frame 1 is not finite"):
        check_frames(bad, "a.extxyz")


def test_a_label_of_the_wrong_shape_is_named(frames):
    bad = frames[0].copy()
    bad.info = {"polarizability": np.zeros(4)}
    with pytest.raises(ValueError, match="frame 1: polarizability has shape .4,., expected .3, 3."):
        check_frames([frames[0], bad])


def test_a_frame_without_labels_is_named(frames):
    bare = ase.Atoms(frames[1].symbols, frames[1].positions, cell=frames[1].cell, pbc=True)
    with pytest.raises(ValueError, match="frame 1 has no label, expected energy"):
        check_frames([frames[0], bare])


def test_a_molecule_is_refused(frames):
    alone = with_label(frames[0])
    alone.pbc = False
    with pytest.raises(ValueError, match="frame 0 is not periodic in three dimensions"):
        check_frames([alone])


def test_repeated_frames_are_said_and_contradicting_ones_refused(frames):
    assert "frame 2 repeat" in check_frames([frames[0], frames[1], frames[0]])[0]
    other = with_label(frames[0], energy=labels(frames[0]).energy + 1)
    with pytest.raises(ValueError, match="frames 0 and 1 are the same structure with energies"):
        check_frames([frames[0], other])


def test_a_species_that_a_potential_does_not_know_is_named(frames):
    with pytest.raises(ValueError, match="a: frames 0, 1 has species Pb, expected O, Ti"):
        check_species(frames[:2], (8, 22), "a")


def test_files_that_cannot_be_read(tmp_path, frames):
    with pytest.raises(ValueError, match="none.xyz is missing"):
        read_labelled(tmp_path / "none.xyz")
    (tmp_path / "a.xyz").write_text("not xyz")
    with pytest.raises(ValueError, match="a.xyz is not readable"):
        read_labelled(tmp_path / "a.xyz")
    write(tmp_path / "b.xyz", frames[:2], format="extxyz")
    assert len(read_labelled(tmp_path / "b.xyz")) == 2


# Splits


def test_a_split_depends_on_the_seed_only(frames):
    training, testing = split_frames(frames, 0.25, 3)
    assert (training, testing) == split_frames(frames, 0.25, 3)
    assert len(testing) == 10
    assert sorted(training + testing) == list(range(40))
    assert testing != split_frames(frames, 0.25, 4)[1]


def test_repeats_stay_on_one_side(frames):
    twice = frames + frames
    for seed in range(5):
        training, testing = split_frames(twice, 0.3, seed)
        assert {k % 40 for k in training}.isdisjoint({k % 40 for k in testing})


def test_a_species_in_held_out_frames_only_is_refused(frames):
    strange = frames[0].copy()
    strange.numbers[0] = 56
    with pytest.raises(ValueError, match="species Ba is in held-out frames only"):
        [split_frames([*frames[:4], strange], 0.2, seed) for seed in range(40)]


def test_a_split_that_leaves_nothing_to_train_on_is_refused(frames):
    with pytest.raises(ValueError, match="leaves none to train on"):
        split_frames(frames[:1], 0.9, 0)


def test_held_out_frames_that_are_trained_on_are_refused(frames):
    with pytest.raises(ValueError, match="1 of 2 held-out frames are also training frames"):
        check_split(frames[:5], frames[4:6])
