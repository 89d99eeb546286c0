"""The two-body forces and the corners' displacements of a whole lattice, through reciprocal space.

Three passes: along x, planes of (y, z) with the matrices, along x again; see transforms.py.
"""

from typing import Any

from numpy.typing import NDArray

from multiscale.compiled import apart, inlined
from multiscale.lattice.butterflies import VECTOR, make_address, make_turn_block
from multiscale.lattice.transforms import Axis, Complex, Plan, Room, Work, transform

Real = NDArray[Any]
_address, _turn_block = make_address(), make_turn_block()


def respond(u: Real, S: Real, f: Real, w: Real, tables: Real, c: Plan) -> None:
    """Fill f with the force matrix times u, and w with minus the acoustic response times S.

    Parameters
    ----------
    u, S, f, w : array, shape (3, Lx, n)
        n = Ly pitch(Lz), padding zero; see transforms.py. S and w take part if the plan has 6 rows;
        they may be the same array, as may u and f.
    tables : array, shape (kx, 6 or 12, Lz pitch(Ly))
        From tables().
    c : Plan
    """
    _waves_along_x(u, S, c.spectrum, c.x, c.room, c.block)
    _apply_matrices(c.spectrum, tables, c.plane, c.y, c.z, c.room, c.wide, c.high)
    _fields_along_x(c.spectrum, f, w, c.x, c.room, c.block)


@inlined
def _work(a: Complex, b: Complex) -> Work:
    return _address(a[0], 0), _address(a[1], 0), _address(b[0], 0), _address(b[1], 0)


@inlined
def _at(a: Complex) -> tuple[int, int]:
    return _address(a[0], 0), _address(a[1], 0)


@apart
def _waves_along_x(u: Real, S: Real, spectrum: Real, x: Axis, room: Room, block: int) -> None:
    """Fill the spectrum (kx, rows, 2, n) with twice the half spectra along x of u and S."""
    _, nx, n = u.shape
    real, imag, out = u.reshape(-1), S.reshape(-1), spectrum.reshape(-1)
    nk, rows, _, _ = spectrum.shape
    work, (cr, ci), (r, i) = _work(room.a, room.b), room.c, _at(room.c)
    for a in range(3):
        for start in range(0, n, block):
            width = min(block, n - start)
            first = a * nx * n + start
            here, there = _address(real, first), _address(imag, first)
            transform(here, there, n, r, i, width, width, x, work)
            for k in range(nk):
                one, mirror = k * width, ((nx - k) % nx) * width
                to = ((k * rows + a) * 2) * n + start
                for v in range(width):
                    out[to + v] = cr[one + v] + cr[mirror + v]
                    out[to + n + v] = ci[one + v] - ci[mirror + v]
                if rows == 6:
                    to += 6 * n
                    for v in range(width):
                        out[to + v] = ci[one + v] + ci[mirror + v]
                        out[to + n + v] = cr[mirror + v] - cr[one + v]


@apart
def _fields_along_x(spectrum: Real, f: Real, w: Real, x: Axis, room: Room, block: int) -> None:
    """Fill f and w (3, Lx, n) with what the half spectra (kx, rows, 2, n) stand for, times Lx."""
    _, nx, n = f.shape
    real, imag, waves = f.reshape(-1), w.reshape(-1), spectrum.reshape(-1)
    nk, rows, _, _ = spectrum.shape
    work, (cr, ci), (r, i) = _work(room.a, room.b), room.c, _at(room.c)
    for a in range(3):
        for start in range(0, n, block):
            width = min(block, n - start)
            for k in range(nk):
                one, mirror = k * width, ((nx - k) % nx) * width
                to = ((k * rows + a) * 2) * n + start
                more = to + 6 * n if rows == 6 else to
                on = 1.0 if rows == 6 else 0.0
                # Where k is its own mirror image the second loop has the last word.
                for v in range(width):
                    cr[mirror + v] = waves[to + v] + on * waves[more + n + v]
                    ci[mirror + v] = on * waves[more + v] - waves[to + n + v]
                for v in range(width):
                    cr[one + v] = waves[to + v] - on * waves[more + n + v]
                    ci[one + v] = on * waves[more + v] + waves[to + n + v]
            first = a * nx * n + start
            here, there = _address(real, first), _address(imag, first)
            transform(i, r, width, there, here, n, width, x, work)


@inlined
def _turn(a: Real, wide: int, rows: int, b: Real, high: int, columns: int) -> None:
    """Write rows of a as columns of b: b[z, y] = a[y, z] for y < rows, z < columns."""
    lane = VECTOR // a.itemsize
    whole, deep = rows // lane * lane, columns // lane * lane
    for z in range(0, deep, lane):
        for y in range(0, whole, lane):
            _turn_block(_address(a, y * wide + z), wide, _address(b, z * high + y), high, a)
    for z in range(columns):
        for y in range(whole if z < deep else 0, rows):
            b[z * high + y] = a[y * wide + z]


@inlined
def _multiply(f: Real, plane: Real, row: int) -> None:
    """Multiply three rows of a plane with symmetric matrices f (6, n) in Voigt order."""
    for part in range(2):
        X, Y, Z = plane[row, part], plane[row + 1, part], plane[row + 2, part]
        for m in range(X.size):
            x, y, z = X[m], Y[m], Z[m]
            X[m] = f[0, m] * x + f[5, m] * y + f[4, m] * z
            Y[m] = f[5, m] * x + f[1, m] * y + f[3, m] * z
            Z[m] = f[4, m] * x + f[3, m] * y + f[2, m] * z


@apart
def _apply_matrices(
    spectrum: Real, tables: Real, plane: Real, y: Axis, z: Axis, room: Room, wide: int, high: int
) -> None:
    """Multiply a half spectrum along x with the matrices of its wave vectors, plane by plane."""
    nk, rows, _, n = spectrum.shape
    m = plane.shape[2]
    waves, flat = spectrum.reshape(-1), plane.reshape(-1)
    (cr, ci), (tr, ti), (br, bi), work = room.c, room.turned, room.back, _work(room.a, room.b)
    (c, d), (t, o), (b, e) = _at(room.c), _at(room.turned), _at(room.back)
    for k in range(nk):
        for r in range(rows):
            at, to = (k * rows + r) * 2 * n, r * 2 * m
            re, im = _address(waves, at), _address(waves, at + n)
            transform(re, im, wide, c, d, wide, wide, y, work)
            _turn(cr, wide, y.length, tr, high, z.length)
            _turn(ci, wide, y.length, ti, high, z.length)
            transform(t, o, high, _address(flat, to), _address(flat, to + m), high, high, z, work)
        for row in range(0, rows, 3):
            _multiply(tables[k, 2 * row : 2 * row + 6], plane, row)
        for r in range(rows):
            at, to = (k * rows + r) * 2 * n, r * 2 * m
            re, im = _address(waves, at), _address(waves, at + n)
            transform(_address(flat, to + m), _address(flat, to), high, d, c, high, high, z, work)
            _turn(cr, high, z.length, br, wide, y.length)
            _turn(ci, high, z.length, bi, wide, y.length)
            transform(e, b, wide, im, re, wide, wide, y, work)
