"""What electrodes do to the mean polarization. SI units."""

from dataclasses import dataclass

import numpy as np

from multiscale.units import EPSILON0


@dataclass(frozen=True)
class Electrodes:
    """What the electrodes normal to one axis of the box do to the mean polarization.

    Parameters
    ----------
    axis : int
        Axis of the box that is normal to the electrodes.
    series_capacitance : float
        Capacitance per area of what is in series, F/m^2, times the thickness, m: a dead layer of
        permittivity eps_d and thickness d_d in series with a film d_f gives eps0 eps_d d_f / d_d.
        0 is an open circuit, infinity a short one.
    """

    axis: int = 2
    series_capacitance: float = 0.0

    def film_field(self, voltage: float, thickness: float, permittivity: float) -> float:
        """Return the field, V/m, that a voltage on the stack puts on an unpolarized film.

        thickness is that of the film, m, and permittivity its relative background.
        """
        eps, series = EPSILON0 * permittivity, self.series_capacitance
        share = 1.0 if np.isinf(series) else series / (eps + series)
        return voltage / thickness * share
