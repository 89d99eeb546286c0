"""The steps in torch are those of the compiled code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mesoscale_cards import C_PBTIO3, G_PBTIO3, Q_PBTIO3, pbtio3

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid, orientation
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.on_device import DeviceEvolution

NM = 1e-9


def model_with_everything(shape):
    rng = np.random.default_rng(0)
    return FieldModel(
        Grid(shape, (0.4 * NM, 0.5 * NM, 0.45 * NM), orientation((1, 1, 0), (0, 0, 1))),
        np.append(pbtio3(), [1e8, 2e8, 3e8, 4e8]),
        G_PBTIO3,
        Elasticity(C_PBTIO3, Q_PBTIO3, "film", (0.01, 0.02, 0, 0, 0, 0.01), [0, 0, 1e8, 2e8, 0, 0]),
        10.0,
        Electrodes(2, 1e-9),
        local_field=rng.normal(0, 1e7, (3, *shape)),
        local_curvature=rng.normal(0, 1e7, shape),
        kT=4e-21,
    )


@pytest.mark.parametrize("shape", [(6, 4, 4), (5, 3, 7), (8, 1, 1)])
@pytest.mark.parametrize("scheme", ["runge_kutta", "multistep"])
def test_steps_in_torch_are_the_compiled_ones(shape, scheme):
    rng = np.random.default_rng(1)
    evolution = Evolution(model_with_everything(shape), 1.0, stabiliser=1e8)
    device = DeviceEvolution(evolution, "cpu")
    P = rng.normal(0, 0.4, (3, *shape))
    here, there = evolution.start(P), device.start(P)
    for n in range(5):
        xi, dt = rng.standard_normal((3, *shape)), 1e-11
        fields = [np.array([1e8, -2e7, 3e7 * (n + i)]) for i in (0, 1)]
        if scheme == "multistep":
            fields.pop()
        here = getattr(evolution, scheme)(here, *fields, dt, xi)
        there = getattr(device, scheme)(there, *fields, dt, device.put(xi))
    found = device.polarization(there).numpy()
    expected = evolution.polarization(here)
    assert np.abs(found - expected).max() < 1e-10 * np.abs(expected).max()
    assert float(there.error) == pytest.approx(here.error, rel=1e-9)


def test_single_precision_in_torch():
    model = replace(model_with_everything((6, 4, 4)), single=True)
    evolution = Evolution(model, 1.0)
    device = DeviceEvolution(evolution)
    P = np.random.default_rng(2).normal(0, 0.3, (3, 6, 4, 4))
    here, there = evolution.start(P), device.start(P)
    for _ in range(5):
        here = evolution.multistep(here, np.zeros(3), 1e-11)
        there = device.multistep(there, np.zeros(3), 1e-11)
    assert there.modes.dtype == torch.complex64
    assert device.polarization(there).numpy() == pytest.approx(
        evolution.polarization(here), abs=1e-5
    )


def test_what_torch_cannot_do_is_refused():
    model = replace(model_with_everything((2, 2, 2)), relative_stiffness=np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="relative_stiffness is given, expected None"):
        DeviceEvolution(Evolution(model, 1.0))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch sees no CUDA"):
            DeviceEvolution(Evolution(replace(model, relative_stiffness=None), 1.0), "cuda")
