"""Potentials of other packages by name: "mace:FILE", "deepmd:FILE", "nequip:FILE", "ase:emt".

The list is closed: a name only chooses which of these loaders gets the file. Loading a model means
running its package's own loader, and most of these files are Python pickles or compiled code that
may run anything when they are opened: name only files that you trust.
"""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from multiscale.atoms.driving import Potential
from multiscale.atoms.foreign import ForeignPotential


class Loader(NamedTuple):
    """Where a package's calculator is found, and how it is made from a file.

    module and path of the function that makes it; package as pip calls it; dialect of
    ForeignPotential; settings(file, dtype, device) -> its keyword arguments.
    """

    module: str
    function: str
    package: str
    dialect: str
    settings: Callable[[str, str, str], dict[str, Any]]


LOADERS = {
    "mace": Loader(
        "mace.calculators", "MACECalculator", "mace-torch", "mace",
        lambda file, dtype, device: {
            "model_paths": file, "default_dtype": dtype, "device": device,
        },
    ),
    "mace-field": Loader(
        "mace.calculators", "MACECalculator", "git+https://github.com/mdi-group/mace-field",
        "mace-field",
        lambda file, dtype, device: {
            "model_paths": file, "default_dtype": dtype, "device": device,
            "model_type": "MACEField",
        },
    ),
    "deepmd": Loader(
        "deepmd.calculator", "DP", "deepmd-kit", "ase", lambda file, *_: {"model": file}
    ),
    "nequip": Loader(
        "nequip.integrations.ase", "NequIPCalculator.from_compiled_model", "nequip",
        "allegro-pol", lambda file, _, device: {"compile_path": file, "device": device},
    ),
}  # fmt: skip
BUILT_IN = {
    "emt": ("ase.calculators.emt", "EMT"),
    "lj": ("ase.calculators.lj", "LennardJones"),
    "morse": ("ase.calculators.morse", "MorsePotential"),
}
"""Calculators of ASE itself, with their default parameters: for trials."""


def is_foreign(name: str) -> bool:
    """Tell whether a name means a potential of another package, known or not.

    Raises
    ------
    ValueError
        If it looks like one, with a prefix that is unknown.
    """
    prefix, colon, _ = name.partition(":")
    known = [*LOADERS, "ase"]
    if not colon or prefix in known:
        return bool(colon)
    if Path(name).exists():
        return False
    nearest = get_close_matches(prefix, known, n=1, cutoff=0)[0]
    raise ValueError(
        f"prefix {prefix!r} of potential {name!r} is unknown, nearest is {nearest!r}. Choose one "
        f"of {', '.join(f'{p}:' for p in known)} or a name without a colon."
    )


def load_foreign(name: str, dtype: str = "float32", device: str = "cpu") -> Potential:
    """Return the potential of another package that a name means.

    Parameters
    ----------
    name : str
        "mace:FILE", "mace-field:FILE", "deepmd:FILE", "nequip:FILE" (compiled), or "ase:emt",
        "ase:lj", "ase:morse".
    dtype : str
        "float32" or "float64", where the package lets us choose.
    device : str
        A torch device, likewise.

    Raises
    ------
    ValueError
        If file or package are missing, or the package cannot load the file.
    """
    prefix, _, rest = name.partition(":")
    if prefix == "ase":
        return ForeignPotential(_built_in(rest), name=name)
    loader = LOADERS[prefix]
    if not rest or not Path(rest).exists():
        raise ValueError(
            f"file {rest!r} of potential {name!r} does not exist, expected a model of "
            f"{loader.package}. Correct the path after {prefix}:."
        )
    if find_spec(loader.module.split(".")[0]) is None:
        raise ValueError(
            f"potential {name!r} needs the package {loader.package}, which is not installed. "
            f"Run: pip install {loader.package}"
        )
    calculator = _made(name, loader, rest, dtype, device)
    return ForeignPotential(calculator, dialect=loader.dialect, name=name)


def _made(name: str, loader: Loader, file: str, dtype: str, device: str) -> Any:
    """Return the calculator that the package makes of the file."""
    try:
        make: Any = import_module(loader.module)
        for part in loader.function.split("."):
            make = getattr(make, part)
        return make(**loader.settings(file, dtype, device))
    except Exception as error:
        # Foreign loaders raise whatever they like; the user needs one line that names the file.
        reason = (str(error) or repr(error)).splitlines()[0]
        raise ValueError(
            f"potential {name!r} cannot be loaded by {loader.package}: {reason}. Check that the "
            "file was made by this package, in a version that fits."
        ) from error


def _built_in(kind: str) -> Any:
    """Return a calculator of ASE itself."""
    if kind not in BUILT_IN:
        raise ValueError(
            f"calculator {kind!r} of potential 'ase:{kind}' is unknown, expected one of "
            f"{', '.join(BUILT_IN)}. Others run from Python: md.run(options=..., engine=...)."
        )
    module, function = BUILT_IN[kind]
    return getattr(import_module(module), function)()
