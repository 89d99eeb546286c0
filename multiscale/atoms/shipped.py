"""Where potentials lie: what ships by its name, anything else by its folder."""

from difflib import get_close_matches
from pathlib import Path

from multiscale.resources import data_path

CARD, WEIGHTS = "card.toml", "weights.safetensors"


def find(path_or_name: str | Path) -> Path:
    """Return the folder of a potential.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    folder = Path(path_or_name)
    if (folder / CARD).is_file():
        return folder
    shipped = names()
    if str(path_or_name) in shipped:
        return data_path("potentials", str(path_or_name))
    nearest = get_close_matches(str(path_or_name), shipped, n=1, cutoff=0)
    hint = f", nearest is {nearest[0]!r}" if nearest else ""
    raise ValueError(
        f"potential {str(path_or_name)!r} is unknown{hint}, expected a shipped name or a "
        f"folder with {CARD}. Choose one of {', '.join(shipped) or 'none'}, or train one."
    )


def names() -> list[str]:
    """Return the names of the potentials that ship."""
    return sorted(p.parent.name for p in data_path("potentials").glob(f"*/{CARD}"))
