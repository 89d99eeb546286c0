"""The command evaluate, and the page about a training."""

import json
import re
import sys

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from multiscale import cli, materials
from multiscale.atoms import ElectricPotential, System
from multiscale.atoms.errors import Comparison
from multiscale.pipeline.evaluation import error_table, quoted
from multiscale.pipeline.training_report import write_training_report

NAME = "pbtio3-pbesol"


@pytest.fixture
def files(tmp_path):
    """Write two files labelled by the shipped potential, with forces 0.05 eV/A off in the second
    and energies that have another zero.
    """
    potential, rng = ElectricPotential.load(NAME), np.random.default_rng(0)
    paths = []
    for k, (zero, off) in enumerate(((0.0, 0.0), (5.0, 0.05))):
        frames = []
        for _ in range(3):
            atoms = materials.load("pbtio3").polar(2)
            atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
            out = potential.evaluate(System.from_ase(atoms), polarization=False)
            atoms.calc = SinglePointCalculator(
                atoms, energy=float(out.energy[0]) + zero, forces=out.forces.numpy() + off
            )
            frames.append(atoms)
        paths.append(tmp_path / f"{k}.extxyz")
        write(paths[-1], frames)
    return paths


def run(monkeypatch, capsys, *arguments, status=None):
    """Return what the command prints on stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["multiscale", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert (end.value.code or 0) == (status or 0)
    return capsys.readouterr()


def test_evaluate_prints_one_json_object(files, monkeypatch, capsys):
    out = run(monkeypatch, capsys, "evaluate", NAME, *files, "--json").out
    table = json.loads(out)
    assert set(table) == {"energy", "forces"}
    assert set(table["forces"]) == {"mae", "rmse", "n"}
    assert table["forces"]["mae"] == pytest.approx(0.025, abs=1e-5)
    assert table["forces"]["rmse"] == pytest.approx(0.05 / np.sqrt(2), abs=1e-5)
    assert table["forces"]["n"] == 6 * 40 * 3
    assert table["energy"]["rmse"] < 1e-6  # one constant for each file
    assert out.count("\n") == 1


def test_evaluate_prints_a_table_for_people(files, monkeypatch, capsys):
    lines = run(monkeypatch, capsys, "evaluate", NAME, files[1]).out.splitlines()
    assert lines[0].split() == ["label", "MAE", "RMSE", "unit", "n"]
    forces = next(line for line in lines if line.startswith("forces")).split()
    assert forces[3:] == ["meV/angstrom", "360"]
    assert float(forces[1]) == pytest.approx(50, abs=0.01)


def test_frames_that_the_potential_does_not_know_are_named(files, monkeypatch, capsys):
    text = files[0].read_text().replace("Pb ", "Ca ", 8)
    files[0].write_text(text)
    err = run(monkeypatch, capsys, "evaluate", NAME, files[0], status=2).err
    assert "0.extxyz: frame 0 has species Ca, expected O, Ti, Sr, Ba, Pb" in err


def test_repeated_frames_are_said_and_counted(files, monkeypatch, capsys):
    both = run(monkeypatch, capsys, "evaluate", NAME, files[0], files[0], "--json")
    assert "3 frames are there more than once; each counts." in both.err
    assert json.loads(both.out)["energy"]["n"] == 6


def test_errors_are_quoted_in_the_units_of_papers():
    table = quoted({"energy": {"mae": 0.001, "rmse": 0.002, "n": 4.0}})
    assert table == {"energy": {"mae": 1.0, "rmse": 2.0, "unit": "meV/atom", "n": 4}}
    assert error_table(table).splitlines()[1].split() == ["energy", "1", "2", "meV/atom", "4"]


# The page about a training

CARD = {
    "architecture": {"species": [8, 22]},
    "training": {"epochs": 30, "seconds": 90, "tolerances": {"energy": [0.01, 0.001]}},
    "data": {
        "warnings": ["a.extxyz: frame 3 repeats <earlier> ones"],
        "file": {"0": {"name": "a.extxyz", "frames": 9, "held_out": [1], "sha256": "5a" * 32,
                       "labels": {"forces": 9}}},
    },
    "domain": {"species": ["O", "Ti"], "largest_force": 3.2, "force_unit": "eV/angstrom"},
}  # fmt: skip


def history(last: float = 1.0, n: int = 30) -> dict[str, list[float]]:
    """Return curves that have settled; held-out errors are `last` times the training errors."""
    falling = (0.05 * (1 + 10 * np.exp(-np.arange(n)))).tolist()
    return {
        "epoch": list(range(1, n + 1)),
        "forces": falling,
        "forces_held_out": [last * f for f in falling],
        "stress": [float("nan")] * n,
        "stress_held_out": [float("nan")] * n,
    }


def predictions(n: int = 50) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    x = np.random.default_rng(0).normal(size=n)
    return {"forces": (x, x + 0.05), "forces_training": (x, x + 0.04)}


def text_of(path):
    """Return the text of a page without style, figures and tags."""
    page = re.sub(r"<style>.*?</style>", "", path.read_text(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_the_page_has_errors_curves_plots_data_settings_and_card(tmp_path):
    path = write_training_report(tmp_path, CARD, history(1.2), predictions())
    text, page = text_of(path), path.read_text()
    assert "forces meV/angstrom 50 50 50 40 40 50" in text  # MAE, RMSE, n; held out, training
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "a.extxyz 9 1 forces 9 5a5a5a5a5a5a5a5a" in text
    assert "Largest force: 3.2 eV/angstrom" in text
    assert "Time: 90.0 s" in text
    assert "tolerances energy 0.01, 0.001" in text
    assert "All 3 checks hold." in text
    assert "repeats &lt;earlier&gt; ones" in page  # nothing from files becomes markup
    assert "http" not in page.replace("http://www.w3.org", "")


def test_an_overfitted_training_is_not_trusted(tmp_path):
    text = text_of(write_training_report(tmp_path, CARD, history(2.5), predictions()))
    assert "Not to be trusted yet: 1 of 3 checks failed" in text
    assert "held-out over training error, forces is 2.5, expected below 2" in text


def test_a_training_that_still_improves_says_so(tmp_path):
    still = history()
    still["forces_held_out"] = np.geomspace(1, 0.01, 30).tolist()
    still["forces"] = still["forces_held_out"]
    text = text_of(write_training_report(tmp_path, CARD, still, predictions()))
    assert "The errors still fall: train longer." in text


def test_a_training_without_held_out_frames_is_not_trusted(tmp_path):
    alone = {name: values for name, values in history().items() if "held_out" not in name}
    text = text_of(write_training_report(tmp_path, {}, alone, {}))
    assert "held-out labels is 0, expected at least 1" in text
    assert "No frame was held out" in text


def test_errors_of_the_card_stand_where_nothing_was_compared(tmp_path):
    given = {"energy": {"unit": "meV/atom", "mae": 0.5, "rmse": 0.7, "n": 12}}
    text = text_of(write_training_report(tmp_path, CARD | {"errors": given}, history(), {}))
    assert "energy meV/atom 0.5 0.7 12" in text


def test_comparisons_can_be_given_as_they_come(tmp_path):
    pair = Comparison(np.zeros(3), np.full(3, 0.01))
    text = text_of(write_training_report(tmp_path, CARD, history(), {"polarizability": pair}))
    assert "polarizability e*angstrom^2/V 0.01 0.01 3" in text
