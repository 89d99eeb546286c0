"""The commands `multiscale lattice walls, loops, nuclei, domains, structure, wall-energy`."""

from pathlib import Path
from typing import Annotated

import typer

from multiscale.cli_lattice import lattice

__all__ = ["lattice"]
OptionsFile = Annotated[
    Path | None, typer.Option("--options", help="TOML with the stage's options, or a run file")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, over the file; may be repeated")
]
Draw = Annotated[bool, typer.Option("--figure", help="draw it as PNG beside the output")]


@lattice.command()
def walls(
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_walls.nc"
    ),
    options: OptionsFile = None,
    values: Set = None,
    figure: Draw = False,
) -> None:
    """Paths of two domain walls, without and in fields -> lattice_walls.nc.

    Options for --set, among others: material, size, temperatures, fields (V/m, a list), kind (180,
    90), share (of the planes that points along the field), duration, walkers, pressure,
    strain_model (corners, continuum).
    """
    from multiscale.pipeline.lattice_studies import run_drawn

    typer.echo(run_drawn("lattice_walls", output, options, values or [], figure))


@lattice.command()
def loops(
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_loops.nc"
    ),
    options: OptionsFile = None,
    values: Set = None,
    figure: Draw = False,
) -> None:
    """Polarization-field loops by dynamics at GHz -> lattice_loops.nc, as stage hysteresis.

    Options for --set, among others: material, size, temperatures, frequencies, amplitude, waveform
    (triangle, sine, steps), cycles, samples_per_cycle, snapshots, walkers, pressure, strain_model.
    """
    from multiscale.pipeline.lattice_studies import run_drawn

    typer.echo(run_drawn("lattice_loops", output, options, values or [], figure))


@lattice.command()
def nuclei(
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_nuclei.nc"
    ),
    options: OptionsFile = None,
    values: Set = None,
    figure: Draw = False,
) -> None:
    """Round domains in a field: which grow, which vanish, the critical radius -> lattice_nuclei.nc.

    Options for --set, among others: material, size, temperatures, fields, radii (cells), walkers,
    duration, pressure, strain_model.
    """
    from multiscale.pipeline.lattice_studies import run_drawn

    typer.echo(run_drawn("lattice_nuclei", output, options, values or [], figure))


@lattice.command()
def domains(
    md: Annotated[Path, typer.Argument(help="md.nc with local_polarization")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_domains.nc"
    ),
    symmetry: Annotated[
        str, typer.Option(help="tetragonal, orthorhombic or rhombohedral")
    ] = "tetragonal",
    figure: Draw = False,
) -> None:
    """Domain map, shares of the variants, distributions of local dipoles: md.nc -> Dataset."""
    from multiscale.pipeline.lattice_studies import study_domains

    typer.echo(study_domains(md, output, symmetry, figure))


@lattice.command()
def structure(
    md: Annotated[Path, typer.Argument(help="md.nc of the lattice, with local_polarization")],
    material: Annotated[str, typer.Argument(help="the record that was run")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_structure.nc"
    ),
    figure: Draw = False,
) -> None:
    """Structure factor along Gamma-X-M-R against the Hessian, correlation length: md.nc -> Dataset.

    The lattice must be cubic with an even number of cells.
    """
    from multiscale.pipeline.lattice_studies import study_structure

    typer.echo(study_structure(md, material, output, figure))


@lattice.command("wall-energy")
def wall_energy(
    material: Annotated[str, typer.Argument(help="record with [lattice]")],
    kind: Annotated[str, typer.Option(help="180 or 90, degrees")] = "180",
    cells: Annotated[int, typer.Option(help="across the walls, both of them")] = 20,
    centre: Annotated[
        str, typer.Option(help="180: between planes of cells, or on one")
    ] = "between",
    pressure: Annotated[str, typer.Option(help="such as '-4.8 GPa'")] = "0 GPa",
    figure: Annotated[Path | None, typer.Option(help="PNG of the profile to write")] = None,
) -> None:
    """Energy, width and profile of a domain wall at 0 K."""
    from multiscale.pipeline.lattice_studies import static_wall

    typer.echo(static_wall(material, kind, cells, centre, pressure, figure))
