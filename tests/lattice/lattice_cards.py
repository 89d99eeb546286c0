"""Parameter sets of the tests, written out from their papers, apart from the shipped records."""

from multiscale.lattice import Parameters

BATIO3 = Parameters(
    a0=3.94, kappa2=5.502, alpha=110.4, gamma=-163.1,
    j=(-2.648, 3.894, 0.898, -0.789, 0.562, 0.358, 0.179),
    b11=126.0, b12=44.9, b44=50.3, b1xx=-211.0, b1yy=-19.3, b4yz=-7.75,
    charge=9.956, eps_inf=5.24, mass=39.0,
)  # fmt: skip
"""Zhong, Vanderbilt, Rabe, PRB 52, 6301 (1995), in the conversion of OpenFerro."""
PBTIO3 = Parameters(
    a0=3.96883, kappa2=1.17004, alpha=27.834, gamma=-34.476, k1=-42.424, k4=156.43,
    j=(-1.35478, 4.98616, 0.22163, -0.01821, 0.39825, -0.08330, -0.20357),
    b11=117.9, b12=51.6, b44=137.0, b1xx=-114.02, b1yy=-13.675, b4yz=-22.67,
    charge=10.018, eps_inf=8.24, mass=100.0,
)  # fmt: skip
"""The eighth-order example of feram."""
