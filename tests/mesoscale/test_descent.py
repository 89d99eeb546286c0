"""The guard of the energy: it falls at every step, or the step is halved, or the run ends."""

import numpy as np
import pytest
from mesoscale_cards import C_PBTIO3, G_PBTIO3, P0_PBTIO3, Q_PBTIO3, pbtio3

from multiscale.mesoscale.descent import EnergyRisesError, descend
from multiscale.mesoscale.driver import sweep
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.resolution import CoarseGridWarning

NM = 1e-9


def start():
    model = FieldModel(
        Grid((8, 6, 5), 0.4 * NM), pbtio3(), G_PBTIO3, Elasticity(C_PBTIO3, Q_PBTIO3), 10.0
    )
    evolution = Evolution(model, 1.0)
    P = 0.3 * np.random.default_rng(1).normal(size=(3, 8, 6, 5))
    return evolution, evolution.start(P), evolution.limit(1.05 * P0_PBTIO3)


def test_a_good_step_is_left_alone():
    evolution, state, limit = start()
    down = list(descend(evolution, state, (0, 0, 1e8), 20 * limit, dt=0.4 * limit))
    assert len(down) == 50
    assert {d.halvings for d in down} == {0}
    assert max(np.diff([d.energy for d in down])) <= 1e-9 * abs(down[-1].energy)
    same = state
    for _ in range(50):
        same = evolution.runge_kutta(same, (0, 0, 1e8), (0, 0, 1e8), 0.4 * limit)
    assert down[-1].state.modes == pytest.approx(same.modes, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("every", [1, 3])
def test_a_long_step_is_halved_until_the_energy_falls(every):
    evolution, state, limit = start()
    down = list(descend(evolution, state, (0, 0, 0), 100 * limit, dt=8 * limit, every=every))
    assert down[-1].halvings >= 2
    assert down[-1].dt < 2.01 * limit
    assert max(np.diff([d.energy for d in down])) <= 1e-9 * abs(down[-1].energy)
    assert down[-1].state.time == pytest.approx(100 * limit, rel=1e-9)


def test_a_run_whose_energy_rises_is_refused_with_the_number():
    evolution, state, limit = start()
    with pytest.raises(EnergyRisesError, match="after 1 halvings, expected to fall") as caught:
        list(descend(evolution, state, (0, 0, 0), 100 * limit, dt=16 * limit, halvings=1))
    assert caught.value.rise > 0 or np.isnan(caught.value.rise)
    assert caught.value.dt == pytest.approx(8 * limit)


def test_a_sweep_guards_and_records_where_the_field_is_constant():
    evolution, state, limit = start()
    evolution.stabiliser = 1e3  # the check of the limit is off: the user took it upon himself
    times = 32 * limit * np.arange(1, 4)
    with pytest.warns(CoarseGridWarning, match="expected at least"):
        samples = list(sweep(evolution, state, lambda _: np.zeros(3), times, steps=4))
    assert max(sample.halvings for sample, _ in samples) >= 1
    assert samples[-1][1].time == times[-1]
