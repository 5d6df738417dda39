"""Whole models: the captured program computes what the module does."""

import pytest
import torch

from models.mlp import mlp
from models.mobilenet import mobilenet_v2
from models.resnet import resnet18

BATCH = {0: (0,)}


@pytest.mark.parametrize("how", ["script", "trace"])
def test_mlp_dynamic_batch(check_replay, how):
    model, x = mlp(), torch.randn(4, 16)
    module = torch.jit.script(model) if how == "script" else torch.jit.trace(model, x)
    others = [(torch.randn(n, 16),) for n in (0, 1, 2, 100)]
    program = check_replay(module, (x,), BATCH, others)
    assert program.targets() == ["aten.linear", "aten.relu"] * 2 + ["aten.linear"]
    assert (program.symbols["s0"].min, program.symbols["s0"].max) == (0, 2**63 - 1)
    assert set(program.tensors) == {
        f"layers.{i}.{p}" for i in (0, 2, 4) for p in ("weight", "bias")}


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("make", [resnet18, mobilenet_v2])
def test_convolutional(check_replay, make, how):
    model, x = make(), torch.randn(2, 3, 64, 64)
    module = torch.jit.script(model) if how == "script" else torch.jit.trace(model, x)
    others = [(torch.randn(1, 3, 64, 64),), (torch.randn(3, 3, 64, 64),)]
    program = check_replay(module, (x,), BATCH, others)
    # Batch norm stays whole, and evaluation changes no state.
    assert "aten.batch_norm" in program.targets()
    assert {s["kind"] for s in program.function["outputs"]} == {"user"}


def test_frames_name_the_users_file(check_replay):
    program = check_replay(torch.jit.script(mlp()), (torch.randn(4, 16),))
    frames = program.graph["nodes"][0]["frames"]
    assert any(file.endswith("models/mlp.py") for file, _, _ in frames)
    lines = open(next(f for f, _, _ in frames if f.endswith("mlp.py"))).readlines()
    line = next(n for f, n, _ in frames if f.endswith("mlp.py"))
    assert "self.layers(x)" in lines[line - 1]


def tiny_bert():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=37,
        max_position_embeddings=64, torchscript=True,
        attn_implementation="sdpa")
    return transformers.BertModel(config).eval()


def tiny_gpt2():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_positions=64,
        use_cache=False, torchscript=True)
    return transformers.GPT2LMHeadModel(config).eval()


def test_bert(check_replay):
    ids, mask = torch.randint(0, 99, (2, 7)), torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    module = torch.jit.trace(tiny_bert(), (ids, mask), strict=False)
    check_replay(module, (ids, mask), tolerance=1e-6)


def test_bert_dynamic_batch(check_replay):
    def example(batch):
        mask = torch.ones(batch, 7, dtype=torch.long)
        mask[-1, 5:] = 0
        return torch.randint(0, 99, (batch, 7)), mask

    module = torch.jit.trace(tiny_bert(), example(2), strict=False)
    program = check_replay(module, example(2), {0: (0,), 1: (0,)},
                           [example(1), example(5)], tolerance=1e-6)



def test_gpt2(check_replay):
    ids = torch.randint(0, 99, (2, 7))
    module = torch.jit.trace(tiny_gpt2(), (ids,), strict=False)
    check_replay(module, (ids,), tolerance=1e-6)
