"""Results for other programs: hills for PLUMED, Landau coefficients, supercells for ASE."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from multiscale import materials, schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import store
from multiscale.pipeline.export_hysteresis import FORMATS as LOOPS
from multiscale.pipeline.export_hysteresis import export_hysteresis


def export_file(
    path: Path, form: str, output: Path, temperature: float | None, loop: int = 0
) -> str:
    """Write a stage's file or a material record in another program's format and say so.

    Parameters
    ----------
    path : Path
        netCDF file of a stage, or the name of a material record.
    form : str
        A key of FORMATS, or of `export_record.FORMATS`.
    output : Path
        The file to write.
    temperature : float, optional
        In K; needed if the file has several, 298 for a record.
    loop : int
        Which loop of a hysteresis.nc.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing or damaged, or the format is not available for its stage.
    """
    if not path.exists() and str(path) in materials.names():
        from multiscale.pipeline.export_record import export_record  # noqa: PLC0415 - slow to load

        text = export_record(materials.load(str(path)), form, temperature)
        folders.prepare(output.parent)
        store.write_atomic(output, text.encode())
        return f"{output}: {form} from record {path}"
    ds = store.load(path)
    stage = str(ds.attrs.get("stage", path.stem))
    if stage == "hysteresis" and form in LOOPS:
        return export_hysteresis(schema.require(ds, stage), form, output, loop)
    if form in LOOPS:
        raise ValueError(
            f"format {form!r} is not available for stage {stage}, it is made from hysteresis.nc. "
            "Choose another format."
        )
    if form not in FORMATS:
        raise ValueError(
            f"format {form!r} is not available, expected one of {', '.join(FORMATS)}. Choose one."
        )
    wanted, write = FORMATS[form]
    if stage != wanted:
        fitting = [name for name, (of, _) in FORMATS.items() if of == stage]
        raise ValueError(
            f"format {form!r} is not available for stage {stage}, it is made from {wanted}.nc. "
            f"For {stage}.nc choose one of: {', '.join(fitting) or 'none'}."
        )
    ds = schema.require(ds, stage)
    T = _temperature(ds, temperature)
    text = write(ds, T)
    folders.prepare(output.parent)
    store.write_atomic(output, text.encode())
    return f"{output}: {form} from {path} at {T:g} K"


def _temperature(ds: xr.Dataset, temperature: float | None) -> float:
    known = [float(t) for t in ds["temperature"].values]
    names = ", ".join(f"{t:g}" for t in known)
    if temperature is None and len(known) > 1:
        raise ValueError(f"temperature is missing, expected one of {names} K. Add --temperature.")
    chosen = known[0] if temperature is None else temperature
    if chosen not in known:
        raise ValueError(f"temperature is {chosen:g} K, expected one of {names} K. Choose one.")
    return chosen


def _plumed(ds: xr.Dataset, temperature: float) -> str:
    """Return the hills as a HILLS file."""
    from multiscale.sampling.hills import hills_text  # noqa: PLC0415 - torch is heavy
    from multiscale.stages.metad import hills_table  # noqa: PLC0415

    return hills_text(hills_table(ds, temperature))


def _colvar(ds: xr.Dataset, temperature: float) -> str:
    """Return the biased trajectory as a COLVAR file; energies in kJ/mol as in PLUMED's own."""
    from multiscale.sampling.hills import KJ_PER_MOL, write_colvar  # noqa: PLC0415

    one = ds.sel(temperature=temperature).transpose("time", "walker", ...)
    names = [str(name) for name in ds["cv"].values]
    if "collective_variable" in one:
        values = {n: one["collective_variable"].values[..., k] for k, n in enumerate(names)}
    else:
        values = {n: one["polarization"].values[..., "xyz".index(n[-1])] for n in names}
    values["metad.bias"] = one["bias"].values * KJ_PER_MOL
    values["log_weight"] = one["log_weight"].values
    shape = one["bias"].shape
    values["walker"] = np.broadcast_to(np.arange(shape[1]), shape)
    time = np.broadcast_to(one["time"].values[:, None], shape)
    text = io.StringIO()
    write_colvar(text, time.ravel(), {n: v.ravel() for n, v in values.items()})
    return text.getvalue()


def _json(ds: xr.Dataset, temperature: float) -> str:
    """Return the Landau coefficients, f = sum a_i I_i(P) without factors 1/2, SI units."""
    one = ds.sel(temperature=temperature)
    terms = [str(t) for t in ds["term"].values]
    content: dict[str, Any] = {
        "form": "f = a1 (Px^2 + ...) + a11 (Px^4 + ...) + a12 (Px^2 Py^2 + ...) + ...",
        "temperature_K": temperature,
        "coefficients": dict(zip(terms, one["coefficient"].values.tolist(), strict=True)),
        "units": {t: schema.coefficient_units(t) for t in terms},
        "covariance": one["coefficient_covariance"].values.tolist(),
    }
    for name in ("electrostriction", "stiffness"):
        if name in one:
            content[name] = one[name].values.tolist()
    return json.dumps(content, indent=1) + "\n"


def _ferrox(ds: xr.Dataset, temperature: float) -> str:
    """Return FerroX inputs: alpha P + beta P^3 + gamma P^5, its derivative form."""
    from multiscale.pipeline.export_record import ferrox_lines  # noqa: PLC0415 - slow to load

    a = _coefficients(ds, temperature)
    return "\n".join([f"# multiscale, {temperature:g} K", *ferrox_lines(a)]) + "\n"


def _ferret(ds: xr.Dataset, temperature: float) -> str:
    """Return [Materials] of Ferret: coefficients, stiffness, electrostriction that are known."""
    from multiscale.pipeline import export_record as to  # noqa: PLC0415 - slow to load

    one = ds.sel(temperature=temperature)
    blocks = [to.ferret_landau(_coefficients(ds, temperature))]
    for name, write in (
        ("stiffness", to.ferret_elastic),
        ("electrostriction", to.ferret_electrostriction),
    ):
        if name in one:
            M = one[name].values
            cubic = (float(M[0, 0]), float(M[0, 1]), float(M[3, 3]))
            known = all(map(math.isfinite, cubic))
            missing = f"  # {name}: shear is not determined, let the cell shear in metad"
            blocks.append(write(*cubic) if known else missing)
    head = f"# multiscale, fit at {temperature:g} K; the gradient energy is yours to add"
    return "\n".join([head, "[Materials]", *blocks, "[]"]) + "\n"


def _openferro(ds: xr.Dataset, temperature: float) -> str:
    """Return an energy engine for OpenFerro, without gradient energy."""
    from multiscale.pipeline.openferro import landau_engine  # noqa: PLC0415 - slow to load

    a = _coefficients(ds, temperature)
    return landau_engine("a fit", temperature, "", a, [0.0] * 4)


def _coefficients(ds: xr.Dataset, temperature: float) -> dict[str, float]:
    """Return the coefficients of a fit by name; all must be known."""
    values = ds.sel(temperature=temperature)["coefficient"].values.tolist()
    a = dict(zip(map(str, ds["term"].values), values, strict=True))
    unknown = [t for t, v in a.items() if not math.isfinite(v)]
    if unknown:
        raise ValueError(
            f"coefficients {', '.join(unknown)} are not determined at {temperature:g} K, expected "
            f"numbers. Bias three components in metad."
        )
    return a


FORMATS: dict[str, tuple[str, Callable[[xr.Dataset, float], str]]] = {
    "plumed": ("metad", _plumed),
    "json": ("landau", _json),
    "ferrox": ("landau", _ferrox),
    "ferret": ("landau", _ferret),
    "openferro": ("landau", _openferro),
    "colvar": ("metad", _colvar),
}
