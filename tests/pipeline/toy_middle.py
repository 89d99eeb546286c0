"""A toy stage with two parents."""

from toy import Options, merge, split, walk

__all__ = ["PARENTS", "Options", "merge", "run", "split"]
PARENTS = ("source", "other")


def run(*, source, other, options, progress, checkpoint):
    """Walk from where the parents ended."""
    offset = float(source.walk.sum() + other.walk.sum())
    return walk("middle", options, offset, progress, checkpoint)
