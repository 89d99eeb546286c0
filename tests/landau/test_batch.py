"""The fused energies are those of the table, for every order and shape."""

import numpy as np
import pytest
from planted_landau import haun

from multiscale import landau

rng = np.random.default_rng(3)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_fused_energies_and_fields_are_those_of_the_table(order):
    a = rng.normal(size=len(landau.terms(order)))
    P = rng.uniform(-1, 1, (11, 7, 3))
    assert landau.energies(P, a) == pytest.approx(landau.free_energy(P, a), rel=1e-12, abs=1e-12)
    assert landau.fields(P, a) == pytest.approx(landau.field(P, a), rel=1e-11, abs=1e-11)
    assert landau.energies(P[0, 0], a).shape == ()


def test_results_go_where_they_are_asked_to():
    P, out = rng.uniform(-1, 1, (5, 3)), np.empty(5)
    assert landau.energies(P, haun(300), out=out) is out
    with pytest.raises(ValueError, match=r"out has shape \(4,\) of float64, expected contiguous"):
        landau.energies(P, haun(300), out=np.empty(4))


def test_unknown_coefficients_and_wrong_shapes_are_refused():
    a = haun(300)
    a[2] = np.nan
    with pytest.raises(ValueError, match="a12 is not finite, expected known coefficients"):
        landau.energies(np.zeros((2, 3)), a)
    with pytest.raises(ValueError, match=r"have shapes \(2,\) and \(6,\), expected"):
        landau.energies(np.zeros(2), haun(300))
