"""Which figures a Dataset of stage hysteresis is worth, by their captions."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from multiscale.plotting import domains, hysteresis, reversal, switching

Draw = Callable[[xr.Dataset], Figure]


def all_of(ds: xr.Dataset) -> dict[str, Draw]:
    """Return the figures that can be drawn of ds."""
    waveform = ds.attrs.get("waveform", "triangle")
    out: dict[str, Draw] = {}
    if waveform in ("pund", "pulses"):
        out["Pulses"] = switching.pulses
    elif waveform == "forc":
        out["Reversal curves"] = reversal.reversal_curves
        out["Density of reversal curves"] = reversal.forc_map
        out["Preisach density"] = reversal.preisach_density
    else:
        out["Polarization against field"] = hysteresis.loops
        if "elapsed" in ds and ds.attrs.get("kinetics") != "quasi-static":  # that has no time
            out["Switching current against field"] = hysteresis.switching_currents
        if "strain" in ds and bool(np.isfinite(ds["strain"].values).any()):
            out["Strain against field"] = hysteresis.butterflies
    if "subloop_amplitude" in ds:
        out["Loops of growing amplitude"] = switching.sub_loops
    if len(np.unique(ds["frequency"].values)) > 1:
        out["Coercive field against frequency"] = switching.coercive_fields
    if "half_length" in ds and len(np.unique(ds["half_length"].values)) > 1:
        out["Coercive field against cell size"] = switching.cell_sizes
    if "polarization_field" in ds and max(ds["polarization_field"].shape[2:5]) > 1:
        out["Domains during the last cycle"] = domains.domain_series
    if "variant_fraction" in ds:
        out["Variants and walls"] = switching.variants
    return out
