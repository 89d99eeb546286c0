"""Stage spectra: dielectric, infrared, Raman and vibrational spectra of a run in equilibrium.

md: polarization, and where recorded velocity and polarizability -> permittivity(temperature,
wavenumber, axis, axis_b), infrared absorption, static permittivity by fluctuations and by fields,
Raman spectra against the angle of the light, vibrational density of states; with errors and checks.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from ase.data import chemical_symbols
from numpy.typing import NDArray
from pydantic import Field

from multiscale import schema
from multiscale.atoms import raman, response
from multiscale.atoms.diagnostics import integrated_time
from multiscale.atoms.spectra import Grid, committee, make_grid
from multiscale.atoms.vibrations import vibrational_density
from multiscale.stages.options import Checkpoint, Progress, StageOptions, quantity, silent
from multiscale.stages.spectra_doubts import doubts

Array = NDArray[np.float64]
Found = dict[str, tuple[tuple[str, ...], Array, Array | None]]
PerCentimetre = Annotated[float, quantity("1/cm")]
Nanometre = Annotated[float, quantity("nm")]
PARENTS = ("md",)
_PLANES = {"xy": (0, 1), "yz": (1, 2), "xz": (0, 2)}


class Options(StageOptions, frozen=True):
    """The [spectra] table of a run file."""

    resolution: PerCentimetre = Field(
        10.0, gt=0, description="full width at half maximum of a sharp line, 1/cm"
    )
    window: Literal["blackman", "hann"] = Field(
        "blackman", description="of the lags; hann is shorter, with side lobes of 3 %"
    )
    max_wavenumber: PerCentimetre = Field(1500.0, gt=0, description="end of the spectra, 1/cm")
    eps_inf: tuple[float, float, float] | None = Field(
        None,
        description="electronic permittivity along x, y, z; default from the recorded "
        "polarizability, else 1 (fixed charges)",
    )
    raman_plane: Literal["xy", "yz", "xz"] = Field(
        "xy", description="plane in which the light's polarization is turned"
    )
    angle_step: float = Field(10.0, gt=0, le=90, description="between angles of it, degrees")
    laser: Nanometre = Field(532.0, gt=0, description="wavelength for Raman intensities, nm")


def split(options: Options) -> list[Options]:
    """Return the independent tasks: there is one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    md: xr.Dataset,
    options: Options,
    *,
    in_field: Sequence[xr.Dataset] = (),
    members: Sequence[xr.Dataset] = (),
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - seconds of work need none
) -> xr.Dataset:
    """Return the spectra of md at each temperature.

    Parameters
    ----------
    md : Dataset
        Output of stage md in a constant field or none; record velocities for the density of
        states, polarizability for Raman.
    options : Options
    in_field : sequence of Datasets
        The same crystal in other fields: gives the static permittivity a second time.
    members : sequence of Datasets
        The same run with the other members of a committee of potentials: means over members are
        written, and their spread beside them.

    Raises
    ------
    ValueError
        If a run was driven, is too short for the resolution, or the runs do not belong together.
    """
    runs = [schema.require(one, "md") for one in (md, *members)]
    fields = [schema.require(one, "md") for one in in_field]
    _check(runs, fields)
    grid = make_grid(md.sizes["time"], _step(md), options.resolution, options.window)
    points = []
    temperatures = [float(T) for T in md["temperature"].values]
    for n, T in enumerate(temperatures):
        each = [_temperature(one.sel(temperature=T), grid, options) for one in runs]
        points.append(_joined(each) | _fields(runs[0], fields, T, options))
        progress((n + 1) / len(temperatures))
    ds = schema.finish("spectra", _pack(runs[0], points, grid, options))
    for T in temperatures:
        ds = doubts(ds, runs[0].sel(temperature=T), grid, options.resolution)
    return ds


def _step(md: xr.Dataset) -> float:
    """Return the time between samples, ps."""
    times = md["time"].values
    return float(times[-1] - times[0]) / max(1, len(times) - 1)


def _check(runs: Sequence[xr.Dataset], fields: Sequence[xr.Dataset]) -> None:
    """Refuse runs that were driven or do not belong together."""
    for one in (*runs, *fields):
        if np.ptp(one["electric_field"].values, axis=0).max() > 0:
            raise ValueError(
                "electric_field of the md Dataset varies in time, expected a constant field. Give "
                "an equilibrium run: spectra are properties of equilibrium fluctuations."
            )
        missing = set(runs[0]["temperature"].values) - set(one["temperature"].values)
        if missing:
            raise ValueError(
                f"temperature {min(missing):g} K is not in every md Dataset (one has "
                f"{one['temperature'].values.tolist()} K), expected the same temperatures. Run it "
                "there as well."
            )
    steps = [_step(one) for one in runs]
    if not np.allclose(steps, steps[0], rtol=1e-6) or len({one.sizes["time"] for one in runs}) > 1:
        raise ValueError(
            f"members of the committee have {[one.sizes['time'] for one in runs]} samples every "
            f"{steps} ps, expected the same. Run them with the same options."
        )


def _temperature(md: xr.Dataset, grid: Grid, options: Options) -> Found:
    """Return every spectrum of one temperature with its standard error."""
    T, volume = float(md["temperature"]), _volume(md)
    P, eps_inf = md["polarization"].values, _eps_inf(md, volume, options)
    seen = grid.wavenumber <= options.max_wavenumber
    spectrum = response.dielectric_spectrum(P, volume, T, eps_inf, grid)
    eps, error = spectrum.mean[seen], spectrum.stderr[seen]
    principal = np.arange(3)
    own, own_error = eps[:, principal, principal], error[:, principal, principal]
    nu = grid.wavenumber[seen]
    static = response.static_permittivity(P, volume, T, eps_inf)
    tensor, dims = ("axis", "axis_b"), ("wavenumber", "axis", "axis_b")
    found: Found = {
        "permittivity_real": (dims, eps.real, error.real),
        "permittivity_imag": (dims, eps.imag, error.imag),
        "infrared_absorption": (
            dims[:2], response.absorption(own, nu), response.absorption(own_error, nu),
        ),
        "refractive_index": (dims[:2], response.refraction(own).real, None),
        "permittivity_static": (tensor, static.value, static.stderr),
        "permittivity_infinite": (tensor, eps_inf, None),
    }  # fmt: skip
    if "velocity" in md:
        found |= _vibrations(md, grid, seen)
    if "polarizability" in md:
        found |= _raman(md, grid, seen, options)
    return found


def _vibrations(md: xr.Dataset, grid: Grid, seen: NDArray[np.bool_]) -> Found:
    _, index = np.unique(md["atomic_number"].values, return_inverse=True)
    one = vibrational_density(md["velocity"].values, md["atomic_mass"].values, index, grid)
    dims = ("wavenumber", "species")
    return {"vibrational_density": (dims, one.mean[seen], one.stderr[seen])}


def _raman(md: xr.Dataset, grid: Grid, seen: NDArray[np.bool_], options: Options) -> Found:
    alpha = md["polarizability"].values
    u, v = np.eye(3)[list(_PLANES[options.raman_plane])]
    powder = raman.powder(alpha, grid)
    parallel, crossed = raman.oriented(alpha, grid, _angles(options), u, v)
    spectra = {
        "raman_parallel": (("wavenumber", "angle"), parallel),
        "raman_crossed": (("wavenumber", "angle"), crossed),
        "raman_powder_parallel": (("wavenumber",), powder.parallel),
        "raman_powder_crossed": (("wavenumber",), powder.crossed),
    }
    found: Found = {n: (d, b.mean[seen], b.stderr[seen]) for n, (d, b) in spectra.items()}
    factor = raman.prefactor(grid.wavenumber[seen], float(md["temperature"]), 1e7 / options.laser)
    return found | {"raman_prefactor": (("wavenumber",), factor, None)}


def _angles(options: Options) -> Array:
    return np.arange(0.0, 180.0 + 1e-9, options.angle_step)


def _volume(md: xr.Dataset) -> float:
    """Return the mean volume of the supercell, angstrom^3."""
    return float(np.abs(np.linalg.det(md["cell"].values)).mean())


def _eps_inf(md: xr.Dataset, volume: float, options: Options) -> Array:
    if options.eps_inf is not None:
        return np.diag(options.eps_inf)
    if "polarizability" not in md:
        return np.eye(3)
    mean = md["polarizability"].values.mean(axis=(0, 1))
    return response.permittivity_of_polarizability((mean + mean.T) / 2, volume)


def _fields(md: xr.Dataset, fields: Sequence[xr.Dataset], T: float, options: Options) -> Found:
    """Return the static permittivity by a straight line through the runs in different fields."""
    if not fields:
        return {}
    runs = [one.sel(temperature=T) for one in (md, *fields)]
    mean = np.array([one["polarization"].values.mean(axis=(0, 1)) for one in runs])
    error = np.array([_mean_error(one["polarization"].values) for one in runs])
    E = np.array([one["electric_field"].values[0] for one in runs])
    # A dipole that the model computes holds the electrons' part; fixed charges do not.
    given = options.eps_inf is not None and "polarizability" not in md
    eps_inf = np.diag(options.eps_inf or ()) if given else None
    fit = response.permittivity_of_fields(mean, E, error, eps_inf)
    return {"permittivity_static_field": (("axis", "axis_b"), fit.value, fit.stderr)}


def _mean_error(P: Array) -> Array:
    """Return the standard error of the mean of P (walker, time, 3)."""
    size = P.shape[0] * P.shape[1]
    return np.array(
        [P[..., a].std() * np.sqrt(integrated_time(P[..., a]) / size) for a in range(3)]
    )


def _joined(each: Sequence[Found]) -> Found:
    """Return means over the members of a committee, with their spread; of one, what it found."""
    if len(each) == 1:
        return each[0]
    out: Found = {}
    for name, (dims, _, error) in each[0].items():
        values = np.stack([one[name][1] for one in each])
        errors = None if error is None else np.stack([np.asarray(one[name][2]) for one in each])
        mean, spread = committee(values, errors)
        single = None if errors is None else np.sqrt((errors**2).mean(axis=0) / len(each))
        out[name] = (dims, mean, single)
        if error is not None:
            out[f"{name}_spread"] = (dims, spread, None)
    return out


def _pack(md: xr.Dataset, points: list[Found], grid: Grid, options: Options) -> xr.Dataset:
    """Return the Dataset of all temperatures."""
    variables: dict[str, Any] = {}
    for name, (dims, _, error) in points[0].items():
        variables[name] = (("temperature", *dims), np.stack([p[name][1] for p in points]))
        if error is not None:
            errors = np.stack([np.asarray(p[name][2]) for p in points])
            variables[f"{name}_stderr"] = (("temperature", *dims), errors)
    nu = grid.wavenumber[grid.wavenumber <= options.max_wavenumber]
    coords: dict[str, Any] = {"temperature": md["temperature"].values, "wavenumber": nu}
    if "vibrational_density" in variables:
        numbers = np.unique(md["atomic_number"].values)
        coords["species"] = [chemical_symbols[int(z)] for z in numbers]
    if "raman_parallel" in variables:
        coords["angle"] = _angles(options)
    attrs = {k: md.attrs[k] for k in ("definition", "reference_structure", "formula_units")}
    return xr.Dataset(variables, coords, attrs | _conventions(grid, options))


def _conventions(grid: Grid, options: Options) -> dict[str, str]:
    return {
        "resolution": f"{grid.resolution:.4g} 1/cm, {options.window} window of "
        f"{grid.n_lags * grid.dt:.4g} ps",
        "permittivity_convention": "relative, fields ~ exp(-iwt), macroscopic field; "
        "infrared_absorption is the absorption coefficient of the intensity times the refractive "
        "index, 2 pi nu eps''",
        "raman_convention": "reduced: spectrum of the time derivative of the polarizability of the "
        f"supercell, light in the {options.raman_plane} plane, angle from its first axis; times "
        f"raman_prefactor it is the Stokes intensity for {options.laser:g} nm",
    }
