"""What each stage's Dataset holds: names, dimensions, units. Data for `multiscale.schema`.

A dimension with a question mark may be absent. Polarization is multivalued: `definition` says how
it was computed and `reference_structure` from where the branch is counted; it is unwrapped in time.
"""

from multiscale.schema_dipoles import DIPOLES, DIPOLES_RUN
from multiscale.schema_gradient import FILM, GRADIENT
from multiscale.schema_landau import LANDAU
from multiscale.schema_lattice import DOMAINS, NUCLEI, STRUCTURE, WALLS
from multiscale.schema_lattice_fit import LATTICE_FIT
from multiscale.schema_spectra import SPECTRA
from multiscale.schema_variables import Stage, Variable, mixed, optional, optional_with_error
from multiscale.schema_walls import WALL_DRIFT

_RUN = "temperature walker time"
_GRID = "temperature px? py? pz? {cv}"
_BRANCH = ("definition", "reference_structure", "formula_units")


def _trajectory(required: bool) -> dict[str, Variable]:
    def more(dims: str, units: str, long_name: str) -> Variable:
        return Variable(dims, units, long_name, required=required)

    return {
        "polarization": Variable(f"{_RUN} axis", "C/m^2", "polarization", limit=5.0),
        "strain": more(f"{_RUN} voigt", "1", "strain from the cubic reference, engineering shear"),
        "cell": Variable(f"{_RUN} axis axis_b", "angstrom", "lattice vectors in rows"),
        "potential_energy": more(_RUN, "eV", "potential energy of the supercell"),
        "kinetic_temperature": more(_RUN, "K", "kinetic temperature"),
        "stress": more(f"{_RUN} voigt", "GPa", "stress, positive in tension"),
    }


_MD = {
    **_trajectory(required=True),
    "electric_field": Variable("time axis", "V/m", "applied electric field"),
    "local_polarization": optional(
        f"{_RUN} cell_x cell_y cell_z axis", "C/m^2", "polarization of each unit cell"
    ),
    "velocity": optional(f"{_RUN} atom axis", "angstrom/ps", "velocity of the atoms"),
    "extrapolation_grade": optional(_RUN, "1", "highest extrapolation grade of an atom"),
    "polarizability": optional(
        f"{_RUN} axis axis_b", "e*angstrom^2/V", "polarizability of the supercell"
    ),
    "atomic_number": optional("atom", "1", "atomic number"),
    "atomic_mass": optional("atom", "amu", "mass of the atoms"),
}

_METAD = {
    "free_energy": Variable(_GRID, "J/m^3", "free-energy density", finite=False),
    "free_energy_stderr": optional(_GRID, "J/m^3", "standard error of the free energy", False),
    "free_energy_sample": optional(
        f"sample {_GRID}", "J/m^3", "bootstrap samples of the free energy", False
    ),
    "free_energy_from_hills": optional(_GRID, "J/m^3", "free-energy density from hills", False),
    "volume": Variable("temperature", "angstrom^3", "mean volume of the supercell"),
    **_trajectory(required=True),
    "bias": Variable(_RUN, "eV", "bias potential"),
    "log_weight": Variable(_RUN, "1", "logarithm of the reweighting factor"),
    "hill_center": mixed("temperature hill cv", "C/m^2", "centre of the hill"),
    "hill_height": optional("temperature hill", "eV", "height of the hill", False),
    "hill_time": optional("temperature hill", "ps", "time of the hill", False),
    "hill_walker": optional("temperature hill", "1", "walker that put the hill", False),
    "sigma": mixed("cv", "C/m^2", "width of the hills", True),
    "collective_variable": mixed(f"{_RUN} cv", "C/m^2", "what the bias acts on"),
    "extrapolation_grade": optional(_RUN, "1", "highest extrapolation grade of an atom"),
    "coverage": optional("temperature", "1", "visited share of the grid"),
    "recrossings": optional("temperature", "1", "crossings from one sign of P to the other"),
    "hill_height_ratio": optional(
        "temperature time_block", "1", "hill height relative to the first", False
    ),
    "converged": optional("temperature", "1", "whether every check holds"),
    "offset_growth": optional("temperature", "1", "dc/d ln t over (gamma - 1) kT", False),
    "correlation_time": optional("temperature", "ps", "memory of the reweighted run"),
    "block_length": optional("temperature", "ps", "length of a block of the bootstrap"),
    "block_inflation": optional("temperature", "1", "variance that blocks miss, a factor"),
    "block_weight": optional("temperature sample block", "1", "weight of a block in a sample"),
    "error_of_blocks": optional(
        "temperature block_count", "1", "error of the free energy over kT", False
    ),
    "asymmetry": optional(
        "temperature", "1", "largest difference of images of the free energy over kT", False
    ),
    "asymmetry_stderr": optional(
        "temperature", "1", "standard error of the largest difference of images over kT", False
    ),
    "symmetry_p_value": optional(
        "temperature", "1", "how often chance breaks the symmetry as much", False
    ),
}

_LINE = f"{_GRID} along?"
_WINDOW = "temperature walker cv"

_MEAN_FORCE = {
    "free_energy": Variable(_LINE, "J/m^3", "free-energy density", finite=False),
    "free_energy_stderr": optional(_LINE, "J/m^3", "standard error of the free energy", False),
    "free_energy_sample": optional(
        f"sample {_LINE}", "J/m^3", "bootstrap samples of the free energy", False
    ),
    **optional_with_error(
        f"{_LINE} gradient", "V/m", "field that holds P, the free energy's slope", "conjugate_field"
    ),
    "volume": Variable("temperature", "angstrom^3", "mean volume of the supercell"),
    **_trajectory(required=True),
    "bias": Variable(_RUN, "eV", "energy of the spring"),
    "window_center": Variable("walker cv", "C/m^2", "centre of the spring"),
    **optional_with_error(_WINDOW, "C/m^2", "mean polarization in the window", "window_mean"),
    **optional_with_error(_WINDOW, "V/m", "mean force in the window, as a field", "window_field"),
    "window_overlap": optional("temperature walker", "1", "overlap with the next window"),
}

_COMPARISON = {
    "first": Variable(_LINE, "eV", "first free energy, per formula unit", finite=False),
    "second": Variable(_LINE, "eV", "second free energy, per formula unit", finite=False),
    **optional_with_error(_LINE, "eV", "first minus second, per formula unit", "difference"),
    "rms": Variable("temperature", "eV", "root mean square difference per formula unit"),
    "chi_square": Variable("temperature", "1", "chi^2 per point"),
    "p_value": Variable("temperature", "1", "how often errors alone differ as much"),
}

_GLE = {
    "kernel": Variable("temperature axis lag", "1/ps^2", "memory kernel"),
    "kernel_stderr": optional("temperature axis lag", "1/ps^2", "standard error of the kernel"),
    "mass": Variable("temperature axis", "eV*ps^2*m^4/C^2", "mass of the polarization"),
    "mass_stderr": optional("temperature axis", "eV*ps^2*m^4/C^2", "standard error of the mass"),
    "mass_sample": optional("sample temperature axis", "eV*ps^2*m^4/C^2", "samples of the mass"),
    "friction": Variable("temperature axis", "1/ps", "integral of the kernel"),
    "friction_stderr": optional("temperature axis", "1/ps", "standard error of the friction"),
    "friction_sample": optional("sample temperature axis", "1/ps", "samples of the friction"),
    "mean_polarization": optional("temperature axis", "C/m^2", "mean polarization"),
    "rate_real": Variable("temperature axis mode", "1/ps", "decay rate of the mode"),
    "rate_imag": Variable("temperature axis mode", "1/ps", "angular frequency of the mode"),
    "amplitude_real": Variable("temperature axis mode", "1/ps^2", "amplitude, real part"),
    "amplitude_imag": Variable("temperature axis mode", "1/ps^2", "amplitude, imaginary part"),
    "fdt_residual": optional(
        "temperature axis lag", "1", "force correlation over kernel, minus one", False
    ),
    "velocity_autocorrelation": optional(
        "temperature axis lag", "1", "velocity autocorrelation, normalised"
    ),
    "velocity_autocorrelation_model": optional(
        "temperature axis lag", "1", "the same from the embedded equation"
    ),
    "passivity_margin": optional("temperature axis", "1/ps", "least real part of K(iw)"),
    "fdt_frequency": optional("temperature axis band", "1/ps", "angular frequency of band", False),
    **optional_with_error(
        "temperature axis band", "1", "noise spectrum over 2 kT m Re K", "fdt_ratio"
    ),
    "j_statistic": optional("temperature axis", "1", "J of the test of over-identification"),
    "j_freedom": optional("temperature axis", "1", "degrees of freedom of J"),
    "j_p_value": optional("temperature axis", "1", "chance of a larger J if the equation holds"),
    "barrier_position": optional("temperature axis", "C/m^2", "top of the barrier", False),
    "barrier_frequency": optional("temperature axis", "1/ps", "sqrt(-U''/m) at the top", False),
    "grote_hynes_rate": optional("temperature axis", "1/ps", "rate z of Grote and Hynes", False),
    **optional_with_error(
        "temperature axis", "1/ps", "kernel K(z) at that rate", "grote_hynes_friction"
    ),
    "transmission": optional("temperature axis", "1", "rate over transition-state theory", False),
    "volume": Variable("temperature", "angstrom^3", "mean volume of the supercell"),
}

_LOOP = "loop time"
_HYSTERESIS = {
    "electric_field": Variable(_LOOP, "V/m", "electric field"),
    "polarization": Variable(f"{_LOOP} axis", "C/m^2", "polarization", limit=5.0),
    "strain": optional(f"{_LOOP} voigt", "1", "strain, engineering shear", False),
    "polarization_stderr": optional(f"{_LOOP} axis", "C/m^2", "standard error of the mean", False),
    "elapsed": optional(_LOOP, "ps", "time since the field was switched on"),
    "temperature": Variable("loop", "K", "temperature"),
    "frequency": Variable("loop", "Hz", "frequency of the field"),
    **optional_with_error("loop", "V/m", "", "coercive_field", "imprint"),
    **optional_with_error("loop", "C/m^2", "", "remanent_polarization", "saturation_polarization"),
    **optional_with_error("loop", "J/m^3", "energy lost per cycle", "loop_area"),
    "coercive_field": Variable("loop", "V/m", "coercive field", finite=False),
    "remanent_polarization": Variable("loop", "C/m^2", "remanent polarization", finite=False),
    "saturation_polarization": Variable("loop", "C/m^2", "saturation polarization", finite=False),
    "loop_area": Variable("loop", "J/m^3", "energy lost per cycle", finite=False),
    "coercive_field_fit_stderr": optional("loop", "V/m", "share of the Landau fit in it", False),
    "coercive_field_up": optional("loop", "V/m", "coercive field of the rising branch", False),
    "coercive_field_down": optional("loop", "V/m", "coercive field of the falling branch", False),
    "switched_fraction": optional("loop", "1", "share of loops that switched", False),
    "switched": Variable("loop", "1", "whether the loop switched"),
    "amplitude": optional("loop", "V/m", "largest field"),
    "half_length": optional("loop", "m", "half length of the cell, moving walls"),
    "internal_field": optional(_LOOP, "V/m", "field in the sample", False),
    "electric_displacement": optional(_LOOP, "C/m^2", "D along the field", False),
    "current_density": optional(_LOOP, "A/m^2", "current density, leakage included", False),
    **optional_with_error("loop", "C/m^2", "", "switched_polarization"),
    **optional_with_error("loop", "C/m^2", "", "nonswitched_polarization"),
    "pulse_charge": optional("loop pulse", "C/m^2", "charge of a pulse up to its end", False),
    "peak_field": optional("loop peak", "V/m", "field at a peak of the current", False),
    "peak_charge": optional("loop peak", "C/m^2", "charge of a peak of the current", False),
    "forc_density": optional(
        "loop reversal_field forc_field", "C/m^2/(V/m)^2", "density of reversal curves", False
    ),
    "preisach_density": optional(
        "loop coercivity bias", "C/m^2/(V/m)^2", "Preisach density", False
    ),
    "subloop_coercive_field": optional("loop subloop", "V/m", "of each amplitude", False),
    "power_law_exponent": optional("series", "1", "b of E_c = A f^b", False),
    "merz_activation_field": optional("series", "V/m", "of Merz walls in E_c(f)", False),
    "growth_dimension": optional("series", "1", "d of the collapse X = f^-d Phi(E)", False),
    "snapshot_field": optional("loop snapshot", "V/m", "field at each snapshot"),
    "polarization_field": optional(
        "loop snapshot x y z axis", "C/m^2", "polarization in the simulated volume"
    ),
}

_AT = _GRID.removeprefix("temperature ")
_THERMODYNAMICS = {
    "volume": Variable("temperature", "angstrom^3", "mean volume of the supercell"),
    **optional_with_error(_GRID, "eV", "energy of the supercell at P", "energy_at"),
    **optional_with_error(_GRID, "eV", "enthalpy of the supercell at P", "enthalpy_at"),
    **optional_with_error(_GRID, "eV/K", "entropy of the supercell at P", "entropy_at"),
    **optional_with_error(_GRID, "angstrom^3", "volume of the supercell at P", "volume_at"),
    **optional_with_error(f"{_GRID} voigt", "1", "strain at P", "strain_at"),
    **optional_with_error("temperature", "eV", "", "mean_energy", "mean_enthalpy"),
    **optional_with_error("temperature voigt", "1", "", "mean_strain"),
    **optional_with_error("temperature axis", "angstrom", "mean edges of the cell", "mean_edge"),
    **optional_with_error("temperature", "angstrom^3", "", "mean_volume"),
    **optional_with_error(
        f"interval {_AT}", "eV/K", "", "entropy_by_difference", "entropy_by_energy"
    ),
    **optional_with_error(
        f"interval {_AT}", "eV", "", "enthalpy_by_difference", "enthalpy_by_energy"
    ),
    "entropy_p_value": optional("interval", "1", "agreement of the two entropies", False),
    "enthalpy_p_value": optional("interval", "1", "agreement of the two enthalpies", False),
    **optional_with_error("", "K", "", "transition_temperature"),
    **optional_with_error("", "C/m^2", "jump of P at the transition", "transition_jump"),
    "curvature_temperature": optional("", "K", "where the curvature at P = 0 vanishes", False),
}

_SIZES = {
    "cells": Variable("size", "1", "unit cells of the supercell"),
    "length": Variable("size", "1", "unit cells along the longest axis"),
    "profile": optional("size temperature pz", "eV", "free energy per cell along [001]", False),
    "profile_stderr": optional("size temperature pz", "eV", "standard error of profile", False),
    **optional_with_error("temperature pz", "eV", "extrapolated free energy", "profile_infinite"),
    **optional_with_error("size temperature", "eV", "barrier per cell", "barrier"),
    **optional_with_error("size temperature", "1", "", "flatness"),
    **optional_with_error("temperature", "eV", "extrapolated barrier", "barrier_infinite"),
    **optional_with_error("pair temperature", "1", "", "exponent"),
    "bulk_p_value": optional("temperature", "1", "constant barrier per cell", False),
    "interface_p_value": optional("temperature", "1", "barrier per cell as 1/L", False),
    "interface_from": optional("temperature", "1", "length from which walls cross", False),
}

STAGES: dict[str, Stage] = {
    "md": Stage(_MD, ("temperature", "time"), (*_BRANCH, "timestep")),
    "metad": Stage(_METAD, ("temperature", "time"), _BRANCH),
    "mean_force": Stage(_MEAN_FORCE, ("temperature", "time"), (*_BRANCH, "stiffness")),
    "thermodynamics": Stage(_THERMODYNAMICS, ("temperature",), ("formula_units",)),
    "sizes": Stage(_SIZES, ()),
    "gradient": Stage(GRADIENT, ("temperature",)),
    "lattice_fit": Stage(LATTICE_FIT, ("parameter",), ("potential", "material", "formula")),
    "film": Stage(FILM, ("temperature", "misfit"), ("phases",)),
    "comparison": Stage(_COMPARISON, ("temperature",), ("formula_units",)),
    "landau": Stage(LANDAU, ("temperature", "term"), ("formula_units",)),
    "gle": Stage(_GLE, ("temperature", "lag")),
    "spectra": Stage(SPECTRA, ("temperature", "wavenumber"), (*_BRANCH, "resolution")),
    "hysteresis": Stage(_HYSTERESIS, ()),
    "wall_drift": Stage(WALL_DRIFT, ("lag",)),
    "dipoles": Stage(DIPOLES, ("interaction_term", "step")),
    "dipoles_run": Stage(DIPOLES_RUN, ("time",)),
    "lattice_loops": Stage(_HYSTERESIS, ()),
    "lattice_nuclei": Stage(NUCLEI, ("time",), (*_BRANCH, "timestep")),
    "lattice_structure": Stage(STRUCTURE, ("temperature",), ("material",)),
    "lattice_domains": Stage(DOMAINS, ("temperature", "time"), ("symmetry",)),
    "lattice_walls": Stage(WALLS, ("time",), (*_BRANCH, "timestep", "kind")),
}
