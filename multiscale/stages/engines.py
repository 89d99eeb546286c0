"""Potentials by name: what ships, a file of the user's, or a toy for quick trials."""

from collections.abc import Callable

import torch

from multiscale.atoms.driving import Potential
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.toy import ToyCrystal

TOYS: dict[str, Callable[[], Potential]] = {"toy-ferroelectric": ToyCrystal}
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def load_engine(name: str, dtype: str = "float32", device: str = "cpu") -> Potential:
    """Return the potential of that name, ready to evaluate.

    Parameters
    ----------
    name : str
        "toy-ferroelectric" (analytic, always float64 on the CPU), or what
        ElectricPotential.load() accepts: a shipped name or a folder.
    dtype : str
        "float32" or "float64".
    device : str
        A torch device.

    Raises
    ------
    ValueError
        If there is no such potential.
    """
    if name in TOYS:
        return TOYS[name]()
    return ElectricPotential.load(name, device=device, dtype=DTYPES[dtype])


def reset(engine: Potential) -> None:
    """Make an engine forget its caches, such as neighbour lists.

    Called at each checkpoint, saved or not: then a restarted run continues from the same (empty)
    caches as the one that never stopped, and sums pairs in the same order.
    """
    forget = getattr(engine, "reset", None)
    if forget is not None:
        forget()
