"""The trainable part of the potential: atomic energies from local features, in plain torch.

This is the reference that is trained and differentiated by torch; kernel.py evaluates the same
numbers compiled. All parameters carry the species of the central atom as their first axis.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from multiscale.atoms.features import N_SCALARS, density, mix, scalars
from multiscale.atoms.harmonics import L_MAX
from multiscale.atoms.neighbours import Neighbourhoods


@dataclass(frozen=True)
class Architecture:
    """The sizes of a potential; species are atomic numbers, ascending; cutoff in angstrom."""

    species: tuple[int, ...]
    cutoff: float = 5.5
    n_radial: int = 10
    channels: int = 16
    mixed: int = 32
    hidden: tuple[int, int] = (64, 32)

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as plain numbers and lists, for a model card."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, sizes: dict[str, Any]) -> "Architecture":
        """Return the sizes that to_dict wrote."""
        plain: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()
        }
        return cls(**plain)

    def __post_init__(self) -> None:
        """Refuse widths that do not fill vector registers."""
        widths = (self.channels, self.mixed, *self.hidden)
        if any(w % 16 or w <= 0 for w in widths):
            raise ValueError(
                f"channels, mixed and hidden are {widths}, expected multiples of 16 "
                "(vector registers). Round them."
            )


class Network(nn.Module):
    """Atomic energies e0 + scale * (linear + two hidden layers)(standardised scalars)."""

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.architecture = a = architecture
        s, f = len(a.species), N_SCALARS * a.mixed
        generator = torch.Generator().manual_seed(seed)

        def parameter(*shape: int, fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator) / fan_in**0.5)

        self.radial = parameter(s, s, a.n_radial, (L_MAX + 1) * a.channels, fan_in=a.n_radial)
        self.mixing = parameter(s, L_MAX + 1, a.channels, a.mixed, fan_in=a.channels)
        self.linear = parameter(s, f, fan_in=f)
        self.weight1 = parameter(s, f, a.hidden[0], fan_in=f)
        self.bias1 = nn.Parameter(torch.zeros(s, a.hidden[0]))
        self.weight2 = parameter(s, a.hidden[0], a.hidden[1], fan_in=a.hidden[0])
        self.bias2 = nn.Parameter(torch.zeros(s, a.hidden[1]))
        self.weight3 = parameter(s, a.hidden[1], fan_in=a.hidden[1])
        self.register_buffer("feature_mean", torch.zeros(s, f))
        self.register_buffer("feature_scale", torch.ones(s, f))
        self.register_buffer("reference_energy", torch.zeros(s, dtype=torch.float64))
        self.register_buffer("energy_scale", torch.ones(()))
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.reference_energy: Tensor
        self.energy_scale: Tensor

    def features(self, vectors: Tensor, rows: Neighbourhoods) -> list[Tensor]:
        """Return the raw scalars of the atoms of each species, each (n_s, 8 * mixed)."""
        out, begin = [], 0
        for s, count in enumerate(rows.counts):
            atoms = slice(begin, begin + count)
            A = density(
                vectors[atoms],
                rows.mask[atoms],
                self.radial[s],
                rows.slots,
                self.architecture.cutoff,
            )
            out.append(scalars(mix(A, self.mixing[s])))
            begin += count
        return out

    def forward(self, vectors: Tensor, rows: Neighbourhoods) -> Tensor:
        """Return atomic energies less their species' reference, in eV, rows sorted by species.

        Parameters
        ----------
        vectors : Tensor, shape (n, m, 3)
            From each atom to its neighbours, in angstrom, in the order of rows.
        rows : Neighbourhoods
            Who is whose neighbour.

        Returns
        -------
        Tensor, shape (n,)
        """
        energies = []
        for s, raw in enumerate(self.features(vectors, rows)):
            x = (raw - self.feature_mean[s]) * self.feature_scale[s]
            h = nn.functional.silu(x @ self.weight1[s] + self.bias1[s])
            h = nn.functional.silu(h @ self.weight2[s] + self.bias2[s])
            energies.append(x @ self.linear[s] + h @ self.weight3[s])
        return torch.cat(energies) * self.energy_scale
