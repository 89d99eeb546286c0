"""Commands that study finished metadynamics runs: thermodynamics, sizes."""

from pathlib import Path
from typing import Annotated

import typer

studies = typer.Typer()

Output = Annotated[Path, typer.Option("-o", "--output", help="file to write")]
Draw = Annotated[bool, typer.Option("--figure", help="draw it as PNG beside the output")]


@studies.command()
def thermodynamics(
    metad: Annotated[Path, typer.Argument(help="metad.nc, best of several temperatures")],
    output: Output = Path("thermodynamics.nc"),
    figure: Draw = False,
) -> None:
    """Averages without the bias, energy and entropy at P, the transition temperature.

    Entropies come by two routes, from the free energy's change with temperature and from mean
    energies, that must agree; the transition comes with an error, or with the reason why not.
    """
    from multiscale.pipeline.studies import study_thermodynamics

    typer.echo(study_thermodynamics(metad, output, figure))


@studies.command()
def sizes(
    metads: Annotated[list[Path], typer.Argument(help="metad.nc of two or more supercells")],
    output: Output = Path("sizes.nc"),
    figure: Draw = False,
) -> None:
    """Free energy per cell against the size of the supercell: bulk, or domain walls?

    The barrier per cell of a bulk double well does not depend on size; that of walls that cross
    the cell falls as 1/L. Also: the extrapolation to the infinite crystal.
    """
    from multiscale.pipeline.studies import study_sizes

    typer.echo(study_sizes(metads, output, figure))
