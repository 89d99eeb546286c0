"""values.md B1-B4: each record gives the numbers of its row, and refuses the misprints."""

import numpy as np
import pytest
from landau_sets import SETS

from multiscale import landau, materials

NAMES = {
    "haun": "pbtio3-haun1987",
    "bell": "batio3-bell2001",
    "li": "batio3-li2005",
    "wang2007": "batio3-wang2007",
    "wang2010": "batio3-wang2010",
}
ROWS = {  # transition temperatures (K), latent heat T-C (MJ/m^3), P, eps c, eps a, E_c (MV/m)
    "bell": ([201.84, 282.54, 392.28], 6.21, 0.2652, 193.7, 3299, 16.5),
    "li": ([202.03, 281.02, 398.00], 5.39, 0.2600, 188.8, 3601, 15.2),
    "wang2007": ([187.56, 284.94, 403.07], 5.98, 0.2601, 133.3, 3094, 20.5),
    "wang2010": ([205.46, 278.92, 397.13], 6.32, 0.2557, 153.2, 5004, 17.2),
    "haun": ([765.48], 40.8, 0.7570, 66.9, 124.4, 161.2),
}
TOML = {key: materials.text(name) for key, name in NAMES.items()}


def record(key):
    return materials.load(NAMES[key])


@pytest.mark.parametrize("key", NAMES)
def test_records_are_the_published_sets(key):
    for T in (100.0, 298.0, 390.0):
        ours, theirs = record(key).landau.array(T), SETS[key](T)
        assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("key", ROWS)
def test_records_give_their_row_of_values(key):
    temperatures, heat, P, eps_c, eps_a, coercive = ROWS[key]
    law, top = record(key).landau.array, 440 if key == "bell" else 900
    found = landau.phase_sequence(law, np.arange(50.0, top, 25.0), tolerance=1e-3)
    assert [t.temperature for t in found] == pytest.approx(temperatures, abs=0.05)
    assert found[-1].latent_heat / 1e6 == pytest.approx(heat, abs=0.05 if heat > 10 else 0.005)
    a = law(298.0)
    state = landau.spontaneous_polarization(a)
    assert state == pytest.approx([0, 0, P], abs=1e-4)
    eps = 1 + landau.susceptibility(state, a)
    assert eps[2, 2] == pytest.approx(eps_c, abs=0.05)
    assert eps[0, 0] == pytest.approx(eps_a, abs=0.5 if eps_a > 1000 else 0.05)
    assert landau.coercive_field(a).field / 1e6 == pytest.approx(coercive, abs=0.05)


def test_strontium_titanate_is_a_quantum_paraelectric():
    """values.md B3, secondary: a1 as in the linear form at 300 K, levelling off below."""
    strontium = materials.load("srtio3-li2006")
    law = strontium.landau.coefficients["a1"]
    assert law.at(30.0) == pytest.approx(0, abs=1)
    # The linear form that some codes use agrees at room temperature.
    assert law.at(300.0) == pytest.approx(7.06e5 * (300.0 - 35.5), rel=0.02)
    assert abs(law.at(2.0) - law.at(1.0)) < 1e-3 * abs(law.at(1.0))
    assert strontium.rotation.b1.at(105.0) == pytest.approx(0, abs=1e20)
    assert "SECONDARY" in strontium.notes


@pytest.mark.parametrize(
    ("key", "old", "new", "message"),
    [
        ("li", "7.974e8", "7.794e8", r"transitions within 0.05 K of 202.03 K are \[\], expected R"),
        (
            "haun",
            "6.1e8 J",
            "6.1e7 J",
            r"leading coefficient along \(.*\) is -.* expected positive",
        ),
        ("haun", '"0.0675 m', '"0.03375 m', "coupling q44 is 7.5 .* gives 3.75.*engineering"),
        ("haun", '"0.46 GJ', '"0.0144 GJ', "coupling q12 is 0.0144 .* gives 0.4626"),
        ("bell", "201.84 K", "202.84 K", "within 0.05 K of 202.84 K are .*expected R to O"),
        ("wang2010", "6.32 MJ", "7.32 MJ", "latent heat at 397.13 K is 6.32e"),
        ("wang2010", 'saturation = "160 K"', 'saturation = "0 K"', "saturation and zero are 0"),
        (
            "bell",
            "0.26523 C",
            "26.523 C",
            "is 0.2652 .*ratio is 100.0: .*uC/cm",
        ),
    ],
)
def test_misprints_and_wrong_conventions_are_refused(key, old, new, message):
    assert old in TOML[key]
    with pytest.raises(ValueError, match=message):
        materials.parse(TOML[key].replace(old, new), "wrong")


def test_barrett_law_saturates_and_tends_to_curie_weiss():
    """Barrett 1952: amplitude Ts (1/T - ...) becomes amplitude (T - T0)/Ts far above Ts."""
    law = record("wang2010").landau.coefficients["a1"]
    assert law.at(0.0) == pytest.approx(law.at(5.0), rel=1e-12)
    assert law.at(2001.0) - law.at(2000.0) == pytest.approx(8e7 / 160, rel=1e-2)
    assert law.at(390.0) == 0
