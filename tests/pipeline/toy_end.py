"""A toy stage that does not split."""

from toy import Options, walk

__all__ = ["PARENTS", "Options", "merge", "run", "split"]
PARENTS = ("middle",)


def split(options):
    """All in one task."""
    return [options]


def merge(parts):
    """Never called with more than one."""
    (part,) = parts
    return part


def run(*, middle, options, progress, checkpoint):
    """Walk from where the parent ended."""
    return walk("end", options, float(middle.walk.mean()), progress, checkpoint)
