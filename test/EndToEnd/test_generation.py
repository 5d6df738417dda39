"""Text is generated token by token, with the keys and values of earlier tokens kept between calls."""
import os

import pytest
import torch
import torchc

os.environ.setdefault("HF_HUB_OFFLINE", "1")
PROMPT = [[5, 17, 42, 8, 23]]
TOKENS = 20


def make_gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=97, n_positions=64, n_embd=32, n_layer=2, n_head=4))


def make_llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                                        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=64))


def make_model(make):
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)  # Tokens that differ: small weights give one again and again.
    model.generation_config.eos_token_id = None
    return model


def generate(step):
    """The tokens that `step(ids, first position)`, which gives logits, generates greedily."""
    ids, position, tokens = torch.tensor(PROMPT), 0, []
    for _ in range(TOKENS):
        logits = step(ids, position)
        position += ids.shape[1]
        ids = logits[:, -1:].argmax(-1)
        tokens.append(ids.item())
    return tokens


def generate_eagerly(model):
    ids = torch.tensor(PROMPT)
    result = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False, pad_token_id=0)
    tokens = result[0, ids.shape[1]:].tolist()
    assert len(set(tokens)) > 5
    return tokens


@pytest.mark.parametrize("make", [make_gpt2, make_llama])
def test_cache_in_the_program(make):
    """The cache is state of the program, written in place."""
    from transformers.integrations.executorch import TorchExportableModuleWithStaticCache

    model = make_model(make)
    expected = generate_eagerly(model)
    model.generation_config.cache_implementation = "static"
    module = TorchExportableModuleWithStaticCache(model, batch_size=1, max_cache_len=32)
    length = torch.export.Dim("length", min=1, max=32)
    inputs = {"input_ids": torch.tensor(PROMPT), "cache_position": torch.arange(5)}
    exported = torch.export.export(module, (), inputs, dynamic_shapes={"input_ids": {1: length}, "cache_position": {0: length}})
    program = torchc.compile(exported)
    assert len(program.state()) >= 4

    def step(ids, position):
        return program(input_ids=ids, cache_position=torch.arange(position, position + ids.shape[1]))

    assert generate(step) == expected
    # What is left in the cache does not matter to a new text.
    assert generate(step) == expected


class WithCache(torch.nn.Module):
    """A decoder that takes and gives its cache: a list of keys and values, a pair a layer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, past):
        from transformers import DynamicCache

        result = self.model(ids, past_key_values=DynamicCache(past), use_cache=True)
        return {"logits": result.logits, "past": [(layer.keys, layer.values) for layer in result.past_key_values.layers]}


@pytest.mark.parametrize("make", [make_gpt2, make_llama])
def test_cache_of_the_caller(make):
    """The cache grows with each call, from no tokens at all."""
    model = make_model(make)
    expected = generate_eagerly(model)
    heads = getattr(model.config, "num_key_value_heads", 4)
    auto = torch.export.Dim.DYNAMIC

    def make_past(length):
        return [(torch.zeros(1, heads, length, 8), torch.zeros(1, heads, length, 8)) for _ in range(2)]

    shapes = {"ids": {1: auto}, "past": [({2: auto}, {2: auto}) for _ in range(2)]}
    exported = torch.export.export(WithCache(model), (torch.tensor(PROMPT), make_past(7)), dynamic_shapes=shapes)
    program = torchc.compile(exported)
    past = make_past(0)

    def step(ids, position):
        nonlocal past
        result = program(ids, past)
        past = result["past"]
        assert past[1][1].shape[2] == position + ids.shape[1]
        return result["logits"]

    assert generate(step) == expected
