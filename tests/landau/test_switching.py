"""Switching along any direction: closed forms, symmetry, and a ramp by another minimiser."""

import sys
from pathlib import Path

import numpy as np
import pytest
from planted_landau import haun
from scipy.optimize import minimize

from multiscale import landau
from multiscale.landau.groups import point_group

sys.path.append(str(Path(__file__).parents[1] / "reference"))
from landau_sets import bell, li

RHOMBOHEDRAL = li(150.0)


def test_along_the_axis_lead_titanate_inverts_at_the_published_field():
    """mesoscale.md T2: 161.186 MV/m at P = 0.523301."""
    path = landau.switching(haun(298), [0, 0, 1])
    assert path.field == pytest.approx(1.61186e8, rel=1e-5)
    assert path.polarization[-1] == pytest.approx([0, 0, 0.523301], abs=1e-5)
    assert len(path.jumps) == 1
    assert path.jumps[0].after[2] < -0.757


def test_along_the_axis_barium_titanate_rotates_before_it_inverts():
    """The rotation field in closed form: dG/dp where the transverse curvature vanishes."""
    path, axis = landau.switching(bell(298.0), [0, 0, 1]), landau.coercive_field(bell(298.0))
    assert path.field == pytest.approx(axis.rotation_field, rel=1e-4)
    assert path.field < axis.field


@pytest.mark.parametrize("direction", [[1, 2, 3], [0.1, 0.2, 1], [0, 1, 1], [0.02, 0, 1]])
@pytest.mark.parametrize("a", [haun(298), bell(298.0), RHOMBOHEDRAL], ids=["PTO", "BTO", "R"])
def test_a_ramp_with_another_minimiser_loses_the_domain_at_the_same_field(a, direction):
    """Independent route: L-BFGS from the last state while the field is raised in small steps."""
    path = landau.switching(a, direction)
    n = np.array(direction) / np.linalg.norm(direction)
    scale = np.linalg.norm(path.start)
    unit = path.field * scale

    def lost(E):
        """Return whether a ramp to E from zero ends with P.n reversed."""
        p = path.start / scale
        for e in np.append(np.linspace(0, E, 60), E):
            kick = p + 1e-6 * np.array([0.3, 0.5, 0.8])
            found = minimize(
                lambda q, e=e: landau.free_energy(q * scale, a) / unit + e / path.field * (q @ n),
                kick,
                jac=lambda q, e=e: landau.field(q * scale, a) / path.field + e / path.field * n,
                method="L-BFGS-B",
                options={"maxls": 50, "ftol": 1e-16, "gtol": 1e-9, "maxcor": 3},
                bounds=[(q - 0.1, q + 0.1) for q in p],
            )
            for _ in range(40):  # small boxes keep the minimiser from leaping over a barrier
                moved = found.x - p
                p = found.x
                if np.abs(moved).max() < 0.099:
                    break
                found = minimize(
                    lambda q, e=e: (
                        landau.free_energy(q * scale, a) / unit + e / path.field * (q @ n)
                    ),
                    p,
                    method="L-BFGS-B",
                    bounds=[(q - 0.1, q + 0.1) for q in p],
                )
        return p @ n < 0

    assert not lost(0.99 * path.field)
    assert lost(1.01 * path.field)


@pytest.mark.parametrize("k", [1, 7, 20, 33, 47])
def test_turned_direction_and_turned_domain_give_the_turned_path(k):
    R, direction = point_group("m-3m")[k], np.array([0.3, 0.5, 1.0])
    straight = landau.switching(bell(298.0), direction)
    turned = landau.switching(bell(298.0), R @ direction)
    assert turned.field == pytest.approx(straight.field, rel=1e-8)
    assert turned.start == pytest.approx(R @ straight.start, abs=1e-12)
    assert turned.polarization[-1] == pytest.approx(R @ straight.polarization[-1], abs=1e-6)


def test_small_tilt_tends_to_the_axis():
    fields = [landau.switching(haun(298), [t, 0, 1]).field for t in (1e-2, 1e-4, 1e-6)]
    on_axis = landau.switching(haun(298), [0, 0, 1]).field
    assert np.diff(fields).min() > 0
    assert fields[-1] == pytest.approx(on_axis, rel=1e-4)


def test_points_of_the_path_are_stable_equilibria():
    direction = np.array([1.0, 2.0, 3.0])
    a, n = bell(298.0), direction / np.linalg.norm(direction)
    path = landau.switching(a, direction)
    residual = landau.field(path.polarization, a) + path.opposing[:, None] * n
    assert np.abs(residual).max() < 1e-6 * path.field
    assert np.linalg.eigvalsh(landau.curvature(path.polarization, a)).min() > -1
    for jump in path.jumps:
        after = np.linalg.eigvalsh(landau.curvature(jump.after, a))[0]
        assert after > 0  # it falls to a minimum, not to a saddle of higher symmetry


def test_a_rhombohedral_domain_turns_face_by_face():
    """Along [001] a rhombohedral domain reverses Pz alone, by 71 degrees."""
    path = landau.switching(RHOMBOHEDRAL, [0, 0, 1])
    before, after = path.start, path.jumps[-1].after
    assert before == pytest.approx(np.full(3, before[2]))
    assert after[2] < 0
    assert np.sign(after[:2]).tolist() == [1, 1]


def test_coercive_field_off_the_axes_is_that_of_the_path():
    loop = landau.coercive_field(bell(298.0), [1, 2, 3])
    assert loop.field == landau.switching(bell(298.0), [1, 2, 3]).field
    assert loop.limit == loop.field
    assert np.isnan(loop.rotation_field)
    assert np.isnan(landau.coercive_field(haun(800), [1, 2, 3]).field)


def test_a_start_that_is_not_stable_is_refused():
    with pytest.raises(ValueError, match="expected a stable state at zero field"):
        landau.switching(haun(298), [0, 0, 1], start=[0, 0, 0])


def test_states_in_a_field_have_the_lowest_enthalpy():
    """Against a grid; along z the field picks the variant that it favours."""
    a, E = bell(298.0), np.array([1e6, -2e6, 5e5])
    P = landau.state_in_field(a, E)
    line = np.linspace(-0.35, 0.35, 71)
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    lowest = (landau.energies(grid, a) - grid @ E).min()
    assert landau.free_energy(P, a) - P @ E <= lowest
    assert landau.field(P, a) == pytest.approx(E, abs=1)
    assert landau.state_in_field(haun(298), [0, 0, -1e5])[2] == pytest.approx(-0.7571, abs=2e-4)
    assert len(landau.variants([0, 0.1, 0.1])) == 12
