"""The models that are timed: published architectures with random weights, batch 1 unless the name says otherwise.

Shapes are those of the papers; no model is downloaded, since a kernel's time does not depend on
the values of its weights. Every entry gives a module in eval mode and its inputs.
"""
import os
import sys
from pathlib import Path

import torch

from kernels import KERNELS, FourBitLinear, NarrowLinear, quantize_layers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "test" / "EndToEnd"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")


class _Output(torch.nn.Module):
    """A transformer as a function of tensors that returns the one tensor `name`."""

    def __init__(self, model, argument, name, **fixed):
        super().__init__()
        self.model, self.argument, self.name, self.fixed = model, argument, name, fixed

    def forward(self, x):
        return getattr(self.model(**{self.argument: x}, **self.fixed), self.name)


def _image(size=224):
    return (torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1)),)


def _tokens(length, vocabulary):
    return (torch.randint(0, vocabulary, (1, length), generator=torch.Generator().manual_seed(2)),)


def _mlp(batch):
    from models.mlp import mlp

    return mlp(widths=(784, 2048, 2048, 10)), (torch.randn(batch, 784, generator=torch.Generator().manual_seed(1)),)


def _resnet18():
    from models.resnet import resnet18

    return resnet18(), _image()


def _resnet50():
    from transformers import ResNetConfig, ResNetForImageClassification

    return _Output(ResNetForImageClassification(ResNetConfig(num_labels=1000)), "pixel_values", "logits"), _image()


def _mobilenet_v2():
    from models.mobilenet import mobilenet_v2

    return mobilenet_v2(), _image()


def _convnext_tiny():
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return _Output(ConvNextForImageClassification(ConvNextConfig(num_labels=1000)), "pixel_values", "logits"), _image()


def _bert_base():
    from transformers import BertConfig, BertModel

    return _Output(BertModel(BertConfig()), "input_ids", "last_hidden_state"), _tokens(128, 30000)


def _minilm():
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    return _Output(BertModel(config), "input_ids", "last_hidden_state"), _tokens(128, 30000)


def _gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    return _Output(GPT2LMHeadModel(GPT2Config()), "input_ids", "logits", use_cache=False), _tokens(128, 50000)


def _llama_135m():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
                         num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True)
    return _Output(LlamaForCausalLM(config), "input_ids", "logits", use_cache=False), _tokens(64, 49000)


class _Decoding(torch.nn.Module):
    """One step of a language model that has read some tokens: the logits after the next one."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, keys, values):
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer in range(keys.shape[0]):
            cache.update(keys[layer], values[layer], layer)
        return self.model(input_ids=ids, past_key_values=cache, use_cache=True).logits


def _llama_135m_decoding(dtype=None, length=64):
    """A token behind `length` others, whose keys and values are inputs. `dtype`: of the weights of all products, "int4" too."""
    model = _llama_135m()[0].model
    config = model.config
    if dtype:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
        for name, layer in list(model.named_modules()):
            if isinstance(layer, torch.nn.Linear):
                layer = FourBitLinear(layer.weight.data) if dtype == "int4" else NarrowLinear(layer.weight.data, dtype)
                model.set_submodule(name, layer)
    shape = (config.num_hidden_layers, 1, config.num_key_value_heads, length, config.hidden_size // config.num_attention_heads)
    generator = torch.Generator().manual_seed(3)
    keys, values = (torch.randn(shape, generator=generator) for _ in range(2))
    return _Decoding(model), (*_tokens(1, 49000), keys, values)


def _vit_base():
    from transformers import ViTConfig, ViTForImageClassification

    return _Output(ViTForImageClassification(ViTConfig(num_labels=1000)), "pixel_values", "logits"), _image()


def _whisper_tiny_encoder():
    from transformers import WhisperConfig, WhisperModel

    config = WhisperConfig(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536,
                           decoder_layers=1, decoder_attention_heads=6, decoder_ffn_dim=1536)
    encoder = WhisperModel(config).get_encoder()
    features = torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(1))
    return _Output(encoder, "input_features", "last_hidden_state"), (features,)


def _quantized(model_and_inputs):
    """The same in eval mode, with batch norms folded and its layers quantised to eight bits."""
    model, inputs = model_and_inputs
    model.eval()
    for block in model.modules():
        children = list(block.named_children())
        for (name, layer), (after, norm) in zip(children, children[1:]):
            if isinstance(layer, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
                setattr(block, name, torch.nn.utils.fuse_conv_bn_eval(layer, norm))
                setattr(block, after, torch.nn.Identity())
    return quantize_layers(model, inputs), inputs


def _to_bf16(model_and_inputs):
    """The same with all numbers in bf16, results too."""
    model, inputs = model_and_inputs
    return model.bfloat16(), tuple(x.bfloat16() if x.is_floating_point() else x for x in inputs)


def _of_any_length(model_and_inputs):
    """The same, exported for any length of its only input: its second dim, from 2 on."""
    model, inputs = model_and_inputs
    model.dynamic_shapes = ({1: torch.export.Dim("length", min=2, max=512)},)
    return model, inputs


def _of_any_batch(model_and_inputs):
    """The same, exported for any batch up to 16, by an example of two: export takes a size of 1 for a constant."""
    model, inputs = model_and_inputs
    model.dynamic_shapes = ({0: torch.export.Dim("batch", max=16)},)
    model.example_inputs = tuple(torch.cat([x, x]) for x in inputs)
    return model, inputs


MODELS = {
    "mlp": lambda: _mlp(1),
    "mlp-64": lambda: _mlp(64),
    "resnet18": _resnet18,
    "resnet50": _resnet50,
    "mobilenet-v2": _mobilenet_v2,
    "convnext-tiny": _convnext_tiny,
    "bert-base-128": _bert_base,
    "minilm-128": _minilm,
    "gpt2-128": _gpt2,
    "llama-135m-64": _llama_135m,
    "llama-135m-decoding": _llama_135m_decoding,
    "llama-135m-decoding-bf16": lambda: _llama_135m_decoding(torch.bfloat16),
    "llama-135m-decoding-int8": lambda: _llama_135m_decoding(torch.int8),
    "llama-135m-decoding-int4": lambda: _llama_135m_decoding("int4"),
    "resnet50-bf16": lambda: _to_bf16(_resnet50()),
    "resnet50-int8": lambda: _quantized(_resnet50()),
    "bert-base-128-int8": lambda: _quantized(_bert_base()),
    "bert-base-128-bf16": lambda: _to_bf16(_bert_base()),
    "bert-base-128-dynamic": lambda: _of_any_length(_bert_base()),
    "minilm-128-dynamic": lambda: _of_any_length(_minilm()),
    "gpt2-128-dynamic": lambda: _of_any_length(_gpt2()),
    "llama-135m-64-dynamic": lambda: _of_any_length(_llama_135m()),
    "vit-b16": _vit_base,
    "vit-b16-dynamic": lambda: _of_any_batch(_vit_base()),
    "whisper-tiny-encoder": _whisper_tiny_encoder,
    "whisper-tiny-encoder-dynamic": lambda: _of_any_batch(_whisper_tiny_encoder()),
}


def build(name):
    """The module, in eval mode, and its inputs; the same values in every process. What `torch.export.export` takes as
    `dynamic_shapes` is the module's attribute of that name, if it has one, and what it traces `example_inputs`, if it has those."""
    torch.manual_seed(0)
    model, inputs = (MODELS[name]() if name in MODELS else KERNELS[name]())[:2]
    return model.eval(), inputs
