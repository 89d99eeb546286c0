"""What stage spectra writes: permittivity, infrared, Raman. Data for `multiscale.schema`."""

from multiscale.schema_variables import Variable, optional, optional_with_error

_TENSOR = "temperature axis axis_b"
_RAMAN = "e^2*angstrom^4/V^2/ps"


def _spectra(dims: str, units: str, *names: str, required: bool = False) -> dict[str, Variable]:
    """Return variables with a standard error, and the spread over a committee of potentials."""
    out = {}
    for name in names:
        text = name.replace("_", " ")
        out[name] = Variable(dims, units, text, required=required)
        for kind, what in (("stderr", "standard error"), ("spread", "spread over members")):
            out[f"{name}_{kind}"] = optional(dims, units, f"{what} of the {text}", False)
    return out


SPECTRA = {
    **_spectra(
        f"temperature wavenumber {_TENSOR.removeprefix('temperature ')}", "1",
        "permittivity_real", "permittivity_imag", required=True,
    ),
    **_spectra("temperature wavenumber axis", "1/cm", "infrared_absorption", required=True),
    "refractive_index": Variable("temperature wavenumber axis", "1", "refractive index"),
    **_spectra(_TENSOR, "1", "permittivity_static", required=True),
    "permittivity_infinite": Variable(_TENSOR, "1", "electronic permittivity"),
    # NaN in directions without a field.
    **optional_with_error(
        _TENSOR, "1", "static permittivity from fields", "permittivity_static_field"
    ),
    **_spectra("temperature wavenumber species", "cm", "vibrational_density"),
    **_spectra("temperature wavenumber angle", _RAMAN, "raman_parallel", "raman_crossed"),
    **_spectra("temperature wavenumber", _RAMAN, "raman_powder_parallel", "raman_powder_crossed"),
    "raman_prefactor": optional(
        "temperature wavenumber", "1/cm^3", "Stokes intensity over reduced intensity"
    ),
}  # fmt: skip
