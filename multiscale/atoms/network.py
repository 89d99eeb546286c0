"""The trainable part of the potential: atomic energies and responses from local features, in torch.

This is the reference that torch differentiates; kernel.py evaluates the same numbers compiled. All
parameters carry the species of the central atom as their first axis.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from multiscale.atoms.features import N_SCALARS, density, mix, products, scalars
from multiscale.atoms.floor import fold_energies
from multiscale.atoms.harmonics import CARTESIAN, L_MAX, N_VECTORS, PRODUCTS, quadratic_forms
from multiscale.atoms.neighbours import Neighbourhoods


@dataclass(frozen=True)
class Architecture:
    """The sizes of a potential.

    species are atomic numbers, ascending; cutoff in angstrom; response is the width of the hidden
    layer behind dipoles and polarizabilities, 0 for a potential without; oxidation are the integer
    charges in e of the species, whose displacements make up most of the dipole.
    """

    species: tuple[int, ...]
    cutoff: float = 5.5
    n_radial: int = 10
    channels: int = 16
    mixed: int = 32
    hidden: tuple[int, int] = (64, 32)
    response: int = 0
    oxidation: tuple[int, ...] = ()

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
        """Refuse widths that do not fill vector registers, and a response without charges."""
        widths = (self.channels, self.mixed, *self.hidden)
        if any(w % 16 or w <= 0 for w in widths) or self.response % 16 or self.response < 0:
            raise ValueError(
                f"channels, mixed, hidden and response are {(*widths, self.response)}, expected "
                "multiples of 16 (vector registers). Round them."
            )
        if self.response and len(self.oxidation) != len(self.species):
            raise ValueError(
                f"oxidation is {self.oxidation}, expected one integer for each of the species "
                f"{self.species}. Give the oxidation numbers."
            )


class Atomic(NamedTuple):
    """What atoms contribute, rows sorted by species: energy (n,) eV less reference; dipole (n, 3)
    e*angstrom besides the oxidation numbers', polarizability (n, 3, 3) e*angstrom^2/V, or None.
    """

    energy: Tensor
    dipole: Tensor | None
    polarizability: Tensor | None


class Network(nn.Module):
    """Atomic energies scale * (linear + two hidden layers)(standardised scalars) over a floor
    (floor.py), and responses: equivariant products weighed by gates from one hidden layer on the
    same scalars.
    """

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
        self.register_buffer("lowest_energy", torch.zeros(s))
        self.register_buffer("energy_width", torch.zeros(s))
        self.register_buffer("reference_energy", torch.zeros(s, dtype=torch.float64))
        self.register_buffer("energy_scale", torch.ones(()))
        self.feature_mean: Tensor
        self.feature_scale: Tensor
        self.lowest_energy: Tensor
        self.energy_width: Tensor
        self.reference_energy: Tensor
        self.energy_scale: Tensor
        self.product_scale: Tensor
        if a.response:
            p = len(PRODUCTS) * a.mixed
            self.response1 = parameter(s, f, a.response, fan_in=f)
            self.response_bias1 = nn.Parameter(torch.zeros(s, a.response))
            self.gates = parameter(s, a.response, p, fan_in=a.response * a.mixed)
            self.gate_bias = parameter(s, p, fan_in=p)
            self.isotropic = parameter(s, a.response, fan_in=a.response)
            self.isotropic_bias = nn.Parameter(torch.zeros(s))
            self.register_buffer("product_scale", torch.ones(s, p))

    def mixed_densities(self, vectors: Tensor, rows: Neighbourhoods) -> list[Tensor]:
        """Return the mixed densities of the atoms of each species, each (n_s, 16, mixed)."""
        out, begin, cutoff = [], 0, self.architecture.cutoff
        for s, count in enumerate(rows.counts):
            atoms = slice(begin, begin + count)
            A = density(vectors[atoms], rows.mask[atoms], self.radial[s], rows.slots, cutoff)
            out.append(mix(A, self.mixing[s]))
            begin += count
        return out

    def features(self, vectors: Tensor, rows: Neighbourhoods) -> list[Tensor]:
        """Return the raw scalars of the atoms of each species, each (n_s, 8 * mixed)."""
        return [scalars(A) for A in self.mixed_densities(vectors, rows)]

    def forward(self, vectors: Tensor, rows: Neighbourhoods) -> Atomic:
        """Return what the atoms contribute, rows sorted by species.

        Parameters
        ----------
        vectors : Tensor, shape (n, m, 3)
            From each atom to its neighbours, in angstrom, in the order of rows.
        rows : Neighbourhoods
            Who is whose neighbour.
        """
        energies, dipoles, polarizabilities = [], [], []
        for s, A in enumerate(self.mixed_densities(vectors, rows)):
            x = (scalars(A) - self.feature_mean[s]) * self.feature_scale[s]
            h = nn.functional.silu(x @ self.weight1[s] + self.bias1[s])
            h = nn.functional.silu(h @ self.weight2[s] + self.bias2[s])
            energy = (x @ self.linear[s] + h @ self.weight3[s]) * self.energy_scale
            energies.append(fold_energies(energy, self.lowest_energy[s], self.energy_width[s]))
            if self.architecture.response:
                mu, alpha = self._response(A, x, s)
                dipoles.append(mu)
                polarizabilities.append(alpha)
        if not self.architecture.response:
            return Atomic(torch.cat(energies), None, None)
        return Atomic(torch.cat(energies), torch.cat(dipoles), torch.cat(polarizabilities))

    def _response(self, A: Tensor, x: Tensor, s: int) -> tuple[Tensor, Tensor]:
        """Return dipoles (n, 3) and polarizabilities (n, 3, 3) of the atoms of species s."""
        h = nn.functional.silu(x @ self.response1[s] + self.response_bias1[s])
        gates = (h @ self.gates[s] + self.gate_bias[s]) * self.product_scale[s]
        split = N_VECTORS * self.architecture.mixed
        vector = (products(A, 1) * gates[:, None, :split]).sum(-1)
        tensor = (products(A, 2) * gates[:, None, split:]).sum(-1)
        Q = torch.from_numpy(quadratic_forms()).to(A)
        eye = torch.eye(3, dtype=A.dtype, device=A.device)
        isotropic = h @ self.isotropic[s] + self.isotropic_bias[s]
        alpha = torch.einsum("nm,mab->nab", tensor, Q) + isotropic[:, None, None] * eye
        return vector[:, list(CARTESIAN)], alpha

    @property
    def charges(self) -> Tensor:
        """Return the oxidation numbers of the species, shape (n_species,)."""
        return torch.tensor(self.architecture.oxidation, dtype=torch.float64)
