# ruff: noqa: ARG001, PLR0913, PLR0917  (numba reads the signatures of intrinsics)
"""Four small linear-algebra loops as explicit vector instructions, for use inside numba functions.

numba leaves short loops of constant length scalar, because it cannot rule out that arrays overlap.
These intrinsics say what is meant: n numbers in one vector register. Arrays are contiguous;
offsets and strides count elements and are not checked, so the callers keep them in range.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

_FLAGS = ("reassoc", "contract", "nsz", "arcp")
_I = types.int64
_alloca: Any = cgutils.alloca_once_value
_declare: Any = cgutils.get_or_insert_function


class _Lanes:
    """Vector loads, stores and products of n lanes, while one intrinsic is being built."""

    def __init__(self, context: Any, builder: Any, element: Any, n: int) -> None:
        self.builder, self.n = builder, n
        self.element = context.get_value_type(element)
        self.vector = ir.VectorType(self.element, n)
        self.align = context.get_abi_sizeof(self.element)

    def zero(self) -> Any:
        return ir.Constant(self.vector, [ir.Constant(self.element, 0.0)] * self.n)

    def _pointer(self, data: Any, offset: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(data, [offset]), self.vector.as_pointer())

    def load(self, data: Any, offset: Any) -> Any:
        loaded = self.builder.load(self._pointer(data, offset))
        loaded.align = self.align
        return loaded

    def store(self, value: Any, data: Any, offset: Any) -> None:
        self.builder.store(value, self._pointer(data, offset)).align = self.align

    def splat(self, scalar: Any) -> Any:
        int32 = ir.IntType(32)
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(int32, 0))
        mask = ir.Constant(ir.VectorType(int32, self.n), [ir.Constant(int32, 0)] * self.n)
        return self.builder.shuffle_vector(one, undefined, mask)

    def scalar(self, data: Any, offset: Any) -> Any:
        return self.builder.load(self.builder.gep(data, [offset]))

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FLAGS)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FLAGS)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the pointer to the first element of an array argument."""
    return context.make_array(kind)(context, builder, value=value).data


def _at(builder: Any, offset: Any, index: Any, stride: Any) -> Any:
    return builder.add(offset, builder.mul(index, stride))


@cache
def make_combine(n: int) -> Callable[..., None]:
    """Return combine: out[o:o+n] = sum_{b < count} x[xo + b xs] W[wo + b ws : wo + b ws + n]."""

    @intrinsic
    def combine(
        typing: Any,
        out: Any,
        o: Any,
        x: Any,
        xo: Any,
        xs: Any,
        W: Any,
        wo: Any,
        ws: Any,
        count: Any,
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            lanes = _Lanes(context, builder, kinds[0].dtype, n)
            po, px, pw = (_data(context, builder, kinds[k], args[k]) for k in (0, 2, 5))
            total = _alloca(builder, lanes.zero())
            with cgutils.for_range(builder, args[8], intp=args[8].type) as loop:
                factor = lanes.splat(lanes.scalar(px, _at(builder, args[3], loop.index, args[4])))
                row = lanes.load(pw, _at(builder, args[6], loop.index, args[7]))
                product = lanes.multiply(factor, row)
                builder.store(lanes.add(product, builder.load(total)), total)
            lanes.store(builder.load(total), po, args[1])
            return context.get_dummy_value()

        return types.void(out, _I, x, _I, _I, W, _I, _I, _I), codegen

    return combine


@cache
def make_outer(n: int, widths: tuple[int, ...]) -> Callable[..., None]:
    """Return outer: A[c, o:o+n] = sum_{q < count} Y[q, c] R[q, l(c), o:o+n], all c in registers.

    A (sum(widths), k), Y (count, sum(widths)), R (count, len(widths), k) with k = size; component
    c belongs to block l(c), the blocks having the given widths.
    """
    block = [i for i, w in enumerate(widths) for _ in range(w)]

    @intrinsic
    def outer(typing: Any, A: Any, Y: Any, R: Any, o: Any, size: Any, count: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            lanes = _Lanes(context, builder, kinds[0].dtype, n)
            pa, py, pr = (_data(context, builder, kinds[k], args[k]) for k in range(3))
            o, size, count = args[3:]
            integer = count.type
            totals = [_alloca(builder, lanes.zero()) for _ in block]
            with cgutils.for_range(builder, count, intp=integer) as loop:
                y0 = builder.mul(loop.index, integer(len(block)))
                r0 = builder.mul(loop.index, integer(len(widths)))
                rows = [
                    lanes.load(pr, _at(builder, o, builder.add(r0, integer(i)), size))
                    for i in range(len(widths))
                ]
                for c, i in enumerate(block):
                    factor = lanes.splat(lanes.scalar(py, builder.add(y0, integer(c))))
                    product = lanes.multiply(factor, rows[i])
                    builder.store(lanes.add(product, builder.load(totals[c])), totals[c])
            for c, total in enumerate(totals):
                lanes.store(builder.load(total), pa, _at(builder, o, integer(c), size))
            return context.get_dummy_value()

        return types.void(A, Y, R, _I, _I, _I), codegen

    return outer


@cache
def make_dot(n: int) -> Callable[..., Any]:
    """Return dot: sum_k x[xo + k] y[yo + k] over n elements."""

    @intrinsic
    def dot(typing: Any, x: Any, xo: Any, y: Any, yo: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            lanes = _Lanes(context, builder, kinds[0].dtype, n)
            px, py = (_data(context, builder, kinds[k], args[k]) for k in (0, 2))
            product = lanes.multiply(lanes.load(px, args[1]), lanes.load(py, args[3]))
            name = f"llvm.vector.reduce.fadd.v{n}f{8 * lanes.align}"
            kind = ir.FunctionType(lanes.element, [lanes.element, lanes.vector])
            function = _declare(builder.module, kind, name)
            zero = ir.Constant(lanes.element, 0.0)
            return builder.call(function, [zero, product], fastmath=_FLAGS)

        return x.dtype(x, _I, y, _I), codegen

    return dot


@cache
def make_product(n: int) -> Callable[..., None]:
    """Return product: out[o:o+n] += c x[xo:xo+n] y[yo:yo+n] z[zo:zo+n]."""

    @intrinsic
    def product(
        typing: Any, out: Any, o: Any, c: Any, x: Any, xo: Any, y: Any, yo: Any, z: Any, zo: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            lanes = _Lanes(context, builder, kinds[0].dtype, n)
            po, px, py, pz = (_data(context, builder, kinds[k], args[k]) for k in (0, 3, 5, 7))
            value = lanes.multiply(lanes.splat(args[2]), lanes.load(px, args[4]))
            value = lanes.multiply(value, lanes.load(py, args[6]))
            value = lanes.multiply(value, lanes.load(pz, args[8]))
            lanes.store(lanes.add(value, lanes.load(po, args[1])), po, args[1])
            return context.get_dummy_value()

        return types.void(out, _I, out.dtype, x, _I, y, _I, z, _I), codegen

    return product
