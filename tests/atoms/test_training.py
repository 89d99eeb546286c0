"""Training finds planted potentials again: all labels, subsets, several zeros of energy."""

import numpy as np
import pytest
import torch
from planted_teacher import (
    NAMES,
    OXIDATION,
    TINY,
    crystal,
    labelled,
    random_network,
    random_potential,
    write,
)

from multiscale.atoms import ElectricPotential, Recipe, System, evaluate, train
from multiscale.atoms.autograd import autograd_gradient
from multiscale.atoms.frames import split_frames
from multiscale.atoms.gradient import loss_gradient
from multiscale.atoms.optimise import Schedule, epochs, finished, start
from multiscale.atoms.prepare import make_frames, silence
from multiscale.atoms.recipe import read_data
from multiscale.atoms.train import prepare, run
from multiscale.pipeline.potentials import save


@pytest.fixture(scope="module")
def shipped() -> ElectricPotential:
    return ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)


@pytest.fixture(scope="module")
def teacher() -> ElectricPotential:
    return random_potential(response=16)


def small(seed: int):
    return crystal(seed, (1, 1, 1), noise=0.4)


def test_training_recovers_a_planted_potential(tmp_path, shipped):
    """Frames labelled by one potential teach another: errors fall far below the labels' spread."""
    frames = [labelled(shipped, crystal(k, (1, 1, 1))) for k in range(24)]
    path = write(tmp_path / "planted.extxyz", frames)
    losses = []
    options = Recipe(epochs=60, channels=16, mixed=16, hidden=(32, 16))
    potential = train([path], options, lambda state: losses.append(state.errors[1]))
    spread = np.sqrt(np.mean([f.arrays["forces"] ** 2 for f in frames]))
    assert losses[-1] < 0.3 * spread
    assert potential.card["training"]["frames"] == 22


def test_the_same_training_gives_the_same_bits(tmp_path, shipped):
    path = write(tmp_path / "a.extxyz", [labelled(shipped, small(k)) for k in range(8)])
    one, two = (train([path], Recipe(epochs=3, **TINY)).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_any_subset_of_labels_teaches_all(tmp_path, teacher):
    """Forces only, polarization only on arbitrary branches, Born charges only, polarizability only:
    each in a fourth of the frames, and the errors of all of them fall on frames never seen.
    """
    rng = np.random.default_rng(0)
    alone = [("forces", "energy"), ("polarization",), ("born_charges",), ("polarizability",)]
    frames = [labelled(teacher, small(k), alone[k % 4]) for k in range(96)]
    for atoms in frames[1::4]:
        atoms.info["polarization"] = atoms.info["polarization"] + (
            rng.integers(-2, 3, 3) @ np.array(atoms.cell)
        )
    tests = [labelled(teacher, small(k), NAMES) for k in range(1000, 1016)]
    path = write(tmp_path / "mixed.extxyz", frames)
    recipe = Recipe(epochs=1, held_out=0, response=16, **TINY)
    first = evaluate(train([path], recipe), tests)
    last = evaluate(train([path], Recipe(epochs=40, held_out=0, response=16, **TINY)), tests)
    for name in first:
        fallen = last[name]["rmse"] / first[name]["rmse"]
        assert fallen < 0.5, f"{name}: {fallen:.2f} of the error after one epoch"


def test_own_references_recover_a_shift_between_files(tmp_path, shipped):
    """The second file is shifted by 3 eV/atom: the fit finds it to 5 meV/atom, and its forces are
    as good as those of a fit without the shift.
    """
    frames = [labelled(shipped, small(k)) for k in range(32)]
    one = write(tmp_path / "one.extxyz", frames[:16])
    plain = write(tmp_path / "plain.extxyz", frames[16:])
    for atoms in frames[16:]:
        atoms.info["energy"] += 3.0 * len(atoms)
    two = write(tmp_path / "two.extxyz", frames[16:])
    recipe = Recipe(epochs=40, seed=1, **TINY)
    shared = train([one, plain], recipe)
    own = train([one, two], Recipe(epochs=40, seed=1, references="own", **TINY))
    zeros = [own.card["data"]["file"][k]["zero_of_energy"] for k in "01"]
    formula = {"Pb": 1, "Ti": 1, "O": 3}
    shift = sum(n * (zeros[1][z] - zeros[0][z]) for z, n in formula.items()) / 5
    assert shift == pytest.approx(3.0, abs=0.005)
    forces = [p.card["errors"]["forces"]["rmse"] for p in (shared, own)]
    assert forces[1] < 1.1 * forces[0]
    energies = [p.card["errors"]["energy"]["rmse"] for p in (shared, own)]
    assert energies[1] < 1.5 * energies[0]


def test_split_is_that_of_the_card_and_depends_on_frames_and_seed_only(tmp_path, shipped):
    frames = [labelled(shipped, small(k)) for k in range(20)]
    path = write(tmp_path / "a.extxyz", frames)
    recipe = Recipe(epochs=1, held_out=0.2, seed=3, **TINY)
    card = train([path], recipe).card["data"]["file"]["0"]
    assert (
        card["held_out"]
        == split_frames(frames, 0.2, 3)[1]
        == list(read_data([path], recipe).numbers[0])
    )
    assert len(card["held_out"]) == 4
    assert card["held_out"] != split_frames(frames, 0.2, 4)[1]
    assert card["labels"] == {"energy": 16, "forces": 16, "stress": 16}


def test_early_stopping_keeps_the_best_average(tmp_path, teacher):
    """With so high a rate the held-out loss soon rises: training stops, and what ships is the
    averaged network of the best epoch, not the last.
    """
    path = write(tmp_path / "a.extxyz", [labelled(teacher, small(k)) for k in range(6)])
    recipe = Recipe(epochs=200, held_out=0.35, patience=3, response=16, **TINY)
    job = prepare(read_data([path], recipe), recipe)
    states, averages = [], []
    for state in run(job):
        states.append(state)
        averages.append({k: v.clone() for k, v in state.averaged.state_dict().items()})
    last = states[-1]
    assert last.epoch < 200
    assert last.epoch == last.best_epoch + 3
    assert finished(last, job.schedule)
    assert list(run(job, last)) == []
    for name, value in last.best.state_dict().items():
        assert torch.equal(value, averages[last.best_epoch - 1][name])
    assert last.best_loss == min(s.best_loss for s in states)


def test_the_way_over_torch_trains_like_the_compiled_one(teacher):
    """Two epochs by either gradient end at nearly the same weights; what serves other devices."""
    network = random_network(seed=8)
    frames = make_frames([labelled(teacher, small(k)) for k in range(8)], network.architecture,
                         teacher.network.reference_energy.numpy())  # fmt: skip
    ends = []
    for gradient in (loss_gradient, autograd_gradient):
        state = start(random_network(seed=8))
        *_, state = epochs(state, frames[:6], frames[6:], Schedule(epochs=2, batch=3), gradient)
        ends.append(state)
    begin = random_network(seed=8).state_dict()
    compiled, torch_s = (end.network.state_dict() for end in ends)
    for name, start_value in begin.items():
        moved = float((compiled[name] - start_value).norm())
        assert float((compiled[name] - torch_s[name]).norm()) <= 0.02 * moved, name
    np.testing.assert_allclose(ends[0].held_out, ends[1].held_out, rtol=1e-2)


def test_what_no_label_teaches_is_silent(teacher):
    """Without polarizabilities alpha is zero, not noise; a species without polarization keeps its
    oxidation number alone.
    """
    network = random_network(seed=2)
    only = [labelled(teacher, small(k), ("polarization",)) for k in range(2)]
    silence(network, make_frames(only, network.architecture, np.zeros(3)))
    potential = ElectricPotential(network, dtype=torch.float64)
    system = System.from_ase(small(5))
    out = potential.evaluate(system, polarizability=True, born_charges=True)
    network.isotropic_bias.data.zero_()
    potential.reset()
    alpha = potential.evaluate(system, polarizability=True).polarizability
    assert alpha.abs().max() == 0
    bare = torch.tensor(OXIDATION, dtype=torch.float64)[potential._species_index(system)]
    assert (out.born_charges - bare[:, None, None] * torch.eye(3)).abs().max() > 0.1
    silence(network, [])
    potential.reset()
    out = potential.evaluate(system, born_charges=True)
    assert (out.born_charges - bare[:, None, None] * torch.eye(3)).abs().max() < 1e-12


def test_a_response_learned_on_top_keeps_the_energy(tmp_path, shipped, teacher):
    frames = [labelled(teacher, small(k), ("polarization", "born_charges")) for k in range(8)]
    path = write(tmp_path / "a.extxyz", frames)
    save(shipped, tmp_path / "parent")
    recipe = Recipe(epochs=2, initial=str(tmp_path / "parent"), response_only=True, response=16)
    potential = train([path], recipe)
    system = System.from_ase([small(20), small(21)])
    before = ElectricPotential.load(tmp_path / "parent").evaluate(system)
    after = potential.evaluate(system)
    assert torch.equal(after.energy, before.energy)
    assert torch.equal(after.forces, before.forces)
    assert potential.electric
    assert set(potential.card["data"]["file"]["0"]["labels"]) == {"polarization", "born_charges"}


def test_a_continued_training_starts_where_the_parent_ended(tmp_path, shipped):
    """Its first errors are those of the parent, also on data with another zero of energy."""
    frames = [labelled(shipped, small(k)) for k in range(8)]
    for atoms in frames:
        atoms.info["energy"] += 2.0 * len(atoms)
    path = write(tmp_path / "a.extxyz", frames)
    recipe = Recipe(initial="pbtio3-pbesol", epochs=1, learning_rate=1e-9, held_out=0)
    job = prepare(read_data([path], recipe), recipe)
    (state,) = run(job)
    assert state.errors[0] < 1e-4
    assert state.errors[1] < 1e-3


def test_diverged_training_says_so(tmp_path, shipped):
    path = write(tmp_path / "a.extxyz", [labelled(shipped, small(k)) for k in range(8)])
    with pytest.raises(FloatingPointError, match="has diverged. Lower learning_rate"):
        train([path], Recipe(epochs=20, learning_rate=1e30, **TINY))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": 16}, "no frame has a polarization, Born charges or polarizability"),
        ({"response": 0, "initial": "pbtio3-pbesol", "response_only": True}, "no frame has a pol"),
    ],
)
def test_a_response_needs_labels(tmp_path, shipped, changes, message):
    path = write(tmp_path / "a.extxyz", [labelled(shipped, small(k)) for k in range(4)])
    with pytest.raises(ValueError, match=message):
        train([path], Recipe(epochs=1, **(TINY | changes)))


def test_oxidation_numbers_must_be_there_and_neutral(tmp_path, teacher):
    path = write(tmp_path / "a.extxyz", [labelled(teacher, small(k)) for k in range(4)])
    with pytest.raises(ValueError, match="oxidation has no entry for Ti, Pb"):
        train([path], Recipe(epochs=1, oxidation={"O": -2}, **TINY))
    with pytest.raises(ValueError, match="sum of the oxidation numbers of .* is -1, expected 0"):
        train([path], Recipe(epochs=1, oxidation={"O": -2, "Ti": 3, "Pb": 2}, **TINY))


def test_a_file_given_twice_is_refused(tmp_path, shipped):
    path = write(tmp_path / "a.extxyz", [labelled(shipped, small(k)) for k in range(4)])
    with pytest.raises(ValueError, match="expected each once. Remove the repeated one"):
        read_data([path, tmp_path / "." / "a.extxyz"], Recipe())


def test_held_out_frames_trained_on_in_another_file_are_noticed(tmp_path, shipped):
    frames = [labelled(shipped, small(k)) for k in range(10)]
    one = write(tmp_path / "one.extxyz", frames)
    two = write(tmp_path / "two.extxyz", frames[::-1])
    data = read_data([one, two], Recipe(held_out=0.3, seed=1))
    assert "held-out frames are training frames of another file" in data.warnings[-1]
