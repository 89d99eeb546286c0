"""One way of extracting a kernel, alone in its process; `gle_kernels.py --peers` starts it.

    python benchmarks/gle_peer_methods.py METHOD FOLDER

FOLDER holds x, v, f, F (.npy; positions, velocities, memory forces, mean forces, (n_frames,), m =
kT = 1) and dt.json; kernel.npz is written there. One JSON line: seconds of the analysis and growth
of peak memory over that of the data. Only NumPy and the method's own package are imported. Methods
"x" see positions alone and differentiate them as their own tools do; "xva" see exact velocities and
accelerations. A package that is not installed is said so.
"""

import contextlib
import io
import json
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

# ruff: noqa: PLC0415 - each process imports only what it measures

WINDOW = 18.0


def multiscale_x(d, dt):
    from multiscale import gle

    k = gle.extract_kernel(d["x"], dt, 1.0, [d["F"]], window=WINDOW, n_bootstrap=d["errors"])
    return k.lag, k.kernel, k.friction


def multiscale_first_kind_x(d, dt):
    from multiscale import gle

    n = round(WINDOW / dt)
    G = gle.integrated_kernel([(d["x"], d["F"])], dt, 1.0, n)
    return dt * np.arange(n), np.gradient(G, dt), G[-1]


def _gleqpy(d, dt, rule):
    from gleqpy.memory import time as tools

    n = round(WINDOW / dt)
    v, f = d["v"][:, None], d["f"][:, None]
    vv = tools.calc_tcf(v, v, n)[:, 0]
    fv = tools.calc_tcf(f, v, n)[:, 0]
    if rule == "midpoint":
        K, shift = tools.calc_memory_midpt(vv, fv, dt), 0.5
    else:
        a = (d["f"] + d["F"])[:, None]
        av = tools.calc_tcf(a, v, n)[:, 0]
        fa = -tools.calc_tcf(f, a, n)[:, 0]
        K, shift = tools.calc_memory_dtrapz(av, fa, vv[0], dt), 0.0
    return dt * (np.arange(K.size) + shift), K, dt * (K.sum() - (1 - 2 * shift) * 0.5 * K[0])


def _frame(d, dt, exact):
    import pandas as pd

    x, t = d["x"], dt * np.arange(d["x"].size)
    if exact:
        return pd.DataFrame({"t": t, "x": x, "v": d["v"], "a": d["f"] + d["F"]}, index=t)
    import memtools

    return memtools.compute_va(memtools.xframe(x, t))


def _memtools(d, dt, exact, first):
    import memtools

    run = memtools.Igle(_frame(d, dt, exact), saveall=False, verbose=False, kT=1.0, trunc=WINDOW)
    run.compute_corrs()
    run.compute_fe(bins=100)
    run.compute_u_corr()
    out = run.compute_kernel(first_order=first)
    return out.index.values, out["k"].values, out["ik"].values[-1]


def _volterra_basis(d, dt, exact):
    import VolterraBasis
    from VolterraBasis import basis as bases

    t = dt * np.arange(d["x"].size)
    if exact:
        frame = VolterraBasis.xframe(d["x"], t, v=d["v"], a=d["f"] + d["F"])
    else:
        frame = VolterraBasis.compute_va(VolterraBasis.xframe(d["x"], t))
    basis = bases.LinearFeatures() if d["harmonic"] else bases.PolynomialFeatures(deg=3)
    run = VolterraBasis.Estimator_gle(
        [frame],
        VolterraBasis.Pos_gle_const_kernel,
        basis,
        trunc=WINDOW,
        saveall=False,
        verbose=False,
    )
    run.compute_mean_force()
    run.compute_corrs()
    model = run.compute_kernel(method="trapz")
    K = np.asarray(model.kernel).ravel()
    return dt * np.arange(K.size), K, dt * (K.sum() - 0.5 * (K[0] + K[-1]))


def mempred_x(d, dt):
    import mempred

    n = round(WINDOW / dt)
    # its truncation counts frames: time in frames, then back
    frame = mempred.create_xva(d["x"], np.arange(d["x"].size))
    _, _, t, K, G, _ = mempred.extract_kernel_tpf_G(
        frame, n, kT=dt**2, bins=100, physical=True, mori=d["harmonic"]
    )
    return dt * t, K / dt**2, G[-1] / dt


def aigle_x(d, dt, iterations=2001):
    import torch
    from AIGLE import AIGLE, Trainer, Trajectory

    torch.set_num_threads(1)

    class Force:
        def calc_force(self, x):
            return -8 * x if d["harmonic"] else 12 * x - 12 * x**3

    run = Trajectory(d["x"][:, None], dt, kbT=1)
    run.set_calculator(Force())
    run.process_kinetics()
    # settings of their examples, and times that span the window
    model = AIGLE(1, kbT=1, ntau=5, nfreq=4, taus=np.geomspace(0.1, 10, 5))
    trainer = Trainer(model)
    trainer.set_traj(run)
    with tempfile.TemporaryDirectory() as folder:
        n = iterations if len(d["x"]) > 50_000 else 2
        trainer.train(WINDOW, n, lr_coef=0.4, lr_tau=0.01, gamma=0.98, save_dir=folder)
    t = dt * np.arange(round(WINDOW / dt))
    with torch.no_grad():
        K = -model.compute_memory_kernel(torch.tensor(t, dtype=torch.float32)).numpy()[0]
    return t, K, dt * (K.sum() - 0.5 * (K[0] + K[-1]))


METHODS = {
    "multiscale x": ("multiscale", multiscale_x),
    "multiscale first kind x": ("multiscale", multiscale_first_kind_x),
    "gleqpy midpoint xva": ("gleqpy", lambda d, dt: _gleqpy(d, dt, "midpoint")),
    "gleqpy dtrapz xva": ("gleqpy", lambda d, dt: _gleqpy(d, dt, "dtrapz")),
    "memtools 1st kind xva": ("memtools", lambda d, dt: _memtools(d, dt, True, True)),
    "memtools 2nd kind x": ("memtools", lambda d, dt: _memtools(d, dt, False, False)),
    "VolterraBasis trapz xva": ("VolterraBasis", lambda d, dt: _volterra_basis(d, dt, True)),
    "VolterraBasis trapz x": ("VolterraBasis", lambda d, dt: _volterra_basis(d, dt, False)),
    "mempred G-method x": ("mempred", mempred_x),
    "AIGLETools 2001 iterations x": ("AIGLE", aigle_x),
}


def memory(reset=False):
    """Return peak memory, MB, since the last reset (which returns the memory held)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    name = "VmRSS:" if reset else "VmHWM:"
    return int(status.split(name)[1].split()[0]) / 1024


def main():
    if len(sys.argv) != 3:
        print(json.dumps({"benchmark": "gle_peer_methods", "absent": "run gle_kernels.py --peers"}))
        return
    method, folder = sys.argv[1], Path(sys.argv[2])
    package, extract = METHODS[method]
    try:
        __import__(package)
    except ImportError as error:
        print(json.dumps({"absent": str(error)}))
        return
    known = json.loads((folder / "known.json").read_text())
    d = {name: np.load(folder / f"{name}.npy") for name in "xvfF"} | known
    few = {k: v[:20_000] if isinstance(v, np.ndarray) else v for k, v in d.items()}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extract(few, d["dt"])  # compiles, imports
        held, before = memory(reset=True), resource.getrusage(resource.RUSAGE_SELF)
        wall = time.perf_counter()
        lag, K, friction = extract(d, d["dt"])
        wall = time.perf_counter() - wall
    after, grown = resource.getrusage(resource.RUSAGE_SELF), memory() - held
    np.savez(folder / "kernel.npz", lag=lag, K=K, friction=friction)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall_s": wall, "cpu_s": spent, "extra_MB": grown}))


if __name__ == "__main__":
    main()
