"""Stage lattice_fit: a crystal whose Hamiltonian is known gives it back, as a record that runs."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from multiscale import materials, schema
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import Response, System
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.fit_data import NotAtRestError, crystal, relax
from multiscale.lattice.fit_modes import uniform_modes, warm_modes, wave_modes
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.projection import (
    LocalMode,
    displacements,
    local_mode,
    mode_charge,
    modes_of,
    seen,
)
from multiscale.pipeline import store
from multiscale.pipeline.lattice_fits import summary, write_record
from multiscale.pipeline.numbers import numbers
from multiscale.plotting import fitted_lattice
from multiscale.stages import lattice_fit, md
from multiscale.stages.lattice_fit_record import record_of, record_text

PATTERN = np.array([0.554, 0.539, -0.393, -0.393, -0.307])
STIFF = 6.0  # eV/angstrom^2 of everything beside the modes
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def planted_mode() -> LocalMode:
    """Return a local mode about Pb of length one."""
    sites = [site.scaled for site in materials.load("pbtio3").structure.sites]
    pattern = np.zeros((5, 3, 3))
    for a in range(3):
        pattern[:, a, a] = PATTERN[[0, 1, *(4 if o == a else 2 for o in range(3))]]
    pattern -= pattern.mean(axis=0)
    return local_mode(np.array(sites), pattern / np.linalg.norm(pattern[..., 0]), 0)


TRUTH = Parameters(
    a0=3.92, kappa2=-1.0, alpha=9.0, gamma=-2.0, k1=-8.0, k2=3.0, k3=2.0, k4=20.0,
    j=(-0.4, 0.6, 0.15, -0.1, 0.12, 0.05, -0.03), b11=110.0, b12=48.0, b44=40.0,
    b1xx=-40.0, b1yy=-10.0, b4yz=-8.0, eps_inf=40.0, mass=100.0,
    charge=mode_charge(planted_mode(), materials.load("pbtio3").structure.born_charges()),
)  # fmt: skip


@dataclass
class Planted:
    """Atoms whose energy is a lattice Hamiltonian of their modes and a spring on all else."""

    parameters: Parameters
    mode: LocalMode
    name: str = "planted"
    engines: dict = field(default_factory=dict)

    def energy(self, engine, positions, cell, scaled, forces=False):
        found = seen(self.mode, positions, cell, scaled, engine.reference)
        rest = found.rest + np.repeat(found.acoustic, 5, axis=0)
        rest -= rest.mean(axis=0)
        own, f, _ = engine.slopes(found.modes, found.strain)
        energy = own + 0.5 * STIFF * (rest**2).sum()
        if not forces:
            return energy
        # For averages the transpose of reading modes is what planting them displaces.
        back = displacements(self.mode._replace(reading="planted"), f, engine.size)
        turn = np.linalg.inv(engine.reference) @ cell
        values, vectors = np.linalg.eigh(turn @ turn.T)
        turn = (vectors / np.sqrt(values)) @ vectors.T @ turn
        return energy, (back - STIFF * rest) @ turn

    def evaluate(self, system, electric_field=None, **wanted):
        del electric_field, wanted
        energy, forces, stress = [], [], []
        for one in split(system):
            size = tuple(int(n) for n in np.rint(np.cbrt(one.n_atoms / 5)) * np.ones(3))
            if size not in self.engines:
                self.engines[size] = EffectiveHamiltonian(self.parameters, size)
            engine = self.engines[size]
            cells = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
            sites = [site.scaled for site in materials.load("pbtio3").structure.sites]
            scaled = ((cells.reshape(-1, 1, 3) + np.array(sites)) / size).reshape(-1, 3)
            x, h = one.positions.numpy(), one.cell[0].numpy()
            e, f = self.energy(engine, x, h, scaled, forces=True)
            sigma = np.zeros((3, 3))
            for a, b in VOIGT:
                ends = []
                for sign in (1, -1):
                    strain = np.zeros((3, 3))
                    strain[a, b] = strain[b, a] = sign * (1e-5 if a == b else 0.5e-5)
                    grown = np.eye(3) + strain
                    ends.append(self.energy(engine, x @ grown, h @ grown, scaled))
                sigma[a, b] = sigma[b, a] = (ends[0] - ends[1]) / 2e-5
            energy.append(e)
            forces.append(f)
            stress.append(sigma / abs(np.linalg.det(h)))
        return Response(
            torch.tensor(energy), torch.from_numpy(np.concatenate(forces)),
            torch.from_numpy(np.array(stress)),
        )  # fmt: skip


def split(system):
    for n, (a, b) in enumerate(zip(system.starts[:-1], system.starts[1:], strict=True)):
        part = slice(int(a), int(b))
        yield System(
            system.positions[part], system.cell[n : n + 1], system.numbers[part],
            system.masses[part], torch.zeros(int(b - a), dtype=torch.int64),
        )  # fmt: skip


OPTIONS = lattice_fit.Options(
    sizes=((2, 2, 2), (3, 3, 3)), uniform=24, waves=26, warm=0, unseen=20, eps_inf=40.0, seed=3,
    lattice_constant=TRUTH.a0, tolerance=1e-4, emphasis=1.0,
)  # fmt: skip


@pytest.fixture(scope="module", name="fit")
def of_the_planted_crystal():
    return lattice_fit.run(options=OPTIONS, engine=Planted(TRUTH, planted_mode()))


def test_the_planted_hamiltonian_comes_back(fit):
    found = fit["parameter_value"].to_series()
    for name in ("kappa2", "alpha", "gamma", "b11", "b12", "b44", "b1xx", "b1yy", "b4yz"):
        assert found[name] == pytest.approx(getattr(TRUTH, name), rel=2e-3, abs=5e-3), name
    j = [found[f"j{i}"] for i in range(1, 8)]
    assert j == pytest.approx(TRUTH.j, abs=2e-3)
    assert fit["energy_error"].sel(part="unseen").item() < 1e-5


def test_wells_are_those_of_the_potential(fit):
    depth = fit["well_energy"].sel(source="lattice") / fit["well_energy"].sel(source="potential")
    assert depth.values == pytest.approx(1, abs=0.02)
    P = fit["well_polarization"].sel(direction="001").values
    assert P[1] == pytest.approx(P[0], rel=0.02)


def test_the_dataset_is_what_the_schema_says_and_is_trusted(fit):
    schema.require(fit, "lattice_fit")
    assert all(doubt.ok for doubt in schema.trust(fit))
    assert list(fit["part"].values) == [
        "learnt", "unseen", "unseen uniform", "unseen wave", "unseen below cubic",
    ]  # fmt: skip
    assert fit.attrs["centre"] == "Pb"
    assert np.isfinite(fit["variant_error"].sel(variant="without dipoles"))


def test_the_record_runs_molecular_dynamics(fit, tmp_path):
    path = tmp_path / "fitted.toml"
    path.write_text(record_text(fit, "fitted"), encoding="utf-8")
    record = materials.load(str(path))
    assert record.lattice.k4 == fit["parameter_value"].sel(parameter="k4").item()
    assert record.lattice == record_of(fit, "fitted").lattice
    options = md.Options(
        potential="lattice", material=str(path), size=(3, 3, 3), walkers=1, duration=0.1,
        equilibration=0.05, timestep=0.001, stride=10, temperatures=(300.0,),
    )  # fmt: skip
    P = md.run(options=options)["polarization"].values
    assert np.isfinite(P).all()


def test_a_record_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="not found"):
        materials.load(str(tmp_path / "nothing.toml"))


def test_forces_and_slopes_of_relaxed_atoms_are_those_of_their_energy():
    """The envelope theorem on the shipped potential: finite differences of relaxed energies."""
    potential = ElectricPotential.load("pbtio3-pbesol-small", dtype=torch.float64)
    atoms = materials.load("pbtio3").supercell((2, 1, 1))
    at = crystal(potential, System.from_ase(atoms), (2, 1, 1), planted_mode())
    u = np.array([[0.05, 0.1, 0.3], [-0.05, 0.0, 0.35]])
    strain = np.array([-0.01, -0.01, 0.04, 0.005, 0.01, -0.005])
    here = relax(at, u, strain, tolerance=2e-5)
    assert here.modes == pytest.approx(u, abs=1e-10)
    held = here.rest
    assert modes_of(at.mode, held, at.size) == pytest.approx(0, abs=1e-10)
    h, ends = 2e-3, []
    for change in (h, -h):
        moved, bent = u.copy(), strain.copy()
        moved[1, 0] += change
        bent[4] += change
        ends.append([relax(at, *x, tolerance=2e-5).energy for x in ((moved, strain), (u, bent))])
    force, pull = np.subtract(*ends) / (2 * h) * (-1, 1)
    assert here.forces[1, 0] == pytest.approx(force, abs=1e-3)
    assert here.pull[4] == pytest.approx(pull, abs=2e-3)


def test_freed_modes_and_strain_find_the_tetragonal_crystal():
    """The same state as stage md's start would reach: forces and stress vanish."""
    potential = ElectricPotential.load("pbtio3-pbesol-small", dtype=torch.float64)
    atoms = materials.load("pbtio3").supercell((1, 1, 1))
    at = crystal(potential, System.from_ase(atoms), (1, 1, 1), planted_mode())
    start = np.array([[0, 0, 0.4]])
    rest = relax(at, start, np.zeros(6), free_modes=True, free_strain=True, tolerance=2e-4)
    assert np.abs(rest.forces).max() < 2e-3
    assert np.abs(rest.pull).max() < 0.02
    assert rest.energy < -0.03
    assert rest.strain[2] > 0.03 > rest.strain[0]


def test_relaxing_that_cannot_end_says_so():
    potential = ElectricPotential.load("pbtio3-pbesol-small", dtype=torch.float64)
    atoms = materials.load("pbtio3").supercell((1, 1, 1))
    at = crystal(potential, System.from_ase(atoms), (1, 1, 1), planted_mode())
    with pytest.raises(NotAtRestError, match="largest force at fixed modes"):
        relax(at, np.array([[0, 0, 0.4]]), np.zeros(6), free_strain=True, most=2)


def test_starts_are_repeatable_and_of_their_kind():
    potential = ElectricPotential.load("pbtio3-pbesol-small", dtype=torch.float64)
    reference = System.from_ase(materials.load("pbtio3").supercell((2, 1, 1)))
    at = crystal(potential, reference, (2, 1, 1), planted_mode())

    def draw(make, *more):
        return [u for u, _ in make(at, *more, np.random.default_rng(5))]

    uniform = draw(uniform_modes, 4, 0.4)
    assert all(np.ptp(u, axis=0) == pytest.approx(0) for u in uniform)
    waves = draw(wave_modes, 4, 0.4)
    assert waves[3][0] == pytest.approx(-waves[3][1])
    warm = draw(warm_modes, 300.0, 2, np.array([0, 0, 0.3]))
    assert np.abs(warm[1] - warm[0]).max() > 1e-3
    again = draw(warm_modes, 300.0, 2, np.array([0, 0, 0.3]))
    assert np.array_equal(again[1], warm[1])


def test_options_that_ask_for_too_little_are_refused():
    with pytest.raises(ValueError, match="at least 30 configurations"):
        lattice_fit.Options(uniform=5, waves=5, warm=5)


def test_materials_without_cubic_atoms_are_refused():
    with pytest.raises(ValueError, match="no cubic structure"):
        lattice_fit.run(
            options=OPTIONS.model_copy(update={"material": "pbtio3-feram"}),
            engine=Planted(TRUTH, planted_mode()),
        )


def test_units_of_the_fit_are_those_of_the_record(fit):
    unit = dict(zip(fit["parameter"].values, fit["parameter_units"].values, strict=True))
    assert (unit["b44"], unit["k4"], unit["eps_inf"]) == ("eV", "eV/angstrom^8", "1")


def test_files_become_records_figures_and_lines(fit, tmp_path):
    store.save(fit, tmp_path / "fit.nc")
    written = write_record(tmp_path / "fit.nc", tmp_path / "own.toml")
    assert materials.load(written).lattice == record_of(fit, "own").lattice
    with pytest.raises(ValueError, match=r"expected a name that ends in .toml"):
        write_record(tmp_path / "fit.nc", tmp_path / "own.txt")
    lines = summary(fit)
    assert lines[1].startswith("unseen: energy")
    assert any(line.startswith("well [001]: potential -") for line in lines)
    figure = fitted_lattice(fit)
    assert [ax.get_xlabel() for ax in figure.axes[:2]] == [
        "potential (meV per cell)", "displacements beside the modes (Å)",
    ]  # fmt: skip
    assert {row.what for row in numbers("lattice_fit", fit)} >= {"energy error, unseen"}
