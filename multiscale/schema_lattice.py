"""What the stages on the lattice of modes write. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional, optional_with_error

_WALKERS = "run walker"

WALLS = {
    "wall_position": Variable(
        f"{_WALKERS} wall time", "angstrom", "position of the wall, unwrapped", finite=False
    ),
    "wall_side": Variable("wall", "1", "direction in which a positive field drives the wall"),
    "temperature": Variable("run", "K", "temperature"),
    "electric_field": Variable("run", "V/m", "electric field along the domain that grows"),
    "wall_area": Variable("run", "angstrom^2", "area of one wall"),
    "lattice_period": Variable("run", "angstrom", "distance of the planes of cells"),
    "domain_polarization": Variable(
        "run", "C/m^2", "polarization of the domains along the field", limit=5.0
    ),
    "sound_samples": Variable(_WALKERS, "1", "samples before the walls were lost"),
    "condition": Variable(_WALKERS, "1", "0 two walls to the end, 1 they met, 2 nucleated"),
    **optional_with_error("run", "m/s", "velocity of a wall along the drive", "velocity"),
    "moves": Variable("run", "1", "whether the walls move"),
    "profile": optional("run plane", "angstrom", "mean mode along the domains, at the end", False),
}
