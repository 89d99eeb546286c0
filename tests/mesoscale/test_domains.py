"""Variants, walls, nuclei and correlation lengths of planted pictures."""

import numpy as np
import pytest

from multiscale.mesoscale.domains import (
    components,
    correlation_length,
    fill,
    fractions,
    label,
    nucleation_events,
    structure_factor,
    switched_fraction,
    variants,
    walls,
)
from multiscale.mesoscale.grid import Grid

NM = 1e-9


@pytest.mark.parametrize(("symmetry", "n", "angles"), [
    ("tetragonal", 6, {0, 90, 180}),
    ("rhombohedral", 8, {0, 71, 109, 180}),
    ("orthorhombic", 12, {0, 60, 90, 120, 180}),
])  # fmt: skip
def test_variants_have_the_angles_of_their_symmetry(symmetry, n, angles):
    d = variants(symmetry)
    assert d.shape == (n, 3)
    found = np.rint(np.degrees(np.arccos(np.clip(d @ d.T, -1, 1)))).astype(int)
    assert set(found.ravel().tolist()) == angles


def stripes(angle, width=8, n=32):
    """Return stripes along x: P along z, then at an angle to it."""
    P = np.zeros((3, n, 4, 4))
    second = (np.arange(n) // width) % 2 == 1
    P[2, ~second] = 0.3
    if angle == 180:
        P[2, second] = -0.3
    else:
        P[1, second] = 0.3
    return P


@pytest.mark.parametrize("angle", [90, 180])
def test_area_and_angle_of_planted_walls(angle):
    grid, d = Grid((32, 4, 4), (NM, 2 * NM, 3 * NM)), variants()
    P = stripes(angle)
    labels = label(P, d, 0.1)
    found = walls(P, labels, d, grid)
    assert found.area == pytest.approx({angle: 4 * 16 * 6 * NM**2})
    assert found.charged_area == 0
    assert sorted(fractions(labels, 6)) == [0] * 5 + [0.5] * 2


def test_head_to_head_walls_are_charged():
    grid, d = Grid((32, 4, 4), NM), variants()
    P = stripes(180)[[2, 0, 1]]
    found = walls(P, label(P, d, 0.1), d, grid)
    assert found.area == found.area | {180: pytest.approx(64 * NM**2)}
    assert found.charged_area == pytest.approx(found.total)


def test_cells_inside_a_wall_belong_to_no_variant_and_are_filled():
    P = np.zeros((3, 12, 1, 1))
    P[2, :, 0, 0] = 0.3 * np.tanh(np.arange(12) - 5.5)
    P[2, 0] = 0.0
    labels = label(P, variants(), 0.15)
    assert fractions(labels, 6)[-1] == pytest.approx(3 / 12)
    assert (fill(labels) >= 0).all()
    assert fill(labels)[5, 0, 0] == fill(labels)[4, 0, 0]


def test_parts_join_through_the_faces_of_the_box():
    mask = np.zeros((8, 8, 1), bool)
    mask[0, 3], mask[-1, 3], mask[4, 4:6] = True, True, True
    parts, n = components(mask)
    assert n == 2
    assert parts[0, 3, 0] == parts[-1, 3, 0] != parts[4, 4, 0]
    assert components(np.zeros((2, 2, 2), bool))[1] == 0


def test_new_domains_are_events_and_grown_ones_are_not():
    before = np.zeros((10, 10, 1), int)
    before[2, 2] = 1
    after = before.copy()
    after[2, 2:5], after[7, 7], after[5, 9] = 1, 1, 1
    events = nucleation_events(before, after, 1)
    assert sorted(events) == [(5.0, 9.0, 0.0), (7.0, 7.0, 0.0)]
    assert nucleation_events(before, after, 1, smallest=2) == []


def test_correlation_length_of_a_wave_is_its_length():
    grid = Grid((48, 1, 24), NM)
    x = grid.positions()[0]
    P = np.zeros((3, 48, 1, 24))
    P[2] = np.sin(2 * np.pi * x / (12 * NM))
    assert correlation_length(P, grid) == pytest.approx(12 * NM, rel=1e-12)
    k, S = structure_factor(P, grid)
    assert k[S.argmax()] == pytest.approx(2 * np.pi / (12 * NM), rel=0.15)


def test_switched_fraction_counts_cells():
    P = stripes(180)
    start = np.zeros_like(P)
    start[2] = 1.0
    assert switched_fraction(P, start, (0, 0, 1)) == 0.5


def test_unknown_symmetry_is_refused():
    with pytest.raises(ValueError, match="symmetry is 'cubic', expected one of tetragonal"):
        variants("cubic")
