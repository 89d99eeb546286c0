"""Scale 4: memory. From a trajectory of slow variables to a generalised Langevin equation.

correlations  time correlations by FFT in blocks
streaming     the same for matrices and records that do not fit in memory
spectra       tapered, binned spectra, with what a bootstrap resamples
forces        polynomial mean force of samples (Stein's identity)
modes         the passive family of kernels
likelihood    of spectra under a passive kernel with its thermal noise
pursuit       choice and refinement of the modes
kernels       extract_kernel: kernel, mass, friction with errors
coupled       extract_coupled_kernel: matrix kernel of several variables
direct        integral-kernel inversion without a model, for diagnosis
embedding     auxiliary variables with exact fluctuation-dissipation
simulate      batched trajectories of the embedded equation
replay        the fitted equation under the conditions of its run
orientation   walkers of a cubic crystal in one frame
orthogonal    the noise along the run, and its checks
passage       first passages, Grote-Hynes rate
conventions   kernels of other programs
validation    checks of trajectories and kernels
kinetics      kinetic coefficient of the field model

m dv/dt = F - m int K(s) v(t - s) ds + R, <R(t) R(0)> = m kT K(t), K in 1/ps^2; time ps, energy eV.
"""

from multiscale.gle.correlations import block_correlations, velocity_autocorrelation
from multiscale.gle.coupled import CoupledKernel, coupled_kernel_at, extract_coupled_kernel
from multiscale.gle.direct import integrated_kernel
from multiscale.gle.embedding import Embedding, embed, kernel_of, markov_limit
from multiscale.gle.forces import PolynomialForce, confining_mean_force, fit_mean_force
from multiscale.gle.kernels import Kernel, extract_kernel, mean_force_of
from multiscale.gle.kinetics import field_mass, kinetic_coefficient
from multiscale.gle.modes import friction_of, kernel_at, passivity_margin
from multiscale.gle.replay import replay
from multiscale.gle.simulate import Trajectory, simulate
from multiscale.gle.streaming import BlockCorrelations, streamed_correlations
from multiscale.gle.validation import Check, finite_frames, time_step

__all__ = [
    "BlockCorrelations",
    "Check",
    "CoupledKernel",
    "Embedding",
    "Kernel",
    "PolynomialForce",
    "Trajectory",
    "block_correlations",
    "confining_mean_force",
    "coupled_kernel_at",
    "embed",
    "extract_coupled_kernel",
    "extract_kernel",
    "field_mass",
    "finite_frames",
    "fit_mean_force",
    "friction_of",
    "integrated_kernel",
    "kernel_at",
    "kernel_of",
    "kinetic_coefficient",
    "markov_limit",
    "mean_force_of",
    "passivity_margin",
    "replay",
    "simulate",
    "streamed_correlations",
    "time_step",
    "velocity_autocorrelation",
]
