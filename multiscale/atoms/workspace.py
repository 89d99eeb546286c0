"""Room for the compiled passes: what they read about the atoms, and what they keep at one."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.harmonics import N_HARMONICS
from multiscale.compiled import inlined

Array = NDArray[Any]


class Geometry(NamedTuple):
    """Where the atoms are and who is near whom: what a pass reads besides the weights."""

    positions: Array
    cell: Array
    species: Array
    system: Array
    neighbour: Array
    shift: Array
    first: Array


class Near(NamedTuple):
    """The neighbours of one atom: who, unit vectors, distances, basis, harmonics, radial parts."""

    who: Array
    u: Array
    r: Array
    f: Array
    df: Array
    Y: Array
    R: Array
    dR: Array  # noqa: N815  derivative of R by the distance


class Atom(NamedTuple):
    """What is known at one atom: density, mixed density with a row of ones, scalars, gates,
    their gradients, and how the floor bends the energy.
    """

    A: Array
    mixed: Array
    phi: Array
    work: Array
    gates: Array
    parts: Array
    out: Array
    G: Array
    dmixed: Array
    dphi: Array
    dgates: Array
    add: Array
    ones: Array
    bend: Array


class Kept(NamedTuple):
    """The neighbourhoods of all atoms, so that a second pass need not gather them again: how many
    neighbours (n_atoms,), densities, and Near with a leading axis of atoms; empty if nothing is.
    """

    n: Array
    A: Array
    near: Near


@inlined
def make_near(widest: int, w: Any) -> Near:
    """Return room for the neighbours of one atom."""
    _, _, B, width = w.radial.shape
    real = w.radial.dtype
    return Near(
        np.empty(widest, np.int64),
        np.empty((widest, 3)),
        np.empty(widest),
        np.empty((widest, B), real),
        np.empty((widest, B), real),
        np.empty((widest, N_HARMONICS), real),
        np.empty((widest, width), real),
        np.empty((widest, width), real),
    )


@inlined
def make_atom(w: Any) -> Atom:
    """Return room for what is computed at one atom."""
    K, M = w.mixing.shape[2:]
    F, real = w.weight1.shape[1], w.radial.dtype
    G = w.gates.shape[2]
    widest = max(w.weight1.shape[2], w.weight2.shape[2], w.response1.shape[2])
    mixed = np.ones((N_HARMONICS + 1) * M, real)
    return Atom(
        np.empty((N_HARMONICS, K), real),
        mixed,
        np.empty(F, real),
        np.empty((8, widest), real),
        np.empty(G, real),
        np.empty(8 * M, real),
        np.empty(9),
        np.empty((N_HARMONICS, K), real),
        np.empty((N_HARMONICS + 1) * M, real),
        np.empty(F, real),
        np.empty(G, real),
        np.empty(F, real),
        np.ones(M, real),
        np.ones(1),
    )


@inlined
def at(near: Any, i: int) -> Near:
    """Return the part of Near that belongs to atom i."""
    return Near(
        near.who[i], near.u[i], near.r[i], near.f[i], near.df[i], near.Y[i], near.R[i], near.dR[i]
    )


def make_kept(n_atoms: int, widest: int, w: Any) -> Kept:
    """Return room for the neighbourhoods of n_atoms atoms of at most `widest` neighbours."""
    _, _, B, width = w.radial.shape
    K, real = w.mixing.shape[2], w.radial.dtype
    shape = (n_atoms, widest)
    return Kept(
        np.zeros(n_atoms, np.int64),
        np.empty((n_atoms, N_HARMONICS, K), real),
        Near(
            np.empty(shape, np.int64),
            np.empty((*shape, 3)),
            np.empty(shape),
            np.empty((*shape, B), real),
            np.empty((*shape, B), real),
            np.empty((*shape, N_HARMONICS), real),
            np.empty((*shape, width), real),
            np.empty((*shape, width), real),
        ),
    )
