"""multiscale landau show: numbers of the reference tables, dispatch beside the fit, figures."""

import json
import sys

import numpy as np
import pytest

from multiscale import cli, materials
from multiscale.pipeline import landau_show
from multiscale.plotting import landau_record as figures
from multiscale.stages import landau_record
from multiscale.stages.landau_portrait import portrait


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Return a function that runs `multiscale ...` and gives status and output."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["multiscale", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = capsys.readouterr()
        return end.value.code, out.out + out.err

    return run


def test_json_has_the_numbers_of_the_reference_tables(command):
    """values.md B2 and mesoscale.md T2, T4, T6, T7 of PbTiO3."""
    status, out = command("landau", "show", "pbtio3-haun1987", "--temperature", "298", "--json")
    assert status == 0
    content = json.loads(out)
    (transition,) = content["transitions"]
    assert transition["phases"] == ["T", "C"]
    assert transition["temperature"] == pytest.approx(765.48, abs=0.05)
    assert transition["latent_heat"] == pytest.approx(40.8e6, rel=2e-3)
    assert transition["superheating"] == pytest.approx(496.98 + 273, abs=0.01)
    assert content["phase"] == "T"
    assert content["spontaneous_polarization"] == pytest.approx(0.7570, abs=1e-4)
    assert content["coercive_field"] == pytest.approx(161.2e6, abs=0.05e6)
    assert content["permittivity"]["c"] == pytest.approx(66.9, abs=0.05)
    assert content["permittivity"]["a"] == pytest.approx(124.4, abs=0.05)
    walls = content["walls"]
    assert walls["180"]["rigid"]["energy"] == pytest.approx(132.81e-3, rel=5e-3)
    assert walls["180"]["elastic"]["energy"] == pytest.approx(228.23e-3, rel=5e-3)
    assert walls["180"]["elastic"]["width"] == pytest.approx(0.7092e-9, rel=5e-3)
    assert walls["90"]["elastic"]["energy"] == pytest.approx(81.1e-3, rel=5e-3)
    assert walls["90"]["elastic"]["width"] == pytest.approx(0.985e-9, rel=5e-3)
    assert content["spontaneous_strain"][2] == pytest.approx(0.051007, rel=1e-3)
    assert content["units"]["latent_heat"] == "J/m^3"
    assert content["units"]["energy"] == "J/m^2"


def test_text_is_for_a_person_in_units_of_papers(command):
    status, out = command("landau", "show", "batio3-bell2001")
    assert status == 0
    for part in ("R to O    201.84 K", "At 298 K: T (tetragonal)", "0.2652 C/m^2", "16.48 MV/m"):
        assert part in out
    assert "180 degrees, elastic  5.898 mJ/m^2" in out
    assert "A. J. Bell" in out


def test_barium_titanate_has_its_three_transitions_and_walls():
    content = portrait(materials.load("batio3-bell2001"), 298.0)
    T = [t["temperature"] for t in content["transitions"]]
    assert T == pytest.approx([201.84, 282.54, 392.28], abs=0.05)
    assert content["walls"]["90"]["elastic"]["energy"] == pytest.approx(6.996e-3, rel=5e-3)
    assert content["walls"]["90"]["elastic"]["width"] == pytest.approx(3.585e-9, rel=5e-3)
    assert not content["walls"]["90"]["rigid"]["stable"]
    assert content["rotation_field"] < content["coercive_field"]
    assert content["coercive_field_along"]["[001]"] == pytest.approx(
        content["rotation_field"], 1e-3
    )


def test_walls_of_the_lower_phases_rank_as_published():
    """Marton, Rychetsky and Hlinka, Phys. Rev. B 81, 144125 (2010), abstract, on this set: lowest
    are 90 and 60 degrees (O), 71 and 109 (R); below 1 nm but for the 60-degree S wall; antiparallel
    walls of R are highest; the 109-degree wall turns like Bloch's.
    """
    record = materials.load("batio3-bell2001")
    ortho, rhombo = (portrait(record, T)["walls"] for T in (208.0, 118.0))
    assert set(ortho) == {"60", "90", "120", "180"}
    assert set(rhombo) == {"71", "109", "180"}
    energy = {k: w["elastic"]["energy"] for k, w in {**ortho, **rhombo}.items() if k != "180"}
    assert sorted(energy, key=energy.get) == ["71", "90", "60", "109", "120"]
    assert rhombo["180"]["elastic"]["energy"] > 3 * rhombo["109"]["elastic"]["energy"]
    assert ortho["60"]["elastic"]["width"] > 3e-9
    assert all(walls[k]["elastic"]["width"] < 1e-9 for walls, k in ((ortho, "90"), (rhombo, "71")))
    assert all(w["elastic"]["stable"] for w in (*ortho.values(), *rhombo.values()))
    assert (
        np.abs(np.abs(ortho["60"]["elastic"]["normal"]) - 0.5**0.5).max() > 0.01
    )  # no lattice plane


def test_what_does_not_exist_is_null_and_said():
    content = portrait(materials.load("srtio3-li2006"), 298.0)
    assert content["phase"] == "C"
    assert content["coercive_field"] is None
    assert content["walls"] is None
    assert content["permittivity"]["c"] == pytest.approx(309.3, abs=0.1)
    assert content["remarks"] == ["No walls: the record has no gradient coefficients."]
    cold = portrait(materials.load("batio3-bell2001"), 150.0)
    assert cold["phase"] == "R"
    assert cold["remarks"] == []
    assert cold["polarization"] == pytest.approx([cold["polarization"][0]] * 3)


def test_a_record_of_ones_own_is_read_from_its_file(command, tmp_path):
    (tmp_path / "mine.toml").write_text(materials.text("pbtio3-haun1987"))
    status, out = command("landau", "show", "mine.toml", "--temperature", "800")
    assert status == 0
    assert "At 800 K: C (cubic)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "batio3-bell2001", "--temperature", "500"], "leading coefficient along (0.000,"),
        (
            ["show", "batio3-bell2001", "--temperature", "-3"],
            "is -3 K, expected above 0",
        ),
        (
            ["show", "batio3"],
            "has no Landau set, expected one with coefficients. Use",
        ),
        (["show", "batio3-bel"], "is unknown, nearest is 'batio3-bell2001'"),
        (["show", "no.toml"], "no.toml: not found"),
        (["metad.nc"], "metad.nc: not found"),
        (["-o", "x.nc", "metad.nc"], "metad.nc: not found"),
        (["fit", "metad.nc"], "metad.nc: not found"),
    ],
)
def test_bad_input_is_refused_and_a_file_means_fit(command, arguments, message):
    status, out = command("landau", *arguments)
    assert status == 2
    assert message in out


def test_outside_its_temperatures_a_set_says_so():
    content = portrait(materials.load("pbtio3-haun1987"), 1200.0)
    assert "1200 K lies outside 1 to 1000 K" in content["remarks"][0]


def test_figures_of_a_record(tmp_path):
    record = materials.load("pbtio3-haun1987")
    drawn = landau_show.draw(record, 298.0, [765.48], points=9)
    assert set(drawn) == {"free_energy", "coefficients", "phase_diagram"}
    lines = drawn["free_energy"].axes[0].lines
    lowest = min(lines[0].get_ydata())
    assert lowest == pytest.approx(-73.9, abs=0.05)  # MJ/m^3, along [001]
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_phase_diagram_holds_the_critical_end_point():
    T, E = np.linspace(760, 790, 7), np.array([1e4, 6e6])
    ds = landau_record.diagram(materials.load("pbtio3-haun1987"), T, E, "[001]")
    assert ds.attrs["critical_temperature"] == pytest.approx(511.36 + 273, abs=0.01)
    P = ds["polarization"].values[..., 2]
    assert (np.diff(P, axis=0) < 0).all()  # falls with temperature in every field
    assert (P[:, 1] > P[:, 0]).all()
    figure = figures.phase_diagram(ds)
    assert any("critical" in t.get_text() for t in figure.axes[0].texts)


def test_bands_of_samples_are_drawn():
    ds = landau_record.surfaces(materials.load("pbtio3-haun1987"), np.array([300.0, 400.0]))
    noise = np.random.default_rng(0).normal(1, 0.1, (50, *ds["coefficient"].shape))
    samples = (("sample", "temperature", "term"), noise * ds["coefficient"].values)
    figure = figures.coefficients(ds.assign(coefficient_sample=samples))
    assert len(figure.axes[0].collections) == 2  # 68 and 95 %
