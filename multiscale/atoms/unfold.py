"""From gradients by folded weights to gradients by the parameters that are trained."""

import torch

from multiscale.atoms.network import Network
from multiscale.atoms.slopes import Slopes


def unfold(network: Network, slopes: Slopes) -> dict[str, torch.Tensor]:
    """Return the gradient by the network's own parameters from that by the folded ones.

    Parameters
    ----------
    network : Network
        Whose weights kernel.fold() folded.
    slopes : Slopes
        The gradient by the folded weights.
    """
    g = {name: torch.from_numpy(x) for name, x in slopes._asdict().items()}
    mean, scale = network.feature_mean, network.feature_scale
    unit = float(network.energy_scale)
    g["linear"] = (g["linear"] - g["constant"].to(mean)[:, None] * mean) * scale * unit
    g["weight3"] = g["weight3"] * unit
    g["weight1"] = _unscale(g["weight1"], g["bias1"], mean, scale)
    if not network.architecture.response:
        return {name: g[name] for name, _ in network.named_parameters()}
    g["response1"] = _unscale(g["response1"], g["response_bias1"], mean, scale)
    g["gates"] = g["gates"] * network.product_scale[:, None]
    g["gate_bias"] = g["gate_bias"] * network.product_scale
    return {name: g[name] for name, _ in network.named_parameters()}


def _unscale(
    weight: torch.Tensor, bias: torch.Tensor, mean: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Return the gradient by a layer on standardised scalars from that on raw ones."""
    return (weight - mean[:, :, None] * bias[:, None]) * scale[:, :, None]
