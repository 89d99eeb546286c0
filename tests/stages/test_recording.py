"""What stage md records on request, and what it refuses to promise."""

import numpy as np
import pytest
import torch
import xarray as xr

from multiscale import schema, units
from multiscale.atoms.toy import ToyCrystal
from multiscale.stages import engines, md

TINY = {
    "potential": "toy-ferroelectric", "size": (2, 1, 3), "temperatures": (300.0,), "walkers": 2,
    "duration": "0.4 ps", "equilibration": "0.1 ps",
}  # fmt: skip


class Polarizable(ToyCrystal):
    """The toy with a polarizability that follows its dipole."""

    def evaluate(self, system, electric_field=None, *, polarizability=False, **wanted):
        """Return the toy's answer, with 100 + mu_x^2 on the diagonal of the polarizability."""
        answer = super().evaluate(system, electric_field, **wanted)
        if not polarizability:
            return answer
        alpha = (100 + answer.dipole[:, :1, None] ** 2) * torch.eye(3, dtype=torch.float64)
        return answer._replace(polarizability=alpha)


@pytest.fixture
def polarizable(monkeypatch):
    """Return the name under which that potential is offered."""
    monkeypatch.setitem(engines.TOYS, "toy-polarizable", Polarizable)
    return "toy-polarizable"


def test_velocities_carry_the_kinetic_temperature():
    ds = md.run(options=md.Options(**TINY, record=("velocities",)))
    schema.require(ds, "md")
    assert ds.velocity.dims == ("temperature", "walker", "time", "atom", "axis")
    assert ds.velocity.attrs["units"] == "angstrom/ps"
    twice = (ds.atomic_mass * units.AMU * ds.velocity**2).sum(("atom", "axis"))
    expected = ds.kinetic_temperature * units.KB * 3 * ds.sizes["atom"]
    assert twice.values == pytest.approx(expected.values, rel=1e-6)
    assert ds.atomic_number.values[:5].tolist() == [82, 22, 8, 8, 8]


def test_local_polarization_averages_to_the_polarization():
    ds = md.run(options=md.Options(**TINY, record=("local_polarization",)))
    assert ds.local_polarization.shape[3:] == (2, 1, 3, 3)
    mean = ds.local_polarization.mean(("cell_x", "cell_y", "cell_z"))
    assert mean.values == pytest.approx(ds.polarization.values, rel=1e-9, abs=1e-12)
    assert float(ds.local_polarization.std("cell_z").mean()) > 0.005


def test_polarizability_is_that_of_the_recorded_structure(polarizable):
    options = md.Options(**{**TINY, "potential": polarizable}, record=("polarizability",))
    ds = md.run(options=options)
    schema.require(ds, "md")
    volume = np.abs(np.linalg.det(ds.cell.values))
    dipole = ds.polarization.values[..., 0] * volume / units.C_PER_M2
    assert ds.polarizability.values[..., 1, 1] == pytest.approx(100 + dipole**2, rel=1e-9)


def test_recording_changes_nothing_else_and_survives_a_kill():
    plain = md.run(options=md.Options(**TINY))
    options = md.Options(
        **TINY, record=("velocities", "local_polarization"), checkpoint_interval="0.1 ps"
    )
    whole = md.run(options=options)
    assert np.array_equal(whole.polarization, plain.polarization)

    class Memory:
        saved, stop = None, True

        def load(self):
            return self.saved

        def save(self, arrays):
            self.saved = {name: np.array(value) for name, value in arrays.items()}
            if self.stop:
                raise KeyboardInterrupt

    memory = Memory()
    with pytest.raises(KeyboardInterrupt):
        md.run(options=options, checkpoint=memory)
    memory.stop = False
    xr.testing.assert_identical(md.run(options=options, checkpoint=memory), whole)


def test_polarizability_of_a_potential_without_is_refused_before_the_run():
    def never(_):
        pytest.fail("the run had started")

    for potential in ("toy-ferroelectric", "pbtio3-pbesol"):
        options = md.Options(**{**TINY, "potential": potential}, record=("polarizability",))
        with pytest.raises(ValueError, match="polarizability"):
            md.run(options=options, progress=never)


def test_unknown_record_is_refused():
    with pytest.raises(ValueError, match="velocities"):
        md.Options(**TINY, record=("forces",))
