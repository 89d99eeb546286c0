"""Phonons at the zone centre of a cell, and the infrared and dielectric response of their charges.

The harmonic route at 0 K: forces of displaced atoms -> hessian -> modes; with Born charges the
modes' dipoles, infrared intensities and the permittivity of the lattice. Gonze and Lee, Phys. Rev.
B 55, 10355 (1997). The frequencies are transverse (TO): the cell is periodic and the macroscopic
field is zero. `with_direction` adds the field of a longitudinal wave (LO).
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.driving import Potential
from multiscale.atoms.system import System

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
_BATCH = 12  # structures evaluated together


class Modes(NamedTuple):
    """Normal modes.

    Attributes
    ----------
    wavenumber : array, shape (mode,)
        In 1/cm, ascending; negative if the mode is unstable.
    vectors : array, shape (mode, atom, 3)
        Orthonormal, mass-weighted: a displacement is vector / sqrt(mass).
    mass : array, shape (atom,)
        In amu.
    """

    wavenumber: Array
    vectors: Array
    mass: Array


def hessian(
    potential: Potential,
    system: System,
    step: float = 0.01,
    electric_field: torch.Tensor | None = None,
) -> Array:
    """Return the second derivatives of the energy by displacing every atom both ways.

    Parameters
    ----------
    potential : Potential
        Offers evaluate().
    system : System
        One system, at rest.
    step : float
        Displacement in angstrom.
    electric_field : Tensor, shape (3,), optional
        In V/angstrom; then it is the hessian of the enthalpy.

    Returns
    -------
    array, shape (3 n_atoms, 3 n_atoms)
        In eV/angstrom^2, symmetric, with the acoustic sum rule imposed by projecting translations
        out.

    Raises
    ------
    ValueError
        If there are several systems.
    """
    if system.n_systems != 1:
        raise ValueError(
            f"system holds {system.n_systems} systems, expected 1. Take them one by one."
        )
    n = 3 * system.n_atoms
    out = np.zeros((n, n))
    moves = [(k, sign) for k in range(n) for sign in (1, -1)]
    for start in range(0, len(moves), _BATCH):
        chosen = moves[start : start + _BATCH]
        forces = _displaced_forces(potential, system, chosen, step, electric_field)
        for (k, sign), force in zip(chosen, forces, strict=True):
            out[k] -= sign * force / (2 * step)
    return without_translations((out + out.T) / 2)


def _displaced_forces(
    potential: Potential,
    system: System,
    moves: list[tuple[int, int]],
    step: float,
    electric_field: torch.Tensor | None,
) -> Array:
    """Return the forces (move, 3 n_atoms) in eV/angstrom after moving one coordinate each."""
    copies = []
    for k, sign in moves:
        positions = system.positions.clone()
        positions.view(-1)[k] += sign * step
        copies.append(system.replace(positions=positions))
    answer = potential.evaluate(System.concatenate(copies), electric_field, stress=False)
    assert answer.forces is not None
    return np.asarray(answer.forces.detach().cpu().double().numpy()).reshape(len(moves), -1)


def without_translations(matrix: Array) -> Array:
    """Return a hessian (3n, 3n) whose rows sum to zero over atoms: the acoustic sum rule."""
    n = len(matrix) // 3
    away = np.eye(3 * n) - np.tile(np.eye(3), (n, n)) / n
    return np.asarray(away @ matrix @ away)


def normal_modes(matrix: Array, mass: Array) -> Modes:
    """Return the normal modes of a hessian.

    Parameters
    ----------
    matrix : array, shape (3 n_atoms, 3 n_atoms)
        In eV/angstrom^2.
    mass : array, shape (n_atoms,)
        In amu.
    """
    root = np.repeat(np.sqrt(mass * units.AMU), 3)
    square, vectors = np.linalg.eigh(matrix / root[:, None] / root)
    omega = np.sign(square) * np.sqrt(np.abs(square))
    wavenumber = omega / (2 * np.pi * units.LIGHT)
    return Modes(wavenumber, vectors.T.reshape(-1, len(mass), 3), np.asarray(mass))


def mode_charges(modes: Modes, born: Array) -> Array:
    """Return the dipole of each mode per mass-weighted displacement, e/sqrt(amu), (mode, 3).

    Parameters
    ----------
    modes : Modes
    born : array, shape (n_atoms, 3, 3)
        Born charges [polarization, displacement] in e; their sum is taken off evenly.
    """
    neutral = born - born.mean(axis=0)
    displacement = modes.vectors / np.sqrt(modes.mass)[None, :, None]
    return np.asarray(np.einsum("iab,kib->ka", neutral, displacement))


def infrared(modes: Modes, born: Array) -> Array:
    """Return the infrared intensity of each mode, |d(dipole)/dQ|^2 in e^2/amu, shape (mode,).

    Times 23.07 it is in (debye/angstrom)^2/amu, times 974.9 in km/mol.

    Parameters
    ----------
    modes : Modes
    born : array, shape (n_atoms, 3, 3)
        In e.
    """
    return np.asarray((mode_charges(modes, born) ** 2).sum(axis=1))


def lattice_permittivity(
    modes: Modes,
    born: Array,
    eps_inf: Array,
    volume: float,
    wavenumber: Array | None = None,
    damping: float = 0.0,
) -> ComplexArray:
    """Return eps(v) = eps_inf + sum_k Z_k Z_k / (eps0 V) / (w_k^2 - w^2 - i gamma w).

    At wavenumber 0 it is the static permittivity at fixed cell.

    Parameters
    ----------
    modes : Modes
        Translations, below 1e-3 of the highest mode, are left out.
    born : array, shape (n_atoms, 3, 3)
        In e.
    eps_inf : array, shape (3, 3)
        Electronic permittivity.
    volume : float
        Of the cell, angstrom^3.
    wavenumber : array, shape (wavenumber,), optional
        In 1/cm; default 0 alone.
    damping : float
        gamma/(2 pi c), the full width of each line, 1/cm.

    Returns
    -------
    complex array, shape (wavenumber, 3, 3)

    Raises
    ------
    ValueError
        If a mode is unstable: the structure is not at a minimum.
    """
    optical = np.abs(modes.wavenumber) > 1e-3 * np.abs(modes.wavenumber).max()
    optical[np.argsort(np.abs(modes.wavenumber))[:3]] = False
    if (lowest := modes.wavenumber[optical].min()) < 0:
        raise ValueError(
            f"the lowest mode is {-lowest:.1f}i 1/cm, expected stable modes. Relax the structure, "
            "or displace it along that mode and relax again."
        )
    charge = mode_charges(modes, born)[optical] / np.sqrt(units.AMU)
    nu = np.zeros(1) if wavenumber is None else np.asarray(wavenumber)
    square = modes.wavenumber[optical] ** 2 - nu[:, None] ** 2 - 1j * damping * nu[:, None]
    response = 1 / (square * (2 * np.pi * units.LIGHT) ** 2)
    found = np.einsum("wk,ka,kb->wab", response, charge, charge)
    return np.asarray(eps_inf + found / (units.EPSILON0_ATOMIC * volume))


def with_direction(
    matrix: Array, born: Array, eps_inf: Array, volume: float, direction: Array
) -> Array:
    """Return the hessian at wave vector q -> 0 along a direction: its modes include LO ones.

    The macroscopic field of a longitudinal wave adds
    (q Z_i)(q Z_j) / (eps0 V q eps_inf q) to the force constants.

    Parameters
    ----------
    matrix : array, shape (3 n_atoms, 3 n_atoms)
        In eV/angstrom^2.
    born : array, shape (n_atoms, 3, 3)
        In e.
    eps_inf : array, shape (3, 3)
        Electronic permittivity.
    volume : float
        Of the cell, angstrom^3.
    direction : array, shape (3,)
        Of q, any length.
    """
    charge = np.einsum("a,iab->ib", direction, born - born.mean(axis=0)).ravel()
    screening = units.EPSILON0_ATOMIC * volume * float(direction @ eps_inf @ direction)
    return np.asarray(matrix + np.outer(charge, charge) / screening)
