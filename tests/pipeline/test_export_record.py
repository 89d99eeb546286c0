"""Records for other programs: their published inputs, their forms of the energy, refusals."""

import json
import re
import sys
import types

import numpy as np
import pytest

from multiscale import landau, materials
from multiscale.pipeline.export import export_file
from multiscale.pipeline.export_record import export_record

BELL, HAUN = materials.load("batio3-bell2001"), materials.load("pbtio3-haun1987")


def block(text, name):
    """Return property -> value of one [./name] block of a Ferret input."""
    names, values = re.search(
        rf"\[\./{name}\].*?prop_names = '(.*?)'.*?prop_values = '(.*?)'", text, re.DOTALL
    ).groups()
    return dict(zip(names.split(), map(float, values.split()), strict=True))


def assigned(text):
    """Return name -> value of lines `name = value`."""
    pairs = (line.split(" = ") for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in pairs}


def test_ferret_gets_the_numbers_of_its_own_inputs():
    """Landau_P of its BaTiO3 and PbTiO3 inputs, with Q44 as tensor component and eps_b 10."""
    text = export_record(BELL, "ferret", 298.0)
    ferret = [-0.027721, -0.64755, 0.323, 8.004, 4.47, 4.91, 0, 0, 0, 0]
    assert list(block(text, "Landau_P").values()) == pytest.approx(ferret, rel=1e-4)
    assert list(block(text, "mat_C").values()) == [275, 179, 54.3]
    text = export_record(HAUN, "ferret", 298.0)
    own = [-0.073, 0.75, 0.26, 0.61, -3.7]
    assert list(block(text, "Landau_P").values())[1:6] == pytest.approx(own)
    assert list(block(text, "mat_Q").values()) == [0.089, -0.026, 0.03375]
    assert block(text, "permitivitty_1")["permittivity"] == pytest.approx(0.08854187, rel=1e-6)
    g = block(text, "Landau_G")
    assert g["G110"] * g["G44_G110"] == pytest.approx(0.173 * 0.3)


def test_ferrox_gets_the_derivative_form():
    """Its dF/dP, written out, is the field of the core."""
    c = assigned(export_record(BELL, "ferrox", 350.0))
    x, y, z = P = np.array([0.1, -0.2, 0.15])
    slope = (
        c["alpha"] * x + c["beta"] * x**3 + c["gamma"] * x**5
        + 2 * c["alpha_12"] * x * (y**2 + z**2) + 4 * c["alpha_112"] * x**3 * (y**2 + z**2)
        + 2 * c["alpha_112"] * x * (y**4 + z**4) + 2 * c["alpha_123"] * x * y**2 * z**2
    )  # fmt: skip
    assert slope == pytest.approx(landau.field(P, BELL.landau.array(350.0))[0], rel=1e-9)
    assert c["g44"] == pytest.approx(2e-11)


def test_json_holds_laws_from_which_the_values_follow():
    content = json.loads(export_record(materials.load("batio3-wang2010"), "json", 150.0))
    law = content["laws"]["a1"]

    def coth(x):
        return 1 / np.tanh(x)

    bracket = coth(law["saturation"] / 150) - coth(law["saturation"] / law["zero"])
    assert content["coefficients"]["a1"] == pytest.approx(law["amplitude"] * bracket)
    assert content["units"]["a1111"] == "J*m^13/C^8"
    assert content["stiffness_GPa"]["c11"] == 275


def test_openferro_gets_the_model_file_that_it_ships():
    """Parameters of its PbTiO3_SCAN.json (Paul et al. 2017), with the energy that it checks."""
    content = json.loads(export_record(materials.load("pbtio3-scan2017"), "openferro", None))
    assert content["schema_version"] == 1
    parameters = content["parameters"]
    assert parameters["onsite"] == {"k2": 1.36, "alpha": 6.79, "gamma": -4.41}
    j = [-1.36, 4.84, 0.45, -0.11, 0.60, -0.09, -0.05]
    assert list(parameters["short_range"].values()) == j
    assert parameters["born"] == {"Z_star": 9.37, "epsilon_inf": 7.95}
    assert content["reference_observable"]["value"] == 0.00341039646875


def engine(record, monkeypatch):
    """Return the functions of an exported engine, run on numpy in place of jax.numpy."""
    jax = types.ModuleType("jax")
    jax.numpy = np
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setitem(sys.modules, "jax.numpy", np)
    names = {}
    exec(compile(export_record(record, "openferro", 298.0), "engine", "exec"), names)
    return names["landau_energy"], names["parameters"]


@pytest.mark.parametrize("name", ["batio3-li2005", "pbtio3-haun1987"])
def test_openferro_engine_has_the_landau_energy_of_a_uniform_field(name, monkeypatch):
    record = materials.load(name)
    energy, parameters = engine(record, monkeypatch)
    P = np.array([0.05, -0.2, 0.22])
    found = energy(np.broadcast_to(P, (2, 3, 4, 3)), parameters(4.0))
    joule = 24 * 64e-30 * landau.free_energy(P, record.landau.array(298.0))
    assert found == pytest.approx(joule / 1.602176634e-19, rel=1e-9)


def test_openferro_engine_has_the_gradient_energy_of_long_waves(monkeypatch):
    """P = p cos k(x + y) along [110]: (G11 + G12 + 2 G44) k^2 p^2 / 2 on average."""
    energy, parameters = engine(HAUN, monkeypatch)
    n, a = 64, 4.0
    k = 2 * np.pi / (n * a * 1e-10)
    phase = 2 * np.pi * np.arange(n) / n
    small = 1e-6  # C/m^2: the Landau energy of such a wave is known, quadratic
    g, volume = HAUN.gradient, n * n * 64e-30 / 1.602176634e-19
    wave = np.zeros((n, n, 1, 3))
    wave[..., 0] = wave[..., 1] = small * np.cos(phase[:, None] + phase[None, :])[..., None]
    local = HAUN.landau.at(298.0)["a1"] * small**2
    wanted = (g.g11 + g.g12 + 2 * g.g44) * k**2 * small**2 / 2
    assert energy(wave, parameters(a)) / volume - local == pytest.approx(wanted, rel=3e-3)


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("batio3-li2005", "ferrox", "a1111 = 3.863e\\+10.*FerroX has no terms of eighth order"),
        ("pbtio3-feram", "openferro", "terms of sixth and eighth order .*OpenFerro has quartic"),
        ("quartz", "openferro", "neither lattice nor Landau section"),
        ("batio3", "ferret", "has no Landau set, expected one with coefficients. Use one of"),
        ("batio3", "vasp", "format 'vasp' is not available for a material record, expected one"),
    ],
)
def test_what_a_program_cannot_hold_is_refused(name, form, message):
    with pytest.raises(ValueError, match=message):
        export_record(materials.load(name), form, None)


def test_a_temperature_without_a_lower_bound_is_refused():
    with pytest.raises(ValueError, match=r"500 K has no lower bound: .* along \(0.000, 0.000, 1"):
        export_record(BELL, "ferret", 500.0)


def test_export_takes_the_name_of_a_record(tmp_path):
    from pathlib import Path

    out = tmp_path / "sub" / "bto.i"
    said = export_file(Path("batio3-bell2001"), "ferret", out, None)
    assert said.endswith("ferret from record batio3-bell2001")
    assert "[Materials]" in out.read_text()
