"""Where a simulating stage starts or goes on: walkers and their random streams in a checkpoint."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from multiscale.atoms.driving import ExternalField
from multiscale.atoms.dynamics import State, dynamics, initial_state
from multiscale.atoms.generators import pack_generators, unpack_generators
from multiscale.stages.options import Checkpoint
from multiscale.stages.simulation import SimulationOptions, Walkers

Arrays = Mapping[str, NDArray[Any]]


def packed(state: State, walkers: Walkers) -> dict[str, NDArray[Any]]:
    """Return a state and the random streams of its walkers as named arrays."""
    # By a prefix: what is recorded along a run has a cell and a stress too.
    arrays = {f"state_{name}": value for name, value in state.arrays().items()}
    return {**arrays, "generators": pack_generators(walkers.generators)}


def resumed(arrays: Arrays, walkers: Walkers) -> State:
    """Return the state that packed() made arrays of, and give walkers its random streams."""
    walkers.generators[:] = unpack_generators(arrays["generators"])
    return State.from_arrays(
        {k.removeprefix("state_"): v for k, v in arrays.items() if k.startswith("state_")}
    )


def states_of(
    options: SimulationOptions,
    walkers: Walkers,
    electric_field: ExternalField,
    checkpoint: Checkpoint | None,
    restore: Callable[[Arrays], None],
) -> Iterator[State]:
    """Yield the states from the start, or from after the checkpoint, to the last step.

    Parameters
    ----------
    options : SimulationOptions
        Time step and number of the last step.
    walkers : Walkers
    electric_field : Tensor, callable or None
        See dynamics().
    checkpoint : Checkpoint or None
    restore : callable
        Takes the checkpoint's arrays, for what grows along the run besides the state.
    """
    saved = checkpoint.load() if checkpoint is not None else None
    simulated = (walkers.engine, walkers.system, walkers.ensemble)
    settings: dict[str, Any] = {
        "timestep": options.timestep,
        "kT": walkers.kT,
        "generators": walkers.generators,
        "electric_field": electric_field,
    }
    if saved is None:
        start = initial_state(*simulated, **settings)
        yield start
    else:
        restore(saved)
        start = resumed(saved, walkers)
    steps = dynamics(*simulated, **settings, state=start)
    yield from islice(steps, options.last_step - start.step)
