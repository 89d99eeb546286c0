"""A toy stage without parents."""

from toy import Options, merge, split, walk

__all__ = ["PARENTS", "Options", "merge", "run", "split"]
PARENTS = ()


def run(*, options, progress, checkpoint):
    """Walk from the values."""
    return walk("other", options, 0.0, progress, checkpoint)
