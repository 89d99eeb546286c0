"""States of the equation of state from runs."""

import numpy as np
import pytest
from planted_md import md_dataset

from multiscale import landau
from multiscale.stages.states import states_of_runs

CARD = (2e8, 3e8)  # a11, a12


def planted(field, stress=(0.0,) * 6, pressure=0.0, temperatures=(850.0, 950.0), seed=0):
    """Return runs whose P lies where its curvature and the field put it, with white noise."""
    rng = np.random.default_rng(seed)
    shape = (len(temperatures), 2, 1000)
    P = np.zeros((*shape, 3))
    for i, t in enumerate(temperatures):
        p = np.linspace(0, 1.2, 100_001)
        slope = 2 * 3.8e5 * (t - 752) * p + 4 * CARD[0] * p**3
        P[i, ..., 2] = np.interp(field, slope, p)
    P += 1e-4 * rng.standard_normal(P.shape)
    strain = np.zeros((*shape, 6))
    strain[..., 2] = 0.09 * P[..., 2] ** 2
    return md_dataset(
        P, strain, [0, 0, field], temperatures, target_stress=list(stress), pressure=pressure
    )


def test_runs_in_several_fields_give_back_their_polynomial():
    runs = [planted(e, seed=k) for k, e in enumerate((2e7, 5e7, 1e8, 2e8))]
    states = states_of_runs(runs, frames=200)
    assert states.polarization.shape == (8, 200, 3)
    assert states.polarization_stderr == pytest.approx(1e-4 / np.sqrt(2000), rel=0.8)
    laws = [("linear",), ("constant",), ("absent",)]
    fit = landau.fit_state_equation(states, laws, order=4, bounded=False)
    assert fit.at([850.0, 950.0])[:, :2] == pytest.approx(
        np.array([[3.8e5 * 98, CARD[0]], [3.8e5 * 198, CARD[0]]]), rel=0.01
    )
    assert fit.mechanical[0] == pytest.approx(0.09, rel=0.01)


def test_pressure_and_stress_add_up():
    states = states_of_runs([planted(1e8, stress=(0, 0, 0.5, 0, 0, 0.1), pressure=2.8)])
    assert states.stress[0] == pytest.approx(1e9 * np.array([-2.8, -2.8, -2.3, 0, 0, 0.1]))
    assert states.temperature.tolist() == [850, 950]


def test_field_that_changes_is_refused():
    run = planted(1e8)
    run["electric_field"][500:] = 0.0
    with pytest.raises(ValueError, match=r"changes by 1e\+08 V/m, expected a constant one"):
        states_of_runs([run])
