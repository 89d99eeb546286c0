"""Checkpoints: continued bit for bit, or not at all."""

import logging

import numpy as np
import pytest

from multiscale.pipeline.checkpoint import FileCheckpoint


@pytest.fixture
def checkpoint(tmp_path):
    return FileCheckpoint(tmp_path / "task", "key", interval=0.0)


def arrays(step):
    return {
        "step": np.array(step),
        "x": np.arange(3.0) * step,
        "words": np.array([2**64 - step], dtype=np.uint64),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 3)),
    }


def test_what_was_saved_comes_back(checkpoint):
    assert checkpoint.load() is None
    checkpoint.save(arrays(1))
    checkpoint.save(arrays(2))
    back = checkpoint.load()
    assert back.keys() == arrays(2).keys()
    for name, value in arrays(2).items():
        assert back[name].dtype == value.dtype
        assert np.array_equal(back[name], value)


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_state_falls_back_to_the_one_before(checkpoint, damage, caplog):
    checkpoint.save(arrays(1))
    checkpoint.save(arrays(2))
    data = bytearray(checkpoint.path.read_bytes())
    data[len(data) // 2] ^= 1
    flipped = bytes(data)
    checkpoint.path.write_bytes(
        {"truncate": data[: len(data) // 2], "flip": flipped, "empty": b""}[damage]
    )
    with caplog.at_level(logging.WARNING):
        back = checkpoint.load()
    if damage != "flip" or int(back["step"]) == 1:
        assert int(back["step"]) == 1
        assert "state before it is used" in caplog.text


def test_two_damaged_states_start_the_task_over(checkpoint):
    checkpoint.save(arrays(1))
    checkpoint.save(arrays(2))
    for path in (checkpoint.path, checkpoint.previous):
        path.write_bytes(b"\x89HDF\r\n\x1a\nno")
    assert checkpoint.load() is None


def test_the_state_of_other_options_is_not_continued(checkpoint, caplog):
    checkpoint.save(arrays(1))
    assert FileCheckpoint(checkpoint.path, "other").load() is None
    assert "belongs to other options" in caplog.text


def test_a_death_between_the_two_renames_loses_one_state(checkpoint):
    checkpoint.save(arrays(1))
    checkpoint.path.rename(checkpoint.previous)
    assert int(checkpoint.load()["step"]) == 1


def test_eager_saves_are_skipped_within_the_interval(tmp_path):
    checkpoint = FileCheckpoint(tmp_path / "task", "key", interval=60.0)
    checkpoint.save(arrays(1))
    checkpoint.save(arrays(2))
    assert int(checkpoint.load()["step"]) == 1


def test_removing_leaves_nothing(checkpoint, tmp_path):
    checkpoint.save(arrays(1))
    checkpoint.save(arrays(2))
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []
