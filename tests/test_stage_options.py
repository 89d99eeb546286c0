"""Options of stages: quantities, messages for what is wrong, random streams."""

import pytest
from pydantic import ValidationError

from multiscale.stages.options import (
    Kelvin,
    Picoseconds,
    StageOptions,
    Table,
    VoltPerMetre,
    explain,
    millikelvin,
    silent,
    stream,
)


class Inner(Table, frozen=True):
    amplitude: VoltPerMetre = 0.0


class Options(StageOptions, frozen=True):
    timestep: Picoseconds = 0.001
    temperatures: tuple[Kelvin, ...] = (300.0,)
    field: Inner = Inner()
    n_walkers: int = 4


def test_quantities_are_read_alone_in_lists_and_in_tables():
    options = Options(
        timestep="2 fs", temperatures=["300 K", 600], field={"amplitude": "300 kV/cm"}
    )
    assert options.timestep == pytest.approx(0.002)
    assert options.temperatures == (300.0, 600.0)
    assert options.field.amplitude == pytest.approx(3e7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timestp": 1}, "md: key 'timestp' is unknown, nearest is 'timestep'. Rename"),
        ({"zzz": 1}, "md: key 'zzz' is unknown, valid keys are field, n_walkers, seed"),
        ({"field": {"amplitud": 1}}, "md.field: key 'amplitud' is unknown, nearest is 'amplitude'"),
        ({"timestep": "2 fm"}, "md.timestep: '2 fm' has dimension [length], expected that of 'ps'"),
        ({"temperatures": ["3 V"]}, "md.temperatures.0: '3 V' has dimension"),
        ({"timestep": float("inf")}, "md.timestep: value is inf, expected a finite number of ps"),
        ({"n_walkers": 1.5}, "md.n_walkers is 1.5, expected"),
        ({"seed": -1}, "md.seed is -1, expected greater than or equal to 0. Correct it."),
    ],
)
def test_what_is_wrong_is_said_in_one_line(given, message):
    with pytest.raises(ValidationError) as caught:
        Options(**given)
    said = explain(caught.value, "md")
    assert said.startswith(message)
    assert "\n" not in said


def test_a_missing_key_is_named():
    class Needs(Table, frozen=True):
        potential: str

    with pytest.raises(ValidationError) as caught:
        Needs()
    assert explain(caught.value, "md") == "md.potential is missing. Add it."


def test_options_cannot_change():
    with pytest.raises(ValidationError, match="frozen"):
        Options().seed = 3


def test_streams_depend_on_their_address_only():
    first = stream(7, millikelvin(300.0), 2).standard_normal(3)
    stream(7, millikelvin(600.0), 2)
    assert (stream(7, millikelvin(300.0), 2).standard_normal(3) == first).all()
    assert (stream(7, millikelvin(300.0), 3).standard_normal(3) != first).all()
    assert silent(0.5) is None
