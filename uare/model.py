"""`UAREModel`: embeddings, the mixture and its outputs, with the codec and the optional detail path on board.

`forward` is a pure function of a packed batch: noise and timesteps are data, nothing is drawn, and training
and inference run the same code. Sampling lives in `uare.flow`, words in `uare.decoding`.
"""

from dataclasses import dataclass
from os import PathLike
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init

from uare.attention import plan_attention
from uare.cache import ContextCache
from uare.checkpoints.bagel import CODEC_FILE, KEY_MAPPING, WEIGHTS_FILE, is_bagel_folder, read_config
from uare.checkpoints.folders import check_loaded, check_weight_files, find_folder, quiet_loading
from uare.checkpoints.vae_names import to_diffusers
from uare.config import UAREConfig
from uare.detail import DetailPath
from uare.errors import CheckpointError
from uare.experts.iqa import TextInOut
from uare.experts.restoration import LatentInOut
from uare.layers import PositionTable
from uare.mixture import Mixture
from uare.segments import PackedBatch
from uare.vae import build_codec
from uare.vision import Connector, VisionEncoder


@dataclass(frozen=True)
class ModelOutput:
    """What the network says of one packed batch."""

    logits: Tensor  # (n, V), next token at `batch.logit_index`
    velocity: Tensor  # (m, C*4) float32 at `batch.target_index`, noise − latent
    hidden: Tensor  # (N, D) after each expert's final norm
    seen: Tensor  # (P, D_vit) of the vision encoder, before the connector
    cache: ContextCache  # everything read so far, this batch included


class UAREModel(PreTrainedModel):
    """One network that reads and writes text, sees photos, and restores their latents (UARE, section 3.2)."""

    config_class = UAREConfig
    config: UAREConfig
    base_model_prefix = ""
    main_input_name = "batch"
    input_modalities = ["image", "text"]
    supports_gradient_checkpointing = False
    _no_split_modules = ["MixtureLayer", "VisionLayer"]
    _keys_to_ignore_on_load_unexpected = [r"pos_embed\.pos_embed"]  # BAGEL stores the tables that we compute

    def __init__(self, config: UAREConfig) -> None:
        super().__init__(config)
        if config.codec["kind"] == "flux":
            # its activations overflow float16 and its pictures blur in bfloat16
            self._keep_in_fp32_modules_strict = {"codec"}
        self.text = TextInOut(config.language)
        self.latent = LatentInOut(config)
        self.vision = VisionEncoder(config.vision)
        self.connector = Connector(config.vision, config.hidden_size)
        self.mixture = Mixture(config.language)
        self.codec = build_codec(config.codec)
        self.detail = DetailPath(config.detail) if config.detail else None
        own_start = (self.codec, *([self.detail] if self.detail else []))
        self._starts_as_built = {module for part in own_start for module in part.modules()}
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.text.embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.text.register_module("embed", value)

    def get_output_embeddings(self) -> nn.Module:
        return self.text.head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.text.register_module("head", new_embeddings)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if module in self._starts_as_built:
            return  # codec and detail path are stable only with the zeros that they set themselves
        if isinstance(module, PositionTable):
            module.fill()
        elif module is self.latent.latent_out:
            init.zeros_(self.latent.latent_out.weight)  # the first prediction is nothing, as in BAGEL
            init.zeros_(self.latent.latent_out.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=std)
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        else:
            super()._init_weights(module)

    def see(self, batch: PackedBatch) -> Tensor:
        """The vision encoder's features (P, D_vit) of all patches."""
        if not len(batch.patch_index):
            return batch.patches.new_zeros(0, self.config.vision.hidden_size)
        return self.vision(batch.patches, batch.patch_positions, batch.patch_lens)

    def embed(self, batch: PackedBatch, seen: Tensor) -> Tensor:
        """Every token's input (N, D): text, ViT and latent tokens at their places; `seen` is from `see`."""
        text = self.text.embed(batch.token_ids)
        x = text.new_zeros(batch.num_tokens, text.shape[-1])
        x[batch.token_index] = text
        if len(batch.patch_index):
            x[batch.patch_index] = self.connector(seen, batch.patch_positions).to(x.dtype)
        # in training also for none: ranks that share gradients must all use every parameter
        if len(batch.latent_index) or torch.is_grad_enabled():
            latent = self.latent.embed(batch.latents, batch.base, batch.timesteps, batch.latent_positions)
            x[batch.latent_index] = latent.to(x.dtype)
        return x

    def forward(self, batch: PackedBatch, cache: ContextCache | None = None) -> ModelOutput:
        """Runs one packed batch, its samples going on from `cache` where one is given."""
        cached_lens = cache.lens if cache else (0,) * batch.num_samples
        plan = plan_attention(batch.segments, cached_lens, batch.positions.device)
        seen = self.see(batch)
        hidden, layers = self.mixture(
            self.embed(batch, seen), batch.positions, batch.latent_index, plan, cache
        )
        targets = batch.target_index
        return ModelOutput(
            logits=self.text.head(hidden[batch.logit_index]),
            velocity=self.latent.velocity(
                hidden[batch.latent_index[targets]],
                batch.latents[targets],
                batch.base[targets],
                batch.timesteps[targets],
            ),
            hidden=hidden,
            seen=seen,
            cache=ContextCache(
                layers=layers,
                lens=tuple(a + b for a, b in zip(cached_lens, batch.sample_lens, strict=True)),
                next_positions=batch.next_positions,
            ),
        )

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[Any] | None, *model_args: Any, **kwargs: Any
    ) -> "UAREModel":
        """Loads a folder of ours, a BAGEL folder, or a model of the package (`uare-tiny`).

        `kwargs` are those of transformers (`dtype`, `device_map`, `quantization_config`, ...). Raises
        CheckpointError or ConfigError, one sentence, where the folder or its weights cannot be used.
        """
        folder = find_folder(str(pretrained_model_name_or_path))
        is_bagel = is_bagel_folder(folder)
        if is_bagel:
            config = kwargs.pop("config", None) or read_config(folder)
            config.transformers_weights = WEIGHTS_FILE
            kwargs |= {"config": config, "key_mapping": KEY_MAPPING}
        else:
            check_weight_files(folder)
        # other shapes are refused below: with their names, which the library only prints
        kwargs |= {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
        try:
            with quiet_loading():
                loaded: Any = super().from_pretrained(folder, *model_args, **kwargs)
                model, info = loaded
            if is_bagel:
                model.codec.autoencoder.load_state_dict(to_diffusers(load_file(folder / CODEC_FILE)))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise CheckpointError(f"{folder} could not be loaded: {shorten(str(error), 300)}") from error
        missing = [name for name in info["missing_keys"] if not (is_bagel and name.startswith("codec."))]
        if is_bagel:
            del model.config.transformers_weights
            model._weight_conversions = []  # else save_pretrained would write BAGEL's names
        check_loaded(model, missing, info["mismatched_keys"])
        return model
