"""Planes in which domains fit: counts of each phase, coherence, neutrality, a known S wall."""

import numpy as np
import pytest
from planted_landau import Q_PTO

from multiscale import landau
from multiscale.landau.tensors import products

Q = landau.cubic_matrix(*Q_PTO)
PHASES = {"T": [0, 0, 0.7], "O": [0, 0.5, 0.5], "R": [0.4, 0.4, 0.4]}


@pytest.mark.parametrize(("phase", "angles"), [
    ("T", {90, 180}), ("O", {60, 90, 120, 180}), ("R", {71, 109, 180}),
])  # fmt: skip
def test_each_phase_has_the_walls_of_the_textbook(phase, angles):
    """As Fousek and Janovec, J. Appl. Phys. 40, 135 (1969), list them."""
    assert {round(kind.angle) for kind in landau.wall_kinds(PHASES[phase], Q)} == angles


@pytest.mark.parametrize("P", PHASES.values(), ids=PHASES)
def test_strains_fit_and_no_charge_is_left(P):
    for kind in landau.wall_kinds(P, Q):
        first, second = kind.domains
        assert abs((second - first) @ kind.normal) < 1e-9
        e = Q @ (products(second) - products(first))
        strain = np.array([[e[0], e[5] / 2, e[4] / 2], [e[5] / 2, e[1], e[3] / 2],
                           [e[4] / 2, e[3] / 2, e[2]]])  # fmt: skip
        plane = np.linalg.svd(kind.normal[None])[2][1:]  # two directions in the wall
        assert np.abs(plane @ strain @ plane.T).max() < 1e-9


def test_s_wall_tilts_as_its_strains_say():
    """O, 60 degrees, [011] to [101]: the difference of strains is sym(n m) with m = (1, -1, 0),
    n = (1, 1, t), t = Q44 / (Q11 - Q12) in engineering shear.
    """
    (kind,) = [k for k in landau.wall_kinds(PHASES["O"], Q) if round(k.angle) == 60]
    n = np.abs(kind.normal)
    assert n[0] == pytest.approx(n[1])
    assert n[2] / n[0] == pytest.approx(Q_PTO[2] / (Q_PTO[0] - Q_PTO[1]), rel=1e-6)


def test_symmetric_images_count_once():
    kinds = landau.wall_kinds(PHASES["T"], Q)
    assert len([k for k in kinds if round(k.angle) == 90]) == 1
    assert len([k for k in kinds if round(k.angle) == 180]) == 2  # (100) and (110)
