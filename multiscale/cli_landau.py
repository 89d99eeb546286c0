"""The commands `multiscale landau FILE` (fit), `landau show RECORD` and `landau film RECORD`."""

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


@landau.command()
def film(
    record: Annotated[str, typer.Argument(help="material record with a Landau set, or a .toml")],
    temperatures: Annotated[
        tuple[float, float] | None,
        typer.Option(help="lowest and highest, K; by default what the set is made for"),
    ] = None,
    misfits: Annotated[
        tuple[float, float], typer.Option(help="lowest and highest in-plane strain, %")
    ] = (-2.0, 2.0),
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path("film.nc"),
    points: Annotated[int, typer.Option(min=2, help="temperatures, and misfits")] = 200,
) -> None:
    """Phases of an epitaxial (001) film against temperature and misfit, with figure.

    One domain, in-plane strains held. Phases: p (P = 0), c (out of plane), a, aa (in plane along
    [100], [110]), ac, r (in between), m (lower).
    """
    from multiscale.pipeline.landau_film import film_of_record

    typer.echo(film_of_record(record, temperatures, misfits, output, points))


@landau.command()
def states(
    mds: Annotated[list[Path], typer.Argument(help="md.nc in several fields, T, stresses")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "landau.nc"
    ),
    order: Annotated[int, typer.Option(help="highest power of P: 2, 4, 6 or 8")] = 6,
    criterion: Annotated[str, typer.Option(help="bic, aic or cross-validation")] = "bic",
    law: Annotated[
        list[str] | None,
        typer.Option(help="a11=constant: absent, constant, linear, quadratic, cubic; repeatable"),
    ] = None,
) -> None:
    """A Landau model from P and strain in fields, without a free-energy surface.

    Fits dG/dP = E over the frames of all runs and ranks the laws of the coefficients; the file is
    one of stage landau.
    """
    from multiscale.pipeline.state_equation import study_states

    typer.echo(study_states(mds, output, order, criterion, law or []))
