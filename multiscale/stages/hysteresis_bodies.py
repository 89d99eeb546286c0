"""Boxes and films of stage hysteresis: grids, strain, load and disorder from the options."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import constants

from multiscale.mesoscale import disorder
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.film import DeadLayer, FilmModel
from multiscale.mesoscale.grid import Grid, orientation
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.series_load import SeriesLoad
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.options import stream

Array = NDArray[np.float64]
QUENCHED = 2  # key of the stream of disorder, beside replicas (0) and landau's samples (1)


class Bodies(NamedTuple):
    """One model per row of the batch, equal rows the same object; boxes or films."""

    boxes: tuple[FieldModel, ...]
    films: tuple[FilmModel, ...]
    load: SeriesLoad | None

    @property
    def elastic(self) -> FieldModel | FilmModel | None:
        """Return the first model if it has strain."""
        return None if self.first.elasticity is None else self.first

    @property
    def first(self) -> FieldModel | FilmModel:
        """Return the model of the first row."""
        return self.boxes[0] if self.boxes else self.films[0]


def shape_of(options: Options, spacing: float) -> tuple[int, int, int]:
    """Return the cells along the axes of the box; spacing in m.

    Raises
    ------
    ValueError
        If the film is thinner than four cells.
    """
    n, d = options.cells, options.dimension
    if options.film is not None:
        across = round(options.film.thickness * 1e-10 / spacing)
        if across < 4:
            raise ValueError(
                f"film.thickness is {options.film.thickness:g} angstrom, {across} cells of "
                f"{spacing * 1e10:.3g} angstrom, expected at least 4. Shorten cell_length."
            )
        return n, options.film.depth, across
    return (n if d > 0 else 1, n if d > 2 else 1, n if d > 1 else 1)


def bodies(row: PhaseField, landau: xr.Dataset, slope: float, options: Options) -> Bodies | None:
    """Return boxes or films with the energies of a row of cells; None if rows are enough.

    Parameters
    ----------
    row : PhaseField
        Coefficients of each replica, spacing, cross-section, gradient and temperature.
    landau : Dataset
        Of one temperature, for stiffness and electrostriction.
    slope : float
        da1/dT, J m/C^2/K, for random transition temperatures.
    options : Options
    """
    if not options.boxed:
        return None
    elastic = elasticity(landau, options) if options.elasticity else None
    known: dict[bytes, FieldModel | FilmModel] = {}
    for a in row.coefficients:
        if a.tobytes() not in known:
            known[a.tobytes()] = (
                _box(row, a, elastic, slope, options)
                if options.film is None
                else _film(row, a, elastic, slope, options)
            )
    rows = [known[a.tobytes()] for a in row.coefficients]
    boxes = tuple(r for r in rows if isinstance(r, FieldModel))
    films = tuple(r for r in rows if isinstance(r, FilmModel))
    return Bodies(boxes, films, series_load(options))


def series_load(options: Options) -> SeriesLoad | None:
    """Return the load in SI."""
    given = options.load
    if given is None:
        return None
    return SeriesLoad(
        given.thickness * 1e-10,
        options.permittivity,
        int(np.argmax(np.abs(options.axis))),
        given.resistance_area or 0.0,
        given.capacitance or np.inf,
    )


def _box(
    row: PhaseField, a: Array, elastic: Elasticity | None, slope: float, options: Options
) -> FieldModel:
    side = float(np.sqrt(row.cross_section))
    R = orientation(options.normal, options.along)
    grid = Grid(shape_of(options, row.spacing), (row.spacing, side, side), R, options.workers)
    load = series_load(options)
    plates = None if load is None else Electrodes(load.axis, load.series_capacitance)
    eps = row.background_permittivity
    field, curvature = quenched(grid, slope, options)
    return FieldModel(
        grid, a, row.gradient, elastic,
        options.permittivity if plates is not None else eps,
        plates, field, curvature, kT=row.kT, single=options.precision == "single",
        differences=options.differences,
    )  # fmt: skip


def _film(
    row: PhaseField, a: Array, elastic: Elasticity | None, slope: float, options: Options
) -> FilmModel:
    film = options.film
    assert film is not None
    shape = shape_of(options, row.spacing)
    edges = (row.spacing, row.spacing, film.thickness * 1e-10 / shape[2])
    layers = [DeadLayer(d.thickness * 1e-10, d.permittivity) for d in film.dead_layers]
    both = (layers * 2)[:2] if layers else [DeadLayer(), DeadLayer()]
    field, curvature = quenched(Grid(shape, edges), slope, options)
    if curvature is not None:
        raise ValueError(
            "disorder.transition_width is given with model = 'film', expected none: films have "
            "random fields and defects only. Take a box, or leave it out."
        )
    length = film.extrapolation_length
    below = film.substrate
    if isinstance(below, tuple):
        below = (1e9 * below[0], 1e9 * below[1], 1e9 * below[2])
    return FilmModel(
        shape, edges, a, row.gradient, options.permittivity, (both[0], both[1]),
        np.inf if length is None else length * 1e-10, elastic, field, below,
    )  # fmt: skip


def quenched(grid: Grid, slope: float, options: Options) -> tuple[Array | None, Array | None]:
    """Return the quenched field, V/m, and shift of 2 a1, J m/C^2; None where there is none."""
    d = options.disorder
    if d is None:
        return None, None
    generator = stream(options.seed, QUENCHED)
    length = d.correlation * 1e-10
    field = np.zeros((3, *grid.shape))
    if d.random_field:
        field += disorder.gaussian_field(grid, d.random_field, length, generator, 3)
    if d.dipole_fraction and d.dipole_field:
        defects = d.dipole_fraction, d.dipole_field, d.dipole_directions
        field += disorder.defect_dipoles(grid, *defects, generator)
    if d.charge_fraction:
        charged = generator.random(grid.shape) < d.charge_fraction
        rho = charged * d.charge * constants.e / grid.volume
        field += disorder.charge_field(grid, rho, options.permittivity)
    curvature = None
    if d.transition_width:
        if not slope > 0:
            raise ValueError(
                f"da1/dT is {slope:.3g} J m/C^2/K, expected more than 0 for a random transition "
                "temperature. Fit landau at two temperatures, or take source = 'material'."
            )
        width = 2 * slope * d.transition_width
        curvature = disorder.gaussian_field(grid, width, length, generator)[0]
    return (field if field.any() else None), curvature


def elasticity(landau: xr.Dataset, options: Options) -> Elasticity:
    """Return the cubic elasticity of one temperature of the landau stage, and what holds it.

    Raises
    ------
    ValueError
        If the stage has no stiffness or electrostriction, or not every constant is known.
    """
    names = ("stiffness", "electrostriction")
    missing = [n for n in names if n not in landau or not np.isfinite(landau[n].values).all()]
    if missing:
        origin = f"material {options.material!r}" if "record" in landau.attrs else "stage landau"
        raise ValueError(
            f"{' and '.join(missing)} of {origin} are not known, expected numbers for "
            "elasticity. Record the strain in metad, or set elasticity = false."
        )
    C, Q = (landau[n].transpose("voigt", "voigt_b").values for n in names)
    film = options.film is not None
    misfit = options.film.misfit if options.film is not None else options.misfit
    return Elasticity(
        _cubic(1e9 * C),
        _cubic(Q),
        "film" if film else options.boundary,
        (misfit, misfit, 0.0, 0.0, 0.0, 0.0),
    )


def _cubic(M: Array) -> tuple[float, float, float]:
    """Return the three constants of a matrix (6, 6), averaged over the cube's axes."""
    normal, off = np.diag(M)[:3], M[:3, :3][~np.eye(3, dtype=bool)]
    return float(normal.mean()), float(off.mean()), float(np.diag(M)[3:].mean())
