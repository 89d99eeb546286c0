"""Hills shared among processes: one bias, restarts, torn writes, refusals."""

import multiprocessing
import time

import numpy as np
import pytest

from multiscale.pipeline.hill_journal import SharedHillsError, parse
from multiscale.pipeline.shared_hills import SharedHills
from multiscale.sampling import Metadynamics, Wall, WellTempered

KT = 0.025
STEPS = 120


def settings(walkers):
    return WellTempered(
        sigma=(0.1,), height=0.01, pace=5, bias_factor=8.0, kT=KT, wall=Wall(1.0, 4 * KT / 0.01),
        n_walkers=walkers,
    )  # fmt: skip


def path_of(walker):
    rng = np.random.default_rng((7, walker))
    return np.clip(np.cumsum(rng.normal(0, 0.05, 10_000)), -1.05, 1.05)


def walk(metad, walkers, start=0, stop=STEPS):
    """Drive a bias along planted paths; return the energies that the walkers felt."""
    paths = np.stack([path_of(w) for w in walkers])
    return np.array([metad(paths[:, i, None], i)[0] for i in range(start, stop)])


def shared(folder, process, **changes):
    plain = {"walkers": 2, "key": "abc", "patience": 20.0}
    return SharedHills(folder, process, 2, **(plain | changes))


def one_process(folder, process, lockstep, pause, queue):
    exchange = shared(folder, process, lockstep=lockstep)
    metad = Metadynamics(settings(2), exchange)
    walkers = [2 * process, 2 * process + 1]
    energies = []
    for i in range(STEPS):
        time.sleep(pause)
        energies.append(walk(metad, walkers, i, i + 1)[0])
    metad.commit()
    queue.put((process, np.array(energies), metad.hills))


def two_processes(folder, lockstep, pauses=(0.0, 0.002)):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    jobs = [
        context.Process(target=one_process, args=(folder, p, lockstep, pauses[p], queue))
        for p in range(2)
    ]
    for job in jobs:
        job.start()
    results = sorted((queue.get(timeout=60) for _ in jobs), key=lambda r: r[0])
    for job in jobs:
        job.join()
    return results


def test_two_processes_in_lockstep_are_one_process_with_all_walkers(tmp_path):
    whole = Metadynamics(settings(4))
    felt = walk(whole, range(4))
    whole.commit()
    for process, energies, hills in two_processes(tmp_path, lockstep=True):
        assert np.array_equal(energies, felt[:, 2 * process : 2 * process + 2])
        assert all(np.array_equal(a, b) for a, b in zip(hills, whole.hills, strict=True))
    written = (tmp_path / "hills.0").read_bytes()
    (tmp_path / "hills.0").write_bytes(written[:-9])
    again = Metadynamics(settings(2), shared(tmp_path, 0))
    assert np.array_equal(walk(again, [0, 1]), felt[:, :2])
    again.commit()
    assert (tmp_path / "hills.0").read_bytes() == written


def test_free_processes_take_each_others_hills_without_waiting(tmp_path):
    (_, _, first), (_, _, second) = two_processes(tmp_path, lockstep=False)
    own = 2 * (STEPS // 5 - 1 + (STEPS - 1) % 5 // 5)
    for hills, process in ((first, 0), (second, 1)):
        mine = hills.walker // 2 == process
        assert mine.sum() == own
        assert np.all(np.diff(hills.step) >= 0)
    # The one that ends later has seen nearly all that the other left.
    assert max(len(first.step), len(second.step)) > 1.5 * own


class Alternating:
    """Two processes by turns in this one: the other has always come as far."""

    def __init__(self, folder, lockstep=False):
        self.metad = [
            Metadynamics(settings(2), shared(folder, p, lockstep=lockstep)) for p in (0, 1)
        ]

    def run(self, start, stop):
        felt = [[], []]
        for i in range(start, stop):
            for p in (0, 1):
                felt[p].append(walk(self.metad[p], [2 * p, 2 * p + 1], i, i + 1)[0])
        return np.array(felt)

    def close(self):
        for metad in self.metad:
            metad.exchange.close()


@pytest.mark.parametrize("cut", [12, 26, 40])
def test_restart_of_a_free_process_is_bitwise_even_after_what_it_published(tmp_path, cut):
    both = Alternating(tmp_path)
    both.run(0, cut)
    saved = {k: np.array(v) for k, v in both.metad[0].state().items()}
    felt = both.run(cut, STEPS)[0]
    both.close()
    again = Metadynamics(settings(2), shared(tmp_path, 0, lockstep=False))
    before = (tmp_path / "hills.0").read_bytes()
    again.restore(saved)
    # The other process has gone on meanwhile, yet the same hills come at the same steps.
    assert np.array_equal(walk(again, [0, 1], cut), felt)
    again.commit()
    assert (tmp_path / "hills.0").read_bytes().startswith(before)


def test_a_torn_last_line_is_cut_off_and_written_again(tmp_path):
    both = Alternating(tmp_path)
    both.run(0, 60)
    both.close()
    path = tmp_path / "hills.0"
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for lost in (1, 7, len(last) - 1):
        path.write_bytes(whole[:-lost])
        other = shared(tmp_path, 1, lockstep=False)
        assert other._readers[0].look() == whole.count(b"\n") - 2  # a reader passes over it
        other.close()
        # What the other left stands, so the deposit that was lost is computed again as it was.
        again = Metadynamics(settings(2), shared(tmp_path, 0))
        walk(again, [0, 1], stop=60)
        again.exchange.close()
        assert path.read_bytes().startswith(whole[: -len(last)])
        assert path.read_bytes().count(b"\n") == whole.count(b"\n")


def test_other_hills_than_before_are_refused(tmp_path):
    both = Alternating(tmp_path)
    both.run(0, 60)
    both.close()
    metad = Metadynamics(settings(2), shared(tmp_path, 0, lockstep=False))
    with pytest.raises(SharedHillsError, match="deposit 0 differs from the one computed now"):
        walk(metad, [5, 6])


def test_damage_in_the_middle_is_refused(tmp_path):
    both = Alternating(tmp_path)
    both.run(0, 60)
    both.close()
    path = tmp_path / "hills.0"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"0x1", b"0x2", 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(SharedHillsError, match="deposit 2 is damaged with sound ones after it"):
        shared(tmp_path, 0)


def test_files_of_another_run_and_a_second_writer_are_refused(tmp_path):
    first = shared(tmp_path, 0)
    with pytest.raises(SharedHillsError, match="another process writes to it"):
        shared(tmp_path, 0)
    first.close()
    with pytest.raises(SharedHillsError, match="belongs to another run"):
        shared(tmp_path, 0, key="other")
    with pytest.raises(SharedHillsError, match="belongs to another run"):
        SharedHills(tmp_path, 0, 3, walkers=2, key="abc")


def test_a_process_that_is_alone_says_so(tmp_path):
    metad = Metadynamics(settings(2), shared(tmp_path, 0, patience=0.05))
    with pytest.raises(SharedHillsError, match="process 1 of 2 left no hills for 0 s"):
        walk(metad, [0, 1])


def test_checkpoint_of_lost_files_is_refused(tmp_path):
    both = Alternating(tmp_path / "a")
    both.run(0, 60)
    saved = both.metad[0].state()
    both.close()
    metad = Metadynamics(settings(2), shared(tmp_path / "b", 0))
    with pytest.raises(SharedHillsError, match="holds 0 deposits, expected at least"):
        metad.restore(saved)


def test_lines_come_back_bit_by_bit(tmp_path):
    both = Alternating(tmp_path)
    both.run(0, 60)
    both.close()
    lines = (tmp_path / "hills.1").read_bytes().splitlines(keepends=True)[1:]
    for n, line in enumerate(lines):
        assert parse(line, n).line().encode() == line
        assert parse(line, n + 1) is None
        assert parse(line[:-3] + b"\n", n) is None
