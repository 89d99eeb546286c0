"""Invariant bases by projection: known counts, invariance under random groups, known terms."""

import numpy as np
import pytest
from planted_landau import haun
from scipy.spatial.transform import Rotation

from multiscale import landau
from multiscale.landau import bases, groups

rng = np.random.default_rng(5)
ORDERS = {"1": 1, "mmm": 8, "4mm": 8, "-42m": 8, "4/mmm": 16, "-3m": 12, "6/mmm": 24, "-43m": 24}
# Molien series as rational functions of t: numerators and the degrees in their denominators.
SERIES = {
    "m-3m": ([1], (2, 4, 6)),
    "-43m": ([1], (2, 3, 4)),
    "4/mmm": ([1], (2, 2, 4)),
    "4mm": ([1], (1, 2, 4)),
    "mmm": ([1], (2, 2, 2)),
    "m-3": ([1, 0, 0, 0, 0, 0, 1], (2, 4, 6)),
    "6/mmm": ([1], (2, 2, 6)),
    "3m": ([1], (1, 2, 3)),
}


def expanded(numerator, degrees, top):
    """Return the coefficients of numerator / prod (1 - t^d) up to t^top."""
    series = np.zeros(top + 1, dtype=int)
    series[: len(numerator)] = numerator
    for d in degrees:
        for k in range(d, top + 1):
            series[k] += series[k - d]
    return series


@pytest.mark.parametrize("name", SERIES)
def test_counts_follow_the_published_molien_series(name):
    """Sturmfels, Algorithms in Invariant Theory, 2.1-2.2; reflection groups: degrees alone."""
    g = groups.point_group(name)
    wanted = expanded(*SERIES[name], 8)
    assert groups.molien(g, 8).tolist() == wanted.tolist()
    found = [len(groups.invariant_rows(groups.symmetric_power(g, d))) for d in range(9)]
    assert found == wanted.tolist()  # projection, the other route


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_orders_of_the_crystal_classes(name, order):
    assert len(groups.point_group(name)) == order


@pytest.mark.parametrize(
    ("name", "elastic", "electrostriction", "piezoelectric"),
    [("m-3m", 3, 3, 0), ("4/mmm", 6, 7, 0), ("-43m", 3, 3, 1), ("4mm", 6, 7, 3), ("3m", 6, 8, 4)],
)
def test_tensors_have_the_known_number_of_constants(name, elastic, electrostriction, piezoelectric):
    """Nye, Physical Properties of Crystals, tables 8, 9; electrostriction counted with M_ij."""
    assert len(bases.coupling_basis(name, strain=2, polarization=0).names) == elastic
    assert len(bases.coupling_basis(name).names) == electrostriction
    linear = bases.coupling_basis(name, strain=1, polarization=1).names
    assert len(linear) == piezoelectric


def test_names_and_terms_of_the_cube_are_those_of_the_literature():
    basis = bases.polarization_basis("m-3m", 8)
    names = "a1 a11 a12 a111 a112 a123 a1111 a1112 a1122 a1123"
    assert " ".join(basis.names) == names == " ".join(landau.terms(8))
    P = rng.uniform(-1, 1, (50, 3))
    assert basis.values(P) == pytest.approx(landau.invariants(P, 8), rel=1e-13)
    assert basis.energy(P, rng.normal(size=10)).shape == (50,)
    sixth = bases.polarization_basis("m-3m", 6)
    assert sixth.energy(P, haun(300)) == pytest.approx(landau.free_energy(P, haun(300)), rel=1e-12)


def test_terms_of_a_film_are_named_as_in_the_literature():
    """Pertsev 1998: a film on a cubic substrate is tetragonal, with a1 a3 a11 a12 a13 a33."""
    basis = bases.polarization_basis("4/mmm", 4)
    assert basis.names == ("a1", "a3", "a11", "a12", "a13", "a33")
    x, y, z = P = np.array([0.3, -0.2, 0.7])
    wanted = [x**2 + y**2, z**2, x**4 + y**4, x**2 * y**2, (x**2 + y**2) * z**2, z**4]
    assert basis.values(P) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_basis_of_a_turned_random_group_is_invariant_and_turns_along(seed):
    """Generators of a class in a random frame: the basis spans the turned invariants."""
    local = np.random.default_rng(seed)
    name = local.choice(["4/mmm", "m-3m", "-43m", "32", "6mm", "m-3"])
    R = Rotation.random(random_state=seed).as_matrix()
    generators = [R @ g @ R.T for g in groups.GENERATORS[name]]
    basis = bases.polarization_basis(generators, 6)
    P = local.normal(size=(40, 3))
    values = basis.values(P)
    for g in groups.generated(generators):
        assert basis.values(P @ g.T) == pytest.approx(values, rel=1e-8, abs=1e-8)
    straight = bases.polarization_basis(name, 6).values(P @ R)  # R^T P, in the crystal's frame
    _, residual, rank, _ = np.linalg.lstsq(straight, values, rcond=None)
    assert rank == values.shape[1]
    assert np.abs(residual).max(initial=0) < 1e-12


@pytest.mark.parametrize("name", ["m-3m", "3m", "-43m"])
def test_couplings_and_gradients_are_invariant(name):
    e, G, P = (rng.normal(size=(20, n)) for n in (6, 9, 3))
    coupling, quadratic = bases.coupling_basis(name), bases.gradient_basis(name)
    lifshitz = bases.gradient_basis(name, polarization=1)
    g = groups.point_group(name)
    for R, on_e, on_G in zip(g, groups.on_strain(g), groups.on_gradients(g), strict=True):
        turned = np.hstack([e @ on_e.T, P @ R.T])
        assert coupling.values(turned) == pytest.approx(coupling.values(np.hstack([e, P])))
        x, turned = np.hstack([G, P]), np.hstack([G @ on_G.T, P @ R.T])
        assert quadratic.values(turned) == pytest.approx(quadratic.values(x))
        assert lifshitz.values(turned) == pytest.approx(lifshitz.values(x))


def test_strain_turns_as_a_tensor_with_engineering_shear():
    R = Rotation.random(random_state=1).as_matrix()
    e = rng.normal(size=(3, 3))
    e = e + e.T

    def voigt(t):
        return np.array([t[0, 0], t[1, 1], t[2, 2], 2 * t[1, 2], 2 * t[0, 2], 2 * t[0, 1]])

    assert groups.on_strain(R[None])[0] @ voigt(e) == pytest.approx(voigt(R @ e @ R.T))


def test_gradient_energy_of_the_literature_is_in_the_span():
    """1/2 G11 Pi,i^2 + G12 Pi,i Pj,j + 1/2 G44 (Pi,j + Pj,i)^2 + 1/2 G44' (Pi,j - Pj,i)^2."""
    G11, G12, G44, G44p = rng.uniform(0, 1, 4)
    D = rng.normal(size=(3, 3))  # D[i, j] = dPi/dxj
    pairs = [(0, 1), (0, 2), (1, 2)]
    energy = (
        G11 / 2 * np.sum(np.diag(D) ** 2)
        + G12 * sum(D[i, i] * D[j, j] for i, j in pairs)
        + G44 / 2 * sum((D[i, j] + D[j, i]) ** 2 for i, j in pairs)
        + G44p / 2 * sum((D[i, j] - D[j, i]) ** 2 for i, j in pairs)
    )
    basis = bases.gradient_basis("m-3m")
    assert basis.names == ("x,x^2", "x,x y,y", "x,y^2", "x,y y,x")
    a = [G11 / 2, G12, (G44 + G44p) / 2, G44 - G44p]
    assert basis.energy(np.append(D.ravel(), np.zeros(3)), a) == pytest.approx(energy)


def test_a_centre_of_inversion_forbids_lifshitz_terms():
    assert bases.gradient_basis("m-3m", polarization=1).names == ()
    assert bases.gradient_basis("-43m", polarization=1).names == ("x,y z",)


@pytest.mark.parametrize("name", ["3m", "4/mmm"])
def test_field_and_curvature_are_derivatives_of_the_energy(name):
    basis, h = bases.polarization_basis(name, 6), 1e-5
    a, P = rng.normal(size=len(basis.names)), rng.uniform(-1, 1, 3)
    steps = h * np.eye(3)
    slope = (basis.energy(P + steps, a) - basis.energy(P - steps, a)) / (2 * h)
    assert basis.field(P, a) == pytest.approx(slope, rel=1e-6, abs=1e-7)
    bend = (basis.field(P + steps, a) - basis.field(P - steps, a)) / (2 * h)
    assert basis.curvature(P, a) == pytest.approx(bend, rel=1e-6, abs=1e-6)


def test_bad_groups_and_shapes_are_refused():
    with pytest.raises(ValueError, match="point group is 'm3m', expected one of 1, -1"):
        bases.polarization_basis("m3m")
    with pytest.raises(ValueError, match="generator 0 is .* expected an orthogonal 3 x 3"):
        bases.polarization_basis([2 * np.eye(3)])
    turn = Rotation.from_rotvec([0, 0, 1.0]).as_matrix()  # one radian: never comes back
    with pytest.raises(ValueError, match="more than 192 elements, expected a finite point group"):
        bases.polarization_basis([turn])
    with pytest.raises(ValueError, match="order is 9, expected 2 to 8"):
        bases.polarization_basis("m-3m", 9)
    basis = bases.polarization_basis("m-3m", 4)
    with pytest.raises(ValueError, match=r"x has shape \(3, 2\), expected \(..., 3\) for x, y, z"):
        basis.values(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"coefficients have shape \(2,\), expected \(3,\)"):
        basis.energy(np.zeros(3), [1.0, 2.0])
