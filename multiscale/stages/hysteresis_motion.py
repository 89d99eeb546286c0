"""How the polarization of stage hysteresis moves: kinetics in SI from the gle Dataset."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.gle.kinetics import field_mass, kinetic_coefficient
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.kinetics import (
    Kinetics,
    Memory,
    Overdamped,
    memory_limit,
    overdamped_limit,
)
from multiscale.mesoscale.specimen import Boxes, Films, boxes_limit, explicit_limit
from multiscale.mesoscale.specimen_rest import Resting
from multiscale.mesoscale.specimen_retarded import Friction, RetardedBoxes, split_friction
from multiscale.stages.hysteresis_bodies import Bodies

if TYPE_CHECKING:
    from multiscale.stages.hysteresis_options import Options

Array = NDArray[np.float64]
Mover = Kinetics | Boxes | Films | Resting | RetardedBoxes


class Motion(NamedTuple):
    """Kinetic coefficients per axis in SI; an axis that may not move has infinite inertia."""

    inertia: Array  # J s^2 m/C^2, mass over volume
    mobility: Array  # S/m, 1 / (inertia friction)
    rate: NDArray[np.complex128]  # (3, mode) 1/s
    amplitude: NDArray[np.complex128]  # (3, mode) 1/s^2
    kind: str  # overdamped, memory or quasi-static

    @classmethod
    def read(cls, gle: xr.Dataset, options: "Options") -> "Motion":
        """Return the kinetics of one temperature of the gle stage.

        Raises
        ------
        ValueError
            If mass or friction is not positive on an axis that moves.
        """
        moves = (options.axis != 0) if options.components == "axial" else np.ones(3, bool)
        mass, friction, volume = (gle[name].values for name in ("mass", "friction", "volume"))
        for name, values in (("mass", mass), ("friction", friction)):
            if not (values[moves] > 0).all():
                raise ValueError(
                    f"{name} of stage gle at {float(gle['temperature']):g} K is "
                    f"{gle[name].values.tolist()} {gle[name].attrs['units']}, expected more than "
                    "0 on every axis. Run md longer, or leave this temperature out."
                )
        modes = [
            (gle[f"{name}_real"].values + 1j * gle[f"{name}_imag"].values) * factor
            for name, factor in (("rate", 1e12), ("amplitude", 1e24))
        ]
        inertia = np.where(moves, field_mass(mass, volume), np.inf)
        damped = np.where(moves, friction, np.inf)
        mobility = kinetic_coefficient(np.where(moves, mass, 1.0), damped, volume)
        return cls(inertia, mobility, modes[0], modes[1], options.kinetics)

    def limit(self, model: PhaseField, bodies: Bodies | None, radius: float) -> float:
        """Return the longest stable time step, s; infinite if there is none."""
        if self.kind == "quasi-static":
            return np.inf
        if bodies is not None and self.kind == "memory":
            g0 = self.friction(bodies, radius).instantaneous
            return explicit_limit(bodies.boxes, 1 / g0, radius)
        if bodies is not None:
            L = float(self.mobility.max())
            if bodies.boxes:
                return boxes_limit(bodies.boxes, L, radius, bodies.load)
            return explicit_limit(bodies.films, L, radius)
        if self.kind == "memory":
            return memory_limit(model, self.inertia, radius)
        return overdamped_limit(model, self.mobility, radius)

    def friction(self, bodies: Bodies, radius: float) -> Friction:
        """Return the kernel of a box without inertia: the mean of those of the axes."""
        amplitude = self.amplitude * self.inertia[:, None]
        if all(np.array_equal(m, m[[0, 0, 0]], equal_nan=True) for m in (self.rate, amplitude)):
            return split_friction(bodies.boxes, self.rate[0], amplitude[0], radius)
        return split_friction(bodies.boxes, self.rate.ravel(), amplitude.ravel() / 3, radius)

    def mover(self, model: PhaseField, bodies: Bodies | None, dt: float, radius: float) -> Mover:
        """Return the equation of motion with time step dt, s.

        Raises
        ------
        NotPassiveError, StepTooLongError
            If the kernel pumps energy in, or dt exceeds the limit.
        """
        if bodies is not None:
            if self.kind == "quasi-static":
                return Resting(bodies.boxes or bodies.films)
            if self.kind == "memory":
                g, mu = self.friction(bodies, radius), float(self.inertia.mean())
                return RetardedBoxes(bodies.boxes, g, dt, radius, mu)
            L = float(self.mobility.mean())
            if bodies.boxes:
                return Boxes(bodies.boxes, L, dt, radius, bodies.load)
            return Films(bodies.films, L, dt, radius, model.kT)
        if self.kind == "memory":
            memory = Memory(model, self.inertia, self.rate, self.amplitude, dt, radius)
            memory.noise_shape()  # builds the propagator: a kernel that is not passive fails now
            return memory
        return Overdamped(model, self.mobility, dt, radius)
