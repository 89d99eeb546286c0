"""Any ASE calculator as a potential: derivatives in a field, two routes, dynamics, bad input."""

from itertools import islice

import ase
import ase.build
import numpy as np
import pytest
import torch
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_stress
from ase.calculators.lj import LennardJones
from polar_springs import PolarSprings, Sheared

from multiscale import materials, units
from multiscale.atoms import ElectricPotential, Sites, System, dynamics
from multiscale.atoms.dynamics import initial_state, kinetic_energy
from multiscale.atoms.ensembles import npt_flexible, npt_orthorhombic, nve, nvt
from multiscale.atoms.foreign import ForeignPotential
from multiscale.atoms.foreign_results import DEBYE, stress_matrix, stress_voigt
from multiscale.atoms.generators import walker_generator

PBTIO3 = materials.load("pbtio3")
FIELD = torch.tensor([0.02, -0.01, 0.03], dtype=torch.float64)
BOTH = ("dipole", "born_effective_charges")


def crystal(seed: int = 0, size: tuple[int, int, int] = (1, 1, 2)) -> ase.Atoms:
    """Return a distorted perovskite in a sheared cell, far from any symmetry."""
    rng = np.random.default_rng(seed)
    atoms = PBTIO3.supercell(size)
    deformation = np.eye(3) + 0.02 * rng.normal(size=(3, 3))
    atoms.set_cell(np.array(atoms.cell) @ deformation, scale_atoms=True)
    atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
    return atoms


def sites(size: tuple[int, int, int] = (1, 1, 2)) -> Sites:
    scaled = PBTIO3.supercell(size).get_scaled_positions(wrap=False)
    return Sites(torch.from_numpy(scaled), torch.from_numpy(PBTIO3.born_charges(size)))


def springs(**settings) -> PolarSprings:
    return PolarSprings(PBTIO3.supercell((1, 1, 2)), **settings)


def enthalpy(potential, atoms: ase.Atoms) -> float:
    return float(potential.evaluate(System.from_ase(atoms), FIELD, stress=False).energy[0])


def strained(atoms: ase.Atoms, strain: np.ndarray) -> ase.Atoms:
    out = atoms.copy()
    out.set_cell(np.array(atoms.cell) @ (np.eye(3) + strain))
    out.positions = atoms.positions @ (np.eye(3) + strain)
    return out


def test_forces_in_a_field_are_differences_of_the_enthalpy():
    potential, atoms = ForeignPotential(springs()), crystal()
    forces = potential.evaluate(System.from_ase(atoms), FIELD).forces.numpy()
    for i, a in ((0, 2), (3, 1), (9, 0)):
        there, back = atoms.copy(), atoms.copy()
        there.positions[i, a] += 1e-4
        back.positions[i, a] -= 1e-4
        slope = (enthalpy(potential, there) - enthalpy(potential, back)) / 2e-4
        assert forces[i, a] == pytest.approx(-slope, abs=1e-7)


def test_stress_in_a_field_is_the_strain_derivative_of_the_enthalpy_torque_included():
    potential, atoms = ForeignPotential(springs()), crystal()
    stress = potential.evaluate(System.from_ase(atoms), FIELD).stress[0].numpy()
    for a in range(3):
        for b in range(3):
            e = np.zeros((3, 3))
            e[a, b] = 1e-5
            there, back = (enthalpy(potential, strained(atoms, s * e)) for s in (1, -1))
            slope = (there - back) / 2e-5 / atoms.get_volume()
            assert stress[a, b] == pytest.approx(slope, abs=2e-7)
    assert np.abs(stress - stress.T).max() > 1e-4


def test_the_stress_of_ase_is_ours_tension_is_positive():
    atoms = ase.build.bulk("Cu", a=3.8, cubic=True)  # EMT's is 3.59: pulled apart
    atoms.rattle(0.05, seed=1)
    atoms.calc = EMT()
    ours = ForeignPotential(EMT()).evaluate(System.from_ase(atoms)).stress[0].numpy()
    assert np.trace(ours) > 0
    numeric = calculate_numerical_stress(atoms, eps=1e-5, voigt=False)
    assert ours == pytest.approx(numeric, abs=1e-6)
    six = np.arange(1.0, 7.0)
    assert stress_voigt(stress_matrix(six)) == pytest.approx(six)
    assert stress_matrix(six)[0, 1] == 6.0


def test_a_field_that_is_a_function_acts_like_its_value():
    """That is how the bias of metadynamics acts; the energy is then without the field."""
    potential = ForeignPotential(springs())
    system = System.from_ase([crystal(0), crystal(1)])
    seen = []

    def field(dipole: torch.Tensor) -> torch.Tensor:
        seen.append(dipole)
        return FIELD.expand(2, 3)

    given, called = potential.evaluate(system, FIELD), potential.evaluate(system, field)
    bare = potential.evaluate(system)
    assert called.forces.numpy() == pytest.approx(given.forces.numpy())
    assert called.stress.numpy() == pytest.approx(given.stress.numpy())
    assert called.energy.numpy() == pytest.approx(bare.energy.numpy())
    work = (seen[0] @ FIELD).numpy()
    assert given.energy.numpy() == pytest.approx(bare.energy.numpy() - work)


@pytest.mark.parametrize(
    ("dialect", "settings"),
    [
        ("ase", {"gives": BOTH}),
        ("mace", {"gives": BOTH, "unit": DEBYE}),
        ("mace-field", {"gives": ("polarization", "becs")}),
    ],
)
def test_names_and_units_of_other_packages_mean_the_same(dialect, settings):
    system = System.from_ase(crystal())
    plain = ForeignPotential(springs()).evaluate(system, FIELD, born_charges=True)
    other = ForeignPotential(springs(**settings), dialect=dialect)
    out = other.evaluate(system, FIELD, born_charges=True)
    assert other.electric
    for a, b in zip(out, plain, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.numpy() == pytest.approx(b.numpy())


def test_polarizability_is_that_of_the_cell_whatever_the_calculator_divides_by():
    gives = ("polarization", "becs", "polarizability")
    potential = ForeignPotential(springs(gives=gives), dialect="mace-field")
    out = potential.evaluate(System.from_ase(crystal()), polarizability=True)
    assert out.polarizability[0].numpy() == pytest.approx(np.eye(3))


def test_without_born_charges_the_sites_polarize():
    """The dipole is then that of the sites with and without a field, never now one, now other."""
    atoms = crystal()
    system = System.from_ase(atoms).replace(sites=sites())
    expected = None
    for gives in (("dipole",), ()):
        out = ForeignPotential(springs(gives=gives)).evaluate(system, FIELD, born_charges=True)
        bare = ForeignPotential(springs(gives=gives)).evaluate(system)
        assert out.dipole.numpy() == pytest.approx(bare.dipole.numpy())
        assert torch.equal(out.born_charges, system.sites.charges)
        pull = torch.einsum("c,icd->id", FIELD, system.sites.charges)
        assert (out.forces - bare.forces).numpy() == pytest.approx(pull.numpy())
        expected = out.energy if expected is None else expected
        assert torch.equal(out.energy, expected)


def test_a_dipole_alone_is_recorded_but_a_field_on_it_is_refused():
    potential = ForeignPotential(springs(gives=("dipole",)), name="half")
    system = System.from_ase(crystal())
    dipole = ForeignPotential(springs()).evaluate(system).dipole
    assert torch.equal(potential.evaluate(system).dipole, dipole)
    with pytest.raises(ValueError, match="half gives a dipole without Born charges, expected both"):
        potential.evaluate(system, FIELD)
    with pytest.raises(ValueError, match="Attach Sites, or remove the field or bias"):
        potential.evaluate(system, lambda mu: mu)


def test_a_field_on_a_potential_without_response_is_refused_before_work():
    calculator = LennardJones(rc=5.0)
    potential = ForeignPotential(calculator)
    with pytest.raises(ValueError, match="LennardJones gives no dipole"):
        potential.evaluate(System.from_ase(crystal()), FIELD)
    assert calculator.results == {}
    assert potential.evaluate(System.from_ase(crystal())).dipole is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: PolarSprings(a, unit=DEBYE), "by 79 % .it is 4.8 times what they say"),
        (Sheared, "agree after exchange of polarization and displacement"),
    ],
)
def test_born_charges_that_are_not_the_slope_of_the_dipole_are_refused(make, message):
    potential = ForeignPotential(make(PBTIO3.supercell((1, 1, 2))))
    with pytest.raises(ValueError, match=message):
        potential.evaluate(System.from_ase(crystal()), FIELD)


def run(potential, system, ensemble, field=None, steps=60, timestep=0.001):
    kT = torch.full((system.n_systems,), 300 * units.KB, dtype=torch.float64)
    rng = [walker_generator(0, w) for w in range(system.n_systems)]
    settings = {"timestep": timestep, "kT": kT, "generators": rng, "electric_field": field}
    start = initial_state(potential, system, ensemble, **settings)
    states = dynamics(potential, system, ensemble, state=start, **settings)
    return [start, *islice(states, steps)]


@pytest.mark.parametrize("ensemble", [nvt(1.0), npt_flexible(np.zeros((3, 3)))])
@pytest.mark.parametrize("calculators", [1, 2])
def test_our_own_calculator_drives_the_trajectory_of_the_native_potential(ensemble, calculators):
    ours = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    system = System.from_ase([PBTIO3.polar((1, 1, 2))] * 2).replace(sites=twice(sites()))
    made = [ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64) for _ in range(2)]
    foreign = ForeignPotential([p.calculator() for p in made[:calculators]])
    native = run(ours, system, ensemble, FIELD)
    other = run(foreign, system, ensemble, FIELD)
    for name in ("positions", "cell", "energy", "dipole"):
        a, b = getattr(native[-1], name), getattr(other[-1], name)
        assert b.numpy() == pytest.approx(a.numpy(), rel=1e-9, abs=1e-9)


def twice(one: Sites) -> Sites:
    return Sites(one.scaled.repeat(2, 1), one.charges.repeat(2, 1, 1))


def test_model_dipole_through_the_calculator_follows_the_native_trajectory_in_a_field():
    """Our calculator with sites, read as a model. Fixed charges do not turn with the crystal, as
    the torque assumes: the angles of the cell stay.
    """
    ours = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    plain = System.from_ase(PBTIO3.polar((1, 1, 2)))
    foreign = ForeignPotential(ours.calculator(sites()))
    assert foreign.electric
    ensemble = npt_orthorhombic(np.zeros((3, 3)))
    native = run(ours, plain.replace(sites=sites()), ensemble, FIELD, 20)
    other = run(foreign, plain, ensemble, FIELD, 20)
    for name in ("positions", "cell", "energy", "dipole"):
        a, b = getattr(native[-1], name), getattr(other[-1], name)
        assert b.numpy() == pytest.approx(a.numpy(), rel=1e-7, abs=1e-7)


def test_work_of_a_field_in_time_is_the_change_of_the_energy():
    """d(U0 + K)/dt = E . dmu/dt without bath: half the field swing is 0.1 V/angstrom."""
    timestep, steps = 2.5e-4, 500

    def field(t: float) -> torch.Tensor:
        return torch.tensor([0.0, 0.0, 0.1 * np.sin(2 * np.pi * 10 * t)], dtype=torch.float64)

    system = System.from_ase(PBTIO3.supercell((1, 1, 2)))
    states = run(ForeignPotential(springs()), system, nve(), field, steps, timestep)
    mu = np.array([s.dipole[0].numpy() for s in states])
    E = np.array([field(k * timestep).numpy() for k in range(steps + 1)])
    kinetic = np.array([float(kinetic_energy(s, system)[0]) for s in states])
    internal = np.array([float(s.energy[0]) for s in states]) + (E * mu).sum(1) + kinetic
    work = np.cumsum((0.5 * (E[1:] + E[:-1]) * np.diff(mu, axis=0)).sum(1))
    assert np.ptp(internal) > 0.05
    assert internal[1:] - internal[0] == pytest.approx(work, abs=2e-3 * np.ptp(internal))


@pytest.mark.parametrize(
    ("name", "make", "lattice", "timestep"),
    [
        ("Cu", EMT, 3.6, 0.002),
        ("Ar", lambda: LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True), 5.3, 0.004),
    ],
)
def test_crystals_of_ase_conserve_their_energy(name, make, lattice, timestep):
    atoms = ase.build.bulk(name, "fcc", a=lattice, cubic=True).repeat(2)
    system = System.from_ase(atoms)
    potential = ForeignPotential(make())
    start = run(potential, system, nvt(5.0), steps=100, timestep=timestep)[-1]
    settings = {"kT": torch.tensor([300 * units.KB]), "generators": [walker_generator(0, 0)]}
    states = dynamics(potential, system, nve(), timestep=timestep, state=start, **settings)
    energies = np.array(
        [float(s.energy[0] + kinetic_energy(s, system)[0]) for s in islice(states, 150)]
    )
    moved = np.array([float(s.energy[0]) for s in islice(states, 20)])
    assert np.isnan(start.dipole.numpy()).all()
    assert np.abs(energies - energies[0]).max() / len(atoms) < 2e-4
    assert np.ptp(moved) > 10 * np.ptp(energies)


def test_only_what_is_needed_is_asked_for():
    """Born charges cost a model three more passes: without a field nobody needs them."""
    calculator = springs()
    potential = ForeignPotential(calculator)
    system = System.from_ase(crystal())
    potential.evaluate(system)
    assert calculator.asked == [("energy", "forces", "stress", "dipole")]
    potential.evaluate(system)
    assert len(calculator.asked) == 1  # nothing has changed
    potential.reset()
    potential.evaluate(system, stress=False)
    assert calculator.asked[1:] == [("energy", "forces", "dipole")]


class NoStress(Calculator):
    """Gives less than it should."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012


class Forgetful(PolarSprings):
    """Declares a dipole and does not give it."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        del self.results["dipole"]


def test_what_a_calculator_cannot_answer_is_said():
    system = System.from_ase([crystal(0)] * 3)
    with pytest.raises(ValueError, match=r"stress is asked of NoStress.*FiniteDifference"):
        ForeignPotential(NoStress()).evaluate(system)
    with pytest.raises(ValueError, match="polarizability is asked of PolarSprings"):
        ForeignPotential(springs()).evaluate(system, polarizability=True)
    with pytest.raises(ValueError, match="2 calculators are given for 3 systems"):
        ForeignPotential([springs(), springs()]).evaluate(system)
    with pytest.raises(ValueError, match="Forgetful gave no dipole"):
        ForeignPotential(Forgetful(PBTIO3.supercell((1, 1, 2)))).evaluate(system)


@pytest.mark.parametrize(
    ("calculator", "dialect", "message"),
    [
        (EMT(), "vasp", "dialect is 'vasp', expected one of ase, mace"),
        ([], "ase", "calculator is an empty list"),
        (object(), "ase", "of type object, expected an ASE calculator"),
        (type("Odd", (Calculator,), {})(), "ase", "Odd gives no energy and no forces"),
    ],
)
def test_what_is_no_calculator_is_refused(calculator, dialect, message):
    with pytest.raises(ValueError, match=message):
        ForeignPotential(calculator, dialect=dialect)


def test_provenance_names_class_package_and_version():
    assert ForeignPotential(EMT()).description == f"ase.calculators.emt.EMT (ase {ase.__version__})"
    assert "of no package" in ForeignPotential(springs()).description
    assert ForeignPotential(EMT(), name="copper").name == "copper"
