"""One static page about a training: doubts first, errors, learning curves, parity, data, card."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.errors import QUOTED, UNITS, Comparison
from multiscale.pipeline import provenance, store
from multiscale.pipeline.page import Figure, inline, template
from multiscale.pipeline.potentials import to_toml
from multiscale.schema import Doubt

Array = NDArray[np.float64]
NAME = "report.html"
TRAINING = "_training"
OVERFIT, LATE = 2.0, 0.05
"""Largest ratio of held-out to training errors, and largest gain over the last tenth of epochs."""


@dataclass(frozen=True)
class Row:
    """Errors of one label as texts: MAE, RMSE, n."""

    label: str
    unit: str
    held_out: tuple[str, str, str]
    training: tuple[str, str, str]


def write_training_report(
    folder: Path,
    card: Mapping[str, Any],
    history: Mapping[str, Sequence[float]],
    predictions: Mapping[str, tuple[Array, Array]],
) -> Path:
    """Write report.html about a training into the potential's folder and return its path.

    Parameters
    ----------
    folder : Path
        An existing folder.
    card : mapping
        The model card; its tables training, data, domain and errors are shown where they are there.
    history : mapping
        "epoch", and root-mean-square errors by label, with "_held_out" on held-out frames, in
        errors.UNITS (polarizability per atom); NaN where unknown.
    predictions : mapping
        label -> (reference, predicted) on held-out frames as compare() gives them, in errors.UNITS;
        with "_training" after the label those on training frames.
    """
    compared = {name: Comparison(*map(np.asarray, pair)) for name, pair in predictions.items()}
    rows = _rows(card, compared)
    training = dict(card.get("training", {}))
    files, elapsed = _files(card), float(training.pop("seconds", math.nan))
    for shown in ("files", "sha256", "held_out_frames"):
        training.pop(shown, None)
    checks = list(_checks(history, sum(any(row.held_out) for row in rows)))
    page = template("training.html").render(
        name=folder.resolve().name,
        checks=checks,
        failed=[check for check in checks if not check.ok],
        warnings=list(card.get("data", {}).get("warnings", [])),
        rows=rows,
        measured_training=any(name.endswith(TRAINING) for name in compared),
        curves=_curves(history),
        plots=list(_plots(compared)),
        files=files,
        domain=_domain(card.get("domain", {})),
        settings={name: _plain(value) for name, value in training.items()},
        elapsed=elapsed,
        card=to_toml(dict(card)),
        version=provenance.code_version(),
        git=provenance.git_state(),
        packages=provenance.package_versions(),
        time=provenance.now(),
    )
    path = folder / NAME
    store.write_atomic(path, page.encode())
    return path


def _rows(card: Mapping[str, Any], compared: Mapping[str, Comparison]) -> list[Row]:
    """Return a row for each label; what was not compared here is as the card has it."""
    given = card.get("errors", {})
    nothing = ("", "", "")
    rows = []
    for label, (unit, scale) in QUOTED.items():
        held_out = compared.get(label)
        training = compared.get(label + TRAINING)
        if held_out is None and training is None and label not in given:
            continue
        texts = nothing
        if held_out is not None:
            texts = _texts(held_out.errors, scale)
        elif label in given:
            texts = _texts(given[label], 1.0)
        rows.append(
            Row(label, unit, texts, nothing if training is None else _texts(training.errors, scale))
        )
    return rows


def _texts(errors: Mapping[str, float], scale: float) -> tuple[str, str, str]:
    return f"{errors['mae'] * scale:.4g}", f"{errors['rmse'] * scale:.4g}", f"{errors['n']:.0f}"


def _checks(history: Mapping[str, Sequence[float]], tested: int) -> Iterator[Doubt]:
    """Yield whether the training can be believed: tested, not overfitted, finished."""
    yield Doubt(
        "held-out labels", float(tested), "at least 1", tested > 0,
        "Hold out a part of the frames, or evaluate the potential on other files.",
    )  # fmt: skip
    for label in UNITS:
        trained, tests = (
            np.asarray(history.get(label + suffix, ()), dtype=float) for suffix in ("", "_held_out")
        )
        if np.isfinite(trained[-1:]).any() and np.isfinite(tests[-1:]).any():
            yield from _check_label(label.replace("_", " "), trained, tests)


def _check_label(label: str, trained: Array, tests: Array) -> Iterator[Doubt]:
    """Yield whether one label's held-out errors are near those trained on, and settled."""
    ratio = float(tests[-1] / trained[-1]) if trained[-1] > 0 else math.inf
    yield Doubt(
        f"held-out over training error, {label}", ratio, f"below {OVERFIT:g}",
        ratio < OVERFIT, "The potential is overfitted: add data, or stop earlier.",
    )  # fmt: skip
    if len(tests) < 20:
        return
    tenth = max(len(tests) // 10, 1)
    gain = 1 - float(np.nanmin(tests[-tenth:]) / np.nanmin(tests[:-tenth]))
    yield Doubt(
        f"gain over the last tenth of the epochs, {label}", gain, f"below {LATE:g}",
        gain < LATE, "The errors still fall: train longer.",
    )  # fmt: skip


def _curves(history: Mapping[str, Sequence[float]]) -> list[Figure]:
    from multiscale.plotting import learning_curves  # noqa: PLC0415 - matplotlib is heavy

    if not len(history.get("epoch", ())):
        return []
    units = {**UNITS, "polarizability": f"{UNITS['polarizability']}/atom"}
    units["polarizability"] += "/atom"  # what training measures; evaluate() quotes the cell's
    caption = "Root-mean-square errors after each epoch, on training and held-out frames"
    return [inline(caption, learning_curves(history, units))]


def _plots(compared: Mapping[str, Comparison]) -> Iterator[Figure]:
    from multiscale.plotting import parity  # noqa: PLC0415 - matplotlib is heavy

    for label, unit in UNITS.items():
        for name, part in ((label, "held-out"), (label + TRAINING, "training")):
            if name in compared and compared[name].reference.size:
                figure = parity(*compared[name], label, unit)
                yield inline(f"{label.replace('_', ' ')} of {part} frames", figure)


def _files(card: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return name, frames, held-out frames, labels and hash of each file, as texts."""
    tables = card.get("data", {}).get("file", {})
    if tables:
        return [
            {
                "name": str(file.get("name", "?")),
                "frames": str(file.get("frames", "?")),
                "held_out": str(len(file.get("held_out", ()))),
                "labels": ", ".join(f"{k} {v}" for k, v in file.get("labels", {}).items()),
                "sha256": str(file.get("sha256", "")),
            }
            for file in tables.values()
        ]
    training = card.get("training", {})
    names, hashes = training.get("files", []), training.get("sha256", [])
    frames = str(training.get("frames", "?")) if len(names) == 1 else "?"
    return [
        {"name": name, "frames": frames, "held_out": "?", "labels": "?", "sha256": sha}
        for name, sha in zip(names, hashes, strict=False)
    ]


def _domain(domain: Mapping[str, Any]) -> dict[str, str]:
    """Return what the training frames cover as texts with units."""
    texts = {}
    for name, value in domain.items():
        if name.endswith("_unit"):
            continue
        unit = next((u for k, u in domain.items() if k.endswith("_unit") and _of(k, name)), "")
        between = isinstance(value, list | tuple) and [type(v) for v in value] == [float] * 2
        texts[name] = f"{' to '.join(map(str, value)) if between else _plain(value)} {unit}".strip()
    return texts


def _of(unit: str, name: str) -> bool:
    """Tell whether the key of a unit, such as volume_unit, belongs to a name."""
    return unit.removesuffix("_unit") in name


def _plain(value: Any) -> str:
    """Return a setting as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return str(value)
