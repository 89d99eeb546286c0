"""The record that the how-to writes loads, and is a second-order ferroelectric."""

import re
from pathlib import Path

import pytest

from multiscale import landau, materials

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "landau.md"


def test_the_record_of_the_how_to_loads():
    text = re.search(r'```toml\n(name = "mine".*?)```', PAGE.read_text(), re.DOTALL)[1]
    law = materials.parse(text, "mine").landau.array
    (transition,) = landau.phase_sequence(law, [100.0, 400.0])
    assert transition.temperature == pytest.approx(300.0, abs=1e-3)
    assert transition.latent_heat == pytest.approx(0, abs=10)
    P = landau.spontaneous_polarization(law(200.0))[2]
    assert P**2 == pytest.approx(-law(200.0)[0] / (2 * 4e8))
