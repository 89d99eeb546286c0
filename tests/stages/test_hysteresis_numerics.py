"""Stage hysteresis: precision, threads, differences, substrate of films, memory and guard."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import solve_ivp

from multiscale import schema
from multiscale.mesoscale import polynomial
from multiscale.mesoscale.kinetics import State
from multiscale.mesoscale.resolution import CoarseGridWarning
from multiscale.mesoscale.specimen import Boxes, Films
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options
from multiscale.stages.hysteresis_model import prepare
from multiscale.stages.hysteresis_record import from_record

BATIO3 = {"source": "material", "material": "batio3-bell2001", "temperatures": (298.0,)}
FAST = {"frequencies": (2e10,), "samples_per_cycle": 40, "cycles": 2, "step_fraction": 0.5}
BOX = {
    **BATIO3, **FAST, "frequencies": (4e10,), "model": "field-2d", "cells": 8, "amplitude": 3e7,
    "disorder": {"random_field": "100 kV/cm", "correlation": "1 nm"},
}  # fmt: skip
FILM = {
    **BATIO3, **FAST, "model": "film", "cells": 8, "kinetics": "quasi-static", "amplitude": 1e6,
    "elasticity": True, "start": "stripes",
}  # fmt: skip


def run(**options):
    return hysteresis.run(options=Options(**options))


def ready(**options):
    chosen = Options(**options)
    return prepare(*from_record(chosen), 298.0, chosen.rates[0], chosen)


def test_single_precision_keeps_the_loop():
    """Coercive field to 1e-5 and mean P to 1e-6 away from switching (docs/theory/switching)."""
    double, single = run(**BOX), run(**BOX, precision="single")
    assert single.attrs["precision"] == "single"
    assert single["coercive_field"].item() == pytest.approx(
        double["coercive_field"].item(), rel=1e-4
    )
    change = np.abs(single["polarization"].values - double["polarization"].values)
    assert 0 < np.median(change[..., 2]) < 1e-6
    field = single["polarization_field"].values
    assert np.array_equal(field, field.astype(np.float32))


def test_threads_give_the_same_bits_for_the_same_number():
    ends = []
    for workers in (1, 2, 2):
        setup = ready(**{**BOX, "cells": 130}, elasticity=True, workers=workers)
        assert setup.bodies.first.grid.workers == workers
        E, xi = np.full((3, 3), 1e7), np.zeros((1, 2, *setup.kinetics.noise_shape()))
        begin = setup.kinetics.start(setup.start, xi[:, 0])
        ends.append(setup.kinetics.advance(begin, E, xi).P)
    assert np.array_equal(ends[1], ends[2])
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)
    assert np.abs(ends[0] - begin.P).max() > 1e-3


@pytest.mark.filterwarnings(f"ignore::{CoarseGridWarning.__module__}.CoarseGridWarning")
@pytest.mark.parametrize("model", ["field-1d", "field-2d"])
def test_differences_pin_walls_more(model):
    """Walls of half a cell move above 0.43 of E_c with waves, 0.59 with differences."""
    base = {
        **BATIO3, **FAST, "model": model, "cells": 8, "kinetics": "quasi-static",
        "start": "stripes",
    }  # fmt: skip
    ends = []
    length = 1e10 * ready(**base, amplitude=1e6).half_width / 0.5
    for differences in (False, True):
        ds = run(**base, cell_length=length, amplitude=0.5 * 1.64789e7, differences=differences)
        ends.append(ds["polarization"].values[0, :, 2].max())
        assert ds.attrs["differences"] == differences
    assert ends[0] == pytest.approx(0.27, abs=0.01)
    assert ends[1] < 0.05


def test_a_substrate_strains_with_the_walls_and_a_stiff_one_is_rigid():
    shapes = (None, [1e7, 1e6, 4e6], "rigid", ["206 GPa", 140, 126])
    fields = []
    for below in shapes:
        film = {"thickness": "3 nm", **({} if below is None else {"substrate": below})}
        P = ready(**FILM, film=film).bodies.films[0]
        p = np.zeros((3, *P.shape))
        p[2], p[0, :4] = 0.2, 0.15
        fields.append(P.stress(p))
    none, stiff, rigid, soft = fields
    size = np.abs(rigid - none).max()
    assert size > 1e7
    assert np.abs(stiff - rigid).max() < 1e-3 * size
    assert np.abs(soft - rigid).max() > 1e-2 * size


def test_a_loop_of_a_film_on_a_substrate_runs():
    film = {"thickness": "3 nm", "substrate": [206, 140, 126]}
    loops = [run(**FILM, film=f) for f in (film, {"thickness": "3 nm"})]
    assert all(np.isfinite(ds["strain"].values).all() for ds in loops)
    a, b = (ds["polarization_field"].values for ds in loops)
    assert np.abs(a - b).max() > 1e-6


@pytest.mark.parametrize(("given", "message"), [
    ({"precision": "half"}, "'double' or 'single'"),
    ({"precision": "single"}, "precision is 'single' with model = 'single-domain'"),
    ({**BOX, "precision": "single", "kinetics": "quasi-static"}, "except for overdamped boxes"),
    ({"workers": 0}, "greater than or equal to 1"),
    ({"workers": 2}, "workers is 2 with model = 'single-domain', expected 1"),
    ({**FILM, "film": {"thickness": "3 nm"}, "workers": 2}, "workers is 2 with model = 'film'"),
    ({"differences": True}, "differences is true with model = 'single-domain'"),
    ({**FILM, "film": {"thickness": "3 nm", "substrate": "soft"}}, "substrate is 'soft', expected"),
    ({**FILM, "film": {"thickness": "3 nm", "substrate": [1, 2, 3]}}, "expected a stable crystal"),
    ({**FILM, "film": {"thickness": "3 nm", "substrate": ["1 V", 2, 3]}}, "has dimension"),
    ({**FILM, "film": {"thickness": "3 nm", "substrate": "rigid"}, "elasticity": False},
     "film.substrate is 'rigid' without elasticity"),
])  # fmt: skip
def test_numerics_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ValidationError, match=message) as caught:
        Options(**given)
    assert len(caught.value.errors()) == 1


STAIRS = {**BATIO3, **FAST, "model": "field-2d", "cells": 4, "waveform": "staircase", "stairs": 2}


def energy_trust(ds):
    return [d for d in schema.trust(ds) if d.check.startswith("energy in constant fields")]


@pytest.mark.parametrize("film", [None, {"thickness": "2 nm"}])
def test_energy_is_watched_where_the_field_rests(film):
    kind = {} if film is None else {"model": "film", "film": film}
    ds = run(**{**STAIRS, **kind}, amplitude=2.5e7)
    E = ds["electric_field"].values[0]
    assert 0.7 * np.sum(np.diff(E) == 0) < ds["energy_checks"].item() <= np.sum(np.diff(E) == 0)
    assert ds["step_halvings"].item() == 0
    (trust,) = energy_trust(ds)
    assert trust.ok


@pytest.mark.parametrize("film", [None, {"thickness": "2 nm"}])
def test_steps_that_are_too_long_are_halved_and_said(film, monkeypatch):
    kind = {} if film is None else {"model": "film", "film": film}
    options = {**STAIRS, **kind, "start": "random", "amplitude": 3e7}
    setup = ready(**options)
    rows, dt = setup.bodies.boxes or setup.bodies.films, 6 * setup.kinetics.dt
    wild = (Films if film else Boxes)(rows, 3e4, dt, 1e-3)  # a limit for smaller polarizations

    rest = np.full((3, 3), [0, 0, 3e7])
    at_rest = polynomial.extreme_polarization(setup.model.coefficients[0], 3e7, [0, 0, 1])
    wild_setup = setup._replace(kinetics=wild, field=lambda _: rest)
    monkeypatch.setattr(hysteresis, "prepare", lambda *_: wild_setup)
    ds = run(**options)
    assert ds["step_halvings"].item() > 0
    assert ds["energy_checks"].item() == 80
    assert ds["polarization"].values[0, -1, 2] == pytest.approx(at_rest, rel=1e-6)
    (trust,) = energy_trust(ds)
    assert not trust.ok


@pytest.mark.filterwarnings(f"ignore::{CoarseGridWarning.__module__}.CoarseGridWarning")
def test_moving_fields_and_noise_are_not_watched():
    moving = run(**{**STAIRS, "waveform": "triangle"}, cell_length="60 angstrom")
    noisy = run(**STAIRS, thermal_noise=True, replicas=1, cell_length="60 angstrom")
    assert moving["energy_checks"].item() == noisy["energy_checks"].item() == 0
    assert energy_trust(noisy) == []


# 1/L = 1/(3e4 S/m) in all; half of it at once, half within 2.5 ps
KERNEL = {"inertia": 1e-21, "rates": [1e4, 0.4], "amplitudes": [1.6667e8, 6666.7]}
SLOW = {
    **BATIO3,
    **FAST,
    "frequencies": (2e10,),
    "model": "field-2d",
    "cells": 4,
    "kinetics": "memory",
}


def test_memory_in_a_box_is_that_of_its_cell():
    """A uniform box follows g0 P' + int g P' = E - f'(P), solved apart with one auxiliary."""
    setup = ready(**SLOW, kernel=KERNEL, amplitude=2.5e7)
    first, (g0, rate, amplitude) = setup.kinetics, setup.kinetics.friction
    assert (g0, rate[0].real) == pytest.approx((1.6667e-5, 4e11), rel=1e-4)
    begin, time, ends = setup.start[0, 2, 0], 100 * first.dt, []
    for steps in (100, 200):
        motion = replace(first, dt=time / steps)
        E = np.linspace(0, 2.5e7, steps + 1)[:, None] * [0, 0, 1.0]
        xi = np.broadcast_to(0.0, (1, steps, *motion.noise_shape()))
        ends.append(motion.advance(motion.start(setup.start, xi[:, 0]), E, xi).P[0, 2])
    terms, powers = setup.model.coefficients[0, [0, 1, 3]], 2 * np.arange(1, 4)

    def slope(t, y):  # y is P and s = int g(t - t') P'(t') dt'
        force = 2.5e7 * t / time - (powers * terms) @ y[0] ** (powers - 1)
        speed = (force - y[1]) / g0
        return [speed, amplitude[0].real * speed - rate[0].real * y[1]]

    exact = solve_ivp(slope, (0, time), [begin, 0], rtol=1e-9, atol=1e-11, method="LSODA").y[0, -1]
    assert np.ptp(ends, axis=1) == pytest.approx([0, 0], abs=1e-12)
    errors = [end[0] - exact for end in ends]
    assert abs(errors[0]) < 3e-4 * abs(exact - begin)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)  # second order


@pytest.mark.filterwarnings(f"ignore::{CoarseGridWarning.__module__}.CoarseGridWarning")
def test_a_box_with_memory_runs_continues_and_says_what_it_left_out():
    noisy = {"thermal_noise": True, "replicas": 1, "cell_length": "60 angstrom"}
    ds = run(**SLOW, **noisy, kernel=KERNEL, amplitude=3e7)
    setup = ready(**SLOW, **noisy, kernel=KERNEL, amplitude=3e7)
    assert np.isfinite(ds["polarization"].values).all()
    (trust,) = [d for d in schema.trust(ds) if d.check.startswith("inertia left out")]
    assert trust.ok
    xi = np.random.default_rng(0).standard_normal((1, 4, *setup.kinetics.noise_shape()))
    E = np.linspace(0, 1e7, 5)[:, None] * [0, 0, 1.0]
    begin = setup.kinetics.start(setup.start, xi[:, 0])
    whole = setup.kinetics.advance(
        setup.kinetics.advance(begin, E[:3], xi[:, :2]), E[2:], xi[:, 2:]
    )
    half = setup.kinetics.advance(begin, E[:3], xi[:, :2])
    rest = setup.kinetics.advance(State(*(x.copy() for x in half)), E[2:], xi[:, 2:])
    assert np.array_equal(whole.P, rest.P)
    assert np.array_equal(whole.y, rest.y)


def test_a_kernel_without_memory_is_refused():
    short = {"inertia": 1e-20, "rates": [1e4], "amplitudes": [3.3333e7]}
    with pytest.raises(ValueError, match="number of modes is 1 .* Set kinetics = 'overdamped'"):
        ready(**SLOW, kernel=short)
