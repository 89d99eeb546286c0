"""The command `spectra`: runs in, spectra out, and a figure of each beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import provenance, store
from multiscale.pipeline.plan import identity
from multiscale.pipeline.single import stage_options
from multiscale.stages import spectra


def run_spectra(
    md: Path,
    output: Path,
    options: Path | None,
    values: Sequence[str],
    *,
    in_field: Sequence[Path] = (),
    members: Sequence[Path] = (),
    figures: bool = False,
) -> str:
    """Write the spectra of runs, with figures if asked, and say what was written.

    Parameters
    ----------
    md : Path
        The run.
    output : Path
        The file to write.
    options : Path, optional
        TOML with the options, or a run file with a table [spectra].
    values : sequence of str
        "key=value", which override the file's.
    in_field, members : sequences of Path
        The same run in other fields, and with other members of a committee.
    figures : bool
        Draw every spectrum as a PNG beside the output.

    Raises
    ------
    FileNotFoundError, ValueError
        An input is missing or not valid.
    """
    chosen = stage_options("spectra", options, values)
    assert isinstance(chosen, spectra.Options)
    paths = [md, *in_field, *members]
    runs = [_load(path) for path in paths]
    folders.prepare(output.parent)
    ds = spectra.run(
        runs[0],
        chosen,
        in_field=runs[1 : 1 + len(in_field)],
        members=runs[1 + len(in_field) :],
    )
    sources = {str(path): store.file_hash(path) for path in paths}
    facts = provenance.describe(identity("spectra", chosen, sources), threads=1)
    origin = ", ".join(str(path) for path in paths)
    store.save(provenance.stamp(ds, facts, f"spectra from {origin}", runs), output)
    written = [output, *(draw(ds, output) if figures else [])]
    failed = [d for d in schema.trust(ds) if not d.ok]
    doubts = [f"not trusted: {d.check}: {d.value:.3g}, expected {d.expected}" for d in failed]
    return "\n".join([*map(str, written), *doubts])


def draw(ds: xr.Dataset, output: Path) -> list[Path]:
    """Write each figure of the spectra as PNG beside output, and return the paths."""
    import io  # noqa: PLC0415

    from multiscale.plotting.spectra import all_of  # noqa: PLC0415 - matplotlib is heavy

    paths = []
    for function in all_of(ds).values():
        path = output.with_name(f"{output.stem}-{function.__name__.replace('_', '-')}.png")
        buffer = io.BytesIO()
        figure: Any = function(ds)
        figure.savefig(buffer, format="png", dpi=160)
        store.write_atomic(path, buffer.getvalue())
        paths.append(path)
    return paths


def _load(path: Path) -> xr.Dataset:
    ds = store.load(path)
    try:
        return schema.require(ds, "md")
    except schema.SchemaError as err:
        raise ValueError(f"{path}: {err}") from None
