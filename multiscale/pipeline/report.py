"""One static page about a run: doubts first, numbers with unit and error, figures, provenance."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import manifest as manifests
from multiscale.pipeline import provenance, store
from multiscale.pipeline.numbers import Row, by_temperature, numbers
from multiscale.pipeline.page import Figure, inline, template
from multiscale.pipeline.registry import STAGES

log = logging.getLogger(__name__)
NAME = "report.html"
TITLES: Mapping[str, str] = {
    "md": "Molecular dynamics",
    "spectra": "Spectra: infrared, Raman, dielectric, vibrational",
    "metad": "Metadynamics: free energy of the polarization",
    "mean_force": "Mean force: free energy by integration",
    "landau": "Landau model",
    "gle": "Memory kernel",
    "hysteresis": "Hysteresis loops",
    "lattice_fit": "Effective Hamiltonian fitted to the potential",
    "lattice_walls": "Domain walls of the lattice",
    "lattice_loops": "Hysteresis loops of the lattice",
    "lattice_nuclei": "Nuclei of the lattice",
    "wall_drift": "Equation of motion of walls",
}


LATTICE: Mapping[str, tuple[str, str]] = {
    "lattice_fit": ("Fitted lattice against its potential", "fitted_lattice"),
    "lattice_walls": ("Paths and velocities of walls", "wall_paths"),
    "lattice_nuclei": ("Radii of nuclei", "nucleus_radii"),
    "wall_drift": ("Velocity, pinning and kernel of walls", "wall_motion"),
}
"""Caption and function of multiscale.plotting for the stages of the lattice with one figure."""


@dataclass(frozen=True)
class Section:
    """What the page says about one stage."""

    name: str
    title: str
    doubts: list[schema.Doubt]
    rows: list[Row]
    figures: list[Figure]
    facts: dict[str, Any]
    entry: manifests.Entry | None

    @property
    def failed(self) -> list[schema.Doubt]:
        """Return the checks that did not hold."""
        return [doubt for doubt in self.doubts if not doubt.ok]

    @property
    def elapsed(self) -> float:
        """Return the summed time of the tasks in s."""
        return sum(task.elapsed for task in self.entry.tasks) if self.entry else math.nan

    @property
    def peak_memory(self) -> float:
        """Return the largest memory of a task in MB."""
        tasks = self.entry.tasks if self.entry else ()
        return max((task.peak_memory for task in tasks), default=math.nan)


def write_report(folder: Path) -> Path:
    """Write report.html about the stage files of a folder and return its path.

    Raises
    ------
    FileNotFoundError
        The folder holds no stage file.
    """
    files = {name: folder / f"{name}.nc" for name in STAGES if (folder / f"{name}.nc").is_file()}
    if not files:
        raise FileNotFoundError(
            f"{folder}: holds none of {', '.join(f'{n}.nc' for n in STAGES)}. Give the folder of "
            f"a run."
        )
    folders.prepare(folder)
    datasets = {name: store.load(path) for name, path in files.items()}
    manifest = manifests.read(folder)
    sections = [_section(name, datasets, manifest.get(name)) for name in datasets]
    run_file = folder / "run.toml"
    page = template(NAME).render(
        name=folder.resolve().name,
        sections=sections,
        n_failed=sum(len(s.failed) for s in sections),
        n_checks=sum(len(s.doubts) for s in sections),
        headline=by_temperature([row for s in sections for row in s.rows if row.headline]),
        run_file=run_file.read_text(encoding="utf-8") if run_file.is_file() else "",
        version=provenance.code_version(),
        git=provenance.git_state(),
        packages=provenance.package_versions(),
        time=provenance.now(),
        stamp=_stamp(files.values()),
    )
    path = folder / NAME
    store.write_atomic(path, page.encode())
    return path


def up_to_date(folder: Path) -> bool:
    """Return whether the report is about the files that are there now."""
    path = folder / NAME
    files = [folder / f"{name}.nc" for name in STAGES if (folder / f"{name}.nc").is_file()]
    return path.is_file() and _stamp(files) in path.read_text(encoding="utf-8", errors="replace")


def _stamp(files: Any) -> str:
    return " ".join(store.file_hash(path)[:12] for path in files)


def _section(
    name: str, datasets: Mapping[str, xr.Dataset], entry: manifests.Entry | None
) -> Section:
    ds = datasets[name]
    # The page lists the doubts itself; its figures need not repeat them.
    plain = {other: each.assign_attrs(trust="[]") for other, each in datasets.items()}
    return Section(
        name=name,
        title=TITLES.get(name, name),
        doubts=schema.trust(ds),
        rows=numbers(name, ds),
        figures=list(_figures(name, plain)),
        facts=provenance.read(ds),
        entry=entry,
    )


def _figures(name: str, datasets: Mapping[str, xr.Dataset]) -> Iterator[Figure]:
    """Draw the figures of a stage; one that cannot be drawn is said in its place."""
    for caption, draw in _drawings(name, datasets).items():
        try:
            figure = draw()
            yield inline(caption, figure)
        except Exception as err:  # a figure must not cost the report of a finished run
            log.warning("figure %r of %s could not be drawn: %r", caption, name, err)
            yield Figure(f"{caption}: could not be drawn ({err})", "")


def _surfaces(name: str, datasets: Mapping[str, xr.Dataset]) -> dict[str, Callable[[], Any]]:
    """Return what is drawn of metad or mean_force; of both, their agreement."""
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy
    from multiscale.stages import thermodynamics  # noqa: PLC0415
    from multiscale.stages.comparison import compare  # noqa: PLC0415

    ds = datasets[name]
    if name == "mean_force":
        drawn: dict[str, Callable[[], Any]] = {
            "Free energy and its slope": lambda: plotting.mean_force_profiles(ds)
        }
        if "metad" in datasets:
            drawn["Mean force against metadynamics"] = lambda: plotting.agreement(
                compare(ds, datasets["metad"])
            )
        return drawn
    if not plotting.is_of_polarization(ds):
        return _of_variables(ds)
    count = sum(p in ds["free_energy"].dims for p in ("px", "py", "pz"))
    flat, solid = count < 2, count > 2
    cuts: dict[str, Callable[[], Any]] = {
        "Free energy along cubic directions": lambda: plotting.free_energy_cuts(ds)
    }
    plane = {} if flat else {"Free energy in a plane": lambda: plotting.free_energy_map(ds)}
    if ds.sizes["temperature"] > 1 and "block_weight" in ds and "pz" in ds.dims and not solid:
        cuts["Enthalpy and entropy at P"] = lambda: plotting.energy_and_entropy(
            thermodynamics.run(ds)
        )
    return cuts | plane | {"Convergence": lambda: plotting.convergence(ds)}


def _of_variables(ds: xr.Dataset) -> dict[str, Callable[[], Any]]:
    """Return what is drawn of metad over collective variables other than P along the axes."""
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy

    drawn: dict[str, Callable[[], Any]] = {
        "Free energy of each variable": lambda: plotting.free_energy_profiles(ds)
    }
    if ds["cv"].size > 1:
        drawn["Free energy over two variables"] = lambda: plotting.free_energy_plane(ds)
    return drawn | {"Convergence": lambda: plotting.convergence(ds)}


def _of_landau(datasets: Mapping[str, xr.Dataset]) -> dict[str, Callable[[], Any]]:
    """Return what is drawn of a Landau model."""
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy

    ds = datasets["landau"]
    fits: dict[str, Callable[[], Any]] = {"Coefficients": lambda: plotting.coefficients(ds)}
    if "metad" in datasets:
        fits["Fit against the sampled surface"] = lambda: plotting.profiles(ds, datasets["metad"])
    if "law_coefficient" in ds:
        fits["Laws in temperature"] = lambda: plotting.laws(ds)
    if "candidate_bic" in ds:
        fits["Candidate laws"] = lambda: plotting.candidates(ds)
    if "stiffness" in ds and bool(np.isfinite(ds["stiffness"].values).any()):
        fits["Strain coupling"] = lambda: plotting.strain_coupling(ds)
    return fits


def _of_gle(ds: xr.Dataset) -> dict[str, Callable[[], Any]]:
    """Return what is drawn of memory kernels."""
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy

    drawn: dict[str, Callable[[], Any]] = {"Memory kernel": lambda: plotting.kernels(ds)}
    if "velocity_autocorrelation" in ds:
        drawn["Autocorrelation of the polarization current"] = lambda: (
            plotting.velocity_autocorrelation(ds)
        )
    if "fdt_residual" in ds:
        drawn["Fluctuation-dissipation residual"] = lambda: plotting.dissipation_residual(ds)
    if "fdt_ratio" in ds:
        drawn["Fluctuation-dissipation ratio"] = lambda: plotting.dissipation_ratio(ds)
    return drawn


def _drawings(name: str, datasets: Mapping[str, xr.Dataset]) -> dict[str, Callable[[], Any]]:
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy

    ds = datasets[name]
    if name == "md":
        return {
            "Polarization of every walker": lambda: plotting.traces(ds),
            "Lattice parameters": lambda: plotting.lattice_parameters(ds),
            "Polarization against temperature": lambda: plotting.spontaneous_polarization(
                ds, datasets.get("landau")
            ),
        }
    if name in {"metad", "mean_force"}:
        return _surfaces(name, datasets)
    if name == "landau":
        return _of_landau(datasets)
    if name in LATTICE:
        caption, figure = LATTICE[name]
        return {caption: lambda: getattr(plotting, figure)(ds)}
    if name == "gle":
        return _of_gle(ds)
    of_stage = plotting.spectra_figures if name == "spectra" else plotting.hysteresis_figures
    figures = of_stage(ds)
    return {caption: partial(function, ds) for caption, function in figures.items()}
