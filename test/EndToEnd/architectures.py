#!/usr/bin/env python3
"""Exports, compiles and runs models of many architectures, and prints a table.

    architectures.py                     every architecture
    architectures.py bert 'qwen*'        some of them, by name or pattern
    architectures.py --table PATH        and writes the table as a page

The models are those of `transformers`, with small random weights. Each is exported by torch.export,
compiled, and its outputs are compared with eager, relative to the largest value of each. Every
architecture runs in a process of its own; the memory is what compiling added to its peak. Exits 1 where
one differs or fails.
"""
import argparse
import fnmatch
import logging
import multiprocessing
import os
import resource
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import torch
from torch.utils import _pytree as pytree

import torchc

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

TOLERANCE = 1e-4


@dataclass
class Architecture:
    model: str  # A class of `transformers`.
    inputs: Callable[[int, int], dict]  # Of a number of examples and a length.
    config: dict = field(default_factory=dict)
    # The dims that the export leaves open, by input: names of them.
    dynamic: dict = field(default_factory=dict)


def _ids(batch, length, seed=0):
    return torch.randint(3, 90, (batch, length), generator=torch.Generator().manual_seed(seed))


def _noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _text(batch, length):
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[0, length - length // 4:] = 0
    return {"input_ids": _ids(batch, length), "attention_mask": mask}


def _ids_only(batch, length):
    return {"input_ids": _ids(batch, length)}


def _pair(batch, length):
    return {**_text(batch, length), "decoder_input_ids": _ids(batch, length // 2 + 1, seed=2)}


def _image(size=32):
    return lambda batch, length: {"pixel_values": _noise(batch, 3, size, size)}


def _wave(batch, length):
    return {"input_values": _noise(batch, 400 * length)}


def _image_and_text(batch, length):
    return {**_image()(batch, length), **_text(batch, length)}


def _spectrogram(batch, length):
    return {"input_features": _noise(batch, 16, 64), "decoder_input_ids": _ids(batch, length)}


SMALL = dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
             max_position_embeddings=64)
GROUPED = dict(SMALL, num_key_value_heads=2)
GPT = dict(vocab_size=99, n_positions=64, n_embd=32, n_layer=2, n_head=4)
BART = dict(vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
            use_cache=False)
VIT = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32, patch_size=8)
WAVE = dict(SMALL, conv_dim=(16, 16), conv_stride=(5, 4), conv_kernel=(10, 8), num_feat_extract_layers=2,
            num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=4)
T5 = dict(vocab_size=99, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, use_cache=False)
EXPERTS = dict(num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=32)
SWIN = dict(image_size=32, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4)
TOWERS = dict(
    text_config=dict(SMALL, projection_dim=32),
    vision_config=dict(VIT, projection_dim=32), projection_dim=32)


def _without_cache(config):
    return dict(config, use_cache=False)


BOTH = {"input_ids": ("batch", "length"), "attention_mask": ("batch", "length")}

ARCHITECTURES = {
    # Encoders.
    "bert": Architecture("BertModel", _text, SMALL, BOTH),
    "roberta": Architecture("RobertaModel", _text, SMALL, BOTH),
    "xlm-roberta": Architecture("XLMRobertaModel", _text, SMALL),
    "camembert": Architecture("CamembertModel", _text, SMALL),
    "distilbert": Architecture("DistilBertModel", _text, dict(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=320), BOTH),
    "albert": Architecture("AlbertModel", _text, dict(SMALL, embedding_size=16)),
    "electra": Architecture("ElectraModel", _text, dict(SMALL, embedding_size=16)),
    "deberta": Architecture("DebertaModel", _text, dict(SMALL, relative_attention=True, pos_att_type=["c2p", "p2c"])),
    "deberta-v2": Architecture("DebertaV2Model", _text, dict(SMALL, relative_attention=True, pos_att_type=["c2p", "p2c"])),
    "mpnet": Architecture("MPNetModel", _text, SMALL),
    "big-bird": Architecture("BigBirdModel", _text, dict(SMALL, attention_type="original_full")),
    "funnel": Architecture("FunnelBaseModel", _text, dict(vocab_size=99, block_sizes=[1, 1], d_model=32, n_head=4, d_head=8, d_inner=64)),
    "fnet": Architecture("FNetModel", _ids_only, dict(SMALL, use_tpu_fourier_optimizations=False)),
    "ibert": Architecture("IBertModel", _text, SMALL),
    "layoutlm": Architecture("LayoutLMModel", _text, SMALL),
    "mobilebert": Architecture("MobileBertModel", _text, dict(SMALL, embedding_size=32, true_hidden_size=32, intra_bottleneck_size=32)),
    "modernbert": Architecture("ModernBertModel", _text, dict(SMALL, pad_token_id=0, global_attn_every_n_layers=2, local_attention=8)),
    "rembert": Architecture("RemBertModel", _text, dict(SMALL, input_embedding_size=16)),
    "roformer": Architecture("RoFormerModel", _text, dict(SMALL, embedding_size=16)),
    "squeezebert": Architecture("SqueezeBertModel", _text, dict(SMALL, embedding_size=32)),
    "xlnet": Architecture("XLNetModel", _text, dict(vocab_size=99, d_model=32, n_layer=2, n_head=4, d_inner=64)),
    # Decoders.
    "gpt2": Architecture("GPT2LMHeadModel", _text, _without_cache(GPT), BOTH),
    "gpt2-cache": Architecture("GPT2LMHeadModel", _text, GPT),
    "gpt-neo": Architecture("GPTNeoForCausalLM", _text, dict(_without_cache(SMALL), num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=8)),
    "gpt-neox": Architecture("GPTNeoXForCausalLM", _text, _without_cache(SMALL), BOTH),
    "gptj": Architecture("GPTJForCausalLM", _text, dict(_without_cache(GPT), rotary_dim=4)),
    "gpt-bigcode": Architecture("GPTBigCodeForCausalLM", _text, _without_cache(GPT)),
    "codegen": Architecture("CodeGenForCausalLM", _text, dict(_without_cache(GPT), rotary_dim=4)),
    "opt": Architecture("OPTForCausalLM", _text, dict(_without_cache(SMALL), ffn_dim=64, word_embed_proj_dim=32), BOTH),
    "bloom": Architecture("BloomForCausalLM", _text, dict(_without_cache(SMALL), n_layer=2, n_head=4)),
    "llama": Architecture("LlamaForCausalLM", _text, _without_cache(GROUPED), BOTH),
    "llama-cache": Architecture("LlamaForCausalLM", _text, GROUPED),
    "mistral": Architecture("MistralForCausalLM", _text, dict(_without_cache(GROUPED), sliding_window=6), BOTH),
    "qwen2": Architecture("Qwen2ForCausalLM", _text, _without_cache(GROUPED), BOTH),
    "qwen3": Architecture("Qwen3ForCausalLM", _text, dict(_without_cache(GROUPED), head_dim=8)),
    "gemma": Architecture("GemmaForCausalLM", _text, dict(_without_cache(GROUPED), head_dim=8)),
    "gemma2": Architecture("Gemma2ForCausalLM", _text, dict(_without_cache(GROUPED), head_dim=8, sliding_window=6)),
    "gemma3": Architecture("Gemma3ForCausalLM", _text, dict(_without_cache(GROUPED), head_dim=8, sliding_window=6)),
    "phi": Architecture("PhiForCausalLM", _text, _without_cache(SMALL)),
    "phi3": Architecture("Phi3ForCausalLM", _text, dict(_without_cache(GROUPED), pad_token_id=0)),
    "falcon": Architecture("FalconForCausalLM", _text, _without_cache(SMALL)),
    "olmo": Architecture("OlmoForCausalLM", _text, _without_cache(GROUPED)),
    "olmo2": Architecture("Olmo2ForCausalLM", _text, _without_cache(GROUPED)),
    "stablelm": Architecture("StableLmForCausalLM", _text, _without_cache(GROUPED)),
    "starcoder2": Architecture("Starcoder2ForCausalLM", _text, _without_cache(GROUPED)),
    "cohere": Architecture("CohereForCausalLM", _text, _without_cache(GROUPED)),
    "granite": Architecture("GraniteForCausalLM", _text, _without_cache(GROUPED)),
    "glm": Architecture("GlmForCausalLM", _text, dict(_without_cache(GROUPED), head_dim=8, pad_token_id=0)),
    "smollm3": Architecture("SmolLM3ForCausalLM", _text, dict(_without_cache(GROUPED), pad_token_id=0)),
    "biogpt": Architecture("BioGptForCausalLM", _text, _without_cache(SMALL)),
    "xglm": Architecture("XGLMForCausalLM", _text, dict(vocab_size=99, d_model=32, num_layers=2, attention_heads=4, ffn_dim=64, use_cache=False)),
    # Mixtures of experts.
    "mixtral": Architecture("MixtralForCausalLM", _text, dict(_without_cache(GROUPED), num_local_experts=4)),
    "qwen2-moe": Architecture("Qwen2MoeForCausalLM", _text, dict(_without_cache(GROUPED), num_experts=4, **EXPERTS)),
    "qwen3-moe": Architecture("Qwen3MoeForCausalLM", _text, dict(_without_cache(GROUPED), num_experts=4, head_dim=8, **EXPERTS)),
    "olmoe": Architecture("OlmoeForCausalLM", _text, dict(_without_cache(GROUPED), num_experts=4, num_experts_per_tok=2)),
    "granite-moe": Architecture("GraniteMoeForCausalLM", _text, dict(_without_cache(GROUPED), num_local_experts=4)),
    # State spaces and other recurrences.
    "mamba": Architecture("MambaForCausalLM", _ids_only, dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=8, use_cache=False)),
    "mamba2": Architecture("Mamba2ForCausalLM", _ids_only, dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=8, num_heads=8, head_dim=8, n_groups=2, chunk_size=8, use_cache=False)),
    "falcon-mamba": Architecture("FalconMambaForCausalLM", _ids_only, dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=8, use_cache=False)),
    "rwkv": Architecture("RwkvForCausalLM", _ids_only, dict(vocab_size=99, hidden_size=32, attention_hidden_size=32, num_hidden_layers=2, intermediate_size=64, context_length=16, use_cache=False)),
    # Encoders with decoders.
    "t5": Architecture("T5Model", _pair, T5),
    "mt5": Architecture("MT5Model", _pair, T5),
    "bart": Architecture("BartModel", _pair, BART),
    "mbart": Architecture("MBartModel", _pair, BART),
    "marian": Architecture("MarianMTModel", _pair, dict(BART, pad_token_id=1, decoder_start_token_id=0)),
    "pegasus": Architecture("PegasusModel", _pair, BART),
    "blenderbot": Architecture("BlenderbotModel", _pair, BART),
    "m2m-100": Architecture("M2M100Model", _pair, BART),
    # Audio.
    "whisper": Architecture("WhisperModel", _spectrogram, dict(BART, num_mel_bins=16, max_source_positions=32, max_target_positions=32, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)),
    "wav2vec2": Architecture("Wav2Vec2Model", _wave, WAVE),
    "wavlm": Architecture("WavLMModel", _wave, WAVE),
    "hubert": Architecture("HubertModel", _wave, WAVE),
    "sew": Architecture("SEWModel", _wave, dict(WAVE, squeeze_factor=2)),
    "unispeech": Architecture("UniSpeechModel", _wave, WAVE),
    "audio-spectrogram-transformer": Architecture("ASTModel", lambda batch, length: {"input_values": _noise(batch, 32, 16)}, dict(VIT, max_length=32, num_mel_bins=16, frequency_stride=4, time_stride=4)),
    # Images.
    "vit": Architecture("ViTModel", _image(), VIT),
    "deit": Architecture("DeiTModel", _image(), VIT),
    "beit": Architecture("BeitModel", _image(), dict(VIT, use_relative_position_bias=True)),
    "dinov2": Architecture("Dinov2Model", _image(), VIT),
    "swin": Architecture("SwinModel", _image(), SWIN),
    "swinv2": Architecture("Swinv2Model", _image(), SWIN),
    "convnext": Architecture("ConvNextModel", _image(), dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])),
    "convnextv2": Architecture("ConvNextV2Model", _image(), dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])),
    "resnet": Architecture("ResNetModel", _image(64), dict(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2])),
    "regnet": Architecture("RegNetModel", _image(64), dict(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2], groups_width=8)),
    "mobilenet-v1": Architecture("MobileNetV1Model", _image(64), dict(depth_multiplier=0.25)),
    "mobilenet-v2": Architecture("MobileNetV2Model", _image(64), dict(depth_multiplier=0.25)),
    "efficientnet": Architecture("EfficientNetModel", _image(64), dict(width_coefficient=0.25, depth_coefficient=0.5, image_size=64, hidden_dim=320)),
    "segformer": Architecture("SegformerForSemanticSegmentation", _image(64), dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 3, 4], decoder_hidden_size=16)),
    "mobilevit": Architecture("MobileViTModel", _image(64), dict(hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 24, 32, 40, 64], num_attention_heads=2)),
    "levit": Architecture("LevitModel", _image(64), dict(image_size=64, hidden_sizes=[16, 32, 48], num_attention_heads=[1, 2, 3], depths=[1, 1, 1], key_dim=[8, 8, 8])),
    "poolformer": Architecture("PoolFormerModel", _image(64), dict(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])),
    "pvt": Architecture("PvtModel", _image(64), dict(image_size=64, hidden_sizes=[16, 32, 40, 64], depths=[1, 1, 1, 1])),
    "vit-mae": Architecture("ViTMAEModel", lambda batch, length: {**_image()(batch, length), "noise": _noise(batch, 16)}, VIT),
    "yolos": Architecture("YolosModel", _image(), dict(VIT, image_size=[32, 32], num_detection_tokens=4)),
    "dpt": Architecture("DPTModel", _image(), VIT),
    # Images and text.
    "clip": Architecture("CLIPModel", _image_and_text, TOWERS),
    "siglip": Architecture("SiglipModel", _image_and_text, TOWERS),
    "chinese-clip": Architecture("ChineseCLIPModel", _image_and_text, TOWERS),
    "blip": Architecture("BlipModel", _image_and_text, TOWERS),
}


def build(architecture):
    """A model with weights that make values of ordinary size, in eval mode."""
    import transformers
    from transformers.integrations.executorch import register_dynamic_cache_export_support

    register_dynamic_cache_export_support()
    torch.manual_seed(0)
    model_class = getattr(transformers, architecture.model)
    model = model_class(model_class.config_class(**architecture.config)).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            # Constants that would hide a mistake: zero biases, scales of one.
            if tensor.unique().numel() == 1:
                tensor.add_(torch.randn_like(tensor), alpha=0.1)
    return model


def flatten(output):
    """The tensors of a model's output."""
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


def get_error(actual, expected):
    """The largest difference of two outputs, relative to the largest value of each tensor."""
    actual, expected = flatten(actual), flatten(expected)
    if len(actual) != len(expected):
        raise ValueError(f"{len(actual)} tensors in place of {len(expected)}")
    worst = 0.0
    for found, wanted in zip(actual, expected):
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise ValueError(f"{found.dtype}{list(found.shape)} in place of {wanted.dtype}{list(wanted.shape)}")
        if wanted.numel() and not torch.equal(found, wanted):
            found, wanted = found.double(), wanted.double()
            error = ((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).item()
            worst = max(worst, error if error == error else float("inf"))
    return worst


@dataclass
class Outcome:
    """What became of an architecture."""

    state: str
    exporting: float = 0.0  # Seconds.
    compiling: float = 0.0
    memory: float = 0.0  # MiB that compiling added to the peak.
    nodes: int = 0  # Of the exported graph.
    error: float = 0.0
    message: str = ""


def get_peak():
    """The most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(name):
    """The Outcome of an architecture."""
    architecture = ARCHITECTURES[name]
    torch.set_num_threads(1)
    begin = time.perf_counter()
    try:
        model = build(architecture)
        inputs = architecture.inputs(2, 12)
        with torch.no_grad():
            expected = model(**inputs)
            dims = {"batch": torch.export.Dim("batch", min=1, max=64), "length": torch.export.Dim("length", min=1, max=64)}
            shapes = {key: dict(enumerate(dims[dim] for dim in names)) for key, names in architecture.dynamic.items()}
            exported = torch.export.export(model, (), inputs, dynamic_shapes=shapes or None, strict=False)
    except Exception as error:
        return Outcome("NOT EXPORTED", time.perf_counter() - begin, message=f"{type(error).__name__}: {error}")
    outcome = Outcome("ok", time.perf_counter() - begin, nodes=len(exported.graph.nodes))
    middle, peak = time.perf_counter(), get_peak()
    try:
        program = torchc.compile(exported)
        outcome.compiling, outcome.memory = time.perf_counter() - middle, get_peak() - peak
        sizes = [(2, 12), (1, 1), (3, 23)] if shapes else [(2, 12)]
        for size in sizes:
            inputs = architecture.inputs(*size)
            with torch.no_grad():
                outcome.error = max(outcome.error, get_error(program(**inputs), model(**inputs)))
    except Exception as error:
        outcome.state, outcome.message = "FAILED", f"{type(error).__name__}: {error}"
    if outcome.error > TOLERANCE:
        outcome.state = "DIFFERS"
    return outcome


def run_apart(name):
    """`run` in a process of its own, so that whatever happens there costs one row."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def target():
        sender.send(run(name))

    process = context.Process(target=target)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return Outcome("CRASHED", message=f"exit code {process.exitcode}")
    finally:
        process.join()


def write_table(path, outcomes):
    """The page of what compiling each architecture takes."""
    passed = sum(outcome.state == "ok" for outcome in outcomes.values())
    lines = ["# Architectures", "",
             f"Models of `transformers` with small random weights, compiled on one thread and compared with PyTorch eager: "
             f"{passed} of {len(outcomes)} are equal to 1e-4 of the largest value. `test/EndToEnd/architectures.py --table` wrote "
             "this page.", "",
             "| architecture | nodes | export, s | compile, s | memory, MiB | relative error | |",
             "|---|---:|---:|---:|---:|---:|---|"]
    lines += [f"| {name} | {o.nodes} | {o.exporting:.1f} | {o.compiling:.1f} | {o.memory:.0f} | {o.error:.0e} | {o.state} |"
              for name, o in outcomes.items()]
    Path(path).write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["*"], help="names or patterns of architectures")
    parser.add_argument("--verbose", action="store_true", help="whole messages, not their first lines")
    parser.add_argument("--table", help="write the page of results to this file")
    arguments = parser.parse_args()
    import transformers  # noqa: F401  Once, before the processes part.

    names = [name for name in ARCHITECTURES if any(fnmatch.fnmatch(name, pattern) for pattern in arguments.names)]
    print(f"{'architecture':30} {'nodes':>5} {'export s':>8} {'compile s':>9} {'MiB':>5} {'rel. error':>10}")
    outcomes = {}
    for name in names:
        outcomes[name] = o = run_apart(name)
        message = o.message if arguments.verbose else (o.message.splitlines() or [""])[0][:160]
        print(f"{name:30} {o.nodes:5} {o.exporting:8.1f} {o.compiling:9.1f} {o.memory:5.0f} {o.error:10.1e} {o.state} "
              f"{message}".rstrip(), flush=True)
    if arguments.table:
        write_table(arguments.table, outcomes)
    failures = sum(outcome.state != "ok" for outcome in outcomes.values())
    print(f"{len(names) - failures} of {len(names)} equal eager")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
