"""Electrostriction conventions and piezoelectric tensors."""

import numpy as np
import pytest
from wall_sets import BATIO3, PBTIO3

from multiscale import landau
from multiscale.landau.tensors import SHEAR_FACTORS, inconsistency, product_gradients, products
from multiscale.units import EPSILON0

HAUN_298 = np.array([3.8e5 * (298 - 752), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])
CONVENTIONS = [*SHEAR_FACTORS, "stress"]


def test_lead_titanate_in_the_conventions_of_two_sources():
    """values.md B4: 0.0675 (2 eps_23) and 0.03375 (eps_23) are one crystal."""
    haun = landau.electrostriction(0.089, -0.026, 0.0675)
    ferret = landau.electrostriction(0.089, -0.026, 0.03375, "tensor")
    assert ferret == pytest.approx(haun, rel=1e-14)
    assert haun[3, 3] == 0.0675


def test_tensor_component_gives_the_same_strain_as_the_full_contraction():
    Q = np.zeros((3, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            Q[i, i, j, j] = 0.089 if i == j else -0.026
            if i != j:
                Q[i, j, i, j] = Q[i, j, j, i] = 0.016875
    P = np.array([0.2, -0.5, 0.3])
    eps = np.einsum("ijkl,k,l->ij", Q, P, P)
    voigt = [eps[0, 0], eps[1, 1], eps[2, 2], 2 * eps[1, 2], 2 * eps[0, 2], 2 * eps[0, 1]]
    Z = landau.electrostriction(0.089, -0.026, 0.016875, "component")
    assert Z @ products(P) == pytest.approx(voigt, rel=1e-12)


def test_stress_constants_of_both_materials():
    """values.md B4: q = 11.41, 0.46, 7.5 and 14.20, -0.74, 1.57 GJ m/C^2."""
    C = landau.cubic_matrix(174.6e9, 79.4e9, 111.1e9)
    q = landau.electrostriction_constants(PBTIO3.electrostriction, "stress", C)
    assert np.array(q) / 1e9 == pytest.approx([11.41, 0.46, 7.5], abs=0.006)
    Q = landau.electrostriction_constants(BATIO3.electrostriction)
    assert Q == pytest.approx([0.1104, -0.0452, 0.0289], abs=6e-5)


def test_inconsistent_q12_is_seen():
    """values.md B4: an input lists q12 = 0.0144 with C and Q that give 0.46."""
    C = landau.cubic_matrix(174.6e9, 79.4e9, 111.1e9)
    good = inconsistency(PBTIO3.electrostriction, C, (11.41e9, 0.46e9, 7.5e9))
    bad = inconsistency(PBTIO3.electrostriction, C, (11.41e9, 0.0144e9, 7.5e9))
    assert np.abs(good).max() < 1e-3
    assert abs(bad[1]) > 0.03


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_conventions_round_trip(convention):
    Z = landau.electrostriction(0.1, -0.03, 0.05, convention, PBTIO3.stiffness)
    back = landau.electrostriction_constants(Z, convention, PBTIO3.stiffness)
    assert back == pytest.approx((0.1, -0.03, 0.05), rel=1e-12)


def test_unknown_convention_and_missing_stiffness_are_refused():
    with pytest.raises(ValueError, match="convention is 'voigt'"):
        landau.electrostriction(0.1, 0, 0, "voigt")
    with pytest.raises(ValueError, match="stiffness is None"):
        landau.electrostriction(0.1, 0, 0, "stress")


def test_product_gradients_are_the_derivative():
    P, step = np.array([0.2, -0.5, 0.3]), 1e-6
    numeric = [(products(P + step * n) - products(P - step * n)) / (2 * step) for n in np.eye(3)]
    assert product_gradients(P) == pytest.approx(np.array(numeric).T, abs=1e-9)


def test_piezoelectric_tensor_of_a_tetragonal_domain():
    """Closed forms of Haun et al. 1987: d33 = 2 Q11 P3 eps33, d31, d15."""
    P = landau.spontaneous_polarization(HAUN_298)
    chi = EPSILON0 * np.diag(landau.susceptibility(P, HAUN_298))
    tensor = landau.piezoelectric(P, HAUN_298, PBTIO3)
    assert tensor.d[2, 2] == pytest.approx(2 * 0.089 * P[2] * chi[2], rel=1e-12)
    assert tensor.d[0, 2] == pytest.approx(-2 * 0.026 * P[2] * chi[2], rel=1e-12)
    assert tensor.d[4, 0] == pytest.approx(0.0675 * P[2] * chi[0], rel=1e-12)
    assert tensor.g[2, 2] == pytest.approx(0.1348, abs=1e-4)
    assert tensor.e == pytest.approx(PBTIO3.stiffness @ tensor.d)


def test_piezoelectric_tensor_is_the_slope_of_the_strain_in_a_field():
    P, step = landau.spontaneous_polarization(HAUN_298), 1e4  # V/m

    def strain(E):
        p = P.copy()
        for _ in range(30):
            H = landau.curvature(p, HAUN_298)
            p = p - np.linalg.solve(H, landau.field(p, HAUN_298) - E)
        return PBTIO3.electrostriction @ products(p)

    d = np.stack([(strain(step * n) - strain(-step * n)) / (2 * step) for n in np.eye(3)], axis=-1)
    assert landau.piezoelectric(P, HAUN_298, PBTIO3).d == pytest.approx(d, abs=1e-16)


def test_field_electrostriction_diverges_with_the_square_of_the_permittivity():
    Z = PBTIO3.electrostriction
    M = [landau.field_electrostriction(Z, 1 + chi)[0, 0] for chi in (100.0, 200.0)]
    assert M[1] / M[0] == pytest.approx(4)
    assert M[0] == pytest.approx(0.089 * (100 * EPSILON0) ** 2)
