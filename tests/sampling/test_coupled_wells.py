"""A lattice of coupled double wells: metadynamics against long direct sampling, two ways."""

import numpy as np
import pytest
from planted_lattice import Lattice, simulate
from planted_surfaces import KT, bins, estimate

from multiscale import sampling
from multiscale.sampling import Metadynamics, Wall, WellTempered, averages
from multiscale.sampling.agreement import agreement, features

AXES = (bins(1.4, 35),)


def settings(walkers):
    return WellTempered(
        sigma=(0.08,), height=0.3 * KT, pace=100, bias_factor=6.0, kT=KT,
        wall=Wall(1.4, 4 * KT / 0.08**2), n_walkers=walkers,
    )  # fmt: skip


@pytest.fixture(scope="module")
def direct(biased):
    """Sixty-four walkers that cross the barrier by themselves, some dozen times each.

    The surface from hills serves only as a reference within the bins.
    """
    s, made, _ = biased
    grid = Metadynamics(s)
    s.add_to(grid.potential, made.hills.center, made.hills.height)
    share = s.bias_factor / (s.bias_factor - 1)
    run = simulate(Lattice(), settings(64), steps=300_000, stride=50, seed=1, biased=False)
    values, blocks = run.values[:, 600:], 2
    n = values.shape[1]
    block = sampling.blocks_of(64, n, blocks).ravel()
    weights = sampling.bootstrap_weights(200, 64 * blocks, np.random.default_rng(2))
    surface = sampling.free_energy_by_reweighting(
        values.reshape(-1, 1), np.zeros(64 * n), block, AXES, KT, bootstrap=weights,
        reference=(
            -share * grid.evaluate(values.reshape(-1, 1))[0],
            sampling.free_energy_of_bias(s, made.hills, AXES),
        ),
    )  # fmt: skip
    energy = averages.mean(run.energy[:, 600:].ravel(), np.zeros(64 * n), block, weights)
    return run, surface, energy


@pytest.fixture(scope="module")
def biased():
    s = settings(8)
    run = simulate(Lattice(), s, steps=600_000, stride=50, seed=3)
    return s, run, estimate(s, run, AXES, blocks=4, n_samples=200)


def test_direct_sampling_crosses_often_enough_to_be_the_truth(direct):
    run, surface, _ = direct
    assert sampling.recrossings(run.values, 0.5) > 300
    top = surface.free_energy[17]
    assert 2.5 * KT < top < 6 * KT
    assert surface.stderr[17] < 0.1 * KT


def test_metadynamics_gives_the_surface_of_direct_sampling(direct, biased):
    _, truth, _ = direct
    _, _, surface = biased
    low = truth.free_energy < 6 * KT
    both = truth.sample - surface.sample
    difference = truth.free_energy - surface.free_energy
    weight = low.astype(float)
    shift = (difference * weight)[low].sum() / weight.sum()
    error = np.hypot(truth.stderr, surface.stderr)[low]
    z = (difference[low] - shift) / error
    assert np.sqrt(np.mean(z**2)) < 2  # errors along s go together: about one number
    assert error.max() < 0.4 * KT
    test = agreement(features(difference, AXES, weight), features(both, AXES, weight), 32)
    assert test.p_value > 0.01


def test_mean_energy_is_that_of_direct_sampling(direct, biased):
    _, _, truth = direct
    s, run, _ = biased
    deposits, offsets = sampling.bias_offsets(s, run.hills)
    log_weight = sampling.reweight(run.bias, sampling.offset_at(run.steps, deposits, offsets), KT)[
        :, 2400:
    ]
    n = log_weight.shape[1]
    found = averages.mean(
        run.energy[:, 2400:].ravel(), log_weight.ravel(), sampling.blocks_of(8, n, 4).ravel(),
        sampling.bootstrap_weights(200, 32, np.random.default_rng(4)),
    )  # fmt: skip
    error = float(np.hypot(found.stderr, truth.stderr))
    assert abs(float(found.value - truth.value)) < 3 * error
    assert error < 0.02 * float(truth.value)


def test_a_stronger_coupling_raises_the_barrier():
    # Stiffer springs: the lattice must cross as a whole, so barriers in kT grow towards 9 A.
    s, tops = settings(8), []
    for J in (0.4, 1.5):
        run = simulate(Lattice(J=J), s, steps=100_000, stride=50, seed=5)
        tops.append(estimate(s, run, AXES, blocks=4).free_energy[17] / KT)
    assert tops[0] + 1.5 < tops[1] < 9 * 1.9
