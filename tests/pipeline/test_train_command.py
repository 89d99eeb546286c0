"""`multiscale train`: options, the folder it writes, resuming bit for bit, refusals."""

import os
import signal
import subprocess
import sys
import time
import tomllib

import ase
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from multiscale import materials
from multiscale.atoms import ElectricPotential, Recipe, System, Tolerances
from multiscale.atoms.extrapolation import ActiveSet
from multiscale.atoms.recipe import read_data
from multiscale.atoms.train import prepare, run
from multiscale.pipeline import potentials, training, training_state
from multiscale.pipeline.run import Interrupted
from multiscale.pipeline.training import read_options, train_potential

OPTIONS = [
    "epochs=6", "channels=16", "mixed=16", "hidden=[16, 16]", "held_out=0.2", "checkpoint=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a file of small PbTiO3 frames that the shipped potential labelled."""
    potential = ElectricPotential.load("pbtio3-pbesol")
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(10):
        atoms = materials.load("pbtio3").supercell(1)
        atoms.set_cell(np.array(atoms.cell) @ (np.eye(3) + 0.01 * rng.normal(size=(3, 3))), True)
        atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
        out = potential.evaluate(System.from_ase(atoms))
        atoms.info |= {"energy": float(out.energy[0]), "stress": out.stress[0].numpy()}
        atoms.arrays["forces"] = out.forces.numpy()
        frames.append(atoms)
    path = tmp_path_factory.mktemp("data") / "frames.extxyz"
    ase.io.write(path, frames, format="extxyz")
    return path


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """Return the folder of an undisturbed training, and what the command said."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    return folder, train_potential([data], folder, None, OPTIONS)


def weights(folder):
    return load_file(folder / "weights.safetensors")


def assert_same(folder, other):
    mine, theirs = weights(folder), weights(other)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (folder / "history.csv").read_text() == (other / "history.csv").read_text()


class Stop(BaseException):
    """Stands for a process that is killed."""


def stop_after(monkeypatch, n, error):
    """Let the training end with an error when epoch n has been shown."""

    def summary(state):
        if state.epoch >= n:
            raise error
        return ""

    monkeypatch.setattr(training, "summary", summary)
    monkeypatch.setattr(training, "progress", every_epoch(training.progress))


def every_epoch(progress):
    return lambda schedule, done, stream: progress(schedule, done, stream, interval=0.0)


@pytest.mark.parametrize("epoch", [1, 4])
def test_a_killed_training_resumes_to_the_same_bits(tmp_path, data, finished, monkeypatch, epoch):
    with monkeypatch.context() as patch:
        stop_after(patch, epoch, Stop())
        with pytest.raises(Stop):
            train_potential([data], tmp_path / "out", None, OPTIONS)
    assert (tmp_path / "out" / training_state.CHECKPOINT).exists()
    assert not (tmp_path / "out" / "card.toml").exists()
    train_potential([data], tmp_path / "out", None, OPTIONS)
    assert_same(tmp_path / "out", finished[0])
    assert not (tmp_path / "out" / training_state.CHECKPOINT).exists()


def test_an_interrupted_training_keeps_its_last_epoch(tmp_path, data, finished, monkeypatch):
    """Also where no checkpoint was due: it is written when the user stops the run."""
    seldom = [*OPTIONS, "checkpoint=1e6"]
    with monkeypatch.context() as patch:
        stop_after(patch, 3, KeyboardInterrupt())
        with pytest.raises(Interrupted, match="after epoch 3 of 6; the same command continues"):
            train_potential([data], tmp_path / "out", None, seldom)
    lines = (tmp_path / "out" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]
    train_potential([data], tmp_path / "out", None, seldom)
    assert_same(tmp_path / "out", finished[0])


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, data, finished, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 4, Stop())
        with pytest.raises(Stop):
            train_potential([data], tmp_path / "out", None, OPTIONS)
    checkpoint = tmp_path / "out" / training_state.CHECKPOINT
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    train_potential([data], tmp_path / "out", None, OPTIONS)
    assert_same(tmp_path / "out", finished[0])


def test_states_survive_the_way_through_arrays(data):
    recipe = Recipe(epochs=2, channels=16, mixed=16, hidden=(16, 16), references="own")
    job = prepare(read_data([data], recipe), recipe)
    first = training_state.to_arrays(job.state)
    states = run(job)
    state = next(states)
    again = training_state.from_arrays(training_state.to_arrays(state), job.state)
    before, after = training_state.to_arrays(state), training_state.to_arrays(again)
    assert before.keys() == after.keys()
    for name in before:
        assert before[name].dtype == after[name].dtype
        assert np.array_equal(before[name], after[name], equal_nan=True)
    assert any(not np.array_equal(first[name], before[name]) for name in first)


def test_sigterm_ends_with_130_and_a_checkpoint(tmp_path, data):
    """The command line itself, stopped from outside as a batch system does."""
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "multiscale", "train", str(data), "-o", str(folder)]
    values = [*OPTIONS, "epochs=100000"]
    process = subprocess.Popen(
        [*command, *(part for value in values for part in ("--set", value))],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        deadline = time.monotonic() + 200
        while not (folder / training_state.CHECKPOINT).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "the same command continues" in said
    assert "epoch" in said
    assert (folder / training_state.CHECKPOINT).exists()
    assert not list(folder.glob("*.tmp"))


def test_the_folder_holds_potential_history_report_and_active_set(finished):
    folder, said = finished
    potential = ElectricPotential.load(folder)
    card = tomllib.loads((folder / "card.toml").read_text())
    assert card["training"]["epochs"] == card["training"]["epochs_run"] == 6
    assert card["errors"]["forces"]["n"] == 2 * 15
    assert len(card["data"]["file"]["0"]["held_out"]) == 2
    assert len(card["data"]["file"]["0"]["held_out_sha256"]) == 64
    assert card["data"]["file"]["0"]["labels"] == {"energy": 8, "forces": 8, "stress": 8}
    assert set(card["data"]["file"]["0"]["zero_of_energy"]) == {"O", "Ti", "Pb"}
    assert card["domain"]["species"] == ["O", "Ti", "Pb"]
    assert "forces" in said
    assert f"{card['errors']['forces']['rmse']:.4g}" in said
    head, *rows = (folder / "history.csv").read_text().splitlines()
    assert head.startswith("epoch,energy (eV/atom),forces (eV/angstrom),stress")
    assert len(rows) == 6
    assert "forces" in (folder / "report.html").read_text()
    assert ActiveSet.load(folder).species.tolist() == list(potential.species)


def test_a_finished_training_is_left_alone(data, finished):
    folder = finished[0]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert "finished; nothing was done" in train_potential([data], folder, None, OPTIONS)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_command_line_is_refused(tmp_path, data, finished):
    folder = finished[0]
    with pytest.raises(ValueError, match=r"another training \(learning_rate = .*, not 0.001\)"):
        train_potential([data], folder, None, [*OPTIONS, "learning_rate=1e-3"])
    other = tmp_path / "frames.extxyz"
    ase.io.write(other, ase.io.read(data, ":9"), format="extxyz")
    with pytest.raises(ValueError, match=r"another training \(sha256 = "):
        train_potential([other], folder, None, OPTIONS)


def test_a_checkpoint_interval_is_no_other_training(data, finished):
    assert "nothing was done" in train_potential(
        [data], finished[0], None, [*OPTIONS, "checkpoint=7"]
    )


def test_a_potential_of_another_origin_is_not_overwritten(tmp_path, data):
    potentials.save(ElectricPotential.load("pbtio3-pbesol"), tmp_path)
    with pytest.raises(ValueError, match="holds a potential that was not trained there"):
        train_potential([data], tmp_path, None, OPTIONS)


def test_bad_data_leave_no_folder_behind(tmp_path):
    bad = tmp_path / "bad.extxyz"
    bad.write_text("1\nnothing\nSi 0 0 0\n")
    with pytest.raises(ValueError, match="bad.extxyz"):
        train_potential([bad], tmp_path / "out", None, OPTIONS)
    with pytest.raises(FileNotFoundError, match=r"nowhere.extxyz: not found"):
        train_potential([tmp_path / "nowhere.extxyz"], tmp_path / "out", None, OPTIONS)
    assert not (tmp_path / "out").exists()


def test_options_mirror_the_recipe():
    chosen = read_options(None, [])
    assert chosen.recipe() == Recipe()
    own = set(potentials.TrainingOptions.model_fields) - potentials.NOT_RECIPE
    assert own == set(Recipe.__dataclass_fields__)
    tolerances = set(potentials.TolerancesTable.model_fields)
    assert tolerances == set(Tolerances.__dataclass_fields__)


def test_options_from_a_file_and_the_command_line(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text(
        'references = "own"\ncutoff = "0.6 nm"\nhidden = [32, 16]\n'
        "[tolerances]\nenergy = [0.01, 0.002]\nforces = 0.05\n[oxidation]\nTi = 4\nO = -2\n"
    )
    recipe = read_options(path, ["tolerances.forces=0.2", "seed=3", "oxidation.Pb=2"]).recipe()
    assert recipe == Recipe(
        references="own",
        cutoff=6.0,
        hidden=(32, 16),
        tolerances=Tolerances(energy=(0.01, 0.002), forces=(0.2, 0.2)),
        oxidation={"Ti": 4, "O": -2, "Pb": 2},
        seed=3,
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["epoch=3"], "key 'epoch' is unknown, nearest is 'epochs'"),
        (["epochs=0"], "train.epochs is 0, expected greater than or equal to 1"),
        (["mixed=20"], "train.mixed is 20, expected a multiple of 16"),
        (["hidden=[20, 16]"], "train.hidden: width 20 is no multiple of 16"),
        (["tolerances.force=1"], "key 'force' is unknown, nearest is 'forces'"),
        (["tolerances.forces=0"], r"train.tolerances.forces.0 is 0, expected greater than 0"),
        (["oxidation.Xx=1"], "'Xx' is no element"),
        (["oxidation.O=-2.5"], "train.oxidation.O is -2.5, expected"),
        (["references=each"], "train.references is 'each', expected 'shared' or 'own'"),
        (["patience=3", "held_out=0"], "patience is 3 but held_out is 0"),
        (["response_only=true"], "response_only is true but initial is not set"),
        (["device=tpu"], "train.device is 'tpu', expected"),
        (["device=cuda:97"], "device is 'cuda:97', but torch finds"),
        (["held_out=1"], "train.held_out is 1, expected less than 1"),
    ],
)
def test_bad_options_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        read_options(None, values)


def test_toml_of_cards_can_be_read_again():
    card = {
        "title": 'öxide "x"\n',
        "none": float("nan"),
        "large": float("inf"),
        "list": [[1, 2], [], [0.1]],
        "flag": True,
        "inner": {"a b": {"Ti": 1.5}, "empty": {}},
    }
    again = tomllib.loads(potentials.to_toml(card))
    assert np.isnan(again.pop("none"))
    assert np.isnan(card.pop("none"))
    assert again == card
