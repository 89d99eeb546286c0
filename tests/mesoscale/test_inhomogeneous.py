"""Elastic equilibrium with a stiffness that varies in space."""

from dataclasses import replace

import numpy as np
import pytest
from mesoscale_cards import C_PBTIO3, G_PBTIO3, Q_PBTIO3, pbtio3

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.inhomogeneous import NoEquilibriumError, equilibrium_stress
from multiscale.mesoscale.model import FieldModel

NM = 1e-9
EL = Elasticity(C_PBTIO3, Q_PBTIO3)


def test_equal_stiffness_is_the_homogeneous_crystal():
    rng = np.random.default_rng(0)
    plain = FieldModel(Grid((4, 3, 5), NM), pbtio3(), G_PBTIO3, EL)
    scaled = replace(
        plain,
        elasticity=Elasticity(tuple(c / 2 for c in C_PBTIO3), Q_PBTIO3),
        relative_stiffness=np.full((4, 3, 5), 2.0),
    )
    P = rng.normal(0, 0.4, (3, 4, 3, 5))
    assert scaled.stress(P) == pytest.approx(plain.stress(P), rel=1e-7, abs=1.0)
    assert scaled.strain(P) == pytest.approx(plain.strain(P), abs=1e-9)


@pytest.mark.parametrize("boundary", ["free", "clamped"])
def test_layers_of_two_stiffnesses(boundary):  # T14 (b) with two crystals, exact
    n, soft, C = 32, 0.2, EL.matrix
    factor = np.ones((n, 1, 1))
    factor[n // 2 :] = soft
    e0 = np.zeros((6, n, 1, 1))
    first, second = np.array([0.01, -0.02, 0.03, 0.004, 0.002, 0.01]), np.zeros(6)
    e0[:, : n // 2, 0, 0] = first[:, None]
    # unknown: strains of both layers; in the plane equal, tractions equal, mean strain or stress
    normal, plane = [0, 4, 5], [1, 2, 3]
    A, b = np.zeros((12, 12)), np.zeros(12)
    for row, i in enumerate(plane):
        A[row, i], A[row, 6 + i] = 1, -1
    for row, i in enumerate(normal, 3):
        A[row, :6], A[row, 6:] = C[i], -soft * C[i]
        b[row] = C[i] @ first - soft * C[i] @ second
    for row in range(6):
        if boundary == "clamped":
            A[6 + row, row] = A[6 + row, 6 + row] = 0.5
        else:
            A[6 + row, :6], A[6 + row, 6:] = C[row] / 1e11, soft * C[row] / 1e11
            b[6 + row] = (C[row] @ first + soft * C[row] @ second) / 1e11
    A[3:6] /= 1e11
    b[3:6] /= 1e11
    e = np.linalg.solve(A, b)
    expected = [C @ (e[:6] - first), soft * C @ (e[6:] - second)]
    el = replace(EL, boundary=boundary)
    s = equilibrium_stress(el, Grid((n, 1, 1), NM), factor, e0)[:, :, 0, 0]
    largest = np.abs(expected).max()
    assert s[normal] == pytest.approx(
        np.repeat(expected[0][normal][:, None], n, axis=1), abs=1e-3 * largest
    )
    assert s[:, 8] == pytest.approx(expected[0], abs=0.02 * largest)  # steps ring by 2 %
    assert s[:, 24] == pytest.approx(expected[1], abs=0.02 * largest)


def test_force_with_inclusions_is_the_slope_of_the_energy():  # T1
    rng = np.random.default_rng(1)
    el = replace(EL, boundary="film", strain=(0.01, 0.02, 0, 0, 0, 0), stress=(0, 0, 2e8, 0, 0, 0))
    model = FieldModel(
        Grid((5, 3, 3), NM), pbtio3(), G_PBTIO3, el, 10.0,
        relative_stiffness=rng.uniform(0.3, 2.0, (5, 3, 3)),
    )  # fmt: skip
    P, d = rng.normal(0, 0.4, (2, 3, 5, 3, 3))
    up, down = (model.energy(P + s * 1e-5 * d) for s in (1, -1))
    slope = (up - down) / 2e-5 * model.grid.size
    assert slope == pytest.approx(-np.sum(model.force(P) * d), rel=1e-6)


def test_equilibrium_that_is_not_reached_says_so():
    factor = np.ones((16, 4, 4))
    factor[::2, ::2] = 1e-3
    e0 = np.random.default_rng(2).normal(0, 0.01, (6, 16, 4, 4))
    with pytest.raises(NoEquilibriumError, match="after 3 iterations, expected below"):
        equilibrium_stress(EL, Grid((16, 4, 4), NM), factor, e0, iterations=3)
