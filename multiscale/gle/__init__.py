"""Scale 4: memory. From a trajectory of slow variables to a generalised Langevin equation.

correlations  time correlations by FFT in blocks
streaming     the same for matrices and records that do not fit in memory
spectra       tapered, binned spectra, with what a bootstrap resamples
forces        polynomial mean force of samples (Stein's identity)
force_bases, force_sums, mean_force_fit   mean forces in any basis, with block errors
mass_on_position  does the mass depend on the position?
modes         the passive family of kernels
likelihood    of spectra under a passive kernel with its thermal noise
pursuit       choice and refinement of the modes
kernels       extract_kernel: kernel, mass, friction with errors
coupled       extract_coupled_kernel: matrix kernel of several variables
coupled_errors  its error bars, by steps in the amplitudes themselves
direct        inversion without a model from (x), (x, v), (x, v, a), for diagnosis
volterra      its equations of the first and second kind, trapezoid and fourth order
laplace       passive kernel of correlations, for coarse frames; J-test
specification fluctuation-dissipation ratios by band, J-test of a fit
barrier       the kernel at the Grote-Hynes rate
diagnosis     what a fit says about its spectra
embedding     auxiliary variables with exact fluctuation-dissipation
simulate      batched trajectories of the embedded equation
piecewise     any mean force as a compiled table
innovations, driven   mean force of driven records, the kernel frozen
drift         drift in a tilted periodic force: simulated, overdamped, by hops
periodic      coordinates with a period, such as domain walls
replay        the fitted equation under the conditions of its run
orientation   walkers of a cubic crystal in one frame
orthogonal    the noise along the run, and its checks
dipole_lattice        mean force of a lattice of dipoles, of any size; dipole_lattice_fit fits it
dipole_lattice_kernel, dipole_lattice_memory   its memory, shared by neighbours, from a run
dipole_lattice_classes, dipole_lattice_scoring, dipole_lattice_checks   waves, their fit, the noise
dipole_lattice_simulate, dipole_lattice_statistics   its dynamics, and what two runs differ by
learned_noise, learned_noise_innovations, learned_noise_run   noise that is not Gaussian
passage       first passages, Grote-Hynes rate
conventions   kernels of other programs
validation    checks of trajectories and kernels
kinetics      kinetic coefficient of the field model

m dv/dt = F - m int K(s) v(t - s) ds + R, <R(t) R(0)> = m kT K(t), K in 1/ps^2; time ps, energy eV.
"""

from multiscale.gle.correlations import block_correlations, velocity_autocorrelation
from multiscale.gle.coupled import CoupledKernel, coupled_kernel_at, extract_coupled_kernel
from multiscale.gle.direct import integrated_kernel, invert, memory_correlations
from multiscale.gle.drift import Drift, drift_velocity, hopping_drift, overdamped_drift
from multiscale.gle.driven import refit_force
from multiscale.gle.embedding import Embedding, embed, kernel_of, markov_limit
from multiscale.gle.force_bases import Fourier, Polynomial, Scaled, Spline
from multiscale.gle.forces import PolynomialForce, confining_mean_force, fit_mean_force
from multiscale.gle.kernels import Kernel, extract_kernel, mean_force_of
from multiscale.gle.kinetics import field_mass, kinetic_coefficient
from multiscale.gle.laplace import laplace_kernel
from multiscale.gle.mass_on_position import MassProfile, mass_profile
from multiscale.gle.mean_force_fit import MeanForceFit, choose_basis, fit_force, histogram_force
from multiscale.gle.modes import friction_of, kernel_at, passivity_margin
from multiscale.gle.periodic import PeriodicEquation, drift_of, fit_periodic
from multiscale.gle.piecewise import PiecewiseForce, tabulated, tabulated_periodic
from multiscale.gle.replay import replay
from multiscale.gle.simulate import Trajectory, simulate
from multiscale.gle.streaming import BlockCorrelations, streamed_correlations
from multiscale.gle.validation import Check, finite_frames, time_step

__all__ = [
    "BlockCorrelations",
    "Check",
    "CoupledKernel",
    "Drift",
    "Embedding",
    "Fourier",
    "Kernel",
    "MassProfile",
    "MeanForceFit",
    "PeriodicEquation",
    "PiecewiseForce",
    "Polynomial",
    "PolynomialForce",
    "Scaled",
    "Spline",
    "Trajectory",
    "block_correlations",
    "choose_basis",
    "confining_mean_force",
    "coupled_kernel_at",
    "drift_of",
    "drift_velocity",
    "embed",
    "extract_coupled_kernel",
    "extract_kernel",
    "field_mass",
    "finite_frames",
    "fit_force",
    "fit_mean_force",
    "fit_periodic",
    "friction_of",
    "histogram_force",
    "hopping_drift",
    "integrated_kernel",
    "invert",
    "kernel_at",
    "kernel_of",
    "kinetic_coefficient",
    "laplace_kernel",
    "markov_limit",
    "mass_profile",
    "mean_force_of",
    "memory_correlations",
    "overdamped_drift",
    "passivity_margin",
    "refit_force",
    "replay",
    "simulate",
    "streamed_correlations",
    "tabulated",
    "tabulated_periodic",
    "time_step",
    "velocity_autocorrelation",
]
