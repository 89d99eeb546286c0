"""What the Dataset of stage landau holds: names, dimensions, units."""

from multiscale.schema_variables import Variable, optional, optional_with_error

_MORE = {
    **optional_with_error(
        "temperature voigt voigt_b", "GPa", "stiffness without symmetry", "stiffness_full"
    ),
    **optional_with_error(
        "temperature voigt voigt_b", "m^4/C^2", "electrostriction without symmetry",
        "electrostriction_full",
    ),
    **optional_with_error(
        "temperature voigt", "1", "strain at P = 0 from the reference", "reference_strain"
    ),
    "stiffness_sample": optional(
        "strain_sample temperature voigt voigt_b", "GPa", "samples of the stiffness", False
    ),
    "electrostriction_sample": optional(
        "strain_sample temperature voigt voigt_b", "m^4/C^2", "samples of electrostriction", False
    ),
    **optional_with_error(
        "term part", "J/m^3", "part of a coefficient's law in temperature", "law_coefficient"
    ),
    "law_coefficient_sample": optional("sample term part", "J/m^3", "samples of the laws", False),
    **optional_with_error(
        "temperature term", "J/m^3", "coefficient fitted alone", "coefficient_separate"
    ),
    "law_p_value": optional("", "1", "how often chance breaks the laws as much", False),
    "law_reference_temperature": optional("", "K", "where all but constant parts vanish"),
    "law_saturation_temperature": optional("", "K", "saturation of Barrett's law", False),
    "symmetric_residual": optional(
        "temperature", "J/m^3", "rms residual averaged over symmetry-equivalent points"
    ),
    **optional_with_error(
        "strain_constant line_part", "1", "line in T of l_ref (angstrom), Q (m^4/C^2), C (GPa): "
        "value at strain_line_temperature, slope per K", "strain_line",
    ),
    "strain_line_p_value": optional(
        "strain_constant", "1", "how often chance leaves the line as far", False
    ),
    "strain_line_temperature": optional("", "K", "mean temperature, where strain_line counts from"),
    "outlying": optional("temperature", "1", "share of points that a robust fit holds back"),
    "candidate_parameters": optional("candidate", "1", "parameters of the candidate's laws"),
    **{
        f"candidate_{name}": optional("candidate", units, text, False)
        for name, units, text in (
            ("chi_square", "1", "chi^2"),
            ("aic", "1", "Akaike's criterion"),
            ("bic", "1", "Schwarz's criterion"),
            ("cross_validation", "1", "chi^2 of temperatures left out"),
            ("polarization_error", "C/m^2", "rms error of P_s at temperatures left out"),
            ("susceptibility_error", "1", "rms error of ln chi at temperatures left out"),
        )
    },
}  # fmt: skip

LANDAU = {
    # NaN for a term that the surface does not determine, such as a12 from points along z only.
    "coefficient": Variable(
        "temperature term", "J/m^3", "Landau coefficient, per (C/m^2)^degree", finite=False
    ),
    "coefficient_covariance": Variable(
        "temperature term term_b", "J^2/m^6", "covariance of the coefficients", finite=False
    ),
    "coefficient_sample": optional(
        "sample temperature term", "J/m^3", "samples of the coefficients", False
    ),
    "volume": Variable("temperature", "angstrom^3", "mean volume of the supercell"),
    "spontaneous_polarization": Variable(
        "temperature axis", "C/m^2", "spontaneous polarization", finite=False
    ),
    "spontaneous_polarization_stderr": optional(
        "temperature axis", "C/m^2", "standard error of the spontaneous polarization", False
    ),
    **optional_with_error("temperature voigt voigt_b", "GPa", "elastic stiffness", "stiffness"),
    **optional_with_error(
        "temperature voigt voigt_b", "m^4/C^2", "strain per product of P", "electrostriction"
    ),
    **optional_with_error(
        "temperature axis", "angstrom", "lattice constant at P = 0", "reference_cell"
    ),
    **_MORE,
    **optional_with_error("temperature", "J/m^3", "", "well_depth"),
    **optional_with_error("temperature", "1", "", "susceptibility", "susceptibility_transverse"),
    **optional_with_error("temperature", "V/m", "intrinsic coercive field", "coercive_field"),
    **optional_with_error("temperature", "V/m", "field of rotation", "rotation_field"),
    **optional_with_error("transition?", "K", "", "transition_temperature"),
    **optional_with_error("transition?", "J/m^3", "", "latent_heat"),
    **optional_with_error("", "K", "Curie-Weiss temperature of a1", "curie_weiss_temperature"),
    **optional_with_error("", "J*m/C^2/K", "Curie-Weiss slope of a1", "curie_weiss_slope"),
    "fit_residual": optional("temperature", "J/m^3", "root mean square residual of the fit"),
    "r_squared": optional("temperature", "1", "coefficient of determination"),
}
