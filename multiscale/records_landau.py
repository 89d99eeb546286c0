"""The Landau part of a material record: laws of the coefficients, and the numbers they must give.

In the files every number with a dimension is a text with its unit; here it is a float in SI units.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from multiscale.records_units import (
    Field,
    HeatDensity,
    Number,
    Polarization,
    Temperature,
    read_number,
)
from multiscale.schema import coefficient_units
from multiscale.stages.options import Table

Array = NDArray[np.float64]


class Law(Table, frozen=True):
    """A coefficient as a function of temperature in SI units.

    constant + slope (T - origin) + amplitude [coth(saturation/T) - coth(saturation/zero)]: the last
    part is the quantum-mechanical form of Barrett, Phys. Rev. 86, 118 (1952), which vanishes at
    T = zero and levels off below the saturation temperature.
    """

    constant: float = 0.0
    slope: float = 0.0
    origin: float = 0.0
    amplitude: float = 0.0
    saturation: float = 0.0
    zero: float = 0.0

    @model_validator(mode="after")
    def _is_whole(self) -> "Law":
        if self.amplitude and not (self.saturation > 0 and self.zero > 0):
            raise ValueError(
                f"saturation and zero are {self.saturation:g} and {self.zero:g} K, expected "
                f"positive temperatures with an amplitude. Add both."
            )
        return self

    def at(self, temperature: float) -> float:
        """Return the coefficient at a temperature in K."""
        linear = self.constant + self.slope * (temperature - self.origin)
        if not self.amplitude:
            return linear
        at_zero = 1 / np.tanh(self.saturation / self.zero)
        here = 1 / np.tanh(self.saturation / temperature) if temperature > 0 else 1.0
        return float(linear + self.amplitude * (here - at_zero))


class TransitionCheck(Table, frozen=True):
    """One transition: phases C, T, O, R on either side, temperature in K, latent heat in J/m^3."""

    low: str
    high: str
    temperature: Temperature
    latent_heat: HeatDensity | None = None


class LandauCheck(Table, frozen=True):
    """Numbers that the coefficients must reproduce; what is None is not checked.

    `transition_temperature` is that between the tetragonal and the cubic phase; permittivities are
    relative, along (c) and across (a) the polarization.
    """

    temperature: Temperature
    spontaneous_polarization: Polarization
    transition_temperature: Temperature
    permittivity_c: Number | None = None
    permittivity_a: Number | None = None
    coercive_field: Field | None = None
    transitions: tuple[TransitionCheck, ...] = ()


class Landau(Table, frozen=True):
    """A Landau polynomial at zero stress in SI units, without a factor 1/2 on a1.

    `temperatures` (K) is the range in which the published fit means something; outside it the laws
    are extrapolated.
    """

    coefficients: dict[str, Law]
    temperatures: tuple[Temperature, Temperature] | None = None
    check: LandauCheck

    @model_validator(mode="before")
    @classmethod
    def _read_units(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Convert each coefficient from the unit that its name implies."""
        laws = data.get("coefficients", {})
        return {**data, "coefficients": {t: law_of(coefficient_units(t), laws[t]) for t in laws}}

    @model_validator(mode="after")
    def _reproduces_its_numbers(self) -> "Landau":
        check = self.check
        polarization, _ = self.tetragonal(check.temperature)
        stated = check.spontaneous_polarization
        if abs(polarization - stated) > 1e-4:
            ratio = stated / polarization if polarization else 0.0
            hint = f" The ratio is {ratio:.1f}: is it in uC/cm^2?" if 95 < ratio < 105 else ""
            raise ValueError(
                f"spontaneous polarization at {check.temperature:g} K is {polarization:.4f} C/m^2, "
                f"expected {stated:.4f}. Correct the coefficients.{hint}"
            )
        below, above = (
            self.tetragonal(check.transition_temperature + shift)[1] for shift in (-0.01, 0.01)
        )
        if not below < 0 <= above:
            raise ValueError(
                f"energy of the polar phase changes from {below:.3g} to {above:.3g} J/m^3 around "
                f"{check.transition_temperature:g} K, expected a change of sign. "
                "Correct the coefficients."
            )
        _require_bounded(self)
        _require_transitions(self)
        _require_response(self)
        return self

    def at(self, temperature: float) -> dict[str, float]:
        """Return the coefficients in SI units at a temperature in K."""
        return {term: law.at(temperature) for term, law in self.coefficients.items()}

    def array(self, temperature: float) -> Array:
        """Return the coefficients at a temperature in K, shape (n_terms,), for `multiscale.landau`.

        The terms are those of the lowest order (6 or 8) that holds all; absent ones are zero.
        """
        from multiscale.landau.polynomials import terms  # noqa: PLC0415  its package takes a second

        a = self.at(temperature)
        order = 2 * max(len(term) - 1 for term in a)
        return np.array([a.get(term, 0.0) for term in terms(max(order, 6))])

    def tetragonal(self, temperature: float) -> tuple[float, float]:
        """Return P in C/m^2 and G in J/m^3 of the deepest minimum along [001], 0 and 0 if none."""
        a = self.at(temperature)
        # G as a polynomial of P^2, whose coefficients are a1, a11, a111, ...
        series = [0.0] + [a[t] for n in range(1, 5) if (t := "a" + "1" * n) in a]
        energy = np.polynomial.Polynomial(series)
        roots = np.asarray(energy.deriv().roots(), dtype=np.complex128)
        squares = [float(r.real) for r in roots if abs(r.imag) < 1e-9 and r.real > 0]
        minima = [x for x in squares if float(energy.deriv(2)(x)) > 0]
        if not minima:
            return 0.0, 0.0
        best = min(minima, key=energy)
        return float(np.sqrt(best)), float(energy(best))


def law_of(unit: str, law: dict[str, Any]) -> dict[str, Any]:
    """Return a coefficient's law with its texts converted to numbers of `unit` and K."""
    units = {
        "constant": unit,
        "slope": f"{unit}/K",
        "origin": "K",
        "amplitude": unit,
        "saturation": "K",
        "zero": "K",
    }
    return {
        key: read_number(value, units[key]) if key in units else value for key, value in law.items()
    }


def _require_bounded(record: Landau) -> None:
    from multiscale.landau import boundedness  # noqa: PLC0415

    T = record.check.temperature
    verdict = boundedness(record.array(T))
    if not verdict.bounded:
        n = ", ".join(f"{x:.3f}" for x in verdict.direction)
        raise ValueError(
            f"the leading coefficient along ({n}) is {verdict.leading:.3g} (SI) at {T:g} K, "
            f"expected positive in every direction. Correct the coefficients."
        )


def _require_transitions(record: Landau) -> None:
    """Check that the ground state changes as stated within 0.05 K, and the latent heat to 1 %."""
    from multiscale.landau import phase_sequence  # noqa: PLC0415

    for stated in record.check.transitions:
        T = stated.temperature
        found = phase_sequence(record.array, [T - 0.05, T + 0.05], tolerance=1e-3)
        phases = [(t.low.phase, t.high.phase) for t in found]
        if phases != [(stated.low, stated.high)]:
            raise ValueError(
                f"transitions within 0.05 K of {T:g} K are {phases}, expected "
                f"{stated.low} to {stated.high}. Correct the coefficients."
            )
        heat = stated.latent_heat
        if heat is not None and abs(found[0].latent_heat - heat) > 0.01 * heat:
            raise ValueError(
                f"latent heat at {T:g} K is {found[0].latent_heat:.4g} J/m^3, expected {heat:.4g}. "
                f"Correct the coefficients."
            )


def _require_response(record: Landau) -> None:
    """Check the permittivities and the coercive field at the check temperature to 0.1 %."""
    from multiscale import landau  # noqa: PLC0415

    check, a = record.check, record.array(record.check.temperature)
    chi = landau.susceptibility([0.0, 0.0, record.tetragonal(check.temperature)[0]], a)
    for name, wanted, found in (
        ("permittivity_c", check.permittivity_c, 1 + chi[2, 2]),
        ("permittivity_a", check.permittivity_a, 1 + chi[0, 0]),
        ("coercive_field", check.coercive_field, landau.coercive_field(a).field),
    ):
        if wanted is not None and not abs(found - wanted) <= 1e-3 * wanted:
            raise ValueError(
                f"{name} at {check.temperature:g} K is {found:.5g}, expected {wanted:.5g}. "
                f"Correct the coefficients."
            )
