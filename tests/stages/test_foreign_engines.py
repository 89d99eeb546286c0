"""Potentials of other packages by name and by object: what runs, what is refused, what is kept."""

import sys
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones

from multiscale.atoms import ElectricPotential
from multiscale.pipeline import plan
from multiscale.pipeline.runfile import shared_values
from multiscale.stages import md, metad
from multiscale.stages.engines import as_engine, load_engine

TINY = {
    "size": (1, 1, 1), "temperatures": (300.0,), "walkers": 2, "duration": "0.1 ps",
    "equilibration": "0.02 ps", "ensemble": "nvt",
}  # fmt: skip


def ours() -> Calculator:
    return ElectricPotential.load("pbtio3-pbesol").calculator()


def test_a_calculator_drives_md_like_the_potential_that_it_wraps():
    options = md.Options(**TINY, electric_field=("0 V/m", "0 V/m", "1 MV/cm"))
    native = md.run(options=options)
    other = md.run(options=options, engine=ours())
    each = md.run(options=options, engine=[ours(), ours()])
    for name in ("polarization", "potential_energy", "stress"):
        assert other[name].values == pytest.approx(native[name].values, rel=1e-6, abs=1e-6)
        assert each[name].values == pytest.approx(native[name].values, rel=1e-6, abs=1e-6)
    assert other.attrs["calculator"].startswith("multiscale.atoms.calculator.ElectricCalculator")
    assert other.attrs["potential"] == "ElectricCalculator"
    assert other.attrs["definition"] == native.attrs["definition"]
    assert "calculator" not in native.attrs


def test_a_calculator_drives_metad_like_the_potential_that_it_wraps():
    """The bias acts through the dipole of the sites: a field that is a function."""
    options = metad.Options(
        **{**TINY, "walkers": 4, "equilibration": "0 ps"}, axes="z", pace="0.01 ps", bins=31
    )
    native, other = metad.run(options=options), metad.run(options=options, engine=ours())
    assert other.bias.values == pytest.approx(native.bias.values, rel=1e-5, abs=1e-8)
    assert float(other.bias.max()) > 0.01
    assert "calculator" in other.attrs


def test_calculators_of_ase_run_by_name_and_continue_bit_for_bit():
    """The material is only where atoms start; Lennard-Jones atoms do not mind."""
    options = md.Options(**TINY, potential="ase:lj", timestep=1e-4, checkpoint_interval="0.03 ps")
    options = options.model_copy(update={"duration": 0.02, "equilibration": 0.0, "stride": 5})
    options = options.model_copy(update={"checkpoint_interval": 0.005})
    whole = md.run(options=options)
    assert whole.attrs["potential"] == "ase:lj"
    assert "LennardJones (ase " in whole.attrs["calculator"]
    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        md.run(options=options, checkpoint=memory)
    memory.stop = False
    xr.testing.assert_identical(md.run(options=options, checkpoint=memory), whole)


class Memory:
    """A checkpoint in memory that stops the run at the first save."""

    def __init__(self):
        self.saved, self.stop = None, True

    def load(self):
        return self.saved

    def save(self, arrays):
        self.saved = {name: np.array(value) for name, value in arrays.items()}
        if self.stop:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mace:/no/such.model", "file '/no/such.model' of potential .* does not exist, expected"),
        (
            "deepmd:",
            "file '' of potential 'deepmd:' does not exist, expected a model of deepmd-kit",
        ),
        ("mce:/tmp/x.model", "prefix 'mce' of potential .* is unknown, nearest is 'mace'"),
        ("ase:vasp", "calculator 'vasp' .* is unknown, expected one of emt, lj, morse"),
        ("os:system", "prefix 'os' of potential 'os:system' is unknown"),
        ("no-such", "no-such"),
    ],
)
def test_names_that_mean_nothing_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        load_engine(name)


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    (tmp_path / "a.model").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "mace", None)
    with pytest.raises(ValueError, match=r"is not installed\. Run: pip install mace-torch"):
        load_engine(f"mace:{tmp_path / 'a.model'}")


def test_what_a_package_says_about_a_file_reaches_the_user_in_one_line(tmp_path, monkeypatch):
    """A stand-in for deepmd, which is not installed where tests run."""

    def refuse(model: str) -> None:
        raise RuntimeError(f"{model} has no magic number\nand a long traceback")

    package, module = ModuleType("deepmd"), ModuleType("deepmd.calculator")
    package.__spec__ = module.__spec__ = sys.modules["ase"].__spec__
    module.DP = refuse
    monkeypatch.setitem(sys.modules, "deepmd", package)
    monkeypatch.setitem(sys.modules, "deepmd.calculator", module)
    (tmp_path / "a.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="a.pb has no magic number. Check that the file") as caught:
        load_engine(f"deepmd:{tmp_path / 'a.pb'}")
    assert "\n" not in str(caught.value)
    module.DP = lambda **_: LennardJones()
    engine = load_engine(f"deepmd:{tmp_path / 'a.pb'}")
    assert engine.name == f"deepmd:{tmp_path / 'a.pb'}"
    assert not engine.electric


def test_what_is_neither_potential_nor_calculator_is_refused_before_any_work():
    with pytest.raises(ValueError, match="of type str, expected an ASE calculator"):
        md.run(options=md.Options(**TINY), engine="EMT")
    with pytest.raises(ValueError, match="3 calculators are given for 2 systems"):
        md.run(options=md.Options(**TINY), engine=[ours()] * 3)
    potential = ElectricPotential.load("pbtio3-pbesol")
    assert as_engine(potential) is potential


def test_a_changed_model_file_is_another_run(tmp_path):
    file = tmp_path / "a.model"
    keys = []
    for content in (b"one", b"two", b"one"):
        file.write_bytes(content)
        options = md.Options(**TINY, potential=f"mace:{file}")
        keys.append(plan.identity("md", options, {})["options"]["potential"])
    assert keys[0] == keys[2] != keys[1]
    assert keys[0].startswith("mace:sha256:")


def test_a_model_file_is_found_beside_its_run_file(tmp_path):
    (tmp_path / "a.model").write_bytes(b"")
    tables = {"potential": {"name": "mace:a.model"}}
    found = shared_values(tmp_path / "run.toml", tables)["potential"]
    assert found == f"mace:{tmp_path / 'a.model'}"
    tables = {"potential": {"name": "ase:emt"}}
    assert shared_values(tmp_path / "run.toml", tables)["potential"] == "ase:emt"


def test_a_folder_beside_the_run_file_is_a_potential_only_if_it_holds_one(tmp_path):
    (tmp_path / "lattice").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.toml").write_text("")
    names = [
        shared_values(tmp_path / "run.toml", {"potential": {"name": name}})["potential"]
        for name in ("lattice", "mine", "other")
    ]
    assert names == ["lattice", str(tmp_path / "mine"), "other"]
