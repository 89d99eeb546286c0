"""The metadynamics engine: its hill rule, sharing, symmetry, restart and refusals."""

import numpy as np
import pytest

from multiscale.sampling import Metadynamics, Wall, WellTempered, cubic_images, sum_hills
from multiscale.sampling.metadynamics import round_heights

KT = 0.025


def settings(d=1, **changes):
    plain = {
        "sigma": (0.1,) * d,
        "height": 0.01,
        "pace": 5,
        "bias_factor": 8.0,
        "kT": KT,
        "wall": Wall(1.0, 4 * KT / 0.01),
        "n_walkers": 3,
    }
    return WellTempered(**(plain | changes))


def walk(metad, steps, d, seed=0, start=0):
    rng = np.random.default_rng(seed)
    path = np.clip(np.cumsum(rng.normal(0, 0.05, (10_000, 3, d)), 0), -1.05, 1.05)
    return [metad(path[i], i) for i in range(start, steps)]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_heights_follow_the_well_tempered_rule_of_the_direct_sum(d):
    s = settings(d, spacing=(0.1 / 12,) * d if d < 3 else (0.1 / 6,) * d)
    metad = Metadynamics(s)
    walk(metad, 101, d)
    metad.commit()
    hills = metad.hills
    assert len(hills.step) == 20 * 3
    bias = np.zeros(3)
    for block in range(20):
        now = slice(3 * block, 3 * block + 3)
        before = slice(0, 3 * block)
        bias, _ = sum_hills(
            hills.center[now], hills.center[before], np.array(s.sigma), hills.height[before]
        )
        expected = s.height * np.exp(-bias / (KT * (s.bias_factor - 1)))
        # interpolation error of the bias, at most 1e-4 of the sum of heights around
        assert np.allclose(hills.height[now], expected, rtol=3e-4)
    assert bias.max() > 2 * s.height


def test_walkers_share_their_hills_in_a_fixed_order():
    metad = Metadynamics(settings())
    values = np.array([[0.1], [0.3], [-0.2]])
    metad(values, 0)
    metad(values, 5)
    assert np.abs(metad(values, 5)[0]).max() == 0  # felt from the next step on
    energy = metad(values, 6)[0]
    assert metad.hills.walker.tolist() == [0, 1, 2]
    assert (
        metad.hills.height == round_heights(np.full(3, 0.01))
    ).all()  # heights before the deposit
    expected = sum_hills(values, values, np.array([0.1]), metad.hills.height)[0]
    assert np.allclose(energy, expected, rtol=1e-3)


def test_step_zero_and_repeated_steps_leave_no_extra_hills():
    metad = Metadynamics(settings())
    values = np.zeros((3, 1))
    for step in (0, 0, 5, 5, 5, 6):
        metad(values, step)
    assert len(metad.hills.step) == 3


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("symmetric", [False, True])
def test_restart_is_bitwise(d, symmetric):
    s = settings(d, symmetric=symmetric, spacing=(0.05,) * d)
    whole = walk(Metadynamics(s), 90, d)
    for cut in (1, 26, 40, 41):  # 26 and 41: a deposit is pending at the cut
        first = Metadynamics(s)
        walk(first, cut, d)
        saved = {k: np.array(v) for k, v in first.state().items()}
        second = Metadynamics(s)
        second.restore(saved)
        rest = walk(second, 90, d, start=cut)
        for (e, f), (e2, f2) in zip(whole[cut:], rest, strict=True):
            assert (e == e2).all()
            assert (f == f2).all()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_symmetric_hills_make_a_symmetric_bias(d):
    metad = Metadynamics(settings(d, symmetric=True, spacing=(0.05,) * d))
    walk(metad, 101, d)
    points = np.random.default_rng(5).uniform(-1, 1, (50, d))
    images = cubic_images(points)
    energy, force = metad.evaluate(images)
    by_point = energy.reshape(50, -1)
    assert by_point.shape[1] == {1: 2, 2: 8, 3: 48}[d]
    assert np.ptp(by_point, axis=1).max() <= 1e-12 * by_point.max()
    size = np.linalg.norm(force, axis=1).reshape(50, -1)
    assert np.ptp(size, axis=1).max() <= 1e-12 * size.max()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_symmetric_bias_is_the_sum_over_all_images(d):
    s = settings(d, symmetric=True, spacing=(0.1 / 8,) * d)
    metad = Metadynamics(s)
    walk(metad, 21, d)
    metad.commit()
    points = np.random.default_rng(6).uniform(-1, 1, (200, d))
    images = cubic_images(metad.hills.center)
    heights = np.repeat(metad.hills.height, len(images) // len(metad.hills.height))
    direct, slope = sum_hills(points, images, np.array(s.sigma), heights)
    energy, force = metad.evaluate(points)
    assert np.allclose(energy, direct, rtol=0, atol=2e-4 * direct.max())
    assert np.allclose(-force, slope, rtol=0, atol=2e-2 * np.abs(slope).max())


def test_a_million_hills_leave_nothing_to_do_at_a_step():
    # What a step reads is the table of the grid: with it alone, and no hills, the answer is the
    # same to the last bit, and so is the size of all that is read.
    rng = np.random.default_rng(9)
    n, d = 1_000_000, 1
    many = Metadynamics(settings(d))
    planted = {
        "hill_step": np.arange(n), "hill_walker": np.zeros(n, dtype=np.int64),
        "hill_center": rng.uniform(-1, 1, (n, d)), "hill_height": np.full(n, 1e-6),
    }  # fmt: skip
    many.restore(many.state() | planted)
    none = Metadynamics(settings(d))
    assert none.potential.table.nbytes == many.potential.table.nbytes
    none.potential.table[:] = many.potential.table
    values = rng.uniform(-1, 1, (3, d))
    for one, other in zip(many(values, 1), none(values, 1), strict=True):
        assert np.array_equal(one, other)
    assert many.evaluate(values)[0].min() > 0.01
    assert len(many.hills.step) == n
    assert not len(none.hills.step)


@pytest.mark.parametrize("symmetric", [False, True])
def test_without_a_grid_the_bias_is_the_sum_of_its_hills(symmetric):
    s = settings(2, on_grid=False, symmetric=symmetric)
    metad = Metadynamics(s)
    walk(metad, 201, 2)
    metad.commit()
    hills = metad.hills
    assert len(hills.step) == 40 * 3
    images = s.images(hills.center)
    heights = np.repeat(hills.height, len(images) // len(hills.height))
    points = np.random.default_rng(3).uniform(-1.2, 1.2, (50, 2))
    energy, force = metad.evaluate(points)
    for point, e, f in zip(points, energy, force, strict=True):
        one, slope = sum_hills(point[None], images, np.array(s.sigma), heights)
        assert e == pytest.approx(one[0], rel=1e-13, abs=1e-16)
        assert np.allclose(f, -slope[0], rtol=1e-12, atol=1e-15)
    for step in (5, 100, 200):  # heights: the well-tempered rule, with no error of interpolation
        now, before = hills.step == step, hills.step < step
        bias, _ = sum_hills(
            hills.center[now],
            s.images(hills.center[before]),
            np.array(s.sigma),
            np.repeat(hills.height[before], 8 if symmetric else 1),
        )
        expected = round_heights(s.height * np.exp(-bias / (KT * (s.bias_factor - 1))))
        assert np.allclose(hills.height[now], expected, rtol=1e-8)
    again = Metadynamics(s)
    again.restore(metad.state())
    assert np.array_equal(again.evaluate(points)[0], energy)
    with pytest.raises(ValueError, match="other settings"):
        Metadynamics(settings(2, symmetric=symmetric)).restore(metad.state())


def test_memory_of_the_grid_is_as_the_docs_say():
    def mebibytes(d, **changes):
        s = settings(d, sigma=(0.08,) * d, wall=Wall(1.2, 4 * KT / 0.08**2), **changes)
        return s.empty_bias().table.nbytes / 2**20

    assert mebibytes(2) == pytest.approx(0.7, abs=0.05)
    assert mebibytes(3) == pytest.approx(93, abs=0.5)
    assert mebibytes(3, symmetric=True) == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize("on", ["components", "modulus"])
def test_wall_is_flat_inside_and_its_force_is_its_derivative(on):
    wall = Wall(1.0, 50.0, on)
    points = np.random.default_rng(7).uniform(-1.4, 1.4, (400, 3))
    energy, force = wall(points)
    assert ((energy == 0) == wall.inside(points)).all()
    step = 1e-6
    for k in range(3):
        shift = step * np.eye(3)[k]
        numeric = -(wall(points + shift)[0] - wall(points - shift)[0]) / (2 * step)
        assert np.allclose(force[:, k], numeric, atol=1e-6)


def test_wall_joins_the_bias_but_not_the_heights():
    metad = Metadynamics(settings(n_walkers=1))
    outside = np.array([[1.1]])
    energy, force = metad(outside, 5)
    assert energy[0] == pytest.approx(0.5 * 4 * KT / 0.01 * 0.1**2)
    assert force[0, 0] < 0
    metad.commit()
    assert metad.hills.height[0] == round_heights(np.array([0.01]))[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bias_factor": 1.0}, "bias_factor is 1.0, expected a number above 1"),
        ({"height": 0.0}, "height is 0.0, expected a positive energy"),
        ({"height": float("nan")}, "height is nan, expected a positive energy"),
        ({"n_walkers": 0}, "n_walkers is 0, expected at least 1"),
        ({"pace": 0}, "pace is 0, expected at least 1 step"),
        ({"kT": -0.1}, "kT is -0.1, expected a positive energy"),
        ({"sigma": ()}, "expected one to three positive widths"),
        ({"sigma": (0.1, -0.1)}, "expected one to three positive widths"),
        ({"spacing": (0.2,)}, "below the grid spacing"),
        ({"spacing": (0.02, 0.02)}, "spacing is .* expected 1 numbers"),
        ({"upper": (0.9,)}, "expected it to cover the wall at 1.0"),
        ({"wall": None}, "upper is None without a wall"),
        ({"symmetric": True, "lower": (-1.2,), "upper": (1.3,)}, "for symmetric hills"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)


def test_wall_without_height_is_refused():
    with pytest.raises(ValueError, match="stiffness of the wall is 0"):
        Wall(1.0, 0)


def test_wrong_batch_and_nan_are_refused():
    metad = Metadynamics(settings())
    with pytest.raises(ValueError, match=r"shape \(2, 1\), expected \(3, 1\)"):
        metad(np.zeros((2, 1)), 1)
    with pytest.raises(ValueError, match="expected finite numbers"):
        metad(np.full((3, 1), np.nan), 1)


def test_hills_of_other_dimensions_are_refused_at_restart():
    saved = Metadynamics(settings(2)).state()
    with pytest.raises(ValueError, match="expected 1 components"):
        Metadynamics(settings(1)).restore(saved)
