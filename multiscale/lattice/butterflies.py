# ruff: noqa: ARG001, PLR0913, PLR0917  (numba reads the signatures of intrinsics)
"""One step of a Fourier transform of many rows at once, as explicit vector instructions.

A row is `width` numbers side by side; element k of a transform is row k, so that every operation is
one on whole rows. Real and imaginary parts are arrays of their own. The width counts in vectors of
64 bytes; offsets count elements and are not checked: the callers keep them in range.
"""

from collections.abc import Callable
from functools import cache
from math import cos, pi, sin, sqrt
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

_FLAGS = ("reassoc", "contract", "nsz", "arcp")
_I = types.int64
VECTOR = 64
"""Bytes of a vector; a machine with shorter ones splits them."""
Pair = tuple[Any, Any]


class _Vectors:
    """Loads, stores and products of whole vectors, while one intrinsic is being built."""

    def __init__(self, context: Any, builder: Any, element: Any) -> None:
        self.builder, self.element = builder, context.get_value_type(element)
        self.bytes = context.get_abi_sizeof(self.element)
        self.n = VECTOR // self.bytes
        self.kind = ir.VectorType(self.element, self.n)

    def at(self, data: Any, offset: Any) -> Any:
        """Return the pointer to a vector that starts at an element."""
        return self.builder.bitcast(self.builder.gep(data, [offset]), self.kind.as_pointer())

    def load(self, data: Any, offset: Any) -> Any:
        value = self.builder.load(self.at(data, offset))
        value.align = self.bytes
        return value

    def store(self, value: Any, data: Any, offset: Any) -> None:
        self.builder.store(value, self.at(data, offset)).align = self.bytes

    def splat(self, scalar: Any) -> Any:
        undefined, int32 = ir.Constant(self.kind, ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(int32, 0))
        mask = ir.Constant(ir.VectorType(int32, self.n), [ir.Constant(int32, 0)] * self.n)
        return self.builder.shuffle_vector(one, undefined, mask)

    def number(self, value: float) -> Any:
        return ir.Constant(self.kind, [ir.Constant(self.element, value)] * self.n)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FLAGS)

    def subtract(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=_FLAGS)

    def negative(self, a: Any) -> Any:
        return self.builder.fneg(a, flags=_FLAGS)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FLAGS)

    def times(self, a: Pair, w: Pair) -> Pair:
        """Return the product of two complex numbers."""
        real = self.subtract(self.multiply(a[0], w[0]), self.multiply(a[1], w[1]))
        return real, self.add(self.multiply(a[0], w[1]), self.multiply(a[1], w[0]))

    def both(self, a: Pair, b: Pair) -> tuple[Pair, Pair]:
        """Return a + b and a - b."""
        plus = (self.add(a[0], b[0]), self.add(a[1], b[1]))
        return plus, (self.subtract(a[0], b[0]), self.subtract(a[1], b[1]))


def _short_transform(v: _Vectors, a: list[Pair]) -> list[Pair]:
    """Return sum_j exp(-2 pi i j k / p) a_j for k < p; p is 2, 4, 8 or odd."""
    p = len(a)
    if p == 2:
        return list(v.both(a[0], a[1]))
    if p % 2:
        return _odd_transform(v, a)
    even, odd = _short_transform(v, a[::2]), _short_transform(v, a[1::2])
    turned = [_eighths(v, one, 8 * k // p) for k, one in enumerate(odd)]
    pairs = [v.both(e, o) for e, o in zip(even, turned, strict=True)]
    return [plus for plus, _ in pairs] + [minus for _, minus in pairs]


def _eighths(v: _Vectors, a: Pair, n: int) -> Pair:
    """Return a exp(-2 pi i n / 8) for 0 <= n < 4."""
    if n == 0:
        return a
    if n == 2:
        return a[1], v.negative(a[0])
    half = v.number(sqrt(0.5))
    plus, minus = v.add(a[0], a[1]), v.subtract(a[1], a[0])
    if n == 1:
        return v.multiply(half, plus), v.multiply(half, minus)
    return v.multiply(half, minus), v.multiply(v.number(-sqrt(0.5)), plus)


def _odd_transform(v: _Vectors, a: list[Pair]) -> list[Pair]:
    """Return the same for odd p, by cosines of sums and sines of differences of pairs."""
    p = len(a)
    pairs = [v.both(a[j], a[p - j]) for j in range(1, p // 2 + 1)]
    first = a[0]
    for plus, _ in pairs:
        first, _ = v.both(first, plus)
    out: list[Pair] = [first] * p
    for k in range(1, p // 2 + 1):
        even, turn = a[0], (v.number(0.0), v.number(0.0))
        for j, (plus, minus) in enumerate(pairs, start=1):
            c, s = v.number(cos(2 * pi * j * k / p)), v.number(sin(2 * pi * j * k / p))
            even = tuple(v.add(even[n], v.multiply(c, plus[n])) for n in (0, 1))
            turn = tuple(v.add(turn[n], v.multiply(s, minus[n])) for n in (0, 1))
        out[k] = (v.add(even[0], turn[1]), v.subtract(even[1], turn[0]))
        out[p - k] = (v.subtract(even[0], turn[1]), v.add(even[1], turn[0]))
    return out


@cache
def make_address() -> Callable[[Any, int], int]:
    """Return address: where an element of a contiguous array lies, without counting a reference."""

    @intrinsic
    def address(typing: Any, array: Any, offset: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, value=args[0]).data
            return builder.ptrtoint(builder.gep(data, [args[1]]), context.get_value_type(_I))

        return _I(array, _I), codegen

    return cast(Callable[[Any, int], int], address)


def _rows(v: _Vectors, first: Any, hop: Any, count: int) -> list[Any]:
    """Return pointers to `count` rows, the first at an address, `hop` elements apart."""
    pointer = v.builder.inttoptr(first, v.element.as_pointer())
    kind = hop.type
    return [v.builder.gep(pointer, [v.builder.mul(kind(j), hop)]) for j in range(count)]


@cache
def make_butterfly(p: int, turned: bool) -> Callable[..., None]:
    """Return butterfly: rows y_k = w^k sum_(j < p) exp(-2 pi i j k / p) x_j.

    Rows of `width` elements; x_j begins hop j elements behind the addresses xr and xi, y_k
    step k elements behind yr and yi. w^k, k = 1 ... p - 1, are in turns from element t on, real
    part and imaginary part in turn; they are one unless turned.
    """

    @intrinsic
    def butterfly(
        typing: Any,
        xr: Any,
        xi: Any,
        hop: Any,
        yr: Any,
        yi: Any,
        step: Any,
        width: Any,
        turns: Any,
        t: Any,
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = signature.args[7]
            v = _Vectors(context, builder, kind.dtype)
            w = context.make_array(kind)(context, builder, value=args[7]).data
            size, first = args[6], args[8]
            whole = size.type

            def factor(k: int) -> Any:
                return v.splat(builder.load(builder.gep(w, [builder.add(first, whole(k))])))

            by = [(factor(2 * k), factor(2 * k + 1)) for k in range(p - 1) if turned]
            real, imag = _rows(v, args[0], args[2], p), _rows(v, args[1], args[2], p)
            to_real, to_imag = _rows(v, args[3], args[5], p), _rows(v, args[4], args[5], p)
            with cgutils.for_range_slice(builder, whole(0), size, whole(v.n), whole) as (i, _):
                a = [(v.load(r, i), v.load(m, i)) for r, m in zip(real, imag, strict=True)]
                b = _short_transform(v, a)
                if turned:
                    b[1:] = [v.times(one, w) for one, w in zip(b[1:], by, strict=True)]
                for (re, im), r, m in zip(b, to_real, to_imag, strict=True):
                    v.store(re, r, i)
                    v.store(im, m, i)
            return context.get_dummy_value()

        return types.void(_I, _I, _I, _I, _I, _I, _I, turns, _I), codegen

    return cast(Callable[..., None], butterfly)


@cache
def make_term(first: bool) -> Callable[..., None]:
    """Return term: y = (c + i s) x if it is the first one of a sum, else y += (c + i s) x.

    Rows of `width` elements at the addresses xr, xi, yr, yi; c and s have the type of the elements.
    """

    @intrinsic
    def term(typing: Any, xr: Any, xi: Any, yr: Any, yi: Any, width: Any, c: Any, s: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            v = _Vectors(context, builder, signature.args[5])
            xr, xi, yr, yi = (_rows(v, one, args[4], 1)[0] for one in args[:4])
            by, whole = (v.splat(args[5]), v.splat(args[6])), args[4].type
            with cgutils.for_range_slice(builder, whole(0), args[4], whole(v.n), whole) as (i, _):
                value = v.times((v.load(xr, i), v.load(xi, i)), by)
                if not first:
                    value, _ = v.both((v.load(yr, i), v.load(yi, i)), value)
                v.store(value[0], yr, i)
                v.store(value[1], yi, i)
            return context.get_dummy_value()

        return types.void(_I, _I, _I, _I, _I, c, c), codegen

    return cast(Callable[..., None], term)


@cache
def make_turn_block() -> Callable[..., None]:
    """Return turn_block: a block of n x n elements at address a becomes the columns of one at b.

    Rows are pitch apart at a, width at b; n elements make a vector; like is an array of their type.
    """

    @intrinsic
    def turn_block(typing: Any, a: Any, pitch: Any, b: Any, width: Any, like: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            v = _Vectors(context, builder, signature.args[4].dtype)
            n, zero = v.n, args[1].type(0)
            rows = [v.load(row, zero) for row in _rows(v, args[0], args[1], n)]
            half = n // 2
            while half:
                rows = _exchange(v, rows, half)
                half //= 2
            for row, to in zip(rows, _rows(v, args[2], args[3], n), strict=True):
                v.store(row, to, zero)
            return context.get_dummy_value()

        return types.void(_I, _I, _I, _I, like), codegen

    return cast(Callable[..., None], turn_block)


def _exchange(v: _Vectors, rows: list[Any], half: int) -> list[Any]:
    """Exchange, in every 2 x 2 of sub-blocks with `half` elements a side, the off-diagonal two."""
    out, int32 = list(rows), ir.IntType(32)

    def shuffle(a: Any, b: Any, picks: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(int32, v.n), [ir.Constant(int32, k) for k in picks])
        return v.builder.shuffle_vector(a, b, mask)

    for i in (i for i in range(v.n) if not i & half):
        upper = [k + v.n - half if k & half else k for k in range(v.n)]
        lower = [k + v.n if k & half else k + half for k in range(v.n)]
        out[i] = shuffle(rows[i], rows[i + half], upper)
        out[i + half] = shuffle(rows[i], rows[i + half], lower)
    return out
