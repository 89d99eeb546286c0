"""An installed package carries its data and runs from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAY = """
from multiscale import materials, resources
print(resources.data_path())
print(*materials.names())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder with what the wheel installs."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_all_data(installed):
    shipped = {p.relative_to(ROOT / "data") for p in (ROOT / "data").rglob("*") if p.is_file()}
    carried = installed / "multiscale" / "data"
    assert shipped <= {p.relative_to(carried) for p in carried.rglob("*")}


def test_an_installed_package_finds_its_data_from_another_folder(installed, tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", SAY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert Path(said[0]) == installed / "multiscale" / "data"
    assert "pbtio3" in said[1].split()


def test_the_wheel_leaves_out_tests_and_caches(installed):
    names = [p.relative_to(installed).as_posix() for p in installed.rglob("*")]
    assert not [n for n in names if "__pycache__" in n or n.startswith(("tests", "docs"))]
    assert "multiscale/py.typed" in names
