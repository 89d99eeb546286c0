"""Transforms of a lattice and the matrices between them, against numpy's."""

import numpy as np
import pytest

from multiscale.lattice.room import Room
from multiscale.lattice.spectral import respond
from multiscale.lattice.transforms import factors, pitch, plane_pitch

STEPS = np.random.default_rng(7).integers(-2, 3, (3, 12))


def matrices(k):
    """Return twelve smooth, even functions of wave vectors (..., 3), shape (..., 12)."""
    return np.cos(k @ STEPS)


def waves(*lengths):
    parts = [2 * np.pi * np.fft.fftfreq(n) for n in lengths]
    return np.stack(np.meshgrid(*parts, indexing="ij"), -1)


def tables(size, rows, dtype):
    """Return the matrices in the order of the passes: (kx, rows, kz pitch(Ly))."""
    x, y, z = size
    out = np.zeros((x // 2 + 1, rows, z, pitch(y, dtype)), dtype)
    out[..., :y] = np.moveaxis(matrices(waves(x, y, z))[: x // 2 + 1, ..., :rows], (3, 2), (1, 2))
    return out.reshape(x // 2 + 1, rows, -1) / (2 * x * y * z)


def multiplied(field, f):
    """Return a field (3, x, y, z) after matrices f (x, y, z, 6), by numpy."""
    a, b, c = np.fft.fftn(field.astype(float), axes=(1, 2, 3))
    f = np.moveaxis(f, -1, 0)
    out = [f[0] * a + f[5] * b + f[4] * c, f[5] * a + f[1] * b + f[3] * c,
           f[4] * a + f[3] * b + f[2] * c]  # fmt: skip
    return np.fft.ifftn(np.stack(out), axes=(1, 2, 3)).real


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "size",
    [(1, 1, 1), (1, 2, 3), (4, 3, 2), (8, 8, 16), (6, 26, 5), (11, 10, 7), (16, 20, 9), (2, 64, 64),
     (33, 4, 4), (3, 1, 19)],
)  # fmt: skip
@pytest.mark.parametrize("rows", [6, 3])
def test_the_passes_multiply_waves_with_matrices(size, dtype, rows):
    room, rng = Room(size, rows == 6, dtype), np.random.default_rng(0)
    room.cells(room.u)[:] = rng.standard_normal((3, *size))
    room.cells(room.S)[:] = rng.standard_normal((3, *size)) if rows == 6 else 0
    S = room.cells(room.S).copy()
    respond(room.u, room.S, room.f, room.w, tables(size, 2 * rows, dtype), room.plan)
    whole, exact = matrices(waves(*size)), 1e-13 if dtype == np.float64 else 3e-5
    wanted = multiplied(room.cells(room.u), whole[..., :6])
    np.testing.assert_allclose(room.cells(room.f), wanted, atol=exact)
    wanted = multiplied(S, whole[..., 6:])
    np.testing.assert_allclose(room.cells(room.w), wanted, atol=exact)


def test_padding_stays_zero():
    size = (4, 5, 6)
    room = Room(size, True, np.float64)
    room.cells(room.u)[:] = 1.5
    room.cells(room.S)[:] = np.random.default_rng(0).standard_normal((3, *size))
    for _ in range(2):
        respond(room.u, room.S, room.f, room.w, tables(size, 12, np.float64), room.plan)
    for field in (room.f, room.w):
        inside = room.cells(field).copy()
        room.cells(field)[:] = 0
        assert not field.any()
        room.cells(field)[:] = inside


def test_lengths_are_products_of_their_factors():
    for n in range(1, 200):
        assert np.prod(factors(n)) == n
    assert factors(96) == [8, 4, 3]
    assert factors(77) == [7, 11]


def test_planes_of_cells_do_not_meet_in_the_cache():
    for L in range(4, 130):
        assert plane_pitch((L, L, L), np.float64) * 8 % 4096 != 0
        assert plane_pitch((L, L, L), np.float64) >= L * L
