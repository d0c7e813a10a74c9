"""Loads a packaged classifier that transformers alone cannot; stands alone beside its files.

It needs torch, transformers and safetensors, and scikit-learn where there is ngrams.safetensors.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer


def load(folder: str) -> Callable[[Sequence[str]], torch.Tensor]:
    """Return a function from texts to calibrated probabilities (n, labels)."""
    facts = json.loads((Path(folder) / "classifier.json").read_text(encoding="utf-8"))
    weights = load_file(Path(folder) / "head.safetensors")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    activation = getattr(torch.nn.functional, facts["head"]["activation"])
    layers = sorted({int(name.split(".")[0]) for name in weights})
    ngrams = _load_ngrams(Path(folder)) if facts.get("ngrams") else None

    @torch.no_grad()
    def probabilities(texts: Sequence[str]) -> torch.Tensor:
        batch = tokenizer(list(texts), truncation=True, padding=True, return_tensors="pt")
        values = _vectors(encoder(**batch), batch["attention_mask"], facts["reading"])
        for layer in layers:
            values = values @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
            if layer != layers[-1]:
                values = activation(values)
        if ngrams is not None:
            values = values * facts["network_share"] + ngrams(texts)
        return torch.softmax(values / facts["temperature"], dim=-1)

    return probabilities


def _vectors(outputs: Any, mask: torch.Tensor, reading: str) -> torch.Tensor:
    """What the head reads. first: the last layer has pooled and normalised already."""
    hidden = outputs.last_hidden_state
    if reading == "pooler":
        pooled: torch.Tensor = outputs.pooler_output
        return pooled
    if reading == "first":
        first: torch.Tensor = hidden[:, 0]
        return first
    weights = mask.unsqueeze(-1)
    pooled = (hidden * weights).sum(1) / weights.sum(1) if reading == "mean" else hidden[:, 0]
    return torch.nn.functional.layer_norm(pooled, pooled.shape[-1:], eps=1e-12)


def _load_ngrams(folder: Path) -> Callable[[Sequence[str]], torch.Tensor]:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    values = {name: v.numpy() for name, v in load_file(folder / "ngrams.safetensors").items()}
    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=2**18, alternate_sign=False, norm=None
    )

    def logits(texts: Sequence[str]) -> torch.Tensor:
        counts = hashing.transform(texts)[:, values["buckets"]]
        counts.data = 1 + torch.log(torch.from_numpy(counts.data)).numpy()
        rows = normalize(counts.multiply(values["rarity"]).tocsr())
        return torch.from_numpy(rows @ values["weight"] + values["bias"]).float()

    return logits
