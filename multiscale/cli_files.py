"""Commands about files and folders that are there: join, materials, report, check, export."""

from pathlib import Path
from typing import Annotated

import typer

files = typer.Typer()


@files.command()
def join(
    files: Annotated[list[Path], typer.Argument(help="parts: of processes, or of temperatures")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")],
) -> None:
    """Join metad.nc (md.nc, mean_force.nc) of several jobs; processes are analysed together."""
    from multiscale.pipeline.joint_runs import join_files

    typer.echo(join_files(files, output))


@files.command()
def materials(
    name: Annotated[str | None, typer.Argument(help="record to show; all names without")] = None,
) -> None:
    """List the material records, or show one."""
    from multiscale import materials as records

    typer.echo("\n".join(records.names()) if name is None else records.text(name).rstrip())


@files.command()
def report(folder: Annotated[Path, typer.Argument(help="folder of a run")]) -> None:
    """Write report.html about a run's folder."""
    from multiscale.pipeline.report import write_report

    typer.echo(write_report(folder))


@files.command()
def check(file: Annotated[Path, typer.Argument(help="netCDF file of a stage")]) -> None:
    """Check a stage's file against the schema; show its variables, units and doubts."""
    from multiscale.pipeline.single import describe_file

    typer.echo(describe_file(file))


@files.command()
def export(
    file: Annotated[Path, typer.Argument(help="netCDF file of a stage, or a material record")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="plumed (HILLS), colvar; json, ferrox, ferret, openferro; of hysteresis: csv, "
            "vti, xdmf (ParaView), gif, mp4 (with ffmpeg)",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")],
    temperature: Annotated[
        float | None, typer.Option(help="in K; needed if the file has several, 298 for a record")
    ] = None,
    loop: Annotated[int, typer.Option(min=0, help="which loop of hysteresis.nc")] = 0,
) -> None:
    """Write a stage's result or a record for another program: hills, coefficients, domains."""
    from multiscale.pipeline.export import export_file

    typer.echo(export_file(file, form, output, temperature, loop))
