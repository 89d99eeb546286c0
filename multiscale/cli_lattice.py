"""The commands `multiscale lattice fit` and `lattice record`."""

from pathlib import Path
from typing import Annotated

import typer

lattice = typer.Typer(
    help="Effective Hamiltonians: fit one to a potential, write it as a material record.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@lattice.command()
def fit(
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "lattice_fit.nc"
    ),
    options: Annotated[
        Path | None, typer.Option(help="TOML with options, or a run file with [lattice_fit]")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", help="key=value; may be repeated")
    ] = None,
    figure: Annotated[bool, typer.Option("--figure", help="draw it as PNG too")] = False,
) -> None:
    """Fit an effective Hamiltonian to a potential -> lattice_fit.nc and a record beside it.

    Local modes from the soft mode of the cubic crystal; energies, forces and stresses of the
    potential at given modes, all else at rest; regression; what it loses on configurations that it
    has not seen. Run the record with potential = "lattice" and material = "lattice_fit.toml".
    Options for --set, among others: potential, material, eps_inf, order, sizes, warm, unseen.
    """
    from multiscale.pipeline.lattice_fits import fit_lattice

    typer.echo(fit_lattice(output, options, values or [], figure))


@lattice.command()
def record(
    file: Annotated[Path, typer.Argument(help="lattice_fit.nc")],
    output: Annotated[Path, typer.Option("-o", "--output", help="record to write, .toml")] = Path(
        "lattice_fit.toml"
    ),
) -> None:
    """Write the material record of a fit: lattice_fit.nc -> a TOML file for potential = lattice."""
    from multiscale.pipeline.lattice_fits import write_record

    typer.echo(write_record(file, output))
