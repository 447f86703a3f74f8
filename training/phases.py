"""Which weights a phase trains (UARE, section 3.4), and how the others are kept as they are.

Stage 1 (single, multi, high_order) trains the restoration expert with its latent in and out and its timestep;
stage 2 (unified) everything but the codec; `rl2r` the quality expert, with words and view. Freezing means no
gradient for the frozen weights; gradients still flow through frozen layers, unless a phase detaches them
(`Mixture.detaches_iqa`).
"""

import torch

from training.settings import LoraSettings, TrainSettings
from uare.errors import ConfigError
from uare.experts.expert import ExpertLayer
from uare.model import UAREModel

STAGE_ONE = ("single", "multi", "high_order")
RESTORATION_MARKS = (".restoration.", "mixture.restoration_norm.")
NEVER = ("codec.", "detail.")
LORA_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def is_trained(name: str, phase: str) -> bool:
    """Whether a phase trains the weight of this name in a `UAREModel`."""
    if name.startswith(NEVER):
        return False
    if phase == "unified":
        return True
    is_restoration = name.startswith("latent.") or any(mark in name for mark in RESTORATION_MARKS)
    return is_restoration if phase in STAGE_ONE else not is_restoration


def prepare(model: UAREModel, settings: TrainSettings) -> None:
    """Freezes what the phase does not train, puts adapters in and compiles the layers where that is wanted.

    ConfigError where an expert gets adapters that the phase does not train.
    """
    for name, weight in model.named_parameters():
        weight.requires_grad_(is_trained(name, settings.phase))
    model.mixture.recomputes_layers = settings.recompute_layers
    model.mixture.detaches_iqa = settings.detach_frozen
    if settings.lora:
        add_adapters(model, settings.lora, settings.phase)
    if settings.compile:
        compile_experts()


def compile_experts() -> None:
    """Fuses what lies around the attention of every layer of this process, for rows of any length.

    Not the whole network: how a row is packed differs from row to row.
    """
    torch._dynamo.config.recompile_limit = 64  # one kernel for each range of lengths; 8 are not enough
    ExpertLayer.project = torch.compile(ExpertLayer.project, dynamic=True)  # type: ignore[method-assign]
    ExpertLayer.finish = torch.compile(ExpertLayer.finish, dynamic=True)  # type: ignore[method-assign]


def add_adapters(model: UAREModel, lora: LoraSettings, phase: str) -> None:
    """Puts adapters in, beside which only a trained latent in and out stays trained."""
    from peft import LoraConfig, inject_adapter_in_model

    if phase in STAGE_ONE and "iqa" in lora.experts:
        raise ConfigError(
            f"lora.experts holds iqa, but the phase {phase} trains the restoration expert alone; "
            "take iqa out or train the unified phase"
        )
    layers = "|".join(name.replace(".", r"\.") for name in LORA_LAYERS)
    targets = rf"mixture\.layers\.\d+\.({'|'.join(lora.experts)})\.({layers})"
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, bias="none")
    keeps_training = {
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and name.startswith("latent.")
    }
    inject_adapter_in_model(config, model)  # freezes everything but the adapters
    for name, weight in model.named_parameters():
        if name in keeps_training:
            weight.requires_grad_(True)


def merge_adapters(model: UAREModel) -> None:
    """Adds trained adapters to the weights beside them and takes the adapters out."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
