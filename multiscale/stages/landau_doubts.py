"""What stage landau says about its own results: trust entries for the report."""

import numpy as np
import xarray as xr

from multiscale import landau, schema, units
from multiscale.units import J_PER_M3

MAX_RESIDUAL = 1.0  # meV per formula unit
MAX_CHI = 1.25  # residual over the surface's standard error, whose own error is a tenth and more
MIN_AGREEMENT = 0.95  # share of the samples in the phase of the best fit
MAX_HOLE = 0.25  # smallest |P| of the fitted points over the largest
MAX_NOISE = 1.0  # kT of the supercell, around P = 0
MIN_BLOCKS = 3.0  # statistical inefficiencies in a block of the bootstrap
MAX_ASYMMETRY = 1.5  # rms deviation of Z and C from cubic symmetry, standard errors
MIN_P_VALUE = 0.01  # of the laws in temperature


def per_formula_unit(ds: xr.Dataset, density: float, T: float) -> float:
    """Return a free-energy density (J/m^3) at T as meV per formula unit."""
    volume = float(ds["volume"].sel(temperature=T)) / float(ds.attrs["formula_units"])
    energy: float = density / J_PER_M3 * volume * 1000
    return energy


def doubt_fit(
    ds: xr.Dataset, fit: landau.Fit, T: float, resampled: bool, noise: float
) -> xr.Dataset:
    """Add what speaks for and against the fit at T, K; noise of the surface in J/m^3."""
    bounded = landau.boundedness(fit.coefficients)
    unseen = [str(t) for t, seen in zip(ds["term"].values, fit.identified, strict=True) if not seen]
    ds = _doubt_residual(ds, per_formula_unit(ds, fit.residual, T), fit.residual / noise, T)
    ds = schema.add_trust(
        ds,
        f"bounded model at {T:g} K",
        bounded.leading,
        expected="a positive leading coefficient in every direction",
        ok=bounded.bounded and not fit.constrained,
        message=f"The term of order {bounded.power} along [{_text(bounded.direction)}] is "
        f"{bounded.leading:.3g} (SI). "
        + (
            "The best fit fell beyond the data and was made to rise there: its highest terms say "
            "little. Raise cutoff, or sample longer."
            if fit.constrained
            else "If negative, use the model only within its data, or raise cutoff."
        ),
    )
    ds = schema.add_trust(
        ds,
        f"undetermined terms at {T:g} K",
        len(unseen),
        expected="0",
        ok=not unseen,
        message=f"{', '.join(unseen)} do not enter on the biased axes and are NaN; the surface is "
        "then an average over the free components. Bias three components to get them."
        if unseen
        else "The surface determines every term.",
    )
    return schema.add_trust(
        ds,
        f"samples of the surface at {T:g} K",
        float(resampled),
        expected="1",
        ok=resampled,
        message="Errors come from samples of the surface."
        if resampled
        else "There are no samples of the surface: errors assume independent grid points and are "
        "too small. Let metad write free_energy_sample.",
    )


def _doubt_residual(ds: xr.Dataset, residual: float, chi: float, T: float) -> xr.Dataset:
    """Add the misfit, in meV per formula unit and as chi, in errors of the surface (NaN unknown).

    A misfit as large as the noise of the surface is what a perfect model would leave.
    """
    against = f"{chi:.2f} of" if np.isfinite(chi) else "unknown against"
    return schema.add_trust(
        ds,
        f"fit residual at {T:g} K",
        residual,
        expected=f"at most {MAX_RESIDUAL:g} meV per formula unit, or {MAX_CHI:g} standard errors",
        ok=residual <= MAX_RESIDUAL or chi <= MAX_CHI,
        message=f"The polynomial misses the surface by {residual:.2f} meV per formula unit (rms), "
        f"{against} the surface's own standard error. "
        + (
            "That is beyond the noise: if it is too much, lower cutoff or raise order."
            if chi > MAX_CHI
            else "More terms would only follow the noise: to see finer, sample longer."
        ),
    )


def doubt_wells(ds: xr.Dataset, summary: landau.Summary, T: float) -> xr.Dataset:
    """Add the verdict on one well or several at T, K."""
    depth = per_formula_unit(ds, float(summary.well_depth.value), T)
    error = per_formula_unit(ds, float(summary.well_depth.stderr), T)
    names = {"T": "tetragonal", "O": "orthorhombic", "R": "rhombohedral", "M": "low-symmetry"}
    verdict = (
        f"Double well: the {names[summary.phase]} state lies {depth:.2f} +- {error:.2f} meV per "
        "formula unit below the unpolarized one"
        if summary.phase != "C"
        else "Single well: the unpolarized state is the lowest"
    )
    verdict += f", in {100 * summary.agreement:.0f} % of the samples."
    clear = summary.agreement >= MIN_AGREEMENT
    return schema.add_trust(
        ds,
        f"wells at {T:g} K",
        depth,
        expected=f"the same phase in {100 * MIN_AGREEMENT:.0f} % of the samples",
        ok=clear,
        message=verdict if clear else f"{verdict} Not significant: sample longer.",
    )


def doubt_centre(ds: xr.Dataset, T: float, extent: tuple[float, float], noise: float) -> xr.Dataset:
    """Add whether the data reach the centre, so that the depth of the wells is no extrapolation.

    extent: smallest and largest |P| of the fitted points, C/m^2; noise: mean standard error, J/m^3,
    of the points around P = 0 (NaN if there are none or it is unknown).
    """
    inner, outer = extent
    supercell = noise / J_PER_M3 * float(ds["volume"].sel(temperature=T)) / (units.KB * T)
    return schema.add_trust(
        ds,
        f"data around P = 0 at {T:g} K",
        inner,
        expected=f"at most {MAX_HOLE * outer:.2f} C/m^2, known there within {MAX_NOISE:g} kT",
        ok=inner <= MAX_HOLE * outer and not supercell > MAX_NOISE,
        message=f"The fitted points range from |P| = {inner:.2f} to {outer:.2f} C/m^2, the inner "
        f"ones with a standard error of {supercell:.2f} kT; with a hole in the middle, the well's "
        "depth and the coercive field are extrapolations. Run metad longer, or raise cutoff.",
    )


def doubt_strain(ds: xr.Dataset, coupling: landau.StrainCoupling | None, T: float) -> xr.Dataset:
    """Add how far the strain coupling at T (K) is to be trusted."""
    if coupling is None:
        return schema.add_trust(
            ds,
            f"strain coupling at {T:g} K",
            np.nan,
            expected="a fluctuating strain",
            ok=False,
            message="The cell is fixed or the run too short, so electrostriction and stiffness "
            "are NaN. Run metad at constant pressure.",
        )
    ds = schema.add_trust(
        ds,
        f"strain blocks at {T:g} K",
        coupling.block_inefficiencies,
        expected=f"at least {MIN_BLOCKS:g} inefficiencies in each of {coupling.blocks} blocks",
        ok=coupling.block_inefficiencies >= MIN_BLOCKS,
        message="Blocks longer than the strain's memory make its errors honest. If they are not, "
        "run longer.",
    )
    stable = min(coupling.C11 - coupling.C12, coupling.C11 + 2 * coupling.C12) / 1e9
    return schema.add_trust(
        ds,
        f"elastic stability at {T:g} K",
        stable,
        expected="C11 - C12 and C11 + 2 C12 above 0 GPa",
        ok=stable > 0,
        message="The smaller of the two moduli at fixed polarization."
        + ("" if np.isfinite(coupling.C44) else " The run had no shear: Q44 and C44 are NaN."),
    )


def doubt_cubic(ds: xr.Dataset, full: landau.FullCoupling, T: float) -> xr.Dataset:
    """Add whether the strain coupling without symmetry agrees with the cubic one at T, K."""
    score = full.asymmetry()
    return schema.add_trust(
        ds,
        f"cubic strain coupling at {T:g} K",
        score,
        expected=f"at most {MAX_ASYMMETRY:g} standard errors (rms)",
        ok=score <= MAX_ASYMMETRY,
        message="Deviation from cubic symmetry of electrostriction and stiffness fitted without "
        "symmetry. More than chance means that the walkers did not visit all variants alike, that "
        "strain is not quadratic in P, or that the run is too short for its errors.",
    )


def doubt_laws(ds: xr.Dataset, fit: landau.JointFit) -> xr.Dataset:
    """Add whether the coefficients follow the laws of the global fit within their errors."""
    p = fit.p_value
    spare = fit.freedom
    message = (
        f"chi^2 is {fit.chi_square:.1f} for {spare} degrees of freedom: "
        + ("the laws hold within the errors." if p >= MIN_P_VALUE else "the laws do not hold, or "
           "the errors of the surfaces are too small. Allow richer laws, or fit separately.")
        if spare > 0
        else "The laws have as many unknowns as the data: nothing tests them. Run more "
        "temperatures, or choose simpler laws."
    )  # fmt: skip
    return schema.add_trust(
        ds,
        "laws in temperature",
        p,
        expected=f"a p-value of at least {MIN_P_VALUE:g}",
        ok=spare > 0 and p >= MIN_P_VALUE,
        message=message,
    )


def doubt_symmetry(ds: xr.Dataset, broken: str) -> xr.Dataset:
    """Add whether the surface has the cubic symmetry of the polynomial; broken says what not."""
    if broken == "none":
        return ds
    return schema.add_trust(
        ds,
        "cubic surface",
        float("nan"),
        expected="a run without field and stress, whose cell may take every variant",
        ok=False,
        message=f"metad ran with {broken}; the polynomial is even and cubic, and describes such a "
        "surface at most along the biased axis. Run metad without.",
    )


def doubt_transition(ds: xr.Dataset, found: landau.TransitionSummary | None) -> xr.Dataset:
    """Add whether the temperatures bracket a transition."""
    T = ds["temperature"].values
    ok = found is not None and np.isfinite(found.temperature.value)
    if found is None:
        message = "One temperature cannot show a transition. Run several."
    elif not ok:
        message = "The ground state is the same at all temperatures. Run wider apart."
    else:
        message = (
            f"{found.low} to {found.high} on heating in {100 * found.found:.0f} % of the samples, "
            "coefficients interpolated linearly between the temperatures."
        )
    return schema.add_trust(
        ds,
        "transition temperature",
        float(found.temperature.value) if found is not None else np.nan,
        expected=f"a change of phase between {T[0]:g} and {T[-1]:g} K",
        ok=bool(ok),
        message=message,
    )


def _text(direction: landau.Array) -> str:
    return " ".join(f"{x:.2f}" for x in direction)
