"""PLUMED's kernel against our engine, and what the bridge promises; skipped without a kernel."""

import io
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from multiscale import sampling, units
from multiscale.sampling import BoxWall, HillsTable, Metadynamics, Wall, WellTempered, sum_hills
from multiscale.sampling.hills import KJ_PER_MOL, hills_text, read_table
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_input import plumed_input
from multiscale.sampling.plumed_kernel import find_kernel

KT = units.KB * 300
NAMES = ("px", "py", "pz")


def kernel_missing():
    try:
        find_kernel()
        import plumed  # noqa: F401
    except (ValueError, ImportError) as error:
        return str(error)
    return ""


needs_kernel = pytest.mark.skipif(bool(kernel_missing()), reason=kernel_missing() or "present")


class Direct(Metadynamics):
    """Our rule with the bias summed hill by hill: what the grid interpolates."""

    def evaluate(self, values):
        hills = self.hills
        sigma = np.array(self.settings.sigma)
        energy, gradient = sum_hills(values, hills.center, sigma, hills.height)
        return energy, -gradient


def settings(d=1, walkers=1, **changes):
    sigma = (0.1, 0.08, 0.12)[:d]
    plain = {
        "sigma": sigma,
        "height": 0.02,
        "pace": 5,
        "bias_factor": 8.0,
        "kT": KT,
        "wall": BoxWall((-0.9,) * d, (1.0,) * d, (40.0,) * d),
        "n_walkers": walkers,
    }
    return WellTempered(**(plain | changes))


def path_of(steps, walkers, d, seed=0):
    """Random walkers that meet the walls and each other."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0, 0.06, (steps, walkers, d)), 0)
    return 1.15 * np.sin(path)


def bridge(text, folder, walkers=1, d=1, **more):
    plain = {"kT": KT, "timestep": 0.002, "n_walkers": walkers}
    return PlumedBias(text, NAMES[:d], str(folder), **(plain | more))


def follow(bias, path, start=0):
    got = [bias(values, start + i) for i, values in enumerate(path[start:])]
    return np.array([e for e, _ in got]), np.array([f for _, f in got])


@needs_kernel
@pytest.mark.parametrize("walkers", [1, 4])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_plumed_and_our_rule_give_the_same_hills_and_forces(tmp_path, d, walkers):
    s = settings(d, walkers)
    path = path_of(1501, walkers, d)
    ours = Direct(s)
    energy, force = follow(ours, path)
    ours.commit()
    theirs = bridge(plumed_input(s, NAMES[:d]), tmp_path, walkers, d)
    e, f = follow(theirs, path)
    theirs.commit()
    _, hills = theirs.hills()
    assert len(hills.step) == 300 * walkers
    assert np.array_equal(hills.step, ours.hills.step)
    assert np.array_equal(hills.walker, ours.hills.walker)
    assert np.allclose(hills.center, ours.hills.center, rtol=1e-14, atol=1e-15)
    assert np.allclose(hills.height, ours.hills.height, rtol=1e-8, atol=0)
    assert ours.hills.height.min() < 0.9 * s.height
    assert np.abs(e - energy).max() < 1e-9 * energy.max()
    assert np.abs(f - force).max() < 1e-9 * np.abs(force).max()
    print(d, walkers, np.abs(hills.height / ours.hills.height - 1).max(), np.abs(e - energy).max(), np.abs(f - force).max(), np.abs(force).max())
