"""Published runs of feram's records again: PbTiO3 and BaTiO3 heated, loops of BaTiO3 (WC).

feram (T. Nishimatsu), examples 03 (BaTiO3 of 1995, 24x24x24), 17 (PbTiO3, 32x32x32, 40 + 40 ps
each kelvin), 22 (BaTiO3, WC, 32x32x32, -0.005 T GPa, half a loop from -30 to 30 MV/m in 2 ns):
mean modes and strains are those that its repository holds. Ours: 12x12x12 cells, shorter. One JSON
object a line; run

    python benchmarks/lattice_published.py [--corners] [pbtio3] [zvr] [batio3] [srtio3] [scan]

feram strains its cells as a continuum (multiscale.lattice.continuum); --corners takes the strain of
Zhong, Vanderbilt and Rabe instead.
"""

import json
import sys
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import materials, units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.continuum import ContinuumStrain
from multiscale.lattice.scans import Plateau, scan

SIZE = (12, 12, 12)
STEP = 0.002  # ps
CORNERS = "--corners" in sys.argv
ZVR = {  # T: start, then P V/V0 per axis and the strains of feram; BaTiO3 of 1995, example 03
    170.0: ((0.09, 0.09, 0.09), 0.2391, (0.01440,)),
    215.0: ((0.1, 0.1, 0.0), 0.2565, (0.01673, 0.00844)),
    265.0: ((0.0, 0.0, 0.11), 0.2850, ()),
    300.0: ((0.0, 0.0, 0.1), 0.2493, (0.01086, 0.01810)),
    350.0: ((0.0, 0.0, 0.0), 0.0, (0.01275,)),
}
PBTIO3 = {  # T: u_z in angstrom, strain across and along it
    298.0: (0.30496, -0.011118, 0.056114),
    400.0: (0.29001, -0.009026, 0.050594),
    502.0: (0.27164, -0.006722, 0.044370),
    598.0: (0.24605, -0.003970, 0.036726),
    652.0: (0.21944, -0.001602, 0.029958),
}
PBTIO3_HEATED = (670.0, 676.0)  # between these the crystal became cubic
BATIO3_LOOP = (-0.13339, 14.3)
"""At 360 K: u_z at zero field on the way up, and the field in MV/m where u_z turns."""
BATIO3 = {  # T: u_z, strain across and along z at -30 and at -15 MV/m, means of nine samples
    360.0: ((-0.15186, 0.00136, 0.02291), (-0.14340, 0.00195, 0.02079)),
    460.0: ((-0.14620, 0.00319, 0.02255), (-0.13238, 0.00408, 0.01942)),
    560.0: ((-0.13267, 0.00542, 0.02072), (-0.06727, 0.00815, 0.01181)),
}


def engine_of(name: str) -> EffectiveHamiltonian:
    """Return the record's lattice with strain of a continuum, as in feram; SCAN's with corners'."""
    parameters = materials.load(name).lattice.parameters()
    make = EffectiveHamiltonian if "scan" in name or CORNERS else ContinuumStrain
    return make(parameters, SIZE)


def heated(name: str, temperatures: list[float], start: float) -> Iterator[Plateau]:
    """Yield plateaus of 10 + 20 ps from one domain along z at the first temperature."""
    engine = engine_of(name)
    bath = ensembles.npt_orthorhombic()
    yield from scan(
        engine, engine.system(np.array([0.0, 0.0, start])), bath, temperatures, timestep=STEP,
        equilibration=5000, steps=10000, stride=20, generator=np.random.default_rng(0),
        reference=engine.reference,
    )  # fmt: skip


def mode(plateau: Plateau, name: str) -> NDArray[np.float64]:
    """Return the mean mode in angstrom from the mean polarization."""
    p = materials.load(name).lattice.parameters()
    volume = p.a0**3 * np.prod(1 + plateau.strain[:, :3], 1)
    return (plateau.polarization * volume[:, None]).mean(0) / p.charge / units.C_PER_M2


def report(name: str, temperatures: list[float], start: float) -> None:
    """Print mode and strain of a heated crystal, beside feram's where known."""
    for plateau in heated(name, temperatures, start):
        u, eta = mode(plateau, name), plateau.strain.mean(0)[:3]
        line = {
            "record": name, "T": plateau.temperature, "u": u.round(4).tolist(),
            "P": plateau.polarization.mean(0).round(4).tolist(), "strain": eta.round(5).tolist(),
        }  # fmt: skip
        if name == "pbtio3-feram" and plateau.temperature in PBTIO3:
            wanted = PBTIO3[plateau.temperature]
            line |= {"feram": wanted, "u_over_feram": round(u[2] / wanted[0], 4)}
        print(json.dumps(line), flush=True)


def zvr() -> None:
    """Print P V/V0 and strains of BaTiO3 of 1995 in its phases, all six strains free."""
    p = materials.load("batio3-zvr1995").lattice.parameters()
    engine = ContinuumStrain(p, SIZE, reference_pressure=-5 / units.GPA)
    for T, (start, P, strains) in ZVR.items():
        (plateau,) = scan(
            engine, engine.system(np.array(start)), ensembles.npt_flexible(), [T], timestep=0.003,
            equilibration=2500, steps=6000, stride=20, generator=np.random.default_rng(0),
            reference=engine.reference,
        )  # fmt: skip
        volume = np.prod(1 + plateau.strain[:, :3], 1)[:, None]
        print(json.dumps({
            "record": "batio3-zvr1995", "T": T, "feram": (P, strains),
            "P_over_V0": (plateau.polarization * volume).mean(0).round(4).tolist(),
            "strain": plateau.strain.mean(0).round(5).tolist(),
        }), flush=True)  # fmt: skip


def held(T: float) -> None:
    """Print mode and strain of BaTiO3 (WC) in constant fields at -0.005 T GPa, 5 + 15 ps."""
    name = "batio3-wc2010"
    p, bath = materials.load(name).lattice.parameters(), ensembles.npt_orthorhombic()
    engine = ContinuumStrain(p, SIZE, reference_pressure=-0.005 * T / units.GPA)
    for E, wanted in zip((-30e6, -15e6), BATIO3[T], strict=True):
        run = dynamics(
            engine, engine.system(np.array([0.0, 0.0, -0.14])), bath, timestep=STEP,
            kT=torch.tensor([units.KB * T], dtype=torch.float64),
            generators=[np.random.default_rng(1)],
            electric_field=torch.tensor([0.0, 0.0, E / units.V_PER_M], dtype=torch.float64),
        )  # fmt: skip
        kept = [
            [float(s.dipole[0, 2]), *s.cell[0].numpy().diagonal()]
            for s in islice(run, 2500, 10000, 10)
        ]
        dipole, *cell = np.mean(kept, axis=0)
        u = dipole / engine.parameters.charge / engine.n_cells
        eta = np.array(cell) / engine.reference.diagonal() - 1
        print(json.dumps({
            "record": name, "T": T, "E_MV_per_m": E * 1e-6, "u": round(u, 4),
            "strain": eta.round(5).tolist(), "feram": wanted,
        }), flush=True)  # fmt: skip


def half_loop(T: float, duration: float = 250.0, steps: int = 100) -> None:
    """Print where the mode turns on the field's way from -30 to 30 MV/m, in steps."""
    name = "batio3-wc2010"
    engine = engine_of(name)
    bath = ensembles.npt_orthorhombic(ensembles.hydrostatic(-1.8) / units.GPA)
    fields = np.linspace(-30e6, 30e6, steps + 1) / units.V_PER_M
    hold = round(duration / steps / STEP)
    settle = 5000

    def field(time: float) -> torch.Tensor:
        n = min(max(round(time / STEP) - settle, 0) // hold, steps)
        return torch.tensor([0.0, 0.0, fields[n]], dtype=torch.float64)

    run = dynamics(
        engine, engine.system(np.array([0.0, 0.0, -0.14])), bath, timestep=STEP,
        kT=torch.tensor([units.KB * T], dtype=torch.float64),
        generators=[np.random.default_rng(1)], electric_field=field,
    )  # fmt: skip
    dipole = np.zeros(steps + 1)
    for n, state in enumerate(islice(run, settle + hold * (steps + 1)), -settle):
        if n >= 0:
            dipole[n // hold] += float(state.dipole[0, 2]) / hold
    u = dipole / engine.parameters.charge / engine.n_cells
    turn = int(np.argmax(u > 0))
    E = fields * units.V_PER_M * 1e-6
    near = slice(turn - 1, turn + 1)
    print(json.dumps({
        "record": name, "T": T, "feram": BATIO3_LOOP,
        "u_at_zero_field": round(u[steps // 2], 4),
        "u_turns_at_MV_per_m": round(float(np.interp(0, u[near], E[near])), 2),
    }), flush=True)  # fmt: skip


def main() -> None:
    """Run what the command line names, or everything."""
    named = [name for name in sys.argv[1:] if name != "--corners"]
    chosen = named or ["pbtio3", "zvr", "batio3", "srtio3", "scan"]
    if "pbtio3" in chosen:
        report("pbtio3-feram", [*PBTIO3, 660.0, 670.0, 680.0, 690.0, 700.0], 0.3)
    if "zvr" in chosen:
        zvr()
    if "batio3" in chosen:
        for T in BATIO3:
            held(T)
        half_loop(360.0)
    if "srtio3" in chosen:
        report("srtio3-wc2016", [300.0, 100.0, 50.0, 20.0], 0.05)
    if "scan" in chosen:
        report("pbtio3-scan2017", [300.0, 500.0, 700.0, 800.0, 900.0, 1000.0], 0.3)


if __name__ == "__main__":
    main()
