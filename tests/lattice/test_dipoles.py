"""The dipole sum against direct sums, known lattice values and the formula of a slab."""

import numpy as np
import pytest
from scipy.special import erfc

from multiscale.lattice.dipoles import dipole_matrix
from multiscale.lattice.quadratic import wave_vectors


def direct_ewald(places, moments, box, width):
    """Return the energy of dipoles in a periodic box (conducting boundary), term by term."""
    volume, n = np.prod(box), len(places)
    energy = -2 * width**3 / (3 * np.sqrt(np.pi)) * (moments**2).sum()
    reach = [int(np.ceil(6.5 / width / b)) for b in box]
    shifts = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in reach], indexing="ij"), -1)
    for shift in shifts.reshape(-1, 3) * box:
        R = places[:, None] - places + shift
        r = np.linalg.norm(R, axis=-1)
        far = r > 1e-9
        r = np.where(far, r, 1.0)
        gauss = 2 * width / np.sqrt(np.pi) * np.exp(-((width * r) ** 2))
        B = (erfc(width * r) / r + gauss) / r**2
        C = (3 * B + 2 * width**2 * gauss) / r**2
        first, second = moments[:, None] * R, moments[None] * R
        pair = B * (moments @ moments.T) - C * first.sum(-1) * second.sum(-1)
        energy += 0.5 * (pair * far).sum()
    top = [int(np.ceil(13 * width * b / (2 * np.pi))) for b in box]
    waves = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in top], indexing="ij"), -1)
    G = waves.reshape(-1, 3) * 2 * np.pi / box
    G = G[(G**2).sum(1) > 0]
    square = (G**2).sum(1)
    structure = (np.exp(1j * G @ places.T) * (G @ moments.T)).sum(1)
    weight = 2 * np.pi / volume * np.exp(-square / (4 * width**2)) / square
    assert n == len(moments)
    return energy + (weight * abs(structure) ** 2).sum()


def lattice_energy(moments, size):
    waves = np.fft.rfftn(moments.reshape(*size, 3), axes=(0, 1, 2))
    force = np.einsum("xyzab,xyzb->xyza", dipole_matrix(wave_vectors(size)), waves)
    back = np.fft.irfftn(force, s=size, axes=(0, 1, 2)).reshape(-1, 3)
    return 0.5 * (moments * back).sum()


@pytest.mark.parametrize(("size", "width"), [((3, 2, 4), 1.3), ((1, 2, 3), 2.1)])
def test_the_sum_by_transforms_equals_a_direct_ewald_sum(size, width):
    rng = np.random.default_rng(1)
    moments = rng.standard_normal((np.prod(size), 3))
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    wanted = direct_ewald(places.astype(float), moments, np.array(size, float), width)
    assert lattice_energy(moments, size) == pytest.approx(wanted, abs=1e-8)


def test_uniform_dipoles_feel_the_field_of_lorentz():
    np.testing.assert_allclose(dipole_matrix(np.zeros(3)), -4 * np.pi / 3 * np.eye(3), atol=1e-12)


def test_longitudinal_waves_are_split_off_by_4_pi():
    D = dipole_matrix(np.array([1e-5, 0, 0]))
    np.testing.assert_allclose(np.diag(D), 4 * np.pi * np.array([2, -1, -1]) / 3, atol=1e-8)


def test_every_matrix_has_no_trace_and_the_symmetry_of_the_lattice():
    k = np.random.default_rng(2).uniform(-np.pi, np.pi, (20, 3))
    D = dipole_matrix(k)
    np.testing.assert_allclose(np.trace(D, axis1=1, axis2=2), 0, atol=1e-11)
    turned = dipole_matrix(k[:, [1, 2, 0]])
    np.testing.assert_allclose(turned, D[:, [1, 2, 0]][:, :, [1, 2, 0]], atol=1e-12)
    np.testing.assert_allclose(dipole_matrix(k + 2 * np.pi * np.array([1, 0, -1])), D, atol=1e-11)


@pytest.mark.parametrize(
    ("k", "values"),
    [
        # Luttinger and Tisza, Phys. Rev. 70, 954 (1946): sums over antiferro-ordered dipoles.
        ((np.pi, 0, 0), (9.6874, -4.8437, -4.8437)),
        ((np.pi, np.pi, 0), (2.6768, 2.6768, -5.3535)),
        ((np.pi, np.pi, np.pi), (0.0, 0.0, 0.0)),
    ],
)
def test_luttinger_and_tisza_at_the_corners_of_the_zone(k, values):
    np.testing.assert_allclose(np.diag(dipole_matrix(np.array(k))), values, atol=2e-4)
