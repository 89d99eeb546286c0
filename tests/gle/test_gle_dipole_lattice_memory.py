"""Memory of a lattice from its own run: planted kernels with noise that neighbours share."""

import numpy as np
import pytest

from multiscale.gle import dipole_lattice as dl
from multiscale.gle.dipole_lattice_classes import coordinates_of
from multiscale.gle.dipole_lattice_fit import fit_lattice_force
from multiscale.gle.dipole_lattice_kernel import (
    LatticeKernel,
    friction_between,
    friction_samples,
    lattice_passivity,
)
from multiscale.gle.dipole_lattice_memory import extract_lattice_kernel
from multiscale.gle.dipole_lattice_simulate import simulate_lattice
from multiscale.gle.dipole_lattice_statistics import cell_autocorrelation, lattice_statistics

KT, FRAME = 0.026, 0.02
SIZE = (6, 6, 4)
SOFT = dl.LatticeForce(
    ("u2", "u4", "u22", "j1", "j2", "j5", "dipole"),
    np.array([0.9, 8.0, -4.0, -0.12, 0.08, 0.03, 0.05]),
    np.zeros((7, 7)),
)
STEPS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]])


def planted(correlated: bool) -> LatticeKernel:
    b = np.array([[9.0, 0.6], [12.0, 0.0], [5.0, -0.4]])[:, : 1 + correlated]
    zero = np.zeros((b.size,) * 2)
    return LatticeKernel(np.array([4.0]), np.array([3.0]), np.array([9.0]), b, zero, 0.004, KT)


@pytest.fixture(scope="module", params=[True, False], ids=["shared", "on site"])
def run(request):
    kernel = planted(request.param)
    rng = np.random.default_rng(2)
    made = simulate_lattice(
        kernel, SOFT, 0.1 * rng.standard_normal((3, *SIZE)), rng, dt=0.005, n_steps=20_000, stride=4
    )
    return kernel, made.modes[400:]


def test_mean_force_of_the_configurations_alone_is_that_of_the_run(run):
    _, u = run
    force = fit_lattice_force(u[::10], KT, order=4, n_blocks=40)
    truth = dict(zip(SOFT.names, SOFT.coefficients, strict=True))
    off = force.coefficients - [truth.get(name, 0.0) for name in force.names]
    # Hotelling: 11 coefficients, 40 blocks; one run in 1000 exceeds it
    distance = off @ np.linalg.solve(force.covariance, off)
    assert distance < 51.0
    assert np.sqrt(force.covariance.diagonal())[:3] == pytest.approx([0.01, 0.2, 0.3], rel=1.5)


def test_kernel_and_its_reach_come_back(run):
    kernel, u = run
    fit = extract_lattice_kernel(
        [u], FRAME, KT, SOFT, window=1.5, shells=1, n_modes=4, n_records=60, n_bootstrap=20
    )
    found = fit.kernel
    shells = kernel.coupling.shape[1]
    assert found.coupling.shape[1] == shells
    assert (fit.gain[1] > 1000) == (shells == 2)
    # the run's step makes the mass seem smaller by (w dt)^2/12, up to 1.3 % where the band ends
    assert found.mass == pytest.approx(kernel.mass, rel=0.01)
    error = friction_samples(found, STEPS).std(0, ddof=1)
    off = np.abs(friction_between(found, STEPS) - friction_between(kernel, STEPS))
    assert (off < 4 * error + 1e-9).all()
    assert error[0] < 0.8  # 1/ps, of 30; of neighbours' 2.7 and 0.18
    assert (error[1:] < 0.15).all()
    assert lattice_passivity(found) > -1e-9
    checks = {check.check: check for check in found.checks}
    for name in ("stationary", "noise", "gaussian", "neighbours", "orthogonal"):
        assert checks[name].ok, checks[name].message


def test_coordinates_are_orthonormal():
    for size in ((4, 3, 6), (3, 4, 5), (2, 2, 1)):
        found = coordinates_of(size)
        assert found.wave.size == np.prod(size)
        u = np.random.default_rng(0).standard_normal(size)
        waves = np.fft.rfftn(u, norm="ortho").ravel()[found.wave]
        x = np.where(found.part == 0, waves.real, waves.imag) * found.factor
        assert np.sum(x**2) == pytest.approx(np.sum(u**2))


def test_bad_runs_are_named():
    u = np.zeros((50, 3, 2, 2, 2), np.float32)
    with pytest.raises(ValueError, match="shells is 4"):
        extract_lattice_kernel([u], FRAME, KT, SOFT, window=0.2, shells=4)
    with pytest.raises(ValueError, match="run 1 has shape"):
        extract_lattice_kernel([u, u[:, :, :1]], FRAME, KT, SOFT, window=0.2)
    u[7, 0, 1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="frame 7 of run 0 is not finite"):
        extract_lattice_kernel([u], FRAME, KT, SOFT, window=0.2)


@pytest.mark.slow
def test_model_trained_on_small_cells_has_the_statistics_of_the_source_on_large_ones():
    kernel, rng = planted(True), np.random.default_rng(11)
    start = 0.1 * rng.standard_normal((3, *SIZE))
    small = simulate_lattice(kernel, SOFT, start, rng, dt=0.005, n_steps=40_000, stride=4)
    u = small.modes[500:]
    force = fit_lattice_force(u[::10], KT, order=4, n_blocks=40)
    fit = extract_lattice_kernel(
        [u], FRAME, KT, force, window=1.5, shells=1, n_modes=4, n_records=60, n_bootstrap=2,
        mean_force_error=0.05,
    )  # fmt: skip
    size, edges, found, speeds = (10, 10, 6), np.linspace(-0.4, 0.4, 33), [], []
    for one, push in ((kernel, SOFT), (fit.kernel, force)):
        first = 0.1 * rng.standard_normal((3, *size))
        run = simulate_lattice(one, push, first, rng, dt=0.01, n_steps=8000, stride=4)
        found.append(lattice_statistics(run.modes[200::5], edges))
        cells = run.velocity[200:].reshape(len(run.velocity) - 200, -1)[:, :300].T
        speeds.append(cell_autocorrelation(cells.astype(float), 25))
    source, model = found
    for name in ("variance", "kurtosis", "polarization", "longitudinal", "transverse"):
        a, b = getattr(source, name), getattr(model, name)
        error = np.hypot(getattr(source, f"{name}_stderr"), getattr(model, f"{name}_stderr"))
        # the mean force is known within 2 %: so are the statistics, beside the noise of the runs
        assert np.all(np.abs(a - b) < 4.5 * error + 0.04 * np.abs(a)), name
    width = edges[1] - edges[0]
    assert np.abs(source.density - model.density).sum() * width < 0.03
    (a, doubt), (b, _) = speeds
    assert np.abs(a - b).max() < 0.05 * a[0] + 5 * doubt.max()
