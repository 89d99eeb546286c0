"""`multiscale landau show`: what a record predicts, as text or JSON, and its figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale import landau, materials
from multiscale.pipeline import folder as folders
from multiscale.records import Landau
from multiscale.stages import landau_record
from multiscale.stages.landau_portrait import portrait

Array = NDArray[np.float64]
PHASES = {
    "C": "cubic",
    "T": "tetragonal",
    "O": "orthorhombic",
    "R": "rhombohedral",
    "M": "monoclinic or triclinic",
}


def show_record(name: str, temperature: float, as_json: bool, figures: Path | None) -> str:
    """Return what a Landau record predicts at a temperature, and draw it if a folder is given.

    Parameters
    ----------
    name : str
        Of a record that ships, or the path of one's own TOML record.
    temperature : float
        K.
    as_json : bool
        One JSON object in SI units, its `units` by key, instead of text.
    figures : Path, optional
        Folder for free_energy.png, coefficients.png and phase_diagram.png.

    Raises
    ------
    ValueError
        For an unknown record, one without a Landau set, or a temperature without a lower bound.
    """
    record = load(name)
    content = portrait(record, temperature)
    if figures is not None:
        folders.prepare(figures)
        at = [t["temperature"] for t in content["transitions"]]
        for title, figure in draw(record, temperature, at).items():
            figure.savefig(figures / f"{title}.png", dpi=150)
    return json.dumps(content, indent=1) if as_json else text(content)


def load(name: str) -> materials.Material:
    """Return a record that ships, or the one in a TOML file of one's own (name ends in .toml)."""
    return materials.load(name)


def draw(
    record: materials.Material, temperature: float, transitions: list[float], points: int = 40
) -> dict[str, Figure]:
    """Return the figures of a record by file name; its transitions in K frame the diagram.

    points is the number of temperatures of the phase diagram; fields are about half as many.
    """
    from multiscale.plotting import landau_record as figures  # noqa: PLC0415 - slow to load

    model = landau_record.landau_of(record)
    low, high = model.temperatures or landau_record.DEFAULT_RANGE
    here = landau_record.surfaces(record, np.array([temperature]))
    wide = landau_record.surfaces(record, np.linspace(low, high, 60))
    drawn = {"free_energy": figures.directions(here), "coefficients": figures.coefficients(wide)}
    if transitions:
        T, E = _frame(model, transitions, points)
        field = landau_record.diagram(record, T, E, "[001]")
        drawn["phase_diagram"] = figures.phase_diagram(field)
    return drawn


def _frame(model: Landau, transitions: list[float], points: int) -> tuple[Array, Array]:
    """Return temperatures (K) around all transitions and fields (V/m) to twice the critical one.

    Without a critical end point the largest field is a tenth of the linear part at half the
    transition temperature. The lowest is not zero: it chooses among the variants.
    """
    low, high = model.temperatures or landau_record.DEFAULT_RANGE
    first, last = min(transitions), max(transitions)
    end = landau.critical_end_point(model.array, [0.9 * last, min(1.2 * last, high)])
    beyond = 0.02 * last if end is None else end.temperature - last
    span = max(last - first, 3 * beyond, 0.05 * last)
    coarse = np.linspace(max(low, first - 0.25 * span), min(high, last + 2 * beyond), points)
    T = np.unique([*coarse, *np.linspace(last - beyond, min(high, last + beyond), points // 3)])
    if end is not None:
        return T, np.linspace(2e-4, 1.0, points // 2 + 5) * 2 * end.field
    a = model.array(0.5 * last)
    P = float(np.linalg.norm(landau.spontaneous_polarization(a)))
    return T, np.linspace(2e-4, 1.0, points // 2 + 5) * 0.1 * abs(a[0]) * max(P, 1e-3)


def text(content: dict[str, Any]) -> str:
    """Return a portrait as lines for a person, in the units of papers."""
    T = content["temperature"]
    lines = [f"{content['record']}: {content['title']}", "", "Transitions on heating"]
    for t in content["transitions"]:
        low, high = t["phases"]
        heat = f"latent heat {t['latent_heat'] / 1e6:.3g} MJ/m^3"
        lines.append(f"  {low} to {high}  {t['temperature']:8.2f} K   {heat}")
    if not content["transitions"]:
        lines.append("  none in the range of the set")
    phase = content["phase"]
    lines += ["", f"At {T:g} K: {phase} ({PHASES[phase]})", *_state(content)]
    lines += _walls(content["walls"])
    lines += [f"Remark: {remark}" for remark in content["remarks"]]
    lines += ["", *content["citation"]]
    return "\n".join(lines)


def _state(content: dict[str, Any]) -> list[str]:
    P = ", ".join(f"{x:.4f}" for x in content["polarization"])
    eps = content["permittivity"]
    lines = [f"  permittivity            {eps['c']:.1f}"]
    if content["phase"] != "C":
        lines = [
            f"  polarization            {content['spontaneous_polarization']:.4f} C/m^2 ({P})",
            f"  depth of the well       {content['well_depth'] / 1e6:.3f} MJ/m^3",
            f"  permittivity            {eps['c']:.1f} along P, {eps['a']:.1f} across",
            *_coercive(content),
        ]
    strain = content["spontaneous_strain"]
    if strain is not None:
        lines.append("  strain xx..xy           " + ", ".join(f"{s:.5f}" for s in strain))
    return lines


def _coercive(content: dict[str, Any]) -> list[str]:
    """Return the lines about coercive fields, in MV/m."""
    lines = []
    if content["coercive_field"] is not None:
        lines.append(
            f"  coercive field          {content['coercive_field'] / 1e6:.2f} MV/m, P inverts"
        )
    if content["rotation_field"] is not None:
        lines.append(f"  but it rotates first at {content['rotation_field'] / 1e6:.2f} MV/m")
    along = content["coercive_field_along"]
    listed = ", ".join(f"{E / 1e6:.2f} along {n}" for n, E in along.items())
    return [*lines, f"  reversal with rotation  {listed} (MV/m)"]


def _walls(walls: dict[str, Any] | None) -> list[str]:
    if walls is None:
        return []
    lines = ["Domain walls"]
    for angle, kinds in walls.items():
        for kind, wall in kinds.items():
            if wall is not None:
                note = "" if wall.get("stable", True) else ", not stable"
                if "normal" in wall:
                    note = f", normal ({', '.join(f'{x:.2f}' for x in wall['normal'])}){note}"
                numbers = f"{wall['energy'] * 1e3:.3f} mJ/m^2, {wall['width'] * 1e9:.3f} nm wide"
                lines.append(f"  {angle:>3} degrees, {kind:<8} {numbers}{note}")
    return lines
