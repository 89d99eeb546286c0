"""Cards of the wall and film problems (mesoscale.md section 4, values.md B4), SI."""

from multiscale import landau

G_PBTIO3 = (1.038e-10, 0.0, 0.519e-10, 0.519e-10)
G_BATIO3 = (51e-11, -2e-11, 2e-11, 0.0)

PBTIO3 = landau.Elasticity(
    landau.electrostriction(0.089, -0.026, 0.0675),
    landau.stiffness_from_compliance(8.0e-12, -2.5e-12, 9.0e-12),
)
_C_BATIO3 = landau.cubic_matrix(27.5e10, 17.9e10, 5.43e10)
BATIO3 = landau.Elasticity(
    landau.electrostriction(14.2e9, -0.74e9, 1.57e9, "stress", _C_BATIO3), _C_BATIO3
)
