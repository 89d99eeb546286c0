"""Raman activities of the normal modes at 0 K, by displacing atoms along them.

Porezag and Pederson, Phys. Rev. B 54, 7830 (1996): the derivative of the polarizability along a
mode is a central difference, and the activity of a powder is 45 a'^2 + 7 gamma'^2.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.driving import Potential
from multiscale.atoms.phonons import Modes
from multiscale.atoms.system import System

Array = NDArray[np.float64]
_BATCH = 6  # modes evaluated together


def mode_tensors(potential: Potential, system: System, modes: Modes, step: float = 0.02) -> Array:
    """Return the Raman tensors d(polarizability)/dQ of the modes.

    Parameters
    ----------
    potential : Potential
        Offers evaluate() with a polarizability.
    system : System
        One system, at rest.
    modes : Modes
        Its normal modes.
    step : float
        Longest displacement of an atom, angstrom.

    Returns
    -------
    array, shape (mode, 3, 3)
        In e*angstrom/V/sqrt(amu), for the whole cell; symmetric.

    Raises
    ------
    ValueError
        If the potential has no polarizability.
    """
    pattern = modes.vectors / np.sqrt(modes.mass)[None, :, None]
    length = step / np.linalg.norm(pattern, axis=2).max(axis=1)
    out = []
    for start in range(0, len(pattern), _BATCH):
        chosen = slice(start, start + _BATCH)
        move = pattern[chosen] * length[chosen, None, None]
        alpha = _polarizability(potential, system, np.concatenate([move, -move]))
        ahead, behind = np.split(alpha, 2)
        out.append((ahead - behind) / (2 * length[chosen, None, None]))
    tensors = np.concatenate(out)
    return np.asarray((tensors + np.swapaxes(tensors, 1, 2)) / 2)


def _polarizability(potential: Potential, system: System, moves: Array) -> Array:
    """Return the polarizabilities (move, 3, 3) after displacements (move, n_atoms, 3)."""
    copies = [system.replace(positions=system.positions + torch.from_numpy(m)) for m in moves]
    answer = potential.evaluate(
        System.concatenate(copies), forces=False, stress=False, polarizability=True
    )
    if answer.polarizability is None:
        raise ValueError(
            "the potential has no polarizability, expected one with an electronic response. "
            "Choose such a potential."
        )
    return np.asarray(answer.polarizability.detach().cpu().double().numpy())


def activities(tensors: Array) -> Array:
    """Return the Raman activity 45 a'^2 + 7 gamma'^2 of each mode, in the tensors' unit squared.

    a' is a third of the trace, gamma'^2 = 3/2 tr(R - a')^2; the depolarization ratio of a powder is
    3 gamma'^2 / (45 a'^2 + 4 gamma'^2).

    Parameters
    ----------
    tensors : array, shape (mode, 3, 3)
        From mode_tensors().
    """
    mean = np.trace(tensors, axis1=1, axis2=2) / 3
    beta = tensors - mean[:, None, None] * np.eye(3)
    return np.asarray(45 * mean**2 + 7 * 1.5 * (beta**2).sum(axis=(1, 2)))
