"""Memory of the polarization of PbTiO3 above its transition: mass, soft-mode band, kernel.

    multiscale md -o md.nc --options gle_polarization.toml      (see docs/how-to/walls.md)
    multiscale gle md.nc landau.nc -o gle.nc
    python benchmarks/gle_polarization.py md.nc gle.nc pbtio3 2 2 2

One JSON object per temperature. The polarization is e/V sum Z* u, so its mass must be
V^2/(e^2 sum Z*^2/m) over all atoms of the supercell (equipartition): no parameter. The spectrum of
the run against that of the simulated equation, from dP/dt, in terahertz.
"""

import json
import sys

import numpy as np
import xarray as xr
from scipy.signal import welch

from multiscale import gle, materials, units
from multiscale.gle.replay import replay


def ionic_mass(material, size, volume):
    """Return V^2/(e^2 sum Z*^2/m) along x, eV ps^2 m^4/C^2, volume in angstrom^3."""
    crystal = material.supercell(size)
    charges = np.asarray(material.born_charges(size))[:, 0, :]
    inverse = np.sum(charges**2 / (crystal.get_masses() * units.AMU)[:, None])
    return (volume / units.C_PER_M2) ** 2 / inverse


def spectrum(records, dt):
    """Return frequencies, THz, and the power of dP/dt, normalised to its largest."""
    length = min(4096, len(records[0]) // 4)
    power = np.mean([welch(np.diff(x) / dt, 1 / dt, "hann", length)[1] for x in records], 0)
    return np.fft.rfftfreq(length, dt), power / power.max()


def band(f, power, top=6.0):
    """Return centre and rms width of the lowest band, below `top` THz."""
    low = f < top
    centre = np.average(f[low], weights=power[low])
    return centre, np.sqrt(np.average((f[low] - centre) ** 2, weights=power[low]))


def main():
    """Print the comparison for each temperature."""
    if len(sys.argv) != 7:
        print(json.dumps({"benchmark": "gle_polarization", "absent": "give md.nc and gle.nc"}))
        return
    md, found = xr.open_dataset(sys.argv[1]), xr.open_dataset(sys.argv[2])
    material, size = materials.load(sys.argv[3]), tuple(map(int, sys.argv[4:7]))
    dt = gle.time_step(md["time"].values)
    for T in md["temperature"].values:
        P = md["polarization"].sel(temperature=T).values.astype(float)
        records = [P[w, :, a] for a in range(3) for w in range(len(P))]
        one = found.sel(temperature=T).isel(axis=0)
        volume = float(one["volume"])
        exact = ionic_mass(material, size, volume)
        friction = float(md.attrs["friction"])
        kernel = gle.extract_kernel(
            records, dt, units.KB * T, gle.mean_force_of(records, units.KB * T), window=2.0,
            mean_force_error=1.0, bath_friction=friction, n_bootstrap=0,
        )  # fmt: skip
        model = replay(records, kernel, dt, 501, 64, np.random.default_rng(0))
        (f, run), (_, own) = spectrum(records, dt), spectrum(model, dt)
        own = np.interp(f, _, own)
        inside = f < 30
        tops = {
            name: round(float(f[inside][np.argmax(p[inside])]), 3)
            for name, p in (("run", run), ("equation", own))
        }
        rms = float(np.sqrt(np.mean((run[inside] - own[inside]) ** 2)))
        print(
            json.dumps(
                {
                    "temperature": float(T),
                    "definition": md.attrs["definition"],
                    "mass": float(one["mass"]),
                    "mass_stderr": float(one["mass_stderr"]),
                    "ionic_mass": exact,
                    "mass_over_ionic": float(one["mass"]) / exact,
                    "friction": float(one["friction"]),
                    "friction_stderr": float(one["friction_stderr"]),
                    "stiffness": kernel.curvature * (1 - kernel.tilt),
                    "free_soft_mode_THz": (kernel.curvature * (1 - kernel.tilt) / kernel.mass)
                    ** 0.5
                    / (2 * np.pi),
                    "low_band_run_THz": band(f, run),
                    "low_band_equation_THz": band(f, own),
                    "highest_peak_THz": tops,
                    "rms_difference_of_spectra": rms,
                }
            )
        )


if __name__ == "__main__":
    main()
