"""The commands of `multiscale lattice` that run walls, loops and nuclei, or study runs of it."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import xarray as xr

from multiscale import materials, units
from multiscale.pipeline import store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.single import run_stage
from multiscale.pipeline.studies import doubts, draw, save
from multiscale.units import parse_quantity

FIGURES = {
    "lattice_walls": "wall_paths",
    "lattice_loops": "loops",
    "lattice_nuclei": "nucleus_radii",
}


def run_drawn(
    name: str, output: Path, options: Path | None, values: Sequence[str], figure: bool
) -> str:
    """Run a stage of the lattice, write its file, and say what came out.

    Parameters
    ----------
    name : str
        lattice_walls, lattice_loops or lattice_nuclei.
    output : Path
    options : Path, optional
        TOML with options, or a run file.
    values : sequence of str
        "key=value".
    figure : bool
        Draw it as PNG beside output.
    """
    lines = [run_stage(name, {}, output, options, values)]
    ds = store.load(output)
    said = {"lattice_walls": _velocities, "lattice_loops": _loops, "lattice_nuclei": _critical}
    lines += said[name](ds)
    if figure:
        lines.append(str(draw(ds, output, FIGURES[name])))
    return "\n".join([*lines, *doubts(ds)])


def _velocities(ds: xr.Dataset) -> list[str]:
    out = []
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        v, error = float(one["velocity"]), float(one["velocity_stderr"])
        moves = "" if bool(one["moves"]) or not float(one["electric_field"]) else ", does not move"
        E = float(one["electric_field"]) / 1e6
        out.append(
            f"{float(one['temperature']):g} K, {E:g} MV/m: {with_error(v, error)} m/s{moves}"
        )
    return out


def _loops(ds: xr.Dataset) -> list[str]:
    out = []
    for n in range(ds.sizes["loop"]):
        one = ds.isel(loop=n)
        Ec = with_error(
            float(one["coercive_field"]) / 1e6, float(one["coercive_field_stderr"]) / 1e6
        )
        Pr = with_error(
            float(one["remanent_polarization"]), float(one["remanent_polarization_stderr"])
        )
        at = f"{float(one['temperature']):g} K, {float(one['frequency']) / 1e9:g} GHz"
        out.append(f"{at}: {one['state'].item()}, Ec {Ec} MV/m, Pr {Pr} C/m^2")
    return out


def _critical(ds: xr.Dataset) -> list[str]:
    out = {}
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        at = f"{float(one['temperature']):g} K, {float(one['electric_field']) / 1e6:g} MV/m"
        R, error = float(one["critical_radius"]), float(one["critical_radius_stderr"])
        out[at] = f"{at}: critical radius {with_error(R, error)} cells"
    return list(out.values())


def study_domains(md: Path, output: Path, symmetry: str, figure: bool) -> str:
    """Write variants and distributions of the local polarization of an md.nc.

    Parameters
    ----------
    md, output : Path
    symmetry : str
        Of the domains.
    figure : bool
        Draw the map and the distributions beside output.
    """
    from multiscale.stages import lattice_domains  # noqa: PLC0415 - torch is heavy

    run = store.load(md)
    ds = lattice_domains.run(run, symmetry=cast(lattice_domains.Symmetry, symmetry))
    save(ds, output, [md], [run])
    lines = [str(output)]
    for T in ds["temperature"].values:
        one = ds.sel(temperature=T)
        mean = one["share"].mean(("walker", "time"))
        shares = ", ".join(
            f"{name} {float(mean.sel(variant_name=name)):.2f}" for name in ds["variant_name"].values
        )
        order = ", ".join(f"{a} {float(one['order'].sel(axis=a)):.2f}" for a in "xyz")
        lines.append(f"{T:g} K: {shares}; <P^4>/<P^2>^2 {order}")
    if figure:
        lines.append(str(draw(ds, output, "local_dipoles")))
        lines.append(str(draw(ds, output.with_name(f"{output.stem}_map.nc"), "variant_map")))
    return "\n".join([*lines, *doubts(ds)])


def study_structure(md: Path, material: str, output: Path, figure: bool) -> str:
    """Write the structure factor of an md.nc of the lattice.

    Parameters
    ----------
    md : Path
    material : str
        The record that was run.
    output : Path
    figure : bool
        Draw the stiffness along the path beside output.
    """
    from multiscale.stages import lattice_structure  # noqa: PLC0415 - torch is heavy

    run = store.load(md)
    ds = lattice_structure.run(run, material)
    save(ds, output, [md], [run])
    lines = [str(output)]
    for T in ds["temperature"].values:
        one = ds.sel(temperature=T)
        xi, error = (float(one[f"correlation_length{end}"]) for end in ("", "_stderr"))
        lines.append(f"{T:g} K: correlation length {with_error(xi, error)} cells")
    if figure:
        lines.append(str(draw(ds, output, "felt_stiffness")))
    return "\n".join([*lines, *doubts(ds)])


def static_wall(
    material: str, kind: str, cells: int, centre: str, pressure: str, figure: Path | None
) -> str:
    """Return energy and width of a wall at rest; write its profile.

    Parameters
    ----------
    material : str
        Record with [lattice].
    kind, centre : str
        "180" or "90"; "between" or "on" planes of cells.
    cells : int
        Across both walls.
    pressure : str
        With a unit.
    figure : Path, optional
        PNG to write.

    Raises
    ------
    ValueError
        If a word is unknown, the lattice is too thin, or the walls met.
    """
    from multiscale.lattice import walls  # noqa: PLC0415 - torch is heavy
    from multiscale.stages.lattice_engine import hamiltonian_of  # noqa: PLC0415

    if kind not in ("180", "90") or centre not in ("between", "on"):
        raise ValueError(
            f"kind is {kind!r} and centre {centre!r}, expected 180 or 90, and between or on. "
            "Correct them."
        )
    size = (cells, 1, 1) if kind == "180" else (cells, cells, 1)
    engine = hamiltonian_of(materials.load(material), size)
    p = parse_quantity(pressure, "GPa") / units.GPA
    found = walls.wall_energy(
        engine, cast(walls.Kind, kind), centre=cast(walls.Centre, centre), pressure=p
    )
    lines = [f"{found.energy:.2f} mJ/m^2, width {found.width:.2f} angstrom"]
    if figure is not None:
        from multiscale.plotting.lattice import static_profile  # noqa: PLC0415 - heavy

        buffer = io.BytesIO()
        static_profile(found.place, found.profile).savefig(buffer, format="png", dpi=160)
        store.write_atomic(figure, buffer.getvalue())
        lines.append(str(figure))
    return "\n".join(lines)
