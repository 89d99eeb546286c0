"""What the studies `gradient` and `film` write. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional, optional_with_error

_TERMS = "temperature gradient_term"
_G = "J*m^3/C^2"
_WAVES = "temperature wave"
_STIFFNESS = "V*m/C"

GRADIENT = {
    "gradient": Variable(_TERMS, _G, "gradient constants, of equivalent sets that with G44' = 0"),
    "gradient_stderr": Variable(_TERMS, _G, "standard error of the gradient constants"),
    "gradient_sample": optional(f"sample {_TERMS}", _G, "bootstrap samples of the constants"),
    **optional_with_error(
        "temperature axis", _STIFFNESS, "curvature of the energy of uniform P",
        "inverse_permittivity",
    ),
    **optional_with_error(
        "temperature", _STIFFNESS, "1/(eps0 eps_b) of longitudinal waves", "depolarization"
    ),
    "wave_vector": Variable(f"{_WAVES} axis", "1/m", "wave vector", finite=False),
    **{
        f"{kind}_stiffness{end}": optional(
            _WAVES, _STIFFNESS, f"{what}kT/V over the power of {kind} waves", False
        )
        for kind in ("longitudinal", "transverse")
        for end, what in (("", ""), ("_stderr", "standard error of "), ("_model", "fit of "))
    },
}  # fmt: skip

_FILM = "temperature misfit"

FILM = {
    "phase": Variable(_FILM, "1", "phase, a place in the attribute phases"),
    "polarization": Variable(f"{_FILM} axis", "C/m^2", "polarization of one variant", limit=5.0),
    "energy": Variable(_FILM, "J/m^3", "free-energy density from the unpolarized film"),
}
