import numpy as np
import pytest
from mesoscale_cards import pbtio3

from multiscale.mesoscale import Memory, Overdamped, PhaseField, State, trajectory
from multiscale.mesoscale.kinetics import memory_limit, overdamped_limit
from multiscale.units import EPSILON0

KT = 1.380649e-23 * 1000
NO_FIELD = np.zeros((101, 3))


def generator(seed, replica):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(replica,)))


def variances(kinetics, chunks, skip, replicas, cells):
    """Return <|P_k|^2> per replica, axis and wave from snapshots every 100 steps."""
    rng = [generator(3, r) for r in range(replicas)]
    xi = np.stack([g.standard_normal(kinetics.noise_shape()) for g in rng])
    state = kinetics.start(np.zeros((replicas, 3, cells)), xi)
    spectra = [
        np.abs(np.fft.rfft(s.P) / cells) ** 2
        for i, s in enumerate(trajectory(kinetics, state, [NO_FIELD] * chunks, rng))
        if i >= skip
    ]
    return np.mean(spectra, axis=0)


@pytest.mark.parametrize(("spacing", "step"), [(1e-9, 0.3), (1e-9, 30.0), (0.5e-9, 3.0)])
def test_every_mode_has_its_share_at_any_step_and_spacing(spacing, step):  # T12
    a = np.array([2e8, 0, 0, 0, 0, 0])  # harmonic: the exact law must hold exactly
    cells = round(8e-9 / spacing)
    model = PhaseField(
        a,
        cells=cells,
        spacing=spacing,
        cross_section=1e-18,
        kT=KT,
        gradient=(1e-10, 0, 1e-10, 0),
        background_permittivity=10.0,
    )
    kinetics = Overdamped(model, np.ones(3), step / 100 / 4e8, 1.0)
    chunks = {0.3: 200, 3.0: 80, 30.0: 60}[step]
    skip = max(1, round(4 / step))
    found = variances(kinetics, chunks + skip, skip, 60, cells)
    V = cells * spacing * 1e-18
    exact = KT / (V * (4e8 + model.stiffness))
    ratio = found / exact
    error = ratio.std(axis=0, ddof=1) / np.sqrt(60)
    assert (np.abs(ratio.mean(axis=0) - 1) < 4.5 * error).all()
    assert error.max() < 0.2
    assert model.stiffness[0, 1] > 1 / (EPSILON0 * 10)  # the longitudinal mode is stiffened


def boltzmann_moment(a, volume, field=0.0):
    p = np.linspace(-0.9, 0.9, 61)
    P = np.stack(np.meshgrid(p, p, p, indexing="ij"), axis=-1).reshape(-1, 3)
    f = PhaseField(a).energy(P[:, :, None]) - field * P[:, 2]
    w = np.exp(-(f - f.min()) * volume / KT)
    return (w @ P[:, 2] ** 2) / w.sum(), (w @ P[:, 2]) / w.sum()


@pytest.mark.parametrize("step", [0.05, 0.2])
def test_anharmonic_statistics_are_those_of_boltzmann(step):
    a = pbtio3(600)
    volume = 5e-28
    square, mean = boltzmann_moment(a, volume, 1e8)
    model = PhaseField(np.repeat(a[None], 400, axis=0), cross_section=volume / 1e-9, kT=KT)
    dt = step * overdamped_limit(model, np.ones(3), 0.8)
    kinetics = Overdamped(model, np.ones(3), dt, 0.8)
    E = np.zeros((401, 3))
    E[:, 2] = 1e8
    rng = [generator(5, r) for r in range(400)]
    state = kinetics.start(np.zeros((400, 3, 1)), np.zeros(0))
    path = [s.P[:, 2, 0] for s in trajectory(kinetics, state, [E] * 12, rng)][4:]
    for sample, exact in ((np.square(path), square), (np.array(path), mean)):
        means = sample.mean(axis=0)
        assert means.mean() == pytest.approx(exact, abs=4 * means.std(ddof=1) / 20)


KERNELS = {
    "white like": ([4e13], [4e26]),
    "slow": ([3e11], [5e25]),
    "ringing": ([5e12 + 3e13j, 2e12], [2e26 + 2e25j, 1e25]),
}


@pytest.mark.parametrize("name", KERNELS)
def test_statics_do_not_depend_on_the_kernel(name):
    a, volume = pbtio3(600), 5e-28
    square, mean = boltzmann_moment(a, volume, 1e8)
    n = 300
    model = PhaseField(np.repeat(a[None], n, axis=0), cross_section=volume / 1e-9, kT=KT)
    inertia = np.full(3, 1.6e-18)
    rate, amplitude = (np.tile(np.array(v, complex), (3, 1)) for v in KERNELS[name])
    dt = 0.08 * memory_limit(model, inertia, 0.8)
    kinetics = Memory(model, inertia, rate, amplitude, dt, 0.8)
    E = np.zeros((401, 3))
    E[:, 2] = 1e8
    rng = [generator(6, r) for r in range(n)]
    xi = np.stack([g.standard_normal(kinetics.noise_shape()) for g in rng])
    state = kinetics.start(np.zeros((n, 3, 1)), xi)
    states = list(trajectory(kinetics, state, [E] * 14, rng))[4:]
    P = np.array([s.P[:, 2, 0] for s in states])
    for sample, exact in ((P**2, square), (P, mean)):
        means = sample.mean(axis=0)
        assert means.mean() == pytest.approx(exact, abs=4 * means.std(ddof=1) / np.sqrt(n))
    v = np.array([s.y[:, :, 0, 0] for s in states])
    assert np.mean(v**2) == pytest.approx(KT / (1.6e-18 * volume), rel=0.1)


def both_kinetics(cells):
    a = np.repeat(pbtio3()[None], 3, axis=0)
    model = PhaseField(
        a, cells=cells, spacing=0.8e-9, cross_section=6e-19, kT=KT, gradient=(1e-10, 0, 5e-11, 0)
    )
    rate = np.array([[3e12 + 1e13j, 5e12]] * 3)
    amplitude = np.array([[1e26 + 1e24j, 5e25]] * 3)
    return (
        Overdamped(model, np.array([1.0, 2.0, 3.0]), 1e-11, 1.2),
        Memory(model, np.full(3, 1.6e-18), rate, amplitude, 1e-15, 1.2),
    )


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("cells", [1, 16])
def test_restart_is_bitwise(which, cells):  # T25
    kinetics = both_kinetics(cells)[which]
    rng = [generator(1, r) for r in range(3)]
    fields = [np.full((21, 3), 1e8 * i) for i in range(6)]
    shape = kinetics.noise_shape()
    start = kinetics.start(
        np.full((3, 3, cells), 0.2), np.stack([g.standard_normal(shape) for g in rng])
    )
    whole = list(trajectory(kinetics, start, fields, rng))[-1]
    rng = [generator(1, r) for r in range(3)]
    for g in rng:
        g.standard_normal(shape)
    half = list(trajectory(kinetics, start, fields[:3], rng))[-1]
    saved = [g.bit_generator.state for g in rng]
    again = [np.random.default_rng() for _ in rng]
    for g, s in zip(again, saved, strict=True):
        g.bit_generator.state = s
    end = list(trajectory(kinetics, State(half.P.copy(), half.y.copy()), fields[3:], again))[-1]
    assert np.array_equal(end.P, whole.P)
    assert np.array_equal(end.y, whole.y)


@pytest.mark.parametrize("which", [0, 1])
def test_replicas_do_not_depend_on_their_company(which):
    model = both_kinetics(1)[which].model
    rng = [generator(1, r) for r in range(3)]
    fields = [np.full((21, 3), 1e8)] * 3
    kinetics = both_kinetics(1)[which]
    P = np.full((3, 3, 1), 0.2)
    xi = np.zeros((3, *kinetics.noise_shape()))
    together = list(trajectory(kinetics, kinetics.start(P, xi), fields, rng))[-1].P
    one = PhaseField(
        model.coefficients[1:2], spacing=0.8e-9, cross_section=6e-19, kT=KT, gradient=model.gradient
    )
    alone = (
        Overdamped(one, kinetics.mobility, kinetics.dt, 1.2)
        if isinstance(kinetics, Overdamped)
        else Memory(one, kinetics.inertia, kinetics.rate, kinetics.amplitude, kinetics.dt, 1.2)
    )
    start = alone.start(P[:1], xi[:1])
    single = list(trajectory(alone, start, fields, [generator(1, 1)]))[-1].P
    assert np.array_equal(single[0], together[1])


@pytest.mark.parametrize("which", [0, 1])
def test_compiled_domain_is_the_visible_step(which):
    one, row = both_kinetics(1)[which], both_kinetics(8)[which]
    rng = np.random.default_rng(9)
    xi = rng.standard_normal((3, 50, *one.noise_shape()))
    E = np.cumsum(rng.standard_normal((51, 3)), axis=0) * 1e7
    P = rng.normal(0, 0.3, (3, 3, 1))
    fused = one.advance(one.start(P, xi[:, 0]), E, xi)
    # the same noise density in every one of 8 cells keeps them alike: one domain
    like = row.start(np.repeat(P, 8, axis=2), np.repeat(xi[:, 0], 8, axis=-1))
    visible = row.advance(like, E, np.repeat(xi, 8, axis=-1))
    assert visible.P == pytest.approx(np.repeat(fused.P, 8, axis=2), rel=1e-9, abs=1e-12)
