"""Time and memory of a step of the field model against the time of its own Fourier transforms.

Usage: python benchmarks/mesoscale_step.py [--cells 64] [--threads 1] [--single] [--repeats 5]
       python benchmarks/mesoscale_step.py --scaling [--cells 64] [--single]
       python benchmarks/mesoscale_step.py --device cuda [--cells 128] [--single]
Prints one JSON object per line: a rigid step and one with elasticity, with the memory in real
fields, and the minutes of a loop of 1e5 steps; then what four auxiliary variables add to a step
with inertia and elasticity. With --scaling one thread against two, in turns (two free cores are
needed; the critical path, in processor time, says what to expect of them). With --device the step
in torch against the memory bandwidth of the device: every array of a step read and written once,
transforms in two passes.
"""

import argparse
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy import fft

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.inertial import Inertial
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.on_device import DeviceEvolution

CARD = np.array([3.8e5 * (25 - 479), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])  # PbTiO3, Haun 1987
GRADIENT = (1.038e-10, 0.0, 5.19e-11, 5.19e-11)
ELASTICITY = Elasticity((174.6e9, 79.37e9, 111.1e9), (0.089, -0.026, 0.0675))


class Runner:
    """A run that is advanced one step at a time."""

    def __init__(self, evolution: Evolution, n: int) -> None:
        self.evolution = evolution
        self.state = evolution.start(np.random.default_rng(1).normal(0, 0.1, (3, n, n, n)))
        self.step()
        self.step()

    def step(self) -> None:
        """Advance: one evaluation of the forces."""
        self.state = self.evolution.multistep(self.state, np.zeros(3), 1e-11)


def seconds(function: Callable[[], object], threads: int = 2) -> float:
    """Return the time of one call, s; of one thread, that of the processor: others may share it."""
    clock = time.process_time if threads == 1 else time.perf_counter
    start = clock()
    function()
    return clock() - start


def transforms(grid: Grid, components: tuple[int, ...], dtype: type) -> Callable[[], None]:
    """Return a function that does the transforms of a step, forth and back, and nothing else."""
    fields = [np.random.default_rng(0).random((c, *grid.shape)).astype(dtype) for c in components]
    modes = [grid.forward(f) for f in fields]

    def run() -> None:
        for f, m in zip(fields, modes, strict=True):
            fft.rfftn(f, axes=(1, 2, 3), workers=grid.workers)
            fft.irfftn(m, s=grid.shape, axes=(1, 2, 3), workers=grid.workers)

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--device")
    args = parser.parse_args()
    if args.scaling:
        scaling(args.cells, args.single, args.repeats)
        return
    if args.device:
        on_device(args.cells, args.single, args.device, args.repeats)
        return
    n, dtype = args.cells, np.float32 if args.single else np.float64
    grid = Grid((n, n, n), 0.4e-9, workers=args.threads)
    for elasticity, components in ((None, (3,)), (ELASTICITY, (3, 6))):
        tracemalloc.start()
        model = FieldModel(grid, CARD, GRADIENT, elasticity, 10.0, single=args.single)
        runner = Runner(Evolution(model, 1.0), n)
        tracemalloc.reset_peak()  # the matrices are made, and kept
        runner.step()
        peak = tracemalloc.get_traced_memory()[1] / (n**3 * np.dtype(dtype).itemsize)
        tracemalloc.stop()
        run = transforms(grid, components, dtype)
        both = run, runner.step
        pairs = [[seconds(f, args.threads) for f in both] for _ in range(args.repeats)]
        own, whole = (min(times) for times in zip(*pairs, strict=True))
        row = {
            "cells": n,
            "precision": np.dtype(dtype).name,
            "threads": args.threads,
            "elasticity": elasticity is not None,
            "transforms_ms": round(1e3 * own, 2),
            "step_ms": round(1e3 * whole, 2),
            "ratio": round(whole / own, 3),
            "median_ratio": round(float(np.median([b / a for a, b in pairs])), 3),
            "loop_of_1e5_steps_min": round(whole * 1e5 / 60, 1),
            "peak_real_fields": round(peak, 1),
        }
        print(json.dumps(row))
    memory(n, args.threads, args.repeats)


def scaling(n: int, single: bool, repeats: int) -> None:
    """Print how much faster two threads are than one, of transforms and of a step."""
    runs = []
    for threads in (1, 2):
        grid = Grid((n, n, n), 0.4e-9, workers=threads)
        model = FieldModel(grid, CARD, GRADIENT, ELASTICITY, 10.0, single=single)
        runs.append(transforms(grid, (3, 6), model.dtype))
        runs.append(Runner(Evolution(model, 1.0), n).step)
    times = np.array([[seconds(run) for run in runs] for _ in range(repeats)])
    fft_one, one, fft_two, two = times.min(axis=0)
    single_cpu = min(seconds(runs[1], 1) for _ in range(repeats))
    rigid = transforms(grid, (3,), model.dtype)
    longest = min(critical_path(rigid, runs[3]) for _ in range(repeats))
    row = {
        "cells": n,
        "precision": "float32" if single else "float64",
        "step_ms_one_thread": round(1e3 * one, 2),
        "step_ms_two_threads": round(1e3 * two, 2),
        "step_scaling": round(one / two, 3),
        "transforms_scaling": round(fft_one / fft_two, 3),
        "processor_ms_one_thread": round(1e3 * single_cpu, 2),
        "critical_path_ms_two_threads": round(1e3 * longest, 2),
        "critical_path_scaling": round(single_cpu / longest, 3),
        "loop_of_1e5_steps_min_two_threads": round(two * 1e5 / 60, 1),
        "load_before": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(row))


def critical_path(run: Callable[[], object], step: Callable[[], object]) -> float:
    """Return the processor time of the longest of two threads in a step, s.

    On a machine with other work this stands in for the time on two free cores; it leaves out that
    threads wait for each other's memory. The calling thread does its half of passes and of elastic
    transforms itself, but waits for the two threads of the transforms of P and of the force (run).
    """
    start = time.thread_time()
    step()
    return time.thread_time() - start + 0.5 * seconds(run, 1)


def on_device(n: int, single: bool, device: str, repeats: int) -> None:
    """Print the time of a step in torch and what the memory bandwidth of the device allows."""
    model = FieldModel(Grid((n, n, n), 0.4e-9), CARD, GRADIENT, ELASTICITY, 10.0, single=single)
    steps = DeviceEvolution(Evolution(model, 1.0), device)
    state = steps.start(np.random.default_rng(1).normal(0, 0.1, (3, n, n, n)))

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    def advance() -> None:
        nonlocal state
        state = steps.multistep(state, np.zeros(3), 1e-11)

    def burst() -> None:
        for _ in range(10):
            advance()
        wait()

    advance()
    advance()
    big = torch.zeros(2**26, device=device)  # 256 MB
    copy = big.clone()

    def move() -> None:
        copy.copy_(big)
        wait()

    move()
    bandwidth = 2 * big.numel() * 4 / min(seconds(move) for _ in range(repeats))
    real = n**3 * np.dtype(model.dtype).itemsize
    modes = real * (n + 2) / n
    traffic = 2 * 18 * (real + modes) + (9 + 12) * real + (12 + 9 + 9 + 3) * modes
    row = {
        "cells": n,
        "precision": np.dtype(model.dtype).name,
        "device": device,
        "step_ms": round(1e2 * min(seconds(burst) for _ in range(repeats)), 3),
        "bandwidth_GB_s": round(bandwidth / 1e9, 1),
        "bandwidth_bound_ms": round(1e3 * traffic / bandwidth, 3),
    }
    print(json.dumps(row))


def memory(n: int, threads: int, repeats: int) -> None:
    """Print the time of a step with inertia, without and with four auxiliary variables."""
    model = FieldModel(Grid((n, n, n), 0.4e-9, workers=threads), CARD, GRADIENT, ELASTICITY, 10.0)
    P = np.random.default_rng(1).normal(0, 0.1, (3, n, n, n))
    runs = []
    for modes in (0, 4):
        rate = 1e13 * np.arange(1, modes + 1)
        kinetics = Inertial(model, 1.59e-18, 1e-6, 1e-15, 0.8, rate, 1e25 * np.ones(modes))
        runs.append([kinetics, kinetics.start(P), kinetics.start(P)])

    def advance(run: list) -> None:
        run[1:] = run[0].step(run[1], np.zeros(3), reuse=run[2]), run[1]

    for run in runs:
        advance(run)
    rows = [[seconds(partial(advance, run), threads) for run in runs] for _ in range(repeats)]
    plain, extended = (min(times) for times in zip(*rows, strict=True))
    row = {
        "cells": n,
        "threads": threads,
        "inertial_step_ms": round(1e3 * plain, 2),
        "with_four_auxiliaries_ms": round(1e3 * extended, 2),
        "added": round(extended / plain - 1, 3),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
