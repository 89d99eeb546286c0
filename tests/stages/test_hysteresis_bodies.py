"""Stage hysteresis with load, stress, disorder, film, field cooling: limits and symmetries."""

import numpy as np
import pytest

from multiscale.mesoscale.kinetics import State
from multiscale.mesoscale.resolution import CoarseGridWarning
from multiscale.mesoscale.series_load import SeriesLoad
from multiscale.mesoscale.specimen import Films, film_field
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options
from multiscale.stages.hysteresis_model import prepare
from multiscale.stages.hysteresis_record import from_record
from multiscale.units import EPSILON0

BATIO3 = {"source": "material", "material": "batio3-bell2001", "temperatures": (298.0,)}
FAST = {"frequencies": (1e10,), "samples_per_cycle": 40, "cycles": 2, "step_fraction": 0.5}
QUIET = {**BATIO3, **FAST, "kinetics": "quasi-static"}


def run(**options):
    return hysteresis.run(options=Options(**options))


def ready(**options):
    chosen = Options(**options)
    return prepare(*from_record(chosen), 298.0, chosen.rates[0], chosen)


def test_charge_of_a_load_relaxes_with_its_time():
    load = SeriesLoad(100e-9, 10.0, resistance_area=1e-9)
    assert load.time == pytest.approx(1e-9 * EPSILON0 * 10 / 100e-9)
    rest = load.rest(1e6, 0.2)
    assert rest == pytest.approx(0.2 + EPSILON0 * 10 * 1e6)
    half = load.charge(0.0, 1e6, 0.2, load.time * np.log(2))
    assert half == pytest.approx(rest / 2)
    assert load.inside(rest, 0.2) == pytest.approx(1e6)


def test_a_series_capacitor_shears_the_loop():
    C = 20.0  # F/m^2: 0.265/(20 * 100e-9) V/m is a tenth of E_c
    sheared = run(**{**BATIO3, **FAST}, load={"thickness": "100 nm", "capacitance": C})
    P, E = sheared["polarization"].values[0, :, 2], sheared["electric_field"].values[0]
    inside = sheared["internal_field"].values[0]
    D = P + EPSILON0 * 7.35 * inside
    assert inside == pytest.approx(E - D / (C * 100e-9), abs=1e-3 * np.abs(E).max())


def test_a_series_resistor_takes_the_voltage_of_its_current():
    load = {"thickness": "100 nm", "resistance_area": "3e-10 ohm*m^2"}
    ds = run(**{**BATIO3, **FAST, "samples_per_cycle": 200}, load=load, waveform="sine",
             amplitude=1e5)  # fmt: skip
    drop = ds["electric_field"].values[0] - ds["internal_field"].values[0]
    J = ds["current_density"].values[0]
    last = slice(201, 400)
    assert drop[last] == pytest.approx((3e-10 / 100e-9 * J)[last], abs=0.01 * np.abs(drop).max())
    assert np.abs(drop).max() > 1e3


def test_a_load_that_needs_too_many_steps_is_refused():
    load = {"thickness": "100 nm", "resistance_area": "1e-14 ohm*m^2"}
    with pytest.raises(ValueError, match=r"needs \d+ steps .* expected at most"):
        ready(**{**BATIO3, **FAST}, load=load)


def test_pressure_along_the_polarization_turns_it():
    """Stress sigma_zz favours z by 2 (Q11 - Q12) sigma P^2: a z domain turns to x or y."""
    stress = {"offset": [0, 0, "-500 MPa", 0, 0, 0]}
    ds = run(**QUIET, elasticity=True, stress=stress, amplitude=0.0, model="field-1d", cells=4,
             start="random")  # fmt: skip
    P = np.abs(ds["polarization"].values[0, -1])
    assert P[2] < 1e-3
    assert np.hypot(P[0], P[1]) > 0.25


def test_strain_follows_a_stress_waveform_by_the_compliance():
    swing = {"amplitude": [0, 0, "20 MPa", 0, 0, 0]}
    ds = run(**QUIET, elasticity=True, stress=swing, amplitude=0.0)
    e = ds["strain"].values[0, :, 2]
    quarter = 10
    C = np.array([[275.0, 179, 179], [179, 275, 179], [179, 179, 275]])
    elastic = 0.02 * np.linalg.inv(C)[0, 0]
    change = e[40 + quarter] - e[40 - quarter]
    P = ds["polarization"].values[0, :, 2]
    expected = 2 * elastic + 0.110448 * (P[40 + quarter] ** 2 - P[40 - quarter] ** 2)
    assert change == pytest.approx(expected, rel=1e-6)


def test_disorder_is_the_same_in_every_replica_and_follows_the_seed():
    disorder = {
        "random_field": "100 kV/cm", "correlation": "1 nm", "dipole_fraction": 0.1,
        "dipole_field": "10 MV/m", "transition_width": "2 K", "charge_fraction": 0.05,
    }  # fmt: skip
    base = {**BATIO3, **FAST, "model": "field-2d", "cells": 8, "disorder": disorder}
    with pytest.warns(CoarseGridWarning):
        noisy = ready(**base, thermal_noise=True, replicas=2, cell_length="8 angstrom")
    assert noisy.bodies.boxes[0] is noisy.bodies.boxes[1]
    setups = [ready(**base), ready(**base), ready(**base, seed=1)]
    fields = [s.bodies.boxes[0].local_field for s in setups]
    assert np.array_equal(fields[0], fields[1])
    assert not np.allclose(fields[1], fields[2])
    curvature = setups[1].bodies.boxes[0].local_curvature
    assert curvature.std() == pytest.approx(2 * 3.34e5 * 2.0, rel=1e-6)


def test_random_fields_lower_the_coercive_field():
    base = {**QUIET, "model": "field-2d", "cells": 16, "amplitude": 2.5e7}
    weak = run(**base, disorder={"random_field": "100 kV/cm", "correlation": "1 nm"})
    assert weak["coercive_field"].item() < 0.7 * 1.64789e7
    assert weak["cell_edge"].values[0, 0] == pytest.approx(
        3.6942 * np.sqrt(2.17655) / 1.5, rel=1e-3
    )


def test_a_clamped_film_has_the_polarization_of_the_closed_form():
    film = {"thickness": "3 nm", "misfit": "-1 percent"}
    ds = run(
        source="material", material="pbtio3-haun1987", temperatures=(298.15,), model="film",
        elasticity=True, film=film, cells=4, kinetics="quasi-static", amplitude="300 MV/m", **FAST,
    )  # fmt: skip
    assert ds["remanent_polarization"].item() == pytest.approx(0.7243, abs=2e-4)  # T15
    P, e = ds["polarization"].values[0, :, 2], ds["strain"].values[0]
    assert e[:, 0] == pytest.approx(-0.01)
    assert np.isfinite(P).all()


def test_displacement_is_continuous_through_dead_layers():
    layer = {"thickness": "0.5 nm", "permittivity": 30.0}
    setup = ready(
        source="material", material="batio3-bell2001", model="film", cells=4, amplitude=1e7,
        film={"thickness": "3 nm", "dead_layers": [layer]}, **FAST,
    )  # fmt: skip
    E = film_field(setup.bodies.films[0], 1e8, 0.2)
    D = EPSILON0 * 7.35 * E + 0.2
    voltage = E * 3e-9 + 2 * 0.5e-9 * D / (EPSILON0 * 30)
    assert voltage == pytest.approx(1e8 * 3e-9)


def test_cooling_in_a_field_chooses_the_direction():
    cooling = {"temperature": "410 K", "duration": "40 ps", "stages": 4}
    ends = []
    for field in (1e6, -1e6):
        ds = run(
            **{**BATIO3, **FAST}, model="field-1d", cells=8, start="cooled", amplitude=1e3,
            cooling={**cooling, "field": field},
        )  # fmt: skip
        ends.append(ds["polarization"].values[0, 0, 2])
    assert ends == pytest.approx([0.265, -0.265], abs=0.003)


def test_stripes_hold_both_directions_and_a_weak_field_sweeps_their_walls():
    ds = run(**QUIET, model="field-1d", cells=32, start="stripes", amplitude=1e6)
    P = ds["polarization"].values[0, :, 2]
    assert abs(P[0]) < 1e-12
    names = [n for n in ds["variant_name"].values[0].tolist() if n]
    shares = ds["variant_fraction"].values[0, :, :7]
    assert len(names) == 7
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares[:, names.index("[001]")].max() == 1
    assert P.max() == pytest.approx(0.2652 + 1e6 * 8.854e-12 * 192.7, rel=2e-3)  # chi33 of T2


def test_a_resting_loop_is_the_slow_limit_and_symmetric():
    ds = run(**{**QUIET, "samples_per_cycle": 200})
    assert ds["coercive_field"].item() == pytest.approx(1.64789e7, rel=0.01)
    assert ds["imprint"].item() == pytest.approx(0, abs=1e3)


def test_films_continue_bit_for_bit():
    setup = ready(
        source="material", material="batio3-bell2001", model="film", cells=4, amplitude=1e7,
        film={"thickness": "2 nm"}, **FAST,
    )  # fmt: skip
    films = Films(setup.bodies.films, 3e4, 1e-15, 0.5, kT=4e-21)
    xi = np.random.default_rng(0).standard_normal((1, 4, *films.noise_shape()))
    E = np.linspace(0, 1e7, 5)[:, None] * [0, 0, 1.0]
    begin = films.start(setup.start, xi[:, 0])
    whole = films.advance(begin, E, xi)
    first = films.advance(begin, E[:3], xi[:, :2])
    rest = films.advance(State(*(x.copy() for x in first)), E[2:], xi[:, 2:])
    assert np.array_equal(whole.P, rest.P)
    assert np.abs(whole.P - begin.P).max() > 0
