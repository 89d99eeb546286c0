"""The command `metad --suggest`: a short unbiased run in, a [metad] table with reasons out."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale import materials, schema
from multiscale.pipeline import store
from multiscale.pipeline.single import stage_options
from multiscale.stages import md as md_stage
from multiscale.stages import metad as metad_stage
from multiscale.stages.metad_advice import Advice, advise
from multiscale.stages.simulation import SimulationOptions

log = logging.getLogger(__name__)
SHORT = 20.0  # ps
INTERVAL = 0.01  # ps, between samples


def suggest(options: Path | None, values: Sequence[str], md: Path | None = None) -> str:
    """Return proposed settings as text: a line of reason each, then a table that can be run.

    Parameters
    ----------
    options : Path, optional
        TOML with what is known already: potential, material, temperatures, axes ...
    values : sequence of str
        "key=value", which override the file's.
    md : Path, optional
        A finished md.nc of the crystal; None: one of 20 ps is run now.

    Raises
    ------
    FileNotFoundError, ValueError
        An input is missing or not valid.
    """
    chosen = stage_options("metad", options, values)
    assert isinstance(chosen, metad_stage.Options)
    if chosen.variables:
        raise ValueError(
            "variables are given, expected axes: settings are proposed for components of P only. "
            "Remove variables."
        )
    run = _load(md) if md is not None else _short_run(chosen)
    nx, ny, nz = (int(n) for n in run.attrs.get("size", chosen.size))
    size = (nx, ny, nz)
    mass = float(materials.load(chosen.material).supercell(size).get_masses().sum())
    advice = advise(run, axes=chosen.axes, walkers=chosen.walkers, mass=mass)
    doubts = [
        f"not trusted: {d.check}: {d.value:.3g}, expected {d.expected}"
        for d in schema.trust(run)
        if not d.ok
    ]
    reasons = [f"{item.key} = {item.value}: {item.reason}" for item in advice]
    return "\n".join([*doubts, *reasons, "", table(advice, chosen)])


def table(advice: Sequence[Advice], chosen: metad_stage.Options) -> str:
    """Return a [metad] table in TOML: what the user set beyond the advice, then the advice."""
    advised = {item.key for item in advice}
    own = {k: getattr(chosen, k) for k in sorted(chosen.model_fields_set - advised)}
    lines = [f"{key} = {_toml(value)}" for key, value in own.items() if value is not None]
    return "\n".join(["[metad]", *lines, *(f"{item.key} = {item.value}" for item in advice)])


def _short_run(chosen: metad_stage.Options) -> xr.Dataset:
    """Run 20 ps of unbiased dynamics with the simulation's own settings."""
    shared = {k: getattr(chosen, k) for k in SimulationOptions.model_fields}
    stride = max(1, round(INTERVAL / chosen.timestep))
    shared |= {"duration": SHORT, "stride": stride, "electric_field": (0.0, 0.0, 0.0)}
    options = md_stage.Options(**shared)
    log.info("unbiased run of %g ps with %d walkers", SHORT, options.walkers)
    parts = [md_stage.run(options=piece) for piece in md_stage.split(options)]
    return md_stage.merge(parts) if len(parts) > 1 else parts[0]


def _load(path: Path) -> xr.Dataset:
    ds = store.load(path)
    try:
        return schema.require(ds, "md")
    except schema.SchemaError as err:
        raise ValueError(f"{path}: {err}") from None


def _toml(value: Any) -> str:
    """Return a number, text, truth value or list of these as TOML writes it."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
