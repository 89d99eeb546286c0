"""What stage lattice_fit writes. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional

_ONE = "configuration"
_PER_CELL = "eV"
_WELL = "source direction"

LATTICE_FIT = {
    "parameter_value": Variable("parameter", "1", "parameter, in its parameter_units"),
    "parameter_stderr": Variable("parameter", "1", "standard error of the parameter"),
    "parameter_covariance": Variable("parameter parameter_b", "1", "covariance of the parameters"),
    "pattern": Variable("site axis axis_b", "1", "displacement of a site by a unit mode"),
    "kind": Variable(_ONE, "1", "kind: uniform 0, wave 1, warm 2"),
    "unseen": Variable(_ONE, "1", "1 of configurations that the fit did not learn from"),
    "cells": Variable(_ONE, "1", "cells of the configuration"),
    "cell_energy": Variable(_ONE, _PER_CELL, "energy per cell of the potential"),
    "cell_energy_model": Variable(_ONE, _PER_CELL, "energy per cell of the lattice"),
    "force": Variable(_ONE, "eV/angstrom", "root-mean-square force on the modes"),
    "force_error": Variable(_ONE, "eV/angstrom", "root-mean-square error of the force"),
    "stress_error": Variable(_ONE, "GPa", "largest error of a stress component"),
    "mode_amplitude": Variable(_ONE, "angstrom", "root-mean-square mode"),
    "remainder": Variable(_ONE, "angstrom", "root-mean-square displacement beside the modes"),
    "dipole_lost": Variable(_ONE, "e*angstrom", "dipole per cell beside the modes"),
    "energy_error": Variable("part", _PER_CELL, "root-mean-square error of the energy per cell"),
    "energy_error_stderr": Variable("part", _PER_CELL, "its standard error", finite=False),
    "energy_bias": Variable("part", _PER_CELL, "mean error of the energy per cell"),
    "energy_spread": Variable("part", _PER_CELL, "standard deviation of the energy per cell"),
    "mode_force": Variable("part", "eV/angstrom", "root-mean-square force on the modes"),
    "mode_force_error": Variable("part", "eV/angstrom", "root-mean-square error of the force"),
    "variant_error": optional("variant", _PER_CELL, "energy error of another fit", False),
    "well_energy": Variable(_WELL, _PER_CELL, "energy of the well", finite=False),
    "well_mode": Variable(_WELL, "angstrom", "mode in the well", finite=False),
    "well_polarization": Variable(_WELL, "C/m^2", "polarization in the well", finite=False),
    "well_strain": Variable(f"{_WELL} voigt", "1", "strain in the well", finite=False),
}
