"""Stage dipoles: a lattice of dipoles with memory, from an unbiased run of one temperature.

md with local_polarization -> interaction(interaction_term), the mean force of dipoles for lattices
of any size; decay, frequency, coupling(atom, shell), mass and friction, the memory kernel with the
noise that neighbours share. The variable is the dipole of a cell in e*angstrom.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from multiscale import gle, schema
from multiscale.gle.dipole_lattice import LatticeForce
from multiscale.gle.dipole_lattice_fit import fit_lattice_force
from multiscale.gle.dipole_lattice_kernel import (
    LatticeKernel,
    friction_between,
    friction_samples,
    lattice_passivity,
)
from multiscale.gle.dipole_lattice_memory import extract_lattice_kernel
from multiscale.stages.options import (
    Checkpoint,
    PerPicosecond,
    Picoseconds,
    Progress,
    StageOptions,
    silent,
)
from multiscale.units import C_PER_M2, KB

Array = NDArray[np.float64]
PARENTS = ("md",)
STEPS = {
    "on site": (0, 0, 0),
    "100": (1, 0, 0),
    "110": (1, 1, 0),
    "111": (1, 1, 1),
    "200": (2, 0, 0),
}
FEWEST_FRAMES = 80  # for the mean force
LARGEST_ERROR = 0.01  # of the mean force


class Options(StageOptions, frozen=True):
    """The [dipoles] table."""

    window: Picoseconds = Field(2.0, gt=0, description="longest lag of the kernel, ps")
    shells: int = Field(1, ge=0, le=3, description="farthest neighbours that share noise through B")
    n_modes: int = Field(6, ge=1, le=20, description="most modes of the kernel")
    order: int = Field(4, description="of the on-site polynomial: 2, 4, 6 or 8")
    dipole: bool = Field(True, description="whether dipoles interact at long range")
    moduli: tuple[float, float] | None = Field(
        None, description="c12/c11 and c44/c11: adds the interaction through acoustic strain"
    )
    every: Picoseconds = Field(
        0.1, gt=0, description="time between the configurations of the mean force, ps"
    )
    mean_force_error: float = Field(
        0.05,
        ge=0,
        le=1,
        description="relative uncertainty of the mean force's slope, refined with the kernel",
    )
    bath_friction: PerPicosecond | None = Field(
        None, ge=0, description="friction of the atoms in the run, 1/ps; default what md recorded"
    )
    n_bootstrap: int = Field(40, ge=2, le=1000, description="resamplings for the error bars")


def split(options: Options) -> list[Options]:
    """Return the only task."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    md: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - minutes of work need none
) -> xr.Dataset:
    """Fit mean force and memory of the dipoles of a run.

    Parameters
    ----------
    md : Dataset
        Unbiased run of one temperature with local_polarization, without a field; frames at least
        ten to the shortest period.
    options : Options

    Raises
    ------
    ValueError
        If the run has several temperatures, no local polarization or a field, is too short, or the
        fitted polynomial does not confine the dipoles.
    """
    md = schema.require(md, "md")
    runs, volume = dipoles_of(md)
    dt, T = gle.time_step(md["time"].values), float(md["temperature"].values[0])
    every = max(1, round(options.every / dt))
    frames = [frame for run in runs for frame in run[::every]]
    force = fit_lattice_force(
        frames, KB * T, order=options.order, dipole=options.dipole, moduli=options.moduli,
        n_blocks=20 if len(frames) >= FEWEST_FRAMES else max(2, len(frames) // 4),
    )  # fmt: skip
    progress(0.3)
    recorded = float(md.attrs.get("friction", 0.0))
    fit = extract_lattice_kernel(
        runs, dt, KB * T, force, window=options.window, shells=options.shells,
        n_modes=options.n_modes, mean_force_error=options.mean_force_error,
        bath_friction=recorded if options.bath_friction is None else options.bath_friction,
        n_bootstrap=options.n_bootstrap, seed=options.seed,
    )  # fmt: skip
    progress(1.0)
    return _doubts(pack(force, fit.kernel, T, volume), force, fit.kernel, len(frames))


def dipoles_of(md: xr.Dataset) -> tuple[list[NDArray[np.float32]], float]:
    """Return the dipoles of a run by walker, (n_frames, 3, Lx, Ly, Lz) e*angstrom, and V of a cell.

    Raises
    ------
    ValueError
        If the run has several temperatures, no local polarization, or a field.
    """
    if md.sizes["temperature"] != 1:
        raise ValueError(
            f"the md Dataset has {md.sizes['temperature']} temperatures, expected one. Choose one "
            "with md.sel(temperature=[T]), or run md at one."
        )
    if "local_polarization" not in md:
        raise ValueError(
            "the md Dataset has no local_polarization, expected the polarization of each cell. Run "
            'stage md with record = ["local_polarization"].'
        )
    if float(np.abs(md["electric_field"]).max()) > 0:
        raise ValueError(
            "electric_field of the md Dataset is not zero, expected equilibrium without a field. "
            "Give such a run: the field is added when the lattice is run."
        )
    one = md.isel(temperature=0)
    P = one["local_polarization"].transpose("walker", "time", "axis", "cell_x", "cell_y", "cell_z")
    volume = np.abs(np.linalg.det(one["cell"].transpose("walker", "time", "axis", "axis_b").values))
    cells = int(np.prod(P.shape[3:]))
    scale = (volume / cells / C_PER_M2)[..., None, None, None, None]
    d = (P.values * scale).astype(np.float32)
    return list(d), float(volume.mean() / cells)


def pack(force: LatticeForce, kernel: LatticeKernel, T: float, volume: float) -> xr.Dataset:
    """Return the Dataset of a model of dipoles at T (K) with cells of a volume (angstrom^3)."""
    k, j = kernel.rate.size, kernel.decay.size
    error = np.sqrt(np.diag(kernel.coupling_covariance)).reshape(kernel.coupling.shape)
    steps = np.array(list(STEPS.values()))
    spread = friction_samples(kernel, steps).std(0, ddof=1)
    data: dict[str, Any] = {
        "interaction": ("interaction_term", force.coefficients),
        "interaction_stderr": ("interaction_term", np.sqrt(np.diag(force.covariance))),
        "moduli": ("modulus", np.array(force.moduli)),
        "decay": ("atom", np.concatenate([kernel.rate, kernel.decay, kernel.decay])),
        "frequency": ("atom", np.concatenate([0 * kernel.rate, *2 * [kernel.frequency]])),
        "part": ("atom", np.repeat([0.0, 1.0, 2.0], [k, j, j])),
        "coupling": (("atom", "shell"), kernel.coupling),
        "coupling_stderr": (("atom", "shell"), error),
        "friction": ("step", friction_between(kernel, steps)),
        "friction_stderr": ("step", spread),
        "dipole_mass": kernel.mass,
        "dipole_mass_stderr": kernel.mass_stderr,
        "bath_friction": kernel.white,
        "kelvin": T,
        "cell_volume": volume,
    }
    coords = {"interaction_term": list(force.names), "step": list(STEPS)}
    return schema.finish("dipoles", xr.Dataset(data, coords=coords))


def unpack(ds: xr.Dataset) -> tuple[LatticeForce, LatticeKernel]:
    """Return mean force and kernel of a Dataset that `pack` made."""
    ds = schema.require(ds, "dipoles")
    names = tuple(map(str, ds["interaction_term"].values))
    zero = np.zeros((len(names), len(names)))
    c12, c44 = ds["moduli"].values.tolist()
    force = LatticeForce(names, ds["interaction"].values.astype(np.float64), zero, (c12, c44))
    part, decay, frequency = (ds[name].values for name in ("part", "decay", "frequency"))
    b = ds["coupling"].transpose("atom", "shell").values.astype(np.float64)
    return force, LatticeKernel(
        decay[part == 0], decay[part == 1], frequency[part == 1], b,
        np.diag(ds["coupling_stderr"].transpose("atom", "shell").values.ravel() ** 2),
        float(ds["dipole_mass"]), KB * float(ds["kelvin"]), float(ds["bath_friction"]),
        float(ds["dipole_mass_stderr"]),
    )  # fmt: skip


def _doubts(
    ds: xr.Dataset, force: LatticeForce, kernel: LatticeKernel, n_frames: int
) -> xr.Dataset:
    for check in kernel.checks:
        ds = schema.add_trust(
            ds, check.check, check.value, expected=check.expected, ok=check.ok,
            message=check.message,
        )  # fmt: skip
    wrong = force.relative_error
    ds = schema.add_trust(
        ds, "mean force", wrong, expected=f"below {LARGEST_ERROR}", ok=wrong < LARGEST_ERROR,
        message=f"the mean force is known within {100 * wrong:.1f} %: friction and mass take up "
        "what it lacks, several times over where friction is weak. Run longer or on more cells.",
    )  # fmt: skip
    margin = lattice_passivity(kernel)
    ds = schema.add_trust(
        ds, "passive", margin, expected=">= 0 at every wave and frequency", ok=margin >= -1e-9,
        message=f"the least Re K(k, i w) is {margin:.3g} 1/ps",
    )  # fmt: skip
    return schema.add_trust(
        ds, "configurations", n_frames, expected=f"at least {FEWEST_FRAMES}",
        ok=n_frames >= FEWEST_FRAMES, message="the mean force was fitted to this many frames",
    )  # fmt: skip
