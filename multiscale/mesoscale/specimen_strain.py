"""Stress on boxes and the mean strain of boxes and films under a drive. SI units."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.film import FilmModel
from multiscale.mesoscale.model import FieldModel

Array = NDArray[np.float64]


def stressed(model: FieldModel, drive: Array) -> FieldModel:
    """Return the model under the mean of the stress of a drive (steps + 1, 9); as is without."""
    if drive.shape[1] < 9:
        return model
    assert model.elasticity is not None
    stress = drive[:, 3:].mean(axis=0)
    return replace(model, elasticity=replace(model.elasticity, stress=stress))


def mean_strain(model: FieldModel | FilmModel, P: ArrayLike, drive: Array) -> Array:
    """Return the mean strain of a box or film, shape (6,), crystal axes, engineering shear.

    P has shape (3, cells), C/m^2; drive is that of `Boxes.advance`, its last row counts.
    """
    p = np.asarray(P, float).reshape(3, *model.grid.shape)
    assert model.elasticity is not None
    e0 = spontaneous_strain(model.elasticity, p)
    if isinstance(model, FilmModel):
        mean = model.stress(p).mean(axis=(1, 2, 3))
    else:
        elastic = stressed(model, drive[-1:]).elasticity
        assert elastic is not None
        mean = elastic.mean_stress(e0, model.grid)
    return np.asarray(e0 + model.elasticity.compliance @ mean)


def spontaneous_strain(elasticity: Elasticity, P: Array) -> Array:
    """Return the mean of Q P P, shape (6,); P of shape (3, nx, ny, nz), C/m^2."""
    q11, q12, q44 = elasticity.electrostriction
    x, y, z = P
    squares = np.array([np.mean(x * x), np.mean(y * y), np.mean(z * z)])
    mixed = np.array([np.mean(y * z), np.mean(x * z), np.mean(x * y)])
    normal = (q11 - q12) * squares + q12 * squares.sum()
    return np.concatenate([normal, q44 * mixed])
