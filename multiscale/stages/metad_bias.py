"""The bias of stage metad in the form that dynamics takes, and what it sees of the walkers."""

import json
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from multiscale.atoms.cells import Cells, cell_dipoles, centred_cells, net_charges, whole_cells
from multiscale.atoms.dynamics import State
from multiscale.sampling import Bias, CellBias, Polarization, SiteBias
from multiscale.stages.metad_options import Options
from multiscale.stages.metad_variables import Crystal, build, units_of
from multiscale.stages.simulation import Walkers

Array = NDArray[np.float64]
RECORDED = "collective_variable"
NEUTRAL = 1e-3  # e; the Born charges of a unit cell may sum to so much


def bias_of(options: Options, walkers: Walkers, bias: Bias) -> CellBias:
    """Return a bias on the collective variables of the options.

    Parameters
    ----------
    options : Options
    walkers : Walkers
    bias : Bias
        A function of the values of the variables.

    Raises
    ------
    ValueError
        If cells are counted around an element that is not there once in each, or are charged, so
        that their dipoles depend on the origin.
    """
    if not options.variables:
        return CellBias(Polarization(options.components), bias)
    n_cells = int(np.prod(options.size))
    variable = build(options.variables, Crystal(walkers.reference, options.size, n_cells))
    if not variable.local:
        return CellBias(variable, bias)
    return SiteBias(variable, bias, _cells(options, walkers, n_cells))


def check(options: Options, walkers: Walkers) -> None:
    """Raise ValueError if a crystal has no unit cells such as the variables of the options need."""
    bias_of(options, walkers, _nothing)


def _nothing(values: Array, step: int) -> tuple[Array, Array]:  # noqa: ARG001
    return np.zeros(len(values)), np.zeros_like(values)


def values_of(bias: CellBias, state: State, walkers: Walkers) -> Array:
    """Return the values (walkers, d) of the variables that a bias acts on."""
    dipole = state.dipole
    if isinstance(bias, SiteBias):
        now = walkers.system.replace(positions=state.positions, cell=state.cell)
        dipole = cell_dipoles(now, bias.cells)
    return bias.variable(dipole.numpy(), state.cell.numpy()).values


def centred(options: Options, values: Array) -> Array:
    """Return values (..., d) whose sign tells the halves of their ranges, and of like size.

    Components of P are as they are; other variables are counted from the middle between their
    walls, in units of half that distance.
    """
    if not options.variables:
        return values
    lower, upper = (
        np.array([getattr(t, n) for t in options.variables]) for n in ("lower", "upper")
    )
    return np.asarray((values - 0.5 * (lower + upper)) / (0.5 * (upper - lower)))


def describe(options: Options) -> dict[str, Any]:
    """Return the attributes of a Dataset that say what was biased, if not the components of P."""
    if not options.variables:
        return {}
    tables = [table.model_dump(exclude_none=True) for table in options.variables]
    around = options.cell_centre or "none: as in the material record"
    return {
        "collective_variables": json.dumps(tables),
        "cells": f"fixed Born charges of material {options.material}; centre {around}",
    }


def unit_coordinate(options: Options) -> dict[str, Any]:
    """Return the coordinate cv_units, if not all variables are components of P."""
    return {"cv_units": ("cv", list(units_of(options.variables)))} if options.variables else {}


def _cells(options: Options, walkers: Walkers, n_cells: int) -> Cells:
    """Return how the atoms of one walker make up its unit cells."""
    system, centre = walkers.system, options.cell_centre
    n = system.n_atoms // system.n_systems
    cells = whole_cells(n, n_cells) if centre is None else _around(centre, walkers, n, n_cells)
    assert system.sites is not None
    net = float(np.abs(net_charges(system.sites.charges[:n].numpy(), cells)).max())
    if net > NEUTRAL:
        raise ValueError(
            f"Born charges of a unit cell sum to {net:.3g} e, expected less than {NEUTRAL}: its "
            "dipole depends on the origin. Choose another cell_centre."
        )
    return cells


def _around(centre: str, walkers: Walkers, n: int, n_cells: int) -> Cells:
    """Return cells around the atoms of an element, of which each has one."""
    system = walkers.system
    centres = (system.numbers[:n] == atomic_numbers.get(centre, 0)).numpy()
    if centres.sum() != n_cells:
        raise ValueError(
            f"cell_centre is {centre!r}, of which there are {centres.sum()} in {n_cells} cells, "
            "expected one in each. Name another element, or none."
        )
    assert system.sites is not None
    places = system.sites.scaled[:n].numpy() @ walkers.reference
    return centred_cells(places, walkers.reference, centres)
