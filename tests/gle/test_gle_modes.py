import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from multiscale.gle.modes import (
    Network,
    friction_of,
    kernel_at,
    laplace,
    network_of,
    passivity_margin,
    poles,
)

positive = st.floats(0.01, 100)
weights = st.floats(0, 100)


@st.composite
def networks(draw):
    n, m = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    column = lambda size, what: np.array([draw(what) for _ in range(size)])  # noqa: E731
    return Network(
        column(n, weights), column(n, positive),
        column(m, weights), column(m, weights), column(m, positive), column(m, positive),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(networks())
def test_every_network_is_passive(network):
    rate, amplitude = poles(network)
    omega = np.geomspace(1e-3, 1e4, 500)
    spectrum = laplace(rate, amplitude, 1j * omega)
    assert (spectrum.real >= -1e-9 * np.abs(spectrum).max() - 1e-300).all()


@settings(max_examples=60, deadline=None)
@given(networks())
def test_network_and_poles_are_inverse(network):
    again = network_of(*poles(network))
    for found, wanted in zip(again, network, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * 100)


def test_friction_is_the_integral_of_the_kernel():
    rate, amplitude = np.array([2.0, 0.5 + 6j]), np.array([3.0, 5 + 0.3j])
    integral = quad(lambda t: kernel_at(rate, amplitude, np.array([t]))[0], 0, 40, limit=400)[0]
    assert friction_of(rate, amplitude) == pytest.approx(integral, rel=1e-8)
    assert laplace(rate, amplitude, np.array([0j]))[0].real == pytest.approx(integral, rel=1e-8)


def test_conjugate_poles_give_the_same_kernel():
    rate, amplitude = np.array([0.5 + 6j]), np.array([5 + 0.3j])
    a, b = network_of(rate, amplitude), network_of(rate.conj(), amplitude.conj())
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_mode_outside_the_passive_cone_is_refused():
    rate, amplitude = np.array([0.5 + 6j]), np.array([1 + 1j])
    assert passivity_margin(rate, amplitude) < 0
    with pytest.raises(ValueError, match="mode 0 .* is not passive"):
        network_of(rate, amplitude)


def test_a_growing_mode_is_refused():
    with pytest.raises(ValueError, match="mode 1 has rate -1.*positive real part"):
        network_of(np.array([1.0, -1.0]), np.array([1.0, 1.0]))
