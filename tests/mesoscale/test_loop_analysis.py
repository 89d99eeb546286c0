"""Currents, reversal curves, growth and frequency laws against planted truth and closed forms."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from multiscale.mesoscale.currents import (
    current,
    current_peaks,
    displacement,
    separate_linear_parts,
)
from multiscale.mesoscale.growth import (
    coverage,
    cyclic_exponent,
    extended_volume,
    fit_avrami,
    fit_frequency_law,
    power_law,
    wall_law,
)
from multiscale.mesoscale.reversal import curves_from_record, forc_map
from multiscale.mesoscale.wall_laws import flow, merz
from multiscale.mesoscale.wall_model import WallModel, merz_triangle
from multiscale.mesoscale.waveforms import forc, forc_corners, pulses, pund, ramp, sine, triangle
from multiscale.units import EPSILON0


def test_pund_is_a_train_of_pulses():
    t = np.linspace(0, 30, 1001)
    times = {"width": 2.0, "rise": 0.5, "delay": 1.0}
    train = pulses(t, amplitudes=[-3, 3, 3, -3, -3], **times)
    assert train == pytest.approx(pund(t, amplitude=3.0, **times), abs=1e-12)


def test_reversal_curves_visit_their_fields():
    times, fields = forc_corners(amplitude=2.0, reversals=[1.0, -2.0], rate=4.0)
    assert fields.tolist() == [0, 2, 1, 2, -2, 2]
    assert times.tolist() == [0, 0.5, 0.75, 1.0, 2.0, 3.0]
    assert forc(0.875, amplitude=2.0, reversals=[1.0, -2.0], rate=4.0) == pytest.approx(1.5)
    with pytest.raises(ValueError, match=r"reversal field is 2\.5 V/m"):
        forc_corners(amplitude=2.0, reversals=[2.5], rate=1.0)


def test_ramp_cools_between_its_ends():
    T = ramp([0, 1, 2, 3, 9], start=800.0, stop=300.0, duration=2.0, hold=1.0)
    assert T.tolist() == [800, 800, 550, 300, 300]


# -- currents ----------------------------------------------------------------------------------


def test_current_peaks_sit_where_the_polarization_switches():
    t = np.linspace(0, 2, 32001)
    E = triangle(t, amplitude=1e8, frequency=1.0)
    E_c, width = 3e7, 2e6
    up = np.gradient(E, t) > 0
    P = 0.5 * np.tanh((E - np.where(up, E_c, -E_c)) / width)
    peaks = current_peaks(t, E, current(t, P))
    assert [np.sign(p.current) for p in peaks] == [1, -1, 1, -1]
    assert [p.field for p in peaks] == pytest.approx([E_c, -E_c] * 2, rel=2e-2)
    assert peaks[1].charge == pytest.approx(-np.sqrt(0.5), rel=2e-2)  # tanh at half of sech^2


def test_leakage_and_dielectric_part_are_told_apart():
    t = np.linspace(0, 2, 4001)
    E = sine(t, amplitude=1e8, frequency=1.0)
    up = np.gradient(E, t) > 0
    P = 0.5 * np.tanh((E - np.where(up, 3e7, -3e7)) / 1e6)
    leak = np.concatenate([[0], np.cumsum(0.5 * (E[1:] + E[:-1]) * np.diff(t))]) * 1e-9
    parts = separate_linear_parts(t, E, displacement(E, P, 200.0) + leak)
    assert parts.permittivity == pytest.approx(200.0, rel=1e-3)
    assert parts.conductivity == pytest.approx(1e-9, rel=1e-3)
    assert parts.polarization[100:] == pytest.approx(P[100:], abs=1e-3)


def test_displacement_holds_the_background():
    assert displacement([1e8], [0.5], 10.0) == pytest.approx([0.5 + 1e9 * EPSILON0])


# -- reversal curves ---------------------------------------------------------------------------


def hysterons(E, up, down):
    """Return the mean of ideal relays that switch at up and down, driven along E."""
    state, out = -np.ones(len(up)), []
    for e in E:
        state = np.where(e >= up, 1.0, np.where(e <= down, -1.0, state))
        out.append(state.mean())
    return np.array(out)


def test_map_of_planted_hysterons():
    rng = np.random.default_rng(0)
    c, b = rng.normal(3.0, 0.9, 40000), rng.normal(0.5, 0.8, 40000)
    up, down = b + c, b - c
    field = np.linspace(-6, 6, 61)
    reversals = field[:-1]
    _, corners = forc_corners(amplitude=6.0, reversals=reversals[::-1], rate=1.0)
    E = np.concatenate(
        [np.linspace(x, y, 1 + round(abs(y - x) / 0.2))[1:] for x, y in pairwise(corners)]
    )
    P = hysterons(E, up, down)
    rows = curves_from_record(E, P, reversals, field)[::-1]
    rho = forc_map(reversals, field, rows, 3)
    x, y = np.meshgrid(rho.reversal, rho.field, indexing="ij")
    weight = np.nan_to_num(rho.density)
    assert rho.total() == pytest.approx(1.0, rel=0.03)  # every hysteron, once
    coercivity = np.sum(weight * (y - x) / 2) / weight.sum()
    bias = np.sum(weight * (y + x) / 2) / weight.sum()
    assert (coercivity, bias) == pytest.approx((3.0, 0.5), abs=0.05)
    peak = rho.preisach(3.0, 0.5)
    assert peak == pytest.approx(1 / (2 * np.pi * 0.9 * 0.8), rel=0.15)
    assert rho.preisach(0.5, 5.0) == pytest.approx(0, abs=0.02)


def test_curves_off_their_grid_are_refused():
    with pytest.raises(ValueError, match=r"P has shape \(2, 3\), expected \(3, 3\)"):
        forc_map([0, 1, 2], [0, 1, 2], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="field has steps from 1 to 2"):
        forc_map([0, 1, 2], [0, 1, 3], np.zeros((3, 3)))


# -- nucleation and growth ---------------------------------------------------------------------


@pytest.mark.parametrize(("dimension", "nuclei"), [(1, 20000), (2, 20000), (3, 4000)])
def test_random_seeds_cover_space_as_avrami_said(dimension, nuclei):  # T16
    rng = np.random.default_rng(dimension)
    seeds = rng.uniform(size=(nuclei, dimension))
    t = np.linspace(0.02, 2, 60) / nuclei ** (1 / dimension)
    phi = coverage(seeds, t, np.ones(dimension), points=40000, seed=9)
    X = extended_volume(t, dimension=dimension, speed=1.0, density=nuclei)
    assert phi == pytest.approx(1 - np.exp(-X), abs=0.02)
    assert fit_avrami(t, phi).exponent == pytest.approx(dimension, rel=0.05)


def test_steady_nucleation_adds_one_to_the_exponent():  # T16
    t = np.linspace(0.1, 2, 50)
    for d, prefactor in ((1, 1.0), (2, np.pi / 3), (3, np.pi / 3)):
        X = extended_volume(t, dimension=d, speed=1.0, rate=1.0)
        assert X == pytest.approx(prefactor * t ** (d + 1), rel=1e-12)
        assert fit_avrami(t, 1 - np.exp(-X)).exponent == pytest.approx(d + 1, rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 2])
def test_loops_at_many_frequencies_collapse(dimension):  # T16, Orihara-Ishibashi
    f = np.array([1.0, 2.0, 5.0])
    E = np.linspace(0.2, 0.9, 8)
    radius = E**2 / (8 * f[:, None])  # walls of unit mobility in a rising triangle
    seeds = np.random.default_rng(4).uniform(size=(3000, dimension))
    scale = 1.2 / 3000 ** (1 / dimension)
    phi = coverage(seeds, (8 * scale * radius).ravel(), np.ones(dimension), points=40000, seed=3)
    found = cyclic_exponent(f, phi.reshape(3, 8))
    assert np.nanmean(found) == pytest.approx(dimension, rel=0.05)


# -- frequency laws ----------------------------------------------------------------------------


def test_exponent_of_linear_walls_is_one_half():
    f = np.geomspace(1e6, 1e8, 5)
    model = WallModel(partial(flow, mobility=2e-6), 100e-9, 5e-9)
    table = model.loops(
        lambda t, period: triangle(t, amplitude=1e8, frequency=1 / period),
        100e-9,
        1 / f,
        steps=2000,
    )[0]
    fit = fit_frequency_law(power_law, [1e4, 0.3], f, table, 0.01 * table, 1e8)
    assert fit.parameters[1] == pytest.approx(0.5, abs=1e-3)


def test_merz_walls_are_found_from_their_loops_and_censored_ones_count():
    f = np.array([1e5, 1e6, 1e7, 5e7, 1e8])
    way, v0, Ea, E_m = 45e-9, 500.0, 2e8, 1e8
    E_c = np.array([merz_triangle(way, v0, Ea, E_m, 1 / x) for x in f])
    fit = fit_frequency_law(wall_law(E_m), [1e9, 1e8], f, E_c, 0.01 * E_c, E_m)
    assert fit.parameters == pytest.approx([v0 / way, Ea], rel=1e-3)
    fast = np.append(f, 4e8)  # does not switch: E_c above E_m
    with_minor = fit_frequency_law(
        wall_law(E_m), [1e9, 1e8], fast, np.append(E_c, np.nan), 0.01 * np.append(E_c, 1.0), E_m
    )
    assert with_minor.parameters == pytest.approx([v0 / way, Ea], rel=2e-3)
    assert wall_law(E_m)(np.log(fit.parameters), np.array([4e8]))[0] > E_m
    with pytest.raises(ValueError, match="1 loops switched, expected at least 2"):
        fit_frequency_law(wall_law(E_m), [1e9, 1e8], f[:2], [E_c[0], np.nan], 1e5, E_m)


def test_merz_law_of_the_wall_is_that_of_the_fit():
    E = np.linspace(1e7, 1e8, 2001)
    v = merz(E, 500.0, 2e8)
    way = np.trapezoid(v, E) * 1e-6 / (4e8)
    assert merz_triangle(0.9 * way, 500.0, 2e8, 1e8, 1e-6) == pytest.approx(
        np.interp(0.9 * way, np.cumsum(v) * (E[1] - E[0]) * 1e-6 / 4e8, E), rel=1e-3
    )
