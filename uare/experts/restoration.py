"""The restoration expert's ends: latent tokens in with timestep and place, velocities out."""

from torch import Tensor, nn

from uare.config import UAREConfig
from uare.layers import PositionTable, TimestepEmbedding


class LatentInOut(nn.Module):
    """Latent tokens to model width and back.

    With `prediction="residual"` the network sees the latent of the photo beside the noised one and says what
    to add to it; from that latent the velocity follows. It starts as the identity: `latent_out` is zero.
    """

    def __init__(self, config: UAREConfig) -> None:
        super().__init__()
        width, token_width = config.hidden_size, config.latent.token_width
        self.predicts_residual = config.prediction == "residual"
        self.latent_in = nn.Linear(token_width, width)
        self.latent_out = nn.Linear(width, token_width)
        self.timestep = TimestepEmbedding(width)
        self.positions = PositionTable(config.latent.table_side, width)
        self.base_in = nn.Linear(token_width, width, bias=False) if self.predicts_residual else None

    def embed(self, latents: Tensor, base: Tensor, timesteps: Tensor, positions: Tensor) -> Tensor:
        """Latent tokens (M, C*4) at timesteps (M,) and table positions (M,) to (M, D)."""
        dtype = self.latent_in.weight.dtype
        tokens = self.latent_in(latents.to(dtype)) + self.timestep(timesteps)
        tokens = tokens + self.positions(positions).to(dtype)
        return tokens if self.base_in is None else tokens + self.base_in(base.to(dtype))

    def velocity(self, hidden: Tensor, latents: Tensor, base: Tensor, timesteps: Tensor) -> Tensor:
        """Velocity (m, C*4) float32, noise − latent (BAGEL's sign), of targets with hidden states (m, D)."""
        predicted = self.latent_out(hidden).float()
        if not self.predicts_residual:
            return predicted
        # x_t = (1 − t)·x + t·noise, so noise − x = (x_t − x) / t; targets always have t > 0
        return (latents - (base + predicted)) / timesteps[:, None]
