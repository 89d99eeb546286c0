"""The settings of well-tempered metadynamics, checked against each other before a run.

Grid spacing unless given: sigma/5 in one dimension, sigma/4 in two, sigma/3 in three. Three
dimensions, P up to 1.3 C/m^2 and sigma 0.08: 98^3 nodes, 59 MiB; with symmetric hills only the
positive octant is held, 8 MiB. On these grids the bias is within 1e-5 (1-D) to 1e-4 (3-D) of the
sum of its hills; on_grid = False sums them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.grid import BiasGrid
from multiscale.sampling.hill_sum import HillSum
from multiscale.sampling.images import cubic_images
from multiscale.sampling.walls import BoxWall, Wall

Array = NDArray[np.float64]

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
    on_grid : bool
        Whether the bias is interpolated; if not, every hill is summed at every step: exact, and
        slower the more hills there are.
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
    on_grid: bool = True
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
        if self.on_grid:
            self._check_grid()
        self._check_symmetry()

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

    def _check_symmetry(self) -> None:
        lower, upper = self.box
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

    def empty_bias(self) -> BiasGrid | HillSum:
        """Return what holds the bias: a grid over the box (with symmetric hills over its positive
        octant), or the list of hills.
        """
        if not self.on_grid:
            return HillSum(len(self.sigma))
        lower, upper = self.box
        return BiasGrid(0 * lower if self.symmetric else lower, upper, self.grid_spacing)

    def numbers(self) -> Array:
        """Return all settings as one row of numbers, to be kept beside the hills they made."""
        own = [self.height, self.pace, self.bias_factor, self.kT, self.n_walkers, self.first_step]
        rows: list[object] = [own, [self.symmetric], *self.box, self.grid_spacing, self.sigma]
        if self.wall is not None:
            rows += [np.ravel(self.wall.stiffness), *self.wall.corners(len(self.sigma))]
        if not self.on_grid:
            rows.append([self.on_grid])
        return np.concatenate([np.asarray(row, dtype=np.float64) for row in rows])

    def deposits_at(self, step: int) -> bool:
        """Return whether hills are left at a step."""
        return step > self.first_step and (step - self.first_step) % self.pace == 0

    def images(self, centers: Array) -> Array:
        """Return the images (n_images, d) of centers (n, d), center by center."""
        return cubic_images(centers) if self.symmetric else centers

    def add_to(self, bias: BiasGrid | HillSum, centers: Array, heights: Array) -> None:
        """Add hills and their images to a bias, in the order that defines it bit by bit."""
        images = self.images(centers)
        repeat = len(images) // max(len(centers), 1)
        bias.add(images, np.array(self.sigma), np.repeat(heights, repeat))


def _require(name: str, value: object, ok: bool, expected: str) -> None:
    if not ok:
        raise ValueError(f"{name} is {value!r}, expected {expected}. Correct the setting.")
