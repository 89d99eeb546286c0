"""Figures of pulses, reversal curves, frequency laws: what is drawn is what the Dataset holds."""

import numpy as np
import pytest

from multiscale.plotting import hysteresis_figures, reversal, switching
from multiscale.plotting.domains import write_film
from multiscale.plotting.style import hertz, time_unit
from multiscale.stages import hysteresis
from multiscale.stages.hysteresis import Options

FAST = {
    "source": "material", "material": "batio3-bell2001", "frequencies": (1e9,),
    "samples_per_cycle": 100, "step_fraction": 0.5, "cycles": 2,
}  # fmt: skip


def run(**options):
    return hysteresis.run(options=Options(**{**FAST, **options}))


@pytest.fixture(scope="module")
def walls():
    wall = {"velocity": 500.0, "activation": 2e8, "half_lengths": ["100 nm", "200 nm"],
            "saturation": 0.26}  # fmt: skip
    return run(model="wall", wall=wall, amplitude=1e8, frequencies=(1e6, 1e7, 1e8))


def test_every_dataset_has_the_figures_of_its_drive(walls):
    assert "Coercive field against cell size" in hysteresis_figures(walls)
    assert "Strain against field" not in hysteresis_figures(walls)
    pund = run(waveform="pund")
    assert list(hysteresis_figures(pund)) == ["Pulses"]
    for ds in (walls, pund):
        for draw in hysteresis_figures(ds).values():
            assert draw(ds).axes


def test_bars_of_pund_are_the_charges_of_its_pulses():
    ds = run(waveform="pund")
    bars = switching.pulses(ds).axes[3].patches
    assert [b.get_height() for b in bars] == pytest.approx(100 * ds["pulse_charge"].values[0, 1:])


def test_loops_that_do_not_switch_are_lower_bounds(walls):
    ax = switching.coercive_fields(walls).axes[0]
    open_markers = [line for line in ax.lines if line.get_marker() == "^" and len(line.get_xdata())]
    bounds = np.concatenate([line.get_ydata() for line in open_markers])
    assert len(bounds) == int(np.isnan(walls["coercive_field"].values).sum()) == 1
    assert bounds == pytest.approx(1e-8 * 1e8)


def test_maps_of_reversal_curves_are_drawn_on_their_fields():
    ds = run(waveform="forc", reversals=10)
    for draw in (reversal.forc_map, reversal.preisach_density, reversal.reversal_curves):
        ax = draw(ds).axes[0]
        assert "kV/cm" in ax.get_xlabel()
    mesh = reversal.forc_map(ds).axes[0].collections[0]
    assert mesh.get_array().size == ds["forc_density"].size


def test_sub_loops_have_a_line_each():
    ds = run(amplitudes=(0.5, 1.0))
    assert len(switching.sub_loops(ds).axes[0].lines) == 2


def test_units_are_those_one_would_say():
    assert [hertz(f) for f in (50.0, 1e3, 2.5e6, 5e9)] == ["50 Hz", "1 kHz", "2.5 MHz", "5 GHz"]
    assert time_unit(5e3) == (1e-3, "ns")


def test_mp4_without_ffmpeg_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"film\.mp4 is to be MP4 and ffmpeg is not installed"):
        write_film(tmp_path / "film.mp4", np.ones((2, 3, 2, 2, 2)), (1, 1, 1), ["a", "b"])
