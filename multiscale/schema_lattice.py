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
    "mode_profile": optional(
        "run plane", "angstrom", "mean mode along the domains, at the end", False
    ),
}

NUCLEI = {
    "radius": Variable(f"{_WALKERS} time", "1", "radius of the round domain in cells"),
    "start_radius": Variable("run", "1", "radius at the start in cells"),
    "temperature": Variable("run", "K", "temperature"),
    "electric_field": Variable("run", "V/m", "electric field along the domain"),
    "fate": Variable(_WALKERS, "1", "1 it grew, -1 it vanished, 0 neither"),
    "lattice_period": Variable("run", "angstrom", "distance of the planes of cells"),
    "domain_polarization": Variable("run", "C/m^2", "polarization of the domains", limit=5.0),
    "critical_radius": Variable(
        "run", "1", "radius from which nuclei grow, in cells", finite=False
    ),
    "critical_radius_stderr": Variable("run", "1", "half of the range of cuts", finite=False),
}

_MEAN = "temperature wave"
STRUCTURE = {
    "structure_factor": Variable(f"{_MEAN} axis axis_b", "angstrom^2", "structure factor of modes"),
    "reduced_wave_vector": Variable("wave axis", "1", "wave vector times the lattice constant"),
    "path": Variable("wave", "1", "length along Gamma-X-M-R-Gamma"),
    "felt_stiffness": Variable(
        f"{_MEAN} mode", "eV/angstrom^2", "kT over the eigenvalues of S", finite=False
    ),
    "hessian": Variable("wave mode", "eV/angstrom^2", "eigenvalues of the Hessian at u = 0"),
    **optional_with_error(_MEAN, "1", "trace of S H over 3 kT", "equipartition"),
    **optional_with_error(
        "temperature", "1", "correlation length of transverse modes, cells", "correlation_length"
    ),
}

_CELLS = "cell_x cell_y cell_z"
DOMAINS = {
    "variant": Variable(
        f"temperature walker {_CELLS}", "1", "variant of each cell at the end, -1 none"
    ),
    "local_polarization": Variable(
        f"temperature walker {_CELLS} axis", "C/m^2", "polarization of each cell at the end"
    ),
    "share": Variable("temperature walker time variant_name", "1", "share of cells in a variant"),
    "density": Variable("temperature component axis", "m^2/C", "distribution of local P"),
    "order": Variable(
        "temperature axis", "1", "<P^4>/<P^2>^2: 3 displacive, 1 two sites", finite=False
    ),
    "site": Variable("temperature octant", "1", "share of cells in each of eight <111> sites"),
    "cell_edge": Variable("temperature axis", "angstrom", "edges of a cell"),
}
