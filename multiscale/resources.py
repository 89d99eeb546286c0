"""Where the files that ship with the package lie."""

from importlib.resources import files
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1] / "data"


def data_path(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as data_path("materials").

    An installed package carries them in multiscale/data; a source tree keeps them in data/ beside
    the package. The path need not exist.
    """
    packaged = Path(str(files("multiscale"))) / "data"
    return (packaged if packaged.is_dir() else _REPOSITORY).joinpath(*parts)
