"""Well-tempered metadynamics of one to three collective variables, shared by a batch of walkers.

Every pace steps each walker leaves a hill of height w exp(-V(s)/(kT (gamma-1))) (Barducci, Bussi
and Parrinello, Phys. Rev. Lett. 100, 020603 (2008)). As with PLUMED's multiple walkers, all heights
of one deposit are taken from the bias before it, the hills are then added in the order of the
walkers (with symmetry: the images, walker by walker) and are felt from the next step on; step 0
leaves none. The cost of a step does not depend on how many hills there are.

Grid spacing unless given: sigma/5 in one dimension, sigma/4 in two, sigma/3 in three. Three
dimensions, P up to 1.3 C/m^2 and sigma 0.08: 98^3 nodes, 59 MiB; with symmetric hills only the
positive octant is held, 8 MiB.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.deposits import Exchange, Hills, join, no_steps, round_heights
from multiscale.sampling.grid import BiasGrid
from multiscale.sampling.images import cubic_images
from multiscale.sampling.walls import BoxWall, Wall

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = ["Hills", "Metadynamics", "WellTempered", "round_heights"]

NODES_PER_SIGMA = {1: 5, 2: 4, 3: 3}


@dataclass(frozen=True)
class WellTempered:
    """The settings of a well-tempered run, checked once.

    Attributes
    ----------
    sigma : tuple of float
        Width of the hills along each collective variable, in its unit; d = 1, 2 or 3 of them.
    height : float
        First height w in eV.
    pace : int
        Steps between deposits.
    bias_factor : float
        gamma > 1; the bias converges to -(1 - 1/gamma) F.
    kT : float
        In eV.
    wall : Wall, BoxWall or None
        Flat-bottom wall added to the bias of the hills.
    upper : tuple of float or None
        Upper corner of the grid; None: the wall's limit and a margin that thermal motion fills.
    lower : tuple of float or None
        Lower corner; None: -upper, or that of a BoxWall with its margin.
    spacing : tuple of float or None
        Largest distance between nodes; None: sigma/5, /4, /3 in 1, 2, 3 dimensions.
    symmetric : bool
        Whether each hill comes with all its images under the cubic group (signs and permutations).
    n_walkers : int
    first_step : int
        No hills at this step or before; deposits come every pace steps after it.

    Raises
    ------
    ValueError
        If any setting is impossible, or the grid does not resolve the hills or cover the wall.
    """

    sigma: tuple[float, ...]
    height: float
    pace: int
    bias_factor: float
    kT: float  # noqa: N815
    wall: Wall | BoxWall | None = None
    upper: tuple[float, ...] | None = None
    lower: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    symmetric: bool = False
    n_walkers: int = 1
    first_step: int = 0

    def __post_init__(self) -> None:
        """Check every setting against its neighbours."""
        _require("bias_factor", self.bias_factor, self.bias_factor > 1, "a number above 1")
        _require("height", self.height, self.height > 0, "a positive energy in eV")
        _require("kT", self.kT, self.kT > 0, "a positive energy in eV")
        _require("pace", self.pace, self.pace >= 1, "at least 1 step")
        _require("n_walkers", self.n_walkers, self.n_walkers >= 1, "at least 1 walker")
        widths = len(self.sigma) in (1, 2, 3) and min(self.sigma) > 0
        _require("sigma", self.sigma, widths, "one to three positive widths")
        for name in ("upper", "lower", "spacing"):
            given = getattr(self, name)
            fits = given is None or len(given) == len(self.sigma)
            _require(name, given, fits, f"{len(self.sigma)} numbers, one for each sigma")
        self._check_grid()

    def _check_grid(self) -> None:
        lower, upper = self.box
        if (np.array(self.sigma) < self.grid_spacing).any():
            raise ValueError(
                f"sigma is {self.sigma}, below the grid spacing {tuple(self.grid_spacing)}, "
                "expected at least one node a sigma. Widen sigma or refine the grid."
            )
        if self.wall is not None:
            first, last = self.wall.corners(len(self.sigma))
            if (upper < last).any() or (lower > first).any():
                raise ValueError(
                    f"the grid runs from {tuple(lower)} to {tuple(upper)}, expected it to cover "
                    f"the wall at {self.wall.where}. Enlarge the grid or lower the wall."
                )
        cubic = len(set(self.sigma)) == 1 and not (lower + upper).any() and not np.ptp(upper)
        if self.symmetric and not cubic:
            raise ValueError(
                f"sigma is {self.sigma} on a grid from {tuple(lower)} to {tuple(upper)}, expected "
                "equal widths and a grid symmetric about zero for symmetric hills. Make them equal."
            )

    @property
    def box(self) -> tuple[Array, Array]:
        """Return the lower and upper corner of the grid."""
        lower = None
        if self.upper is not None:
            upper = np.array(self.upper, dtype=float)
        elif self.wall is not None:
            margin = 4 * np.sqrt(self.kT / np.array(self.wall.stiffness)) + 2 * np.array(self.sigma)
            first, last = self.wall.corners(len(self.sigma))
            lower, upper = first - margin, last + margin
        else:
            raise ValueError(
                "upper is None without a wall, expected the extent of the grid. "
                "Give upper or a wall."
            )
        if self.lower is not None:
            lower = np.array(self.lower, dtype=float)
        return (-upper if lower is None else lower), upper

    @property
    def grid_spacing(self) -> Array:
        """Return the largest distance between nodes along each dimension."""
        if self.spacing is not None:
            return np.array(self.spacing, dtype=float)
        return np.array(self.sigma) / NODES_PER_SIGMA[len(self.sigma)]

    def make_grid(self) -> BiasGrid:
        """Return the empty grid: the box, or with symmetric hills its positive octant."""
        lower, upper = self.box
        return BiasGrid(0 * lower if self.symmetric else lower, upper, self.grid_spacing)

    def numbers(self) -> Array:
        """Return all settings as one row of numbers, to be kept beside the hills they made."""
        own = [self.height, self.pace, self.bias_factor, self.kT, self.n_walkers, self.first_step]
        rows: list[object] = [own, [self.symmetric], *self.box, self.grid_spacing, self.sigma]
        if self.wall is not None:
            rows += [np.ravel(self.wall.stiffness), *self.wall.corners(len(self.sigma))]
        return np.concatenate([np.asarray(row, dtype=np.float64) for row in rows])

    def deposits_at(self, step: int) -> bool:
        """Return whether hills are left at a step."""
        return step > self.first_step and (step - self.first_step) % self.pace == 0

    def images(self, centers: Array) -> Array:
        """Return the images (n_images, d) of centers (n, d), center by center."""
        return cubic_images(centers) if self.symmetric else centers

    def add_to(self, grid: BiasGrid, centers: Array, heights: Array) -> None:
        """Add hills and their images to a grid, in the order that defines the bias bit by bit."""
        images = self.images(centers)
        repeat = len(images) // max(len(centers), 1)
        grid.add(images, np.array(self.sigma), np.repeat(heights, repeat))


class Metadynamics:
    """The history-dependent bias: call it with values and a step, and it answers and learns.

    Calling it again with the same step gives the same answer: hills of a step are added when the
    first later step arrives. Satisfies Bias.

    Parameters
    ----------
    settings : WellTempered
    exchange : Exchange, optional
        Shares the hills with other processes; without, the bias is this object's own.
    """

    def __init__(self, settings: WellTempered, exchange: Exchange | None = None) -> None:
        self.settings = settings
        self.exchange = exchange
        self.grid = settings.make_grid()
        d = len(settings.sigma)
        self._hills = [Hills(no_steps(), no_steps(), np.zeros((0, d)), np.zeros(0))]
        self._pending: Hills | None = None

    def __call__(self, values: Array, step: int) -> tuple[Array, Array]:
        """Return bias energies (n,) in eV and forces (n, d) at values (n, d) of n walkers.

        Raises
        ------
        ValueError
            If the number of walkers or dimensions is not that of the settings, or a value is NaN.
        """
        self._check(values)
        if self._pending is not None and step > self._pending.step[0]:
            self.commit()
        energy, force = self.evaluate(values)
        if self.settings.deposits_at(step):
            self._pending = self._deposit(values, energy, step)
        if self.settings.wall is not None:
            wall_energy, wall_force = self.settings.wall(values, step)
            return energy + wall_energy, force + wall_force
        return energy, force

    def evaluate(self, values: Array) -> tuple[Array, Array]:
        """Return energies (n,) and forces (n, d) of the hills alone, without learning."""
        energy, gradient = self.grid.evaluate(values, folded=self.settings.symmetric)
        return energy, -gradient

    @property
    def hills(self) -> Hills:
        """Return the hills that the bias holds."""
        if len(self._hills) > 1:
            self._hills = [join(self._hills)]
        return self._hills[0]

    def commit(self) -> None:
        """Add the hills of the last deposit to the bias now."""
        if self._pending is not None:
            new = self._pending if self.exchange is None else self.exchange(self._pending)
            self.settings.add_to(self.grid, new.center, new.height)
            self._hills.append(new)
            self._pending = None

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return everything that a restart needs as named arrays.

        The grid is not among them: restore adds the hills again in their order, which gives the
        same bits, so that hills and grid cannot be out of step.
        """
        pending = self._pending or Hills(no_steps(), no_steps(), self.hills.center[:0], np.zeros(0))
        arrays = {f"hill_{k}": v for k, v in self.hills._asdict().items()}
        arrays |= {f"pending_{k}": v for k, v in pending._asdict().items()}
        arrays["settings"] = self.settings.numbers()
        return arrays if self.exchange is None else arrays | {"exchanged": self.exchange.state()}

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Become the bias whose state() gave these arrays.

        Raises
        ------
        ValueError
            If that was a bias of other settings.
        """
        hills = Hills(*(np.asarray(arrays[f"hill_{k}"]) for k in Hills._fields))
        pending = Hills(*(np.asarray(arrays[f"pending_{k}"]) for k in Hills._fields))
        if hills.center.shape[1:] != (len(self.settings.sigma),):
            raise ValueError(
                f"hills have shape {hills.center.shape}, expected {len(self.settings.sigma)} "
                "components. Restart with the settings of the first run."
            )
        if not np.array_equal(arrays["settings"], self.settings.numbers()):
            raise ValueError(
                "the checkpoint's bias has other settings (sigma, height, pace, bias factor, "
                "temperature, walkers, walls or grid), expected the same. Restart with the "
                "settings of the first run, or without the checkpoint."
            )
        self.grid.table[:] = 0.0
        self.settings.add_to(self.grid, hills.center, hills.height)
        self._hills = [hills]
        self._pending = pending if len(pending.step) else None
        if self.exchange is not None:
            self.exchange.restore(np.asarray(arrays["exchanged"], dtype=np.int64))

    def _deposit(self, values: Array, energy: Array, step: int) -> Hills:
        s = self.settings
        height = s.height * np.exp(-energy / (s.kT * (s.bias_factor - 1)))
        n = len(values)
        return Hills(np.full(n, step), np.arange(n), np.array(values), round_heights(height))

    def _check(self, values: Array) -> None:
        expected = (self.settings.n_walkers, len(self.settings.sigma))
        if values.shape != expected:
            raise ValueError(
                f"collective variables have shape {values.shape}, expected {expected} (walkers, "
                "dimensions). Make settings and batch agree."
            )
        if not math.isfinite(values.sum()):  # one NaN or infinity is enough; runs every step
            raise ValueError(
                f"collective variables are {values.tolist()}, expected finite numbers. The "
                "dynamics blew up: shorten the time step or check the structure."
            )


def _require(name: str, value: object, ok: bool, expected: str) -> None:
    if not ok:
        raise ValueError(f"{name} is {value!r}, expected {expected}. Correct the setting.")
