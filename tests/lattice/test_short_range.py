"""Short-range matrices: published energies, bonds one by one, the corners of the zone by hand."""

import numpy as np
import pytest
from lattice_cards import BATIO3, PBTIO3

from multiscale.lattice import hessian
from multiscale.lattice.short_range import bond_matrix, bonds, short_range_matrix

PI = np.pi


@pytest.mark.parametrize("p", [BATIO3, PBTIO3], ids=["batio3", "pbtio3"])
@pytest.mark.parametrize(
    ("k", "signs"),
    [((0, 0, 0), (1, 1, 1)), ((PI, 0, 0), (-1, 1, 1)), ((PI, PI, 0), (-1, -1, 1)),
     ((PI, PI, PI), (-1, -1, -1))],
)  # fmt: skip
def test_the_matrix_at_gamma_x_m_r_is_the_sum_written_out(p, k, signs):
    j1, j2, j3, j4, _, j6, _ = p.j
    a, b, c = signs
    by_hand = [
        2 * (j2 * one + j1 * (two + three)) + 4 * (j3 * one * (two + three) + j4 * two * three)
        + 8 * j6 * one * two * three
        for one, two, three in ((a, b, c), (b, c, a), (c, a, b))
    ]  # fmt: skip
    np.testing.assert_allclose(short_range_matrix(np.array(k), p.j), np.diag(by_hand), atol=1e-13)


def test_bonds_add_up_in_real_space():
    rng = np.random.default_rng(0)
    size = (4, 3, 5)
    u = rng.standard_normal((*size, 3))
    energy = 0.0
    for step in bonds():
        other = np.roll(u, tuple(-s for s in step), axis=(0, 1, 2))
        energy += 0.5 * np.einsum("xyza,ab,xyzb->", u, bond_matrix(step, BATIO3.j), other)
    k = np.stack(np.meshgrid(*(2 * PI * np.fft.fftfreq(n) for n in size), indexing="ij"), -1)
    waves = np.fft.fftn(u, axes=(0, 1, 2))
    matrix = short_range_matrix(k, BATIO3.j)
    wanted = 0.5 / np.prod(size) * np.einsum("xyza,xyzab,xyzb->", waves.conj(), matrix, waves).real
    assert energy == pytest.approx(wanted, abs=1e-10)


def test_off_diagonal_parts_are_j5_and_j7():
    assert bond_matrix((1, 1, 0), BATIO3.j)[0, 1] == pytest.approx(BATIO3.j[4])
    assert bond_matrix((1, -1, 0), BATIO3.j)[0, 1] == pytest.approx(-BATIO3.j[4])
    assert bond_matrix((1, 1, -1), BATIO3.j)[0, 1] == pytest.approx(BATIO3.j[6])
    assert bond_matrix((1, 1, -1), BATIO3.j)[0, 2] == pytest.approx(-BATIO3.j[6])


def test_barium_titanate_is_unstable_at_gamma_and_stable_at_r():
    """And softer along x, y planes than along chains: Zhong, Vanderbilt, Rabe 1995, fig. 3."""
    values = np.linalg.eigvalsh(
        hessian(np.array([[0, 0, 0], [PI, 0, 0], [PI, PI, 0], [PI] * 3]), BATIO3)
    )
    assert values[0, 0] < values[1, 0] < values[2, 0] < 0 < values[3, 0]
