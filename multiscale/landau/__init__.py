"""Scale 3: Landau-Devonshire theory, from a free-energy surface to a field theory. SI units.

polynomials   invariants of m-3m up to order 8; energy, field, curvature
regression    weighted least squares of a surface; refit of its bootstrap samples
laws          coefficients between and across temperatures
minima        states of every phase, stability, boundedness
coercive      susceptibility and intrinsic coercive field
phases        phase sequence, transition temperatures, latent heat, spinodals
strain        reference cell, electrostriction, stiffness from a biased run
clamping      clamped, stress-free and film coefficients
"""

from multiscale.landau.clamping import clamped, film, stiffness_from_compliance, stress_free
from multiscale.landau.coercive import Coercive, coercive_field, susceptibility
from multiscale.landau.laws import CurieWeiss, curie_weiss, curie_weiss_law, interpolated
from multiscale.landau.minima import (
    Boundedness,
    Minimum,
    boundedness,
    ground_state,
    minima,
    spontaneous_polarization,
)
from multiscale.landau.phases import (
    Law,
    Spinodals,
    Transition,
    phase_sequence,
    uniaxial_spinodals,
)
from multiscale.landau.polynomials import (
    TERMS,
    coefficient_units,
    curvature,
    field,
    free_energy,
    invariants,
    order_of,
    terms,
)
from multiscale.landau.regression import Fit, check_magnitudes, fit, identifiable, refit
from multiscale.landau.strain import StrainCoupling, cubic_matrix, fit_strain_coupling

__all__ = [
    "TERMS",
    "Boundedness",
    "Coercive",
    "CurieWeiss",
    "Fit",
    "Law",
    "Minimum",
    "Spinodals",
    "StrainCoupling",
    "Transition",
    "boundedness",
    "check_magnitudes",
    "clamped",
    "coefficient_units",
    "coercive_field",
    "cubic_matrix",
    "curie_weiss",
    "curie_weiss_law",
    "curvature",
    "field",
    "film",
    "fit",
    "fit_strain_coupling",
    "free_energy",
    "ground_state",
    "identifiable",
    "interpolated",
    "invariants",
    "minima",
    "order_of",
    "phase_sequence",
    "refit",
    "spontaneous_polarization",
    "stiffness_from_compliance",
    "stress_free",
    "susceptibility",
    "terms",
    "uniaxial_spinodals",
]
