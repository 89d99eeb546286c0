"""Stages that do nothing of interest, for tests of the pipeline: source -> middle -> end."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import xarray as xr
from pydantic import Field

from multiscale.stages.options import StageOptions

REGISTRY = {
    "source": "toy_source",
    "other": "toy_other",
    "middle": "toy_middle",
    "end": "toy_end",
}


class Options(StageOptions, frozen=True):
    """What a toy stage can be told, misbehaviour included."""

    potential: str = "none"
    values: tuple[float, ...] = (1.0, 2.0, 3.0)
    steps: int = Field(5, ge=1)
    pause: float = 0.0
    calls: str = ""  # file to which every call of run is appended
    fail: str = ""  # message of a ValueError
    die_once: str = ""  # file that remembers that a worker was killed


def split(options: Options) -> list[Options]:
    """One task per value."""
    return [options.model_copy(update={"values": (v,)}) for v in options.values]


def merge(parts: list[xr.Dataset]) -> xr.Dataset:
    """Concatenate along value."""
    return xr.concat(parts, "value", combine_attrs="override")


def walk(name: str, options: Options, offset: float, progress, checkpoint) -> xr.Dataset:
    """A random walk that checkpoints every step."""
    if options.calls:
        with Path(options.calls).open("a") as file:
            file.write(f"{name} {options.values}\n")
    if options.fail:
        raise ValueError(options.fail)
    if options.die_once and not Path(options.die_once).exists():
        Path(options.die_once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.default_rng([options.seed, *(int(1000 * v) for v in options.values)])
    path = np.full((len(options.values), options.steps), np.nan)
    x, start = np.array(options.values) + offset, 0
    state = checkpoint.load() if checkpoint else None
    if state is not None:
        x, start, path = state["x"], int(state["start"]), state["path"].copy()
        rng.bit_generator.state = restore(rng.bit_generator.state, state["rng"])
    for step in range(start, options.steps):
        x = x + rng.standard_normal(x.shape)
        path[:, step] = x
        time.sleep(options.pause)
        progress((step + 1) / options.steps)
        if checkpoint:
            words = pack(rng.bit_generator.state)
            checkpoint.save({"x": x, "start": np.array(step + 1), "path": path, "rng": words})
    return xr.Dataset(
        {"walk": (("value", "step"), path, {"units": "K"})},
        coords={"value": list(options.values)},
        attrs={"stage": name, "ok": True},
    )


def pack(state) -> np.ndarray:
    """PCG64's two 128-bit numbers and its buffer as words."""
    big = [state["state"]["state"], state["state"]["inc"]]
    words = [w for b in big for w in (b >> 64, b & (2**64 - 1))]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def restore(template, words) -> dict:
    """Undo pack."""
    w = [int(x) for x in words]
    inner = {"state": w[0] << 64 | w[1], "inc": w[2] << 64 | w[3]}
    return template | {"state": inner, "has_uint32": w[4], "uinteger": w[5]}
