"""The overdamped steps of the field model in torch: on a graphics card, or on the CPU. SI units.

The same mathematics as `multiscale.mesoscale.evolve`, whose weights are used as they are; a test
holds the two together to 1e-10. The error stays on the device as a tensor: to read it at every
step would make the card wait.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from multiscale.mesoscale import pointwise
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.green import all_waves

Tensor = torch.Tensor


class DeviceState(NamedTuple):
    """Everything the next step needs, on the device."""

    modes: Tensor  # (3, nx, ny, nz // 2 + 1) of P, C/m^2
    previous: Tensor  # modes of the explicit force one step ago; shape (0,) before the first step
    time: float  # s
    error: Tensor  # estimated error of the last step, root mean square over cells, C/m^2


@dataclass(eq=False)
class DeviceEvolution:
    """The steps of an evolution on a device of torch.

    Parameters
    ----------
    evolution : Evolution
        Model, mobility and stabiliser; `single` of the model sets the precision.
    device : str
        "cpu", "cuda", "cuda:1".

    Raises
    ------
    ValueError
        If the stiffness of the model varies in space, or there is no such device.
    """

    evolution: Evolution
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what is not written for torch, and a card that is not there."""
        if self.evolution.model.relative_stiffness is not None:
            raise ValueError(
                "relative_stiffness is given, expected None on a device of torch. "
                "Use multiscale.mesoscale.Evolution, which runs on the CPU."
            )
        if torch.device(self.device).type == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                f"device is {self.device!r}, expected one that is there: torch sees no CUDA. "
                "Give device='cpu', or install torch with CUDA on a machine with a card."
            )

    # -- what does not change from step to step --------------------------------------------------

    def put(self, array: ArrayLike) -> Tensor:
        """Return an array on the device, in the precision of the model."""
        out = torch.as_tensor(np.asarray(array), device=self.device)
        single = self.evolution.model.single
        if out.is_complex():
            return out.to(torch.complex64 if single else torch.complex128)
        return out.to(torch.float32 if single else torch.float64)

    def weights(self, dt: float) -> list[Tensor]:
        """Return decay, first and second weight and noise, each (6, nx, ny, nz // 2 + 1)."""
        if dt not in self._weights:
            self._weights.clear()
            shape = self.evolution.model.grid.mode_shape
            made = [m for m in self.evolution.matrices(dt) if m.size]
            self._weights[dt] = [self.put(m.reshape(6, *shape)) for m in made]
        return self._weights[dt]

    @cached_property
    def _weights(self) -> dict[float, list[Tensor]]:
        return {}

    @cached_property
    def _landau(self) -> list[float]:
        model = self.evolution.model
        b = pointwise.landau_constants(model.landau, self.evolution.stabiliser, float)
        return [float(x) for x in b]

    @cached_property
    def _quenched(self) -> tuple[Tensor | None, Tensor | None]:
        model = self.evolution.model
        given = model.local_field, model.local_curvature
        field, curvature = (None if x is None else self.put(x) for x in given)
        return field, curvature

    @cached_property
    def _green(self) -> tuple[Tensor, Tensor, Tensor]:
        """Wave vectors (3, modes), diagonal of Gamma (3, modes) and its rank-one part (modes)."""
        model = self.evolution.model
        assert model.elasticity is not None
        c11, c12, c44 = model.elasticity.stiffness
        k = all_waves(model.grid)
        square = (k**2).sum(axis=0)
        square[square == 0] = 1.0
        d = 1 / (c44 * square + (c11 - c12 - 2 * c44) * k**2)
        along = (c12 + c44) / (1 + (c12 + c44) * (d * k**2).sum(axis=0))
        return self.put(k), self.put(d), self.put(along)

    # -- forces ----------------------------------------------------------------------------------

    def forward(self, field: Tensor) -> Tensor:
        """Return the modes of fields, shape (m, nx, ny, nz)."""
        modes: Tensor = torch.fft.rfftn(field, dim=(1, 2, 3))
        return modes

    def backward(self, modes: Tensor) -> Tensor:
        """Return the fields of modes."""
        shape = self.evolution.model.grid.shape
        field: Tensor = torch.fft.irfftn(modes, s=shape, dim=(1, 2, 3))
        return field

    def stress(self, P: Tensor) -> Tensor:
        """Return the stress in mechanical equilibrium, Pa, shape (6, nx, ny, nz)."""
        model = self.evolution.model
        assert model.elasticity is not None
        e = self.forward(spontaneous_strain(P, *model.elasticity.electrostriction))
        mean = e[:, 0, 0, 0].real.double().cpu().numpy() / model.grid.size
        s = equilibrium(e, *self._green, *model.elasticity.stiffness)
        held = model.elasticity.mean_stress(mean, model.grid) * model.grid.size
        s[:, 0, 0, 0] = self.put(held).to(s.dtype)
        return self.backward(s)

    def explicit(self, modes: Tensor, E: ArrayLike) -> Tensor:
        """Return the modes of the explicit force at P in a uniform field E, V/m."""
        model = self.evolution.model
        P = self.backward(modes)
        force = landau_force(P, self._landau)
        if model.elasticity is not None:
            force += stress_force(P, self.stress(P), *model.elasticity.electrostriction)
        field, curvature = self._quenched
        if field is not None:
            force += field
        if curvature is not None:
            force -= curvature * P
        out = self.forward(force)
        out[:, 0, 0, 0] += self.put(np.asarray(E, float) * model.grid.size)
        return out

    # -- steps -----------------------------------------------------------------------------------

    def start(self, P: ArrayLike) -> DeviceState:
        """Return the state with the polarization P, shape (3, nx, ny, nz), at time zero."""
        modes = self.forward(self.put(P))
        return DeviceState(modes, modes.new_empty(0), 0.0, self.put(0.0))

    def polarization(self, state: DeviceState) -> Tensor:
        """Return P, C/m^2, shape (3, nx, ny, nz), on the device."""
        return self.backward(state.modes)

    def runge_kutta(
        self, s: DeviceState, E0: ArrayLike, E1: ArrayLike, dt: float, xi: Tensor | None = None
    ) -> DeviceState:
        """Return the state after a step; arguments as of `Evolution.runge_kutta`."""
        w = self.weights(dt)
        N0 = self.explicit(s.modes, E0)
        P = self._predict(s.modes, N0, w, xi)
        change = multiply(w[2], self.explicit(P, E1) - N0)
        return self._end(s, P, N0, change, dt)

    def multistep(
        self, s: DeviceState, E0: ArrayLike, dt: float, xi: Tensor | None = None
    ) -> DeviceState:
        """Return the state after a step; arguments as of `Evolution.multistep`."""
        w = self.weights(dt)
        N = self.explicit(s.modes, E0)
        P = self._predict(s.modes, N, w, xi)
        change = multiply(w[2], N - s.previous) if s.previous.numel() else torch.zeros_like(P)
        return self._end(s, P, N, change, dt)

    def _predict(self, modes: Tensor, N: Tensor, w: list[Tensor], xi: Tensor | None) -> Tensor:
        P = multiply(w[0], modes).add_(multiply(w[1], N))
        if xi is not None and self.evolution.model.kT > 0:
            P += multiply(w[3], self.forward(xi))
        return P

    def _end(self, s: DeviceState, P: Tensor, N: Tensor, change: Tensor, dt: float) -> DeviceState:
        error = torch.linalg.vector_norm(change) * (np.sqrt(2) / self.evolution.model.grid.size)
        P += change
        make_real(P, self.evolution.model.grid.shape[2])
        return DeviceState(P, N, s.time + dt, error)


def multiply(m: Tensor, v: Tensor) -> Tensor:
    """Return symmetric matrices (6, ...) in Voigt order times vectors (3, ...)."""
    x, y, z = v
    return torch.stack(
        [
            m[0] * x + m[5] * y + m[4] * z,
            m[5] * x + m[1] * y + m[3] * z,
            m[4] * x + m[3] * y + m[2] * z,
        ]
    )


def make_real(modes: Tensor, nz: int) -> None:
    """Take out, in place, the part of modes that belongs to no real field (`Grid.make_real`)."""
    for m in {0, nz // 2} if nz % 2 == 0 else {0}:
        plane = modes[..., m]
        mirrored = torch.roll(torch.flip(plane, (1, 2)), (1, 1), (1, 2)).conj()
        modes[..., m] = 0.5 * (plane + mirrored)


def spontaneous_strain(P: Tensor, q11: float, q12: float, q44: float) -> Tensor:
    """Return e0 = Q P P, shape (6, nx, ny, nz)."""
    x, y, z = P
    square = P**2
    diagonal = (q11 - q12) * square + q12 * square.sum(dim=0)
    return torch.cat([diagonal, q44 * torch.stack([y * z, x * z, x * y])])


def stress_force(P: Tensor, s: Tensor, q11: float, q12: float, q44: float) -> Tensor:
    """Return the force of the stress s (6, nx, ny, nz), Pa, on e0(P), V/m."""
    x, y, z = P
    out = P * (2 * (q11 - q12) * s[:3] + 2 * q12 * s[:3].sum(dim=0))
    out[0] += q44 * (z * s[4] + y * s[5])
    out[1] += q44 * (x * s[5] + z * s[3])
    out[2] += q44 * (y * s[3] + x * s[4])
    return out


def landau_force(P: Tensor, b: list[float]) -> Tensor:
    """Return shift P - df/dP + 2 a1 P, V/m; b are `pointwise.landau_constants`."""
    squares = P**2
    rows = []
    for c in range(3):
        x, y, z = (squares[(c + i) % 3] for i in range(3))
        s, q = y + z, y * y + z * z
        slope = b[0] - b[1] * x - b[2] * s - b[3] * x * x - b[4] * (2 * x * s + q) - b[5] * y * z
        if any(b[6:]):
            slope -= x * (b[6] * x * x + b[7] * x * s + b[8] * q)
            slope -= b[9] * (y**3 + z**3) + b[10] * y * z * (2 * x + s)
        rows.append(P[c] * slope)
    return torch.stack(rows)


def equilibrium(
    e: Tensor, k: Tensor, d: Tensor, along: Tensor, c11: float, c12: float, c44: float
) -> Tensor:
    """Return modes of the stress for those of e0 (6, modes); see `multiscale.mesoscale.green`."""
    k0, k1, k2 = k
    s = torch.cat([(c11 - c12) * e[:3] + c12 * e[:3].sum(dim=0), c44 * e[3:]])
    rows = ((0, 5, 4), (5, 1, 3), (4, 3, 2))
    u = torch.stack([s[a] * k0 + s[b] * k1 + s[c] * k2 for a, b, c in rows]).mul_(d)
    u -= d * k * (along * (k * u).sum(dim=0))
    s[:3] -= (c11 - c12) * k * u + c12 * (k * u).sum(dim=0)
    s[3] -= c44 * (k1 * u[2] + k2 * u[1])
    s[4] -= c44 * (k0 * u[2] + k2 * u[0])
    s[5] -= c44 * (k0 * u[1] + k1 * u[0])
    return s.neg_()
