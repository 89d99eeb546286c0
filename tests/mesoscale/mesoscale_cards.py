"""Landau cards of the verification problems, SI, and what they must give (mesoscale.md, 4)."""

import numpy as np


def pbtio3(celsius=25.0):
    return np.array([3.8e5 * (celsius - 479), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])


def batio3(kelvin=298.0):
    a11 = 4.69e6 * (kelvin - 393) - 2.02e8
    a111 = -5.52e7 * (kelvin - 393) + 2.76e9
    return np.array([3.34e5 * (kelvin - 381), a11, 3.23e8, a111, 4.47e9, 4.91e9])


G_PBTIO3 = tuple(1.73e-10 * np.array([0.6, 0.0, 0.3, 0.3]))
G_BATIO3 = (51e-11, -2e-11, 2e-11, 0.0)
Q_PBTIO3 = (0.089, -0.026, 0.0675)


def electrostriction(q11, q12, q44):
    Q = np.diag([q11] * 3 + [q44] * 3)
    Q[:3, :3] += q12 * (1 - np.eye(3))
    return Q


def cubic_inverse(c11, c12, c44):
    M = np.full((3, 3), c12) + (c11 - c12) * np.eye(3)
    inverse = np.linalg.inv(M)
    return inverse[0, 0], inverse[0, 1], 1 / c44


C_PBTIO3 = cubic_inverse(8.0e-12, -2.5e-12, 9.0e-12)
C_BATIO3 = (27.5e10, 17.9e10, 5.43e10)
S_BATIO3 = cubic_inverse(*C_BATIO3)
Q_BATIO3 = (
    S_BATIO3[0] * 14.2e9 - 2 * S_BATIO3[1] * 0.74e9,
    -S_BATIO3[0] * 0.74e9 + S_BATIO3[1] * (14.2e9 - 0.74e9),
    1.57e9 / C_BATIO3[2],
)
P0_PBTIO3, F0_PBTIO3 = 0.7570392, -7.390753e7
P0_BATIO3, F0_BATIO3 = 0.2652302, -2.368287e6
