"""The commands `multiscale dipoles fit` and `multiscale dipoles run`."""

from pathlib import Path
from typing import Annotated

import typer

dipoles = typer.Typer(
    help="Lattices of dipoles with memory: train on one size, run on another.",
    no_args_is_help=True,
)
OptionsFile = Annotated[
    Path | None, typer.Option("--options", help="TOML with the stage's options, or a run file")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, over the file; may be repeated")
]


@dipoles.command()
def fit(
    md: Annotated[Path, typer.Argument(help="md.nc of one temperature with local_polarization")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "dipoles.nc"
    ),
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Mean force and memory kernel of the dipoles of the cells, with errors: md.nc -> dipoles.nc.

    Options for --set, among others: window, shells (0 to 3), order (2, 4, 6, 8), dipole,
    moduli (c12/c11 and c44/c11), every, n_modes, bath_friction.
    """
    from multiscale.pipeline.dipoles import fit_dipoles

    typer.echo(fit_dipoles(md, output, options, values or []))


@dipoles.command()
def run(
    model: Annotated[Path, typer.Argument(help="dipoles.nc")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "dipoles_run.nc"
    ),
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Dynamics of the fitted lattice on any size, in a field: dipoles.nc -> dipoles_run.nc.

    Options for --set, among others: size, duration, warm, timestep, stride, pictures,
    electric_field (V/m, three), polar (start, e*angstrom), memory (false: the Markov limit).
    """
    from multiscale.pipeline.dipoles import run_dipoles

    typer.echo(run_dipoles(model, output, options, values or []))
