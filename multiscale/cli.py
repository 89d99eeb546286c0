"""The command `multiscale`; heavy imports live inside the commands: --help answers at once."""

import errno
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from multiscale.cli_dipoles import dipoles as dipole_commands
from multiscale.cli_files import files
from multiscale.cli_landau import landau as landau_commands
from multiscale.cli_lattice_runs import lattice as lattice_commands
from multiscale.cli_loops import loops
from multiscale.cli_studies import studies

app = typer.Typer(
    name="multiscale",
    help="Ferroelectrics from atoms to fields.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(loops)
app.add_typer(studies)
app.add_typer(files)
app.add_typer(landau_commands, name="landau")
app.add_typer(lattice_commands, name="lattice")
app.add_typer(dipole_commands, name="dipoles")

Output = Annotated[Path, typer.Option("-o", "--output", help="file to write")]
OptionsFile = Annotated[
    Path | None, typer.Option("--options", help="TOML with the stage's options, or a run file")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, over the file; may be repeated")
]
BAD_INPUT, FAILED, STOPPED = 2, 1, 130
log = logging.getLogger("multiscale")


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input, 130 stopped by the user."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        app()
    except (ValueError, FileNotFoundError, PermissionError) as err:
        _exit(err, BAD_INPUT)
    except KeyboardInterrupt:
        _exit(RuntimeError("stopped."), STOPPED)
    except Exception as err:
        from multiscale.pipeline.run import Interrupted

        if os.environ.get("MULTISCALE_TRACEBACK"):
            raise
        _exit(err, STOPPED if isinstance(err, Interrupted) else FAILED)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="run file (TOML)")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan and stop")] = False,
    output: Annotated[Path | None, typer.Option(help="output folder")] = None,
    workers: Annotated[
        int | None, typer.Option(help="processes, default all cores; 0 runs in this one", min=0)
    ] = None,
    dask: Annotated[int, typer.Option(help="local Dask cluster with N workers", min=0)] = 0,
    scheduler_file: Annotated[
        Path | None, typer.Option(help="join the Dask cluster of this scheduler file")
    ] = None,
) -> None:
    """Run what a run file describes and is not done yet; the same command resumes."""
    _log_to_stderr()
    from multiscale.pipeline import plan as plans
    from multiscale.pipeline import runfile
    from multiscale.pipeline.joint_runs import require_workers
    from multiscale.pipeline.report import up_to_date, write_report
    from multiscale.pipeline.run import run as run_plan

    plan = plans.make_plan(runfile.read(file, output))
    typer.echo(plans.table(plan))
    if dry_run:
        return
    if scheduler_file is None:
        at_once = dask or (1 if workers == 0 else workers or os.cpu_count() or 1)
        require_workers([(stage.name, stage.options) for stage in plan.todo], at_once)
    ran = run_plan(plan, _executor(workers, dask, scheduler_file))
    folder = plan.run.folder
    if ran or not up_to_date(folder):
        write_report(folder)
    if not ran:
        typer.echo("Everything is up to date; nothing was run.")
    typer.echo(f"Report: {folder / 'report.html'}")


@app.command()
def train(
    files: Annotated[
        list[Path],
        typer.Argument(help="extended XYZ with labels, any subset; a part of each is held out"),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write")],
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Train a potential on labelled structures; the same command continues what was stopped.

    The folder gets weights, model card, history, report and active set. Options, among others:
    epochs, batch, learning_rate, cutoff, mixed, hidden, response, oxidation.Ti,
    tolerances.forces, references (shared, own), held_out, patience, initial, response_only,
    device (cpu, cuda), seed, checkpoint (s).
    """
    _log_to_stderr()
    from multiscale.pipeline.training import train_potential

    typer.echo(train_potential(files, output, options, values or []))


@app.command()
def evaluate(
    potential: Annotated[str, typer.Argument(help="shipped name or folder")],
    files: Annotated[list[Path], typer.Argument(help="extended XYZ with labels, any subset")],
    as_json: Annotated[
        bool, typer.Option("--json", help="one object, label -> {mae, rmse, n}, in eV, angstrom, e")
    ] = False,
) -> None:
    """Compare a potential with labelled structures: errors by label, all files together.

    Energies per atom, after removing one constant for each file; polarization per atom, folded by
    its quantum.
    """
    _log_to_stderr()
    from multiscale.pipeline.evaluation import evaluate_files

    typer.echo(evaluate_files(potential, files, as_json))


@app.command()
def md(output: Output = Path("md.nc"), options: OptionsFile = None, values: Set = None) -> None:
    """Molecular dynamics: a potential and a structure -> md.nc."""
    _stage("md", {}, output, options, values)


@app.command()
def spectra(
    md: Annotated[Path, typer.Argument(help="md.nc, in a constant field or none")],
    output: Output = Path("spectra.nc"),
    in_field: Annotated[
        list[Path] | None,
        typer.Option(help="md.nc of the same crystal in another field; may be repeated"),
    ] = None,
    member: Annotated[
        list[Path] | None,
        typer.Option(help="md.nc with another member of the committee; may be repeated"),
    ] = None,
    figure: Annotated[bool, typer.Option("--figure", help="draw each spectrum as PNG")] = False,
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Infrared, Raman and dielectric spectra, vibrational states: md.nc -> spectra.nc.

    Options for --set, among others: resolution (1/cm), window (blackman, hann), max_wavenumber,
    eps_inf (three numbers), raman_plane (xy, yz, xz).
    """
    _log_to_stderr()
    from multiscale.pipeline.spectra import run_spectra

    written = run_spectra(
        md, output, options, values or [],
        in_field=in_field or (), members=member or (), figures=figure,
    )  # fmt: skip
    typer.echo(written)


@app.command()
def metad(
    output: Output = Path("metad.nc"),
    options: OptionsFile = None,
    values: Set = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="propose settings with reasons, and stop")
    ] = False,
    md: Annotated[
        Path | None, typer.Option(help="for --suggest: md.nc to look at; default: run 20 ps now")
    ] = None,
    shared_hills: Annotated[
        Path | None,
        typer.Option(help="folder of hills of several jobs, each with --set process=0, 1, ..."),
    ] = None,
) -> None:
    """Metadynamics of polarization, strain, domain walls: a potential, a structure -> metad.nc."""
    if suggest:
        _log_to_stderr()
        from multiscale.pipeline.advice import suggest as propose

        typer.echo(propose(options, values or [], md))
        return
    _stage("metad", {}, output, options, values, shared_hills)


@app.command("mean-force")
def mean_force(
    output: Output = Path("mean_force.nc"), options: OptionsFile = None, values: Set = None
) -> None:
    """Free energy by integrating the mean force: a potential and a structure -> mean_force.nc.

    Options for --set, among others: axes (z, xyz, ...), direction ([0, 0, 1]: a line), windows,
    limit, stiffness, walkers (in each window).
    """
    _stage("mean_force", {}, output, options, values)


@landau_commands.command("fit")
def landau(
    metad: Annotated[Path, typer.Argument(help="metad.nc")],
    output: Output = Path("landau.nc"),
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Fit a Landau model: metad.nc -> landau.nc; the word fit may be left out."""
    _stage("landau", {"metad": metad}, output, options, values)


@app.command()
def gle(
    md: Annotated[Path, typer.Argument(help="md.nc")],
    landau: Annotated[Path, typer.Argument(help="landau.nc")],
    output: Output = Path("gle.nc"),
    options: OptionsFile = None,
    values: Set = None,
) -> None:
    """Extract the memory kernel: md.nc landau.nc -> gle.nc."""
    _stage("gle", {"md": md, "landau": landau}, output, options, values)


def _stage(
    name: str,
    inputs: dict[str, Path],
    output: Path,
    options: Path | None,
    values: list[str] | None,
    hills: Path | None = None,
) -> None:
    """Run one stage, files in and file out."""
    _log_to_stderr()
    from multiscale.pipeline.single import run_stage

    typer.echo(run_stage(name, inputs, output, options, values or [], hills=hills))


def _executor(workers: int | None, dask: int, scheduler_file: Path | None) -> Any:
    from multiscale.pipeline import execution

    if scheduler_file is not None:
        if not scheduler_file.is_file():
            raise FileNotFoundError(
                f"{scheduler_file}: not found. Start one with `dask scheduler --scheduler-file "
                f"{scheduler_file}`."
            )
        return execution.dask_cluster(scheduler_file=scheduler_file)
    if dask:
        return execution.dask_cluster(dask)
    if workers == 0:
        return execution.in_process
    return execution.process_pool(workers or os.cpu_count() or 1)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)


def _as_interrupt(*_: object) -> None:
    """Let SIGTERM (a batch system's wall time) stop a run as cleanly as Ctrl-C does."""
    raise KeyboardInterrupt


def _exit(err: Exception, status: int) -> NoReturn:
    """Print one line and exit."""
    full = isinstance(err, OSError) and err.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    message = "the disk is full. Free some space and run the same command." if full else str(err)
    if isinstance(err, PermissionError):
        message = f"{err.filename}: no permission. Choose another path, or change its permissions."
    sys.stderr.write(f"multiscale: {' '.join(message.split()) or type(err).__name__}\n")
    sys.exit(status)
