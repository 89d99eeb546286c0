"""Stage mean_force: a potential -> free energy of the polarization by integrating its mean force.

Springs hold the polarization in windows, all of them side by side in one batch; the mean pull of
each spring is the mean force there, and its integral the free energy. The second method, held
against metadynamics. Each temperature is a task of its own.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from multiscale import materials, schema, units
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import State, dynamics, initial_state
from multiscale.atoms.system import Sites, System
from multiscale.sampling import CellBias, Polarization, Umbrella
from multiscale.stages.described import empty
from multiscale.stages.engines import Engine, origin, reset
from multiscale.stages.mean_force_doubts import doubt_windows
from multiscale.stages.mean_force_options import Options, springs
from multiscale.stages.mean_force_result import analyse
from multiscale.stages.options import Checkpoint, Progress, millikelvin, silent, stream
from multiscale.stages.resuming import packed, resumed
from multiscale.stages.simulation import Trajectory, Walkers, prepare
from multiscale.stages.temperatures import each_temperature, merge, split

Array = NDArray[np.float64]
__all__ = ["PARENTS", "Options", "merge", "run", "split", "springs"]

PARENTS: tuple[str, ...] = ()
BOOTSTRAP = 1_000_000  # last word of the key of the bootstrap's stream; walkers have the small ones


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
    engine: Engine | None = None,
) -> xr.Dataset:
    """-> free_energy along the line or over the grid of windows, its error, samples, and field.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Where a run of one temperature is kept and continued from, bit for bit.
    engine : Potential, ASE calculator or sequence of ASE calculators, optional
        What drives the atoms in place of options.potential; a sequence has one for each walker.

    Raises
    ------
    ValueError
        If potential, material or structure cannot be used, or a checkpoint is of another run.
    FloatingPointError
        If the simulation blows up.
    """
    return each_temperature(_run_temperature, options, progress, checkpoint, engine)


class _Run(NamedTuple):
    """What grows along a run: recorder, bias of the samples, (walkers, samples) eV; the springs."""

    trajectory: Trajectory
    bias: Array
    springs: Array  # (walkers, d + 1) centre and stiffness

    def arrays(self, state: State, walkers: Walkers) -> dict[str, NDArray[Any]]:
        """Return everything that a restart needs."""
        return {
            **packed(state, walkers),
            **self.trajectory.arrays,
            "bias": self.bias,
            "springs": self.springs,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], walkers: Walkers) -> State:
        """Take everything from a checkpoint and return the state to continue from."""
        self.trajectory.restore(arrays)
        if not np.array_equal(arrays["springs"], self.springs):
            raise ValueError(
                "checkpoint has other windows or another stiffness, expected the same: it belongs "
                "to other options. Delete it."
            )
        self.bias[:] = arrays["bias"]
        return resumed(arrays, walkers)


def _run_temperature(
    options: Options,
    progress: Progress,
    checkpoint: Checkpoint | None,
    potential: Potential | None,
) -> xr.Dataset:
    """Return the Dataset of the one temperature of options."""
    temperature = options.temperatures[0]
    umbrella = springs(options, temperature)
    n = len(umbrella.center)
    walkers = prepare(options.model_copy(update={"walkers": n}), temperature, potential)
    held = np.column_stack([umbrella.center, np.full(n, umbrella.stiffness)])
    sofar = _Run(Trajectory(n, options.samples), np.zeros((n, options.samples)), held)
    _simulate(options, walkers, umbrella, sofar, progress, checkpoint)
    generator = stream(options.seed, millikelvin(temperature), BOOTSTRAP)
    arrays = sofar.trajectory.arrays
    values = arrays["polarization"][..., options.components]
    found = analyse(options, umbrella, values, arrays["cell"], temperature, generator)
    ds = empty(temperature, options, walkers.definition)
    ds = ds.assign(sofar.trajectory.variables(walkers.reference))
    ds = ds.assign(bias=(("temperature", "walker", "time"), sofar.bias[None]))
    ds = ds.assign(found.variables).assign_attrs(
        stiffness=umbrella.stiffness, held=options.axes, **origin(walkers.engine)
    )
    if options.direction is not None:
        ds = ds.assign_attrs(direction=list(options.direction))
    return doubt_windows(schema.finish("mean_force", ds), options, umbrella, found, values)


def _simulate(
    options: Options,
    walkers: Walkers,
    umbrella: Umbrella,
    sofar: _Run,
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> None:
    """Run the held dynamics to its end, from a checkpoint if there is one."""
    field = np.array(options.electric_field) / units.V_PER_M
    settings: dict[str, Any] = {
        "timestep": options.timestep,
        "kT": walkers.kT,
        "generators": walkers.generators,
        "electric_field": walkers.kT.new_tensor(field) if field.any() else None,
        "bias": CellBias(Polarization(options.components), umbrella),
    }
    saved = checkpoint.load() if checkpoint else None
    if saved is not None:
        state = sofar.restore(saved, walkers)
    else:
        start = walkers._replace(system=polarized(options, walkers, umbrella.center))
        start = displaced(start, umbrella.center, options.components)
        state = initial_state(walkers.engine, start, walkers.ensemble, **settings)
        _record(options, walkers, sofar, state, field)
    steps = dynamics(walkers.engine, walkers.system, walkers.ensemble, state=state, **settings)
    for current in islice(steps, options.last_step - state.step):
        _record(options, walkers, sofar, current, field)
        if current.step % options.checkpoint_steps == 0:
            reset(walkers.engine)
            if checkpoint is not None and current.step < options.last_step:
                checkpoint.save(sofar.arrays(current, walkers))
            progress(current.step / max(options.last_step, 1))


def polarized(options: Options, walkers: Walkers, center: Array) -> System:
    """Return the system of the walkers along the soft mode: each at the P of its window.

    Atoms are the reference plus the polar displacements of the material along each held axis,
    scaled by P over that of the polar structure; the cells stay. Started from the polar structure,
    windows of the other sign would release several eV and melt.

    Parameters
    ----------
    options : Options
        Material, size and the d components held.
    walkers : Walkers
        Their system has the sites that P is counted from.
    center : array, shape (n, d)
        In C/m^2.
    """
    material, system = materials.load(options.material), walkers.system
    if system.sites is None:
        return system
    home = material.supercell(options.size).get_scaled_positions(wrap=False)
    scaled = np.repeat(home[None], len(center), axis=0)
    for component, wanted in zip(options.components, center.T, strict=True):
        polar = material.polar(options.size, axis=component)
        shift = polar.get_scaled_positions(wrap=False) - home
        sites = Sites(system.sites.scaled[: len(home)], system.sites.charges[: len(home)])
        one = System.from_ase(polar).replace(sites=sites)
        dipole = walkers.engine.evaluate(one, polarization=True).dipole
        if dipole is None or not np.abs(shift).max() > 0:
            continue
        P = float(dipole[0, component]) / abs(np.linalg.det(one.cell[0].numpy()))
        scaled += wanted[:, None, None] / (P * units.C_PER_M2) * shift
    index = system.system_index.numpy()
    positions = np.einsum("ia,iab->ib", scaled.reshape(-1, 3), system.cell.numpy()[index])
    return system.replace(positions=torch.from_numpy(positions))


def displaced(walkers: Walkers, center: Array, components: tuple[int, ...]) -> Any:
    """Return the system of the walkers with atoms moved so that P is near the windows' centres.

    The displacements are the smallest that make the missing dipole by the Born charges of the
    sites: a spring that pulled the crystal there from afar would heat it.

    Parameters
    ----------
    walkers : Walkers
    center : array, shape (n, d)
        In C/m^2.
    components : tuple of int
        The d components that center is about; the others stay.
    """
    system = walkers.system
    assert system.sites is not None
    dipole = walkers.engine.evaluate(system, polarization=True).dipole
    if dipole is None:
        return system
    cell = system.cell.numpy()
    wanted = dipole.detach().to("cpu", torch.float64).numpy().copy()
    volume = np.abs(np.linalg.det(cell))
    wanted[:, components] = center * volume[:, None] / units.C_PER_M2
    missing = wanted - dipole.detach().to("cpu", torch.float64).numpy()
    charges, index = system.sites.charges.numpy(), system.system_index.numpy()
    squares = np.zeros((len(center), 3, 3))
    np.add.at(squares, index, charges @ charges.transpose(0, 2, 1))
    push = np.linalg.solve(squares, missing[..., None])[..., 0]
    move = np.einsum("icd,ic->id", charges, push[index])
    return system.replace(positions=system.positions + torch.from_numpy(move))


def _record(options: Options, walkers: Walkers, sofar: _Run, state: State, field: Array) -> None:
    """Keep the state if its step is one of those recorded."""
    k, between = divmod(state.step - options.first_step, options.stride)
    if k >= 0 and between == 0:
        sofar.trajectory.record(k, state, walkers, field)
        sofar.bias[:, k] = state.bias_energy.numpy()
