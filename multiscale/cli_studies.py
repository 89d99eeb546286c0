"""Commands that study finished runs: compare, thermodynamics, sizes, gradient."""

from pathlib import Path
from typing import Annotated

import typer

studies = typer.Typer()

Output = Annotated[Path, typer.Option("-o", "--output", help="file to write")]
Draw = Annotated[bool, typer.Option("--figure", help="draw it as PNG beside the output")]


@studies.command()
def compare(
    first: Annotated[Path, typer.Argument(help="metad.nc, mean_force.nc or md.nc")],
    second: Annotated[Path, typer.Argument(help="another of these, of the same crystal")],
    output: Output = Path("comparison.nc"),
    cutoff: Annotated[float, typer.Option(help="only what is lower counts, kT")] = 10.0,
    figure: Annotated[bool, typer.Option("--figure", help="draw both as PNG")] = False,
) -> None:
    """Do two methods give the same free energy? Difference, error, chi^2, p-value.

    md.nc counts as direct sampling: the histogram of P, right where the run crossed freely.
    """
    from multiscale.pipeline.comparison import compare_files

    typer.echo(compare_files(first, second, output, cutoff, figure))


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


@studies.command()
def gradient(
    md: Annotated[Path, typer.Argument(help="md.nc with local_polarization")],
    output: Output = Path("gradient.nc"),
    k_max: Annotated[str, typer.Option(help="longest wave vector, such as '6 1/nm'")] = "",
    polar: Annotated[str, typer.Option(help="none (cubic phase), or axis x, y, z of P")] = "none",
    background_permittivity: Annotated[
        float, typer.Option(help="eps_b of longitudinal waves; 0: fit it")
    ] = 0.0,
    quartic: Annotated[bool, typer.Option("--quartic", help="fit k^4 too")] = False,
    figure: Draw = False,
) -> None:
    """Gradient energy G11, G12, G44 from the long waves of the polarization of a run.

    Fits kT/V over the power of all waves along <100>, <110>, <111> at once, longitudinal and
    transverse, with errors; of sets that differ by a surface term the one with G44' = 0.
    """
    from multiscale.pipeline.gradients import study_gradient

    options = {"k_max": k_max, "polar": polar, "quartic": quartic}
    eps_b = background_permittivity or None
    typer.echo(study_gradient(md, output, {**options, "background_permittivity": eps_b}, figure))


@studies.command("wall-drift")
def wall_drift(
    walls: Annotated[Path, typer.Argument(help="paths of walls: output of lattice_walls")],
    output: Output = Path("wall_drift.nc"),
    figure: Draw = False,
    options: Annotated[
        Path | None, typer.Option("--options", help="TOML with the options, or a run file")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, over the file; may be repeated")
    ] = None,
) -> None:
    """Walls at rest -> pinning, memory kernel, and their velocity v(E, T) in a field, with errors.

    The equation fitted to runs without field is simulated in each field; runs in fields, where the
    file has them, test it. Writes the table for the wall model beside the output (.csv). Options
    for --set, among others: fields (list, V/m), window (ps), harmonics, duration (ps), replicas.
    """
    from multiscale.pipeline.wall_drift import study_wall_drift

    typer.echo(study_wall_drift(walls, output, options, values or [], figure))
