"""Arrays that are used again: never while somebody holds them."""

import numpy as np
import torch

from multiscale.atoms.spare import Spare

SHAPE = (10000, 3)


def test_an_array_comes_back_when_it_is_dropped():
    spare = Spare(SHAPE)
    first = spare.take()
    where = first.ctypes.data
    del first
    assert spare.take().ctypes.data == where


def test_an_array_that_a_variable_a_view_or_a_tensor_holds_does_not_come_back():
    for hold in (
        lambda a: a,
        lambda a: a[3:],
        lambda a: a.reshape(-1),
        torch.from_numpy,
        lambda a: torch.from_numpy(a)[::2],
        lambda a: torch.from_numpy(a).numpy()[1:],
    ):
        spare = Spare(SHAPE)
        array = spare.take()
        where, held = array.ctypes.data, hold(array)
        del array
        assert all(spare.take().ctypes.data != where for _ in range(3))
        del held
        assert spare.take().ctypes.data == where


def test_many_that_are_held_are_new_and_only_a_few_are_kept():
    spare = Spare(SHAPE, most=2)
    held = [spare.take() for _ in range(5)]
    assert len({a.ctypes.data for a in held}) == 5
    assert len(spare._kept) == 2


def test_small_arrays_are_always_new():
    spare = Spare((4, 3))
    one, two = spare.take(), spare.take()
    assert not np.shares_memory(one, two)
    assert not spare._kept
