"""One expert's layer: its own norms, projections and MLP. The attention between the experts is not here."""

from torch import Tensor, nn

from uare.config import LanguageConfig
from uare.layers import GatedMLP, RMSNorm, apply_rope


class ExpertLayer(nn.Module):
    """The parameters that one expert owns in one layer (Qwen2 block with query/key norm).

    A layer is two of these around one shared attention: `project`, attend together, `finish`.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        width, head_width = config.hidden_size, config.head_width
        self.num_heads, self.num_kv_heads = config.num_heads, config.num_kv_heads
        self.attention_norm = RMSNorm(width, config.rms_norm_eps)
        self.q_proj = nn.Linear(width, config.num_heads * head_width)
        self.k_proj = nn.Linear(width, config.num_kv_heads * head_width)
        self.v_proj = nn.Linear(width, config.num_kv_heads * head_width)
        self.o_proj = nn.Linear(config.num_heads * head_width, width, bias=False)
        self.q_norm = RMSNorm(head_width, config.rms_norm_eps)
        self.k_norm = RMSNorm(head_width, config.rms_norm_eps)
        self.mlp_norm = RMSNorm(width, config.rms_norm_eps)
        self.mlp = GatedMLP(width, config.intermediate_size)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (n, Nh, Dh), keys and values (n, Nkv, Dh) of this expert's tokens x (n, D)."""
        h = self.attention_norm(x)
        q = self.q_proj(h).unflatten(-1, (self.num_heads, -1))  # (n, Nh, Dh)
        k = self.k_proj(h).unflatten(-1, (self.num_kv_heads, -1))  # (n, Nkv, Dh)
        v = self.v_proj(h).unflatten(-1, (self.num_kv_heads, -1))
        # norm per head after the projection and before RoPE, as in BAGEL; values stay as they are
        return apply_rope(self.q_norm(q), cos, sin), apply_rope(self.k_norm(k), cos, sin), v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Adds the attention's result (n, Nh, Dh) and the MLP to x (n, D)."""
        x = x + self.o_proj(attended.flatten(-2))
        return x + self.mlp(self.mlp_norm(x))
