"""What the stage wall_drift writes. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional, optional_with_error

_MASS = "eV*ps^2/angstrom^2"
_CELL = "run cell_share"

WALL_DRIFT = {
    "temperature": Variable("run", "K", "temperature"),
    "electric_field": Variable("run", "V/m", "electric field along the domain that grows"),
    "velocity": Variable("run", "m/s", "velocity of the wall by its equation"),
    "velocity_stderr": Variable("run", "m/s", "standard error of the velocity"),
    "velocity_fit_stderr": Variable("run", "m/s", "share of force and kernel in it"),
    "velocity_sample": optional("sample run", "m/s", "velocity for draws of force and kernel"),
    "velocity_markov": optional("run", "m/s", "velocity without memory, the same friction"),
    **optional_with_error("run", "m/s", "velocity of the walls themselves", "velocity_direct"),
    "pinning_barrier": Variable("run", "eV", "barrier between neighbouring places of the wall"),
    "pinning_barrier_stderr": Variable("run", "eV", "standard error of the barrier"),
    "pinning_force": optional(_CELL, "eV/angstrom", "mean force on the wall along a cell"),
    "pinning_force_stderr": optional(_CELL, "eV/angstrom", "standard error of the mean force"),
    "pinning_energy": optional(_CELL, "eV", "its potential, from the start of the cell"),
    "wall_mass": Variable("run", _MASS, "mass of the wall"),
    "wall_mass_stderr": Variable("run", _MASS, "standard error of the mass"),
    "wall_friction": Variable("run", "1/ps", "integral of the kernel"),
    "wall_friction_stderr": Variable("run", "1/ps", "standard error of the friction"),
    "wall_kernel": Variable("run lag", "1/ps^2", "memory kernel of the wall"),
    "wall_kernel_stderr": optional("run lag", "1/ps^2", "standard error of the kernel"),
    "push": Variable("run", "eV/angstrom*m/V", "force on the wall over the field"),
    "cell_share": Variable("cell_share", "1", "place in the cell, share of the period"),
}
