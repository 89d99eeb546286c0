"""PLUMED inputs read without PLUMED: what is refused, what walkers get; missing kernels."""

import builtins

import pytest

from multiscale.sampling import BoxWall, Wall, WellTempered
from multiscale.sampling.hills import KJ_PER_MOL
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_hills import biased
from multiscale.sampling.plumed_input import (
    SILENT_STEP,
    actions,
    check,
    for_walker,
    plumed_input,
    variables,
)
from multiscale.sampling.plumed_kernel import explain, find_kernel, start_kernel

NAMES = ("px", "pz")
PX = "px: EXTRACV NAME=px\n"


def test_blocks_comments_labels_and_braces_are_read():
    text = """
    # nothing
    a: EXTRACV NAME=px  # ours
    EXTRACV NAME=pz LABEL=b
    METAD ...
      LABEL=m
      ARG=a,b # both
      SIGMA=0.1,0.1 HEIGHT=1 PACE=5
    ... METAD
    c: CUSTOM ARG=a FUNC={x + 1} PERIODIC=NO
    ENDPLUMED
    NONSENSE
    """
    listed = actions(text)
    assert [a.name for a in listed] == ["EXTRACV", "EXTRACV", "METAD", "CUSTOM"]
    assert [a.label for a in listed] == ["a", "b", "m", "c"]
    assert listed[3].get("FUNC") == "x + 1"
    assert listed[3].text() == "c: CUSTOM ARG=a FUNC={x + 1} PERIODIC=NO"
    assert variables(listed) == NAMES
    assert biased(listed) == NAMES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RESTRAINT ARG=x AT=0 KAPPA=1", "defines no EXTRACV, expected at least one of px, pz"),
        ("EXTRACV NAME=phi LABEL=a", "asks for the EXTRACV 'phi', expected some of px, pz"),
        (PX + "LOAD FILE=bad.cpp", "LOAD runs code from a file"),
        (PX + "METAD ARG=px TEMP=310", r"has TEMP=310, expected 300 K"),
        (PX + "METAD ARG=px TEMP=hot", r"has TEMP=hot, expected 300 K"),
        (PX + "e: EXTENDED_LAGRANGIAN ARG=px", "e: EXTENDED_LAGRANGIAN keeps its state in memory"),
        (PX + "METAD ARG=px ADAPTIVE=DIFF SIGMA=10", "METAD ADAPTIVE keeps its state in memory"),
        (PX + "PRINT ARG=px FILE=/home/me/COLVAR", "writes to /home/me/COLVAR"),
        (PX + "METAD ARG=px FILE=../HILLS", r"writes to ../HILLS"),
        (PX + "METAD ARG=px PACE=1", "every step with 2 walkers, expected a fixed PACE"),
        (PX + "METAD ARG=px PACE=9 FREQUENCY_ADAPTIVE", "every step with 2 walkers"),
        (PX + "OPES_METAD ARG=px WALKERS_MPI", "by MPI only"),
    ],
)
def test_inputs_that_cannot_run_here_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        check(actions(text), NAMES, 300.0, 2)


def test_a_block_without_an_end_is_refused():
    with pytest.raises(ValueError, match="block METAD has no end|has no end"):
        actions("METAD ...\n ARG=px\n")


def test_walkers_share_hills_through_files_and_print_nothing_silently():
    text = PX + "m: METAD ARG=px PACE=5 WALKERS_MPI\nPRINT ARG=px FILE=A\nPRINT ARG=px STRIDE=2\n"
    lines = for_walker(actions("RESTART\n" + text), 1, 3, "..").splitlines()
    assert lines[1] == (
        "m: METAD ARG=px PACE=5 WALKERS_N=3 WALKERS_ID=1 WALKERS_DIR=.. "
        f"WALKERS_RSTRIDE={SILENT_STEP}"
    )
    assert lines[2] == "PRINT ARG=px FILE=A UPDATE_FROM=0"
    assert lines[3] == "PRINT ARG=px STRIDE=2"
    alone = for_walker(actions(text.replace(" WALKERS_MPI", "")), 0, 1, "..")
    assert "WALKERS" not in alone


def test_the_silent_step_is_a_multiple_of_no_stride():
    assert all(SILENT_STEP % n for n in range(2, 50_000))  # and 2^31 - 1 is prime
    assert pow(2, SILENT_STEP - 1, SILENT_STEP) == 1


def test_the_generated_input_has_plumeds_units():
    s = WellTempered((0.1, 0.2), 0.02, 50, 8.0, 0.025, BoxWall((-1, 0), (1, 2), (40, 10)))
    lines = plumed_input(s, NAMES, stride=10).splitlines()
    metad, upper, lower = actions("\n".join(lines))[2:5]
    assert float(metad.get("HEIGHT")) == pytest.approx(0.02 * KJ_PER_MOL, rel=1e-15)
    assert metad.get("PACE") == "50"
    assert [float(x) for x in upper.get("AT").split(",")] == [1, 2]
    assert [float(x) for x in lower.get("AT").split(",")] == [-1, 0]
    assert [float(x) / KJ_PER_MOL for x in upper.get("KAPPA").split(",")] == pytest.approx([20, 5])


def test_symmetric_hills_have_no_input():
    s = WellTempered((0.1,), 0.02, 50, 8.0, 0.025, Wall(1.0, 10.0), symmetric=True)
    with pytest.raises(ValueError, match="PLUMED's METAD has no images"):
        plumed_input(s, ("px",))


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No kernel anywhere."""
    for name in ("PLUMED_KERNEL", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    return tmp_path


def test_without_a_kernel_one_sentence_says_how_to_get_it(bare):
    with pytest.raises(ValueError, match="no PLUMED kernel found") as caught:
        PlumedBias(PX, ("px",), str(bare / "x"), kT=0.025, timestep=0.002)
    for words in ("conda-forge", "PLUMED_KERNEL", "engine = 'embedded', which needs nothing"):
        assert words in str(caught.value)
    assert not (bare / "x").exists()


def test_a_kernel_that_is_no_file_is_named(monkeypatch):
    monkeypatch.setenv("PLUMED_KERNEL", "/nowhere/lib.so")
    with pytest.raises(ValueError, match="PLUMED_KERNEL is '/nowhere/lib.so', which is no file"):
        find_kernel()


def test_the_kernel_of_a_conda_environment_is_found(bare, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    library = bare / "env" / "lib" / "libplumedKernel.so"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setenv("CONDA_PREFIX", str(bare / "env"))
    assert find_kernel() == str(library)


def test_without_the_python_interface_it_says_so(bare, monkeypatch):
    library = bare / "libplumedKernel.so"
    library.touch()
    monkeypatch.setenv("PLUMED_KERNEL", str(library))
    load = builtins.__import__

    def refuse(name, *arguments, **more):
        if name == "plumed":
            raise ImportError(name)
        return load(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match="Python interface is not installed"):
        start_kernel(0.025, 0.002)


def test_a_file_that_is_no_kernel_is_refused(bare, monkeypatch):
    pytest.importorskip("plumed")
    library = bare / "libplumedKernel.so"
    library.write_text("not a library")
    monkeypatch.setenv("PLUMED_KERNEL", str(library))
    with pytest.raises(ValueError, match="which does not load"):
        start_kernel(0.025, 0.002)


def test_messages_of_plumed_become_one_line():
    inner = RuntimeError("\n(tools/Grid.cpp:111) void f()\nLooking for a value outside the grid")
    outer = RuntimeError("\n(core/PlumedMain.cpp:1358) g()\n+++ An error happened at @1 +++")
    outer.__cause__ = inner
    assert explain(outer) == "An error happened at @1 Looking for a value outside the grid."
