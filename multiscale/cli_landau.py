"""The commands `multiscale landau FILE` (fit) and `multiscale landau show RECORD`."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup


class FitByDefault(TyperGroup):
    """A group whose first argument may be a file: then the command is `fit`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put `fit` before arguments that do not start with the name of a command."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["fit", *args]
        return super().parse_args(ctx, args)


landau = typer.Typer(
    cls=FitByDefault,
    help="Landau models: fit one (multiscale landau metad.nc), or show a published one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@landau.command()
def show(
    record: Annotated[str, typer.Argument(help="material record with a Landau set, or a .toml")],
    temperature: Annotated[float, typer.Option(help="K")] = 298.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="one object in SI units; its key units names them")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(help="folder for figures: G along axes, coefficients, phase diagram"),
    ] = None,
) -> None:
    """What a published Landau set predicts: transitions, state, response, domain walls.

    Phases: C cubic, T tetragonal, O orthorhombic, R rhombohedral, M lower. `multiscale materials`
    lists the records.
    """
    from multiscale.pipeline.landau_show import show_record

    typer.echo(show_record(record, temperature, as_json, figures))
