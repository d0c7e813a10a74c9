"""How near a model's arithmetic comes to the rate of a bare matrix product on the same machine."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

LENGTH = 96  # tokens of a text at most, as in TrainConfig
TOKENS = 1216  # rows of the product that is timed: a batch of 32 tweets


def matrix_rates(config: dict[str, Any], tokens: int = TOKENS) -> dict[str, float]:
    """GFLOP a second of one of the encoder's matrix products, by precision, median of 30."""
    width, wide = config["hidden_size"], config["intermediate_size"]
    rates = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        left = torch.randn(tokens, width).to(kind)
        right = torch.randn(wide, width).to(kind)
        seconds = []
        for _ in range(30):
            started = time.perf_counter()
            torch.nn.functional.linear(left, right)
            seconds.append(time.perf_counter() - started)
        rates[name] = 2 * tokens * width * wide / statistics.median(seconds) / 1e9
    return rates


def mean_rates(*measured: dict[str, float]) -> dict[str, float]:
    """The mean of several measurements, by precision, rounded."""
    return {name: round(statistics.mean(m[name] for m in measured), 1) for name in measured[0]}


def flops_of_a_text(config: dict[str, Any], tokenizer: Any, texts: Sequence[str]) -> float:
    """Floating-point operations of the layers' matrices, forward, a text; no padding counted.

    Learning from a text takes three times as many. What an arm spends on padding, on parts of
    attention or on anything else lowers its share of the machine's rate.
    """
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    matrices = layers * (4 * width * width + 2 * width * config["intermediate_size"])
    rows = tokenizer(list(texts), truncation=True, max_length=LENGTH)["input_ids"]
    return 2.0 * matrices * statistics.mean(map(len, rows))
