"""Stage hysteresis with cells in two and three dimensions."""

import numpy as np
import pytest
import xarray as xr
from test_hysteresis import GLE, LANDAU, SHORT

from multiscale import schema
from multiscale.mesoscale.kinetics import State
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options
from multiscale.stages.hysteresis_model import prepare

# cells as large as the supercell of metad hold no wall; nothing here has one
pytestmark = pytest.mark.filterwarnings("ignore::multiscale.mesoscale.resolution.CoarseGridWarning")
C = np.diag([95.2] * 3 + [111.1] * 3)
C[:3, :3] += 79.4
ELASTIC = LANDAU.assign(
    stiffness=(("temperature", "voigt", "voigt_b"), np.array([C] * 3), {"units": "GPa"})
)
BOX = {"temperatures": (298.0,), "landau_samples": 0, "cells": 4, **SHORT}


def test_loops_of_a_box_have_snapshots_and_the_trust_of_fields():
    options = Options(
        model="field-2d", elasticity=True, replicas=2,
        **{**BOX, "frequencies": (1e12,), "samples_per_cycle": 40},
    )  # fmt: skip
    ds = hysteresis.run(landau=ELASTIC, gle=GLE, options=options)
    assert ds["polarization_field"].sizes == {
        "loop": 1, "snapshot": 32, "x": 4, "y": 1, "z": 4, "axis": 3,
    }  # fmt: skip
    assert np.isfinite(ds["polarization"].values).all()
    assert np.abs(ds["strain"].values).max() > 0.01
    assert any(d.check.startswith("wall width") for d in schema.trust(ds))


@pytest.mark.parametrize("model", ["field-2d", "field-3d"])
def test_uniform_boxes_are_single_domains(model):
    setups = [
        prepare(ELASTIC, GLE, 298.0, 2e10, Options(model=m, thermal_noise=False, **BOX))
        for m in ("single-domain", model)
    ]
    ends = []
    for setup in setups:
        steps = 40
        field = np.linspace(0, 1, steps + 1)[:, None] * [0, 0, 1.2e8]
        noise = np.zeros((1, steps, *setup.kinetics.noise_shape()))
        state = State(setup.start, np.zeros((1, 3, 0, setup.start.shape[2])))
        step = setup.kinetics.dt
        ends.append((step, setup.kinetics.advance(state, field, noise).P.mean(axis=2)))
    assert ends[0][0] == pytest.approx(ends[1][0])
    assert ends[0][1] == pytest.approx(ends[1][1], abs=1e-12)


def test_restart_of_a_box_is_bitwise():
    setup = prepare(ELASTIC, GLE, 298.0, 2e10, Options(model="field-3d", elasticity=True, **BOX))
    rng = np.random.default_rng(0)
    xi = rng.standard_normal((len(setup.start), 6, *setup.kinetics.noise_shape()))
    E = np.linspace(0, 1e8, 7)[:, None] * [0, 0, 1.0]
    whole = setup.kinetics.advance(
        setup.kinetics.advance(setup.kinetics.start(setup.start, xi[:, 0]), E[:4], xi[:, :3]),
        E[3:], xi[:, 3:],
    )  # fmt: skip
    first = setup.kinetics.advance(setup.kinetics.start(setup.start, xi[:, 0]), E[:4], xi[:, :3])
    again = prepare(ELASTIC, GLE, 298.0, 2e10, Options(model="field-3d", elasticity=True, **BOX))
    rest = again.kinetics.advance(State(*(x.copy() for x in first)), E[3:], xi[:, 3:])
    assert np.array_equal(whole.P, rest.P)


@pytest.mark.parametrize(("options", "message"), [
    ({"model": "field-2d", "components": "axial"}, "expected 'vector' and 'overdamped'"),
    ({"model": "film", "film": {"thickness": "3 nm"}, "kinetics": "memory"},
     "expected 'vector' and 'overdamped'"),
    ({"boundary": "film"}, "boundary is 'film' without elasticity"),
])  # fmt: skip
def test_boxes_of_another_kind_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)


def test_elasticity_that_landau_does_not_know_is_refused():
    options = Options(model="field-2d", elasticity=True, **BOX)
    unknown: xr.Dataset = ELASTIC.copy(deep=True)
    unknown["stiffness"][:, 3, 3] = np.nan
    for landau in (LANDAU, unknown):
        with pytest.raises(ValueError, match="stiffness of stage landau are not known"):
            prepare(landau, GLE, 298.0, 2e10, options)
