"""Random streams of walkers: addressed by identity, drawn per walker, saved as plain arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = 2**64 - 1


def walker_generator(seed: int, *address: int) -> np.random.Generator:
    """Return the stream of one walker, addressed by what it is and not by when it runs.

    Parameters
    ----------
    seed : int
        Seed of the whole stage.
    address : int
        Identity of the walker, such as the temperature in mK and the number of the walker.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=address)))


def pack_generator(generator: np.random.Generator) -> NDArray[np.uint64]:
    """Return the state of a PCG64 generator as six words, shape (6,).

    Raises
    ------
    ValueError
        If the generator is not a PCG64.
    """
    state = generator.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise ValueError(
            f"generator is {state['bit_generator']}, expected PCG64. "
            "Make it with walker_generator()."
        )
    value, increment = state["state"]["state"], state["state"]["inc"]
    words = [value >> 64, value & _WORD, increment >> 64, increment & _WORD]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def unpack_generator(words: NDArray[np.uint64]) -> np.random.Generator:
    """Return the generator that pack_generator() saved.

    Raises
    ------
    ValueError
        If words has another shape than (6,).
    """
    if np.shape(words) != (6,):
        raise ValueError(
            f"packed generator has shape {np.shape(words)}, expected (6,). Use pack_generator()."
        )
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(w) for w in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)


def pack_generators(generators: Sequence[np.random.Generator]) -> NDArray[np.uint64]:
    """Return the states of several generators, shape (n, 6)."""
    return np.stack([pack_generator(g) for g in generators])


def unpack_generators(words: NDArray[np.uint64]) -> list[np.random.Generator]:
    """Return the generators that pack_generators() saved, shape (n, 6)."""
    return [unpack_generator(row) for row in words]
