"""What the stages on lattices of dipoles write. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional

_MASS = "eV*ps^2/e^2/angstrom^2"

DIPOLES = {
    "interaction": Variable(
        "interaction_term", "1", "coefficient of the mean force, eV and e*angstrom"
    ),
    "interaction_stderr": Variable("interaction_term", "1", "its standard error"),
    "moduli": Variable("modulus", "1", "c12/c11 and c44/c11 of the strain that couples dipoles"),
    "decay": Variable("atom", "1/ps", "rate of decay of an atom of the kernel"),
    "frequency": Variable("atom", "1/ps", "angular frequency of an atom of the kernel"),
    "part": Variable("atom", "1", "0 relaxation, 1 g+ of an oscillation, 2 g-"),
    "coupling": Variable("atom shell", "1/ps", "coupling of an atom to shells of neighbours"),
    "coupling_stderr": Variable("atom shell", "1/ps", "its standard error"),
    "friction": Variable("step", "1/ps", "friction between cells a step apart"),
    "friction_stderr": Variable("step", "1/ps", "its standard error"),
    "dipole_mass": Variable("", _MASS, "mass of a dipole"),
    "dipole_mass_stderr": Variable("", _MASS, "its standard error"),
    "bath_friction": Variable("", "1/ps", "friction of the thermostat, beside the kernel"),
    "kelvin": Variable("", "K", "temperature of the run"),
    "cell_volume": Variable("", "angstrom^3", "mean volume of a cell"),
}

DIPOLES_RUN = {
    "dipole": Variable("time axis", "e*angstrom", "mean dipole of a cell"),
    "polarization": Variable("time axis", "C/m^2", "polarization", limit=5.0),
    "potential_energy": Variable("time", "eV", "energy of the mean force"),
    "electric_field": Variable("time axis", "V/m", "electric field"),
    "kinetic_temperature": Variable("time", "K", "kinetic temperature"),
    "local_dipole": optional(
        "frame cell_x cell_y cell_z axis", "e*angstrom", "dipole of each cell in some frames"
    ),
    "frame_time": optional("frame", "ps", "time of these frames"),
}
