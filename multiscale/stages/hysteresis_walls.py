"""Loops of moving walls: the law of their velocity from the options or fitted to a table."""

from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import materials
from multiscale.landau import ground_state
from multiscale.mesoscale.wall_laws import LAWS, VelocityFit, fit_velocity
from multiscale.mesoscale.wall_model import WallModel, random_pinning
from multiscale.stages.hysteresis_bodies import QUENCHED
from multiscale.stages.hysteresis_drive import protocol
from multiscale.stages.hysteresis_model import Case, at_temperature
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_tables import Wall
from multiscale.stages.landau_record import bounded, landau_of
from multiscale.stages.options import millikelvin, stream

Array = NDArray[np.float64]
LAW_SAMPLES = 3  # key of the stream of sampled laws


class WallCase(NamedTuple):
    """A cell, ready to run: one model per row, the best law first."""

    case: Case
    cells: tuple[WallModel, ...]
    fit: VelocityFit | None

    @property
    def floor(self) -> float:
        """Field below which the residual nucleus cannot grow, V/m."""
        return self.cells[0].nucleation_floor

    @property
    def limit(self) -> float:
        """Largest |P| of the cell, C/m^2: only the residual nucleus of the other sign is left."""
        first = self.cells[0]
        return float(-first.polarization(first.residual))


def prepare_walls(
    landau: xr.Dataset | None, temperature: float, frequency: float, options: Options
) -> list[WallCase]:
    """Return one case per half length of the cell.

    Raises
    ------
    ValueError
        If the table has too few velocities at this temperature, or P0 is not known.
    """
    wall, amplitude = options.wall, options.amplitude
    assert wall is not None
    assert amplitude is not None
    fit = _fit(wall, temperature) if wall.table else None
    laws = _laws(wall, fit, temperature, options)
    P0 = wall.saturation or _saturation(landau, temperature, options)
    pinning: tuple[float, ...] = ()
    if wall.pinning is not None:
        pin = wall.pinning
        generator = stream(options.seed, QUENCHED)
        pinning = random_pinning(pin.parts, pin.strength, pin.correlation, generator)
    return [
        WallCase(
            Case(temperature, frequency, amplitude, protocol(options), 1, 0.0, D * 1e-10),
            tuple(
                WallModel(
                    _velocity(wall.law, p), D * 1e-10, wall.residual * 1e-10, P0, wall.dimension,
                    wall.wall_energy, wall.depolarization, pinning,
                )
                for p in laws
            ),
            fit,
        )
        for D in wall.half_lengths
    ]  # fmt: skip


def run_walls(one: WallCase) -> Array:
    """Return P along the field of every row at every sample, (row, samples + 1), C/m^2."""
    case = one.case
    duration = case.protocol.samples / case.protocol.per_unit / case.frequency

    def field(t: Array) -> Array:
        return case.amplitude * case.protocol.wave(t * case.frequency)

    steps = case.protocol.samples
    loops = [cell.loop(field, duration, steps=steps, cycles=1) for cell in one.cells]
    return np.array([loop.polarization for loop in loops])


def _velocity(law: str, parameters: Array) -> partial[Array]:
    """Return field -> velocity with the constants bound."""
    return partial(_bound, law=law, parameters=tuple(map(float, parameters)))


def _bound(E: Array, law: str, parameters: tuple[float, ...]) -> Array:
    return LAWS[law](E, *parameters)


def _fit(wall: Wall, temperature: float) -> VelocityFit:
    """Return the law fitted to the velocities at one temperature."""
    rows = np.array(wall.table, float)
    near = rows[np.abs(rows[:, 0] - temperature) <= 0.5]
    if not len(near):
        have = ", ".join(f"{t:g}" for t in np.unique(rows[:, 0]))
        raise ValueError(
            f"wall.table has no velocity at {temperature:g} K, expected one of {have} K. "
            "Correct temperatures."
        )
    E, v, error = near[:, 1:].T
    unknown = ~(error > 0)
    return fit_velocity(E, v, np.where(unknown, 0.05 * np.abs(v), error), wall.law)


def _laws(wall: Wall, fit: VelocityFit | None, temperature: float, options: Options) -> Array:
    """Return the law's constants: the best ones, then samples of the fit, (row, parameter)."""
    if fit is None:
        return np.array([wall.parameters])
    relative = fit.covariance / np.outer(fit.parameters, fit.parameters)
    generator = stream(options.seed, LAW_SAMPLES, millikelvin(temperature))
    drawn = generator.multivariate_normal(
        np.zeros(len(relative)), relative, size=options.landau_samples
    )
    return np.vstack([fit.parameters, fit.parameters * np.exp(drawn)])


def _saturation(landau: xr.Dataset | None, temperature: float, options: Options) -> float:
    """Return |P0| along the field of the landau stage or of the record, C/m^2."""
    if landau is not None:
        here = at_temperature(landau, temperature, "landau")
        P = here["spontaneous_polarization"].values
    else:
        record = materials.load(options.material)
        P = ground_state(bounded(landau_of(record), record.name, temperature)).polarization
    # variants are equivalent: the one nearest to the field is the one that grows
    size = float(np.sort(np.abs(P)) @ np.sort(np.abs(options.axis)))
    if size <= 0:
        raise ValueError(
            f"spontaneous polarization is 0 at {temperature:g} K, expected more. Lower the "
            "temperature, or give wall.saturation."
        )
    return size
