"""Walls of a box, whose faces may stand anywhere along variables of any unit."""

import numpy as np
import pytest

from multiscale.sampling import BoxWall, Hills, Metadynamics, Wall, WellTempered, bias_offsets

KT = 0.025
BOX = BoxWall((0.0, -0.02), (1.0, 0.03), (2.0, 5e3))


def test_forces_are_the_slopes_and_the_inside_is_free():
    values = np.array([[-0.2, 0.01], [0.5, 0.0], [1.3, -0.05], [0.4, 0.04]])
    energy, force = BOX(values)
    assert BOX.inside(values).tolist() == [False, True, False, False]
    assert energy[1] == 0
    assert not force[1].any()
    for k, step in enumerate((1e-6, 1e-8)):
        shift = step * np.eye(2)[k]
        slope = (BOX(values + shift)[0] - BOX(values - shift)[0]) / (2 * step)
        assert np.allclose(force[:, k], -slope, rtol=1e-6, atol=1e-7)


def test_a_symmetric_box_is_the_wall_on_components():
    values = np.random.default_rng(0).normal(0, 1, (50, 3))
    box, wall = BoxWall((-0.7,) * 3, (0.7,) * 3, (2.5,) * 3), Wall(0.7, 2.5)
    for ours, theirs in zip(box(values), wall(values), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-14, atol=0)
    assert np.array_equal(box.inside(values), wall.inside(values))


def settings(wall):
    return WellTempered(sigma=(0.1,), height=0.02, pace=1, bias_factor=5.0, kT=KT, wall=wall)


def test_the_same_run_along_a_shifted_variable_is_the_same():
    # s -> s + 3 moves walls, grid, hills and nothing else: c(t) too is that of the plain run.
    plain, moved = (settings(wall) for wall in (Wall(0.8, 10.0), BoxWall((2.2,), (3.8,), (10.0,))))
    metads = [Metadynamics(plain), Metadynamics(moved)]
    for step in range(200):
        s = np.array([[0.9 * np.sin(0.7 * step)]])
        energies = [m(s + 3 * n, step)[0] for n, m in enumerate(metads)]
        assert energies[0] == pytest.approx(energies[1], abs=1e-9)
    first = bias_offsets(plain, metads[0].hills)[1]
    hills = metads[1].hills
    assert isinstance(hills, Hills)
    assert np.allclose(bias_offsets(moved, hills)[1], first, rtol=1e-9, atol=1e-12)
    assert first[-1] > KT


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BoxWall((1.0,), (0.0,), (1.0,)), "expected lower < upper"),
        (lambda: BoxWall((0.0,), (1.0,), (0.0,)), "expected positive numbers"),
        (lambda: BoxWall((0.0,), (1.0, 2.0), (1.0,)), "one stiffness each"),
        (lambda: settings(BOX), "expected 1 as the hills have"),
    ],
)
def test_impossible_boxes_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
