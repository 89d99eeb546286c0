"""What is in series with a sample: a resistor, a capacitor. SI units."""

from typing import NamedTuple

import numpy as np

from multiscale.units import EPSILON0


class SeriesLoad(NamedTuple):
    """A resistor and a capacitor in series with a sample, per area of its electrodes."""

    thickness: float  # of the sample between its electrodes, m
    permittivity: float  # relative background of the sample
    axis: int = 2  # of the box, normal to the electrodes
    resistance_area: float = 0.0  # Ohm m^2
    capacitance: float = np.inf  # F/m^2

    @property
    def stiffness(self) -> float:
        """Voltage per charge of the empty sample and the capacitor, m^2/F."""
        return float(self.thickness / (EPSILON0 * self.permittivity) + 1.0 / self.capacitance)

    @property
    def time(self) -> float:
        """Charging time of the empty sample, s."""
        return self.resistance_area / self.stiffness

    @property
    def series_capacitance(self) -> float:
        """What `Electrodes` needs: 0 with a resistor, whose charge is integrated, F/m."""
        return 0.0 if self.resistance_area > 0 else self.capacitance * self.thickness

    def rest(self, field: float, P: float) -> float:
        """Return the charge, C/m^2, at which no current flows: source V/thickness, mean P_n."""
        eps = EPSILON0 * self.permittivity
        return float(self.thickness * (field + P / eps) / self.stiffness)

    def charge(self, q: float, field: float, P: float, dt: float) -> float:
        """Return the charge, C/m^2, after dt, s, at constant source and P; exact."""
        if self.resistance_area == 0:
            return self.rest(field, P)
        rest = self.rest(field, P)
        return float(rest + (q - rest) * np.exp(-dt / self.time))

    def applied(self, q: float, field: float) -> float:
        """Return the field, V/m, to be applied to the open (or capacitive) model."""
        eps = EPSILON0 * self.permittivity
        if self.resistance_area > 0:
            return float(q / eps)
        share = self.series_capacitance / (eps + self.series_capacitance)
        return float(field * share)

    def inside(self, q: float, P: float) -> float:
        """Return the mean field in the sample, V/m."""
        return float((q - P) / (EPSILON0 * self.permittivity))
