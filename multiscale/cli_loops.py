"""Commands about switching: hysteresis, compare-loop."""

from pathlib import Path
from typing import Annotated

import typer

loops = typer.Typer()

Output = Annotated[Path, typer.Option("-o", "--output", help="file to write")]
OptionsFile = Annotated[
    Path | None, typer.Option("--options", help="TOML with the stage's options, or a run file")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, over the file; may be repeated")
]
Draw = Annotated[bool, typer.Option("--figure", help="draw it as PNG beside the output")]


@loops.command()
def hysteresis(
    landau: Annotated[
        Path | None, typer.Argument(help="landau.nc; none with source=material")
    ] = None,
    gle: Annotated[Path | None, typer.Argument(help="gle.nc; none for moving walls")] = None,
    output: Output = Path("hysteresis.nc"),
    figure: Annotated[bool, typer.Option("--figure", help="draw each figure as PNG")] = False,
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Drive loops: landau.nc gle.nc -> hysteresis.nc, or a material record alone.

    Options for --set, among others: source=material, material (a record), waveform (triangle,
    sine, staircase, pulses, pund, forc, table), amplitude, frequencies, model (single-domain,
    field-1d, field-2d, field-3d, film, wall), precision (double, single), workers,
    differences; of tables: wall.residual, film.misfit, film.substrate, pulse.width.
    """
    from multiscale.cli import _log_to_stderr
    from multiscale.pipeline.loops import run_hysteresis

    _log_to_stderr()

    given = {"landau": landau, "gle": gle}
    typer.echo(run_hysteresis(given, output, options, values or [], figure))


@loops.command("compare-loop")
def compare_loop(
    hysteresis: Annotated[Path, typer.Argument(help="hysteresis.nc")],
    measured: Annotated[Path, typer.Argument(help="table: columns E (or V) and P with units")],
    output: Output = Path("loop-comparison.nc"),
    loop: Annotated[int, typer.Option(min=0, help="which loop of the file")] = 0,
    scale: Annotated[float, typer.Option(help="factor on the simulated field")] = 1.0,
    units: Annotated[
        str, typer.Option(help="of E (or V) and P, such as 'kV/cm,uC/cm^2'; over the header's")
    ] = "",
    thickness: Annotated[str, typer.Option(help="of the sample, for voltages: '200 nm'")] = "",
    figure: Draw = False,
) -> None:
    """A loop against a measured one: both in one figure, E_c, P_r, area, rms difference.

    The last cycle of each counts; the measured one is centred in P.
    """
    from multiscale.pipeline.loops import compare_loop as compare_files

    chosen = [u.strip() for u in units.split(",")] if units else []
    said = compare_files(
        hysteresis, measured, output,
        loop=loop, scale=scale, units=chosen, thickness=thickness, figure=figure,
    )  # fmt: skip
    typer.echo(said)
