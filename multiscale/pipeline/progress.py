"""How far each task is: a small file each, read by the driver; bars on a terminal or log lines."""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from tqdm import tqdm

log = logging.getLogger(__name__)


class ProgressFile:
    """The Progress of one task: keeps the fraction done in a file, at most once a second."""

    def __init__(self, path: Path, interval: float = 1.0) -> None:
        self.path, self.interval, self._written = path, interval, 0.0

    def __call__(self, fraction: float) -> None:
        """Note the fraction done, 0 to 1."""
        if time.monotonic() - self._written >= self.interval:
            self._written = time.monotonic()
            self.path.write_text(f"{fraction:.4f}", encoding="utf-8")


def read_fraction(path: Path) -> float:
    """Return the fraction a task has noted; 0 when it has not, or was just writing."""
    try:
        return min(max(float(path.read_text(encoding="utf-8")), 0.0), 1.0)
    except (FileNotFoundError, ValueError):
        return 0.0


class Display:
    """Shows the fraction done of each running stage.

    Parameters
    ----------
    stream : TextIO
        Bars go here when it is a terminal; otherwise a log line every `interval` seconds.
    interval : float
        Seconds between two log lines.
    """

    def __init__(self, stream: TextIO, interval: float = 30.0) -> None:
        self.stream, self.interval = stream, interval
        self.bars: dict[str, tqdm[Any]] = {}
        self.terminal = stream.isatty()
        self._logged = time.monotonic()

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is shown."""
        for bar in self.bars.values():
            bar.close()

    def update(self, fractions: Mapping[str, float]) -> None:
        """Show these fractions, one per running stage."""
        if self.terminal:
            self._draw(fractions)
        elif time.monotonic() - self._logged > self.interval and fractions:
            self._logged = time.monotonic()
            log.info(", ".join(f"{name} {100 * f:.0f} %" for name, f in fractions.items()))

    def _draw(self, fractions: Mapping[str, float]) -> None:
        form = "{desc:<12}{percentage:3.0f}% |{bar:30}| {elapsed} < {remaining}"
        for name in self.bars.keys() - fractions.keys():
            bar = self.bars.pop(name)
            bar.n = bar.total or 1.0
            bar.close()
        for name, fraction in fractions.items():
            if name not in self.bars:
                self.bars[name] = tqdm(total=1.0, desc=name, file=self.stream, bar_format=form)
            self.bars[name].n = fraction
            self.bars[name].refresh()


def stage_fraction(done: int, running: Iterable[Path], total: int) -> float:
    """Return the fraction done of a stage from its finished and its running tasks."""
    return (done + sum(map(read_fraction, running))) / max(total, 1)
