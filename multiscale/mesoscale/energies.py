"""The energy of boxes and films, term by term. SI units, mean densities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale import polynomial

if TYPE_CHECKING:
    from multiscale.mesoscale.film import FilmModel
    from multiscale.mesoscale.model import FieldModel

Array = NDArray[Any]


def by_term(model: FieldModel, P: Array, E: ArrayLike) -> dict[str, float]:
    """Return the mean density of each term, J/m^3; P (3, nx, ny, nz), C/m^2, and E (3,), V/m."""
    modes = model.grid.forward(P)
    return {
        "gradient": _quadratic(model, modes, model.gradient_matrix),
        "electrostatic": _quadratic(model, modes, model.depolarization_matrix),
        **_local(model, P, E),
    }


def total(model: FieldModel, P: Array, E: ArrayLike) -> float:
    """Return the mean energy density, J/m^3; arguments as above."""
    quadratic = 0.5 * float(np.sum(P * model.linear_force(P))) / model.grid.size
    return quadratic + sum(_local(model, P, E).values())


def _local(model: FieldModel, P: Array, E: ArrayLike) -> dict[str, float]:
    flat = P.reshape(1, 3, -1).astype(float)
    out = {"landau": float(polynomial.energy_density(flat, model.landau[None]).mean())}
    out["elastic"] = _elastic(model, P)
    out["applied"] = -float(P.mean(axis=(1, 2, 3)) @ np.asarray(E, float))
    out["disorder"] = 0.0
    if model.local_field is not None:
        out["disorder"] -= float(np.sum(model.local_field * P) / model.grid.size)
    if model.local_curvature is not None:
        out["disorder"] += float(np.sum(model.local_curvature * P**2) / (2 * model.grid.size))
    return out


def _elastic(model: FieldModel, P: Array) -> float:
    if model.elasticity is None:
        return 0.0
    s = model.stress(P)
    at_c0 = model.reduced(s).reshape(6, -1)
    S = model.elasticity.compliance
    stored = 0.5 * np.einsum("in,ij,jn->", s.reshape(6, -1), S, at_c0) / model.grid.size
    e0 = model.spontaneous_strain(P).reshape(6, -1).mean(axis=1)
    return float(stored - model.elasticity.work(at_c0.mean(axis=1), e0, model.grid))


def _quadratic(model: FieldModel, modes: Array, matrix: Callable[[slice], Array]) -> float:
    """Return half of P* A P per cell; modes that stand for two count twice."""
    nz = model.grid.shape[2]
    weight = np.full(model.grid.mode_shape[2], 2.0)
    weight[0] = 1.0
    if nz % 2 == 0:
        weight[nz // 2] = 1.0
    whole = 0.0
    for block in model.grid.blocks():
        p = modes[:, block]
        Ap = np.einsum("xyzij,jxyz->ixyz", matrix(block), p)
        whole += float((np.sum(np.conj(p) * Ap, axis=0).real @ weight).sum())
    return 0.5 * whole / model.grid.size**2


def film_by_term(model: FilmModel, P: Array, applied: float) -> dict[str, float]:
    """Return the mean density of each term over a film, J/m^3; applied field in V/m."""
    landau = polynomial.energy_density(P.reshape(1, 3, -1), model.landau[None])
    out = {
        "landau": float(landau.mean()),
        "gradient": _film_quadratic(model, P, model.gradient_matrix),
        "electrostatic": _film_quadratic(model, P, model.electrostatic_matrix),
        "elastic": 0.0 if model.elasticity is None else _film_elastic(model, P),
        "applied": -float(P[2].mean()) * applied,
        "disorder": 0.0,
    }
    if model.local_field is not None:
        out["disorder"] = -float(np.sum(model.local_field * P) / model.grid.size)
    return out


def _film_elastic(model: FilmModel, P: Array) -> float:
    """Return that of the mean of each plane and of the waves around it."""
    assert model.elasticity is not None
    s, e0 = model.stress(P), model.spontaneous_strain(P)
    mean, mean0 = (x.mean(axis=(1, 2), keepdims=True) for x in (s, e0))
    S = model.elasticity.compliance
    plane = np.einsum("inmz,ij,jnmz->", mean, S, mean) / model.shape[2]
    return 0.5 * float(plane - np.sum((s - mean) * (e0 - mean0)) / model.grid.size)


def _film_quadratic(model: FilmModel, P: Array, matrix: Array) -> float:
    linear = model.backward(np.einsum("kij,kj->ki", matrix, model.forward(P)))
    return 0.5 * float(np.sum(P * linear)) / model.grid.size
