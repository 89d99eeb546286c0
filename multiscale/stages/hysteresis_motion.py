"""How the polarization of stage hysteresis moves: kinetics in SI from the gle Dataset."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.gle.kinetics import field_mass, kinetic_coefficient
from multiscale.mesoscale.box import BoxKinetics, box_limit
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.kinetics import (
    Kinetics,
    Memory,
    Overdamped,
    memory_limit,
    overdamped_limit,
)

if TYPE_CHECKING:
    from multiscale.stages.hysteresis_model import Options

Array = NDArray[np.float64]


class Box(NamedTuple):
    """The cells of field-2d and field-3d and their elasticity."""

    shape: tuple[int, int, int]
    elasticity: Elasticity | None


class Motion(NamedTuple):
    """Kinetic coefficients per axis in SI; an axis that may not move has infinite inertia."""

    inertia: Array  # J s^2 m/C^2, mass over volume
    mobility: Array  # S/m, 1 / (inertia friction)
    rate: NDArray[np.complex128]  # (3, mode) 1/s
    amplitude: NDArray[np.complex128]  # (3, mode) 1/s^2
    memory: bool
    box: Box | None  # of field-2d and field-3d

    @classmethod
    def read(cls, gle: xr.Dataset, options: "Options", landau: xr.Dataset) -> "Motion":
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
        return cls(
            inertia,
            mobility,
            modes[0],
            modes[1],
            options.kinetics == "memory",
            _box(landau, options),
        )

    def limit(self, model: PhaseField, radius: float) -> float:
        """Return the longest stable time step, s."""
        if self.box is not None:
            L = float(self.mobility.max())
            return box_limit(model, self.box.shape, L, radius, self.box.elasticity)
        if self.memory:
            return memory_limit(model, self.inertia, radius)
        return overdamped_limit(model, self.mobility, radius)

    def kinetics(self, model: PhaseField, dt: float, radius: float) -> Kinetics:
        """Return the equation of motion with time step dt, s."""
        if self.box is not None:
            L = float(self.mobility.mean())
            return BoxKinetics(model, self.box.shape, L, dt, radius, self.box.elasticity)
        if self.memory:
            return Memory(model, self.inertia, self.rate, self.amplitude, dt, radius)
        return Overdamped(model, self.mobility, dt, radius)


def _box(landau: xr.Dataset, options: "Options") -> Box | None:
    """Return the box of a model in two or three dimensions; two are x and z."""
    if options.dimension < 2:
        return None
    n = options.cells
    shape = (n, 1 if options.dimension == 2 else n, n)
    return Box(shape, elasticity(landau) if options.elasticity else None)


def elasticity(landau: xr.Dataset) -> Elasticity:
    """Return the cubic elasticity of one temperature of the landau stage, without mean stress.

    Raises
    ------
    ValueError
        If the stage has no stiffness or electrostriction, or not every constant is known.
    """
    names = ("stiffness", "electrostriction")
    missing = [n for n in names if n not in landau or not np.isfinite(landau[n].values).all()]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} of stage landau are not known, expected numbers for "
            "elasticity. Record the strain in metad, or set elasticity = false."
        )
    C, Q = (landau[n].transpose("voigt", "voigt_b").values for n in names)
    return Elasticity(_cubic(1e9 * C), _cubic(Q))


def _cubic(M: Array) -> tuple[float, float, float]:
    """Return the three constants of a matrix (6, 6), averaged over the cube's axes."""
    normal, off = np.diag(M)[:3], M[:3, :3][~np.eye(3, dtype=bool)]
    return float(normal.mean()), float(off.mean()), float(np.diag(M)[3:].mean())
