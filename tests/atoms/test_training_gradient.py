"""The loss and its gradient: compiled against automatic differentiation, and folded by quanta."""

import numpy as np
import pytest
import torch
from planted_teacher import crystal, random_network

from multiscale.atoms import gradient
from multiscale.atoms.autograd import autograd_gradient
from multiscale.atoms.frames import Labels
from multiscale.atoms.gradient import Weighting, loss_gradient, measure
from multiscale.atoms.prepare import make_frames

WEIGHTS = Weighting(10.0, 1.0, 100.0, 100.0, 3.0, 1.0)


def frames(*present: str, n: int = 3):
    """Return frames of 5 and 10 atoms with random labels, all six or some of them."""
    rng = np.random.default_rng(0)
    network = random_network()
    out = []
    for k in range(n):
        atoms = crystal(k, (1 + k % 2, 1, 1), noise=0.5)
        (frame,) = make_frames([atoms], network.architecture, np.zeros(3))
        size, S = len(atoms), rng.normal(size=(2, 3, 3))
        labels = Labels(
            rng.normal(),
            rng.normal(size=(size, 3)),
            0.1 * (S[0] + S[0].T),
            rng.normal(size=3),
            rng.normal(size=(size, 3, 3)),
            S[1] + S[1].T,
        )
        gone = {name: None for name in Labels._fields if present and name not in present}
        out.append(frame._replace(labels=labels._replace(**gone)))
    return out


def difference(network, some, weighting=WEIGHTS):
    """Return both squared errors, and by how much the gradients differ relative to their length."""
    squares, mine = loss_gradient(network, some, weighting, np.random.default_rng(5))
    exact_squares, exact = autograd_gradient(network, some, weighting, np.random.default_rng(5))
    away = sum(float((mine[k] - g).square().sum()) for k, g in exact.items()) ** 0.5
    length = sum(float(g.square().sum()) for g in exact.values()) ** 0.5
    return squares, exact_squares, away / length


@pytest.mark.parametrize("name", [*Labels._fields, "all"])
def test_compiled_gradient_is_that_of_autograd(name):
    some = frames(*(() if name == "all" else (name,)))
    squares, exact, away = difference(random_network(), some)
    np.testing.assert_allclose(squares.total, exact.total, rtol=1e-8)
    np.testing.assert_array_equal(squares.n, exact.n)
    np.testing.assert_allclose(squares.residual, exact.residual, rtol=1e-8)
    assert away < 1e-3


def test_its_error_is_of_second_order_in_the_step(monkeypatch):
    """A fourth of the error at half the step, far above rounding."""
    network, some, errors = random_network(), frames("forces", "stress", "born_charges"), []
    for step in (0.012, 0.006, 0.003):
        monkeypatch.setattr(gradient, "STEP", step)
        errors.append(difference(network, some)[2])
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders == pytest.approx(2.0, abs=0.15)


def test_both_gradients_of_a_network_without_response_are_the_same():
    network = random_network(response=0)
    squares, exact, away = difference(network, frames())
    np.testing.assert_array_equal(squares.n[3:], 0)
    np.testing.assert_array_equal(exact.n[3:], 0)
    assert away < 1e-3


def test_both_gradients_agree_below_the_floor_of_the_energies():
    network = random_network()
    network.feature_mean.normal_(generator=torch.Generator().manual_seed(3))
    network.lowest_energy.fill_(0.5)  # most atoms of these frames lie below
    network.energy_width.fill_(1.0)
    some = frames("energy", "forces")
    free = measure(network, some).total[0]
    squares, exact, away = difference(network, some)
    np.testing.assert_allclose(squares.total, exact.total, rtol=1e-8)
    assert away < 1e-3
    network.energy_width.zero_()
    assert measure(network, some).total[0] != pytest.approx(free, rel=0.05)


def test_branch_of_a_label_does_not_change_the_loss():
    network, some = random_network(), frames("polarization")
    moved = [
        f._replace(labels=f.labels._replace(polarization=f.labels.polarization + quanta @ f.cell))
        for f, quanta in zip(some, np.array([[1, 0, 0], [0, -3, 2], [5, 5, -7]]), strict=True)
    ]
    rng = np.random.default_rng
    squares, slopes = loss_gradient(network, some, WEIGHTS, rng(0))
    there, slopes_there = loss_gradient(network, moved, WEIGHTS, rng(0))
    np.testing.assert_allclose(there.total, squares.total, rtol=1e-9)
    for name, slope in slopes.items():
        torch.testing.assert_close(slopes_there[name], slope, rtol=1e-6, atol=1e-9)
    half = 0.5 * some[0].cell.sum(0)  # farther than half a quantum no error can be
    reach = measure(network, some).total[3] ** 0.5
    assert reach < sum(np.linalg.norm(half) for _ in some)


def test_born_charges_along_random_directions_have_the_right_mean():
    """Sum over three orthogonal directions = measured in full; the mean of 400 random ones agrees
    within four of its standard errors.
    """
    network, some = random_network(), frames("born_charges", n=1)
    full = measure(network, some).total[4]
    rng = np.random.default_rng(1)
    nothing = Weighting(0, 0, 0, 0, 1e-12, 0)
    drawn = [loss_gradient(network, some, nothing, rng)[0].total[4] for _ in range(400)]
    error = np.std(drawn, ddof=1) / len(drawn) ** 0.5
    assert np.mean(drawn) == pytest.approx(full, abs=4 * error)
    assert error < 0.1 * full


def test_measure_counts_what_the_loss_counts():
    network, some = random_network(), frames()
    squares, _ = loss_gradient(network, some, WEIGHTS, np.random.default_rng(0))
    found = measure(network, some, batch=2)
    keep = [0, 1, 2, 3, 5]
    np.testing.assert_allclose(found.total[keep], squares.total[keep], rtol=1e-9)
    np.testing.assert_array_equal(found.n, squares.n)
