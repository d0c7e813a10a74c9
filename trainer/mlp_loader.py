"""Loads a packaged classifier with an MLP head; stands alone beside the model's files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

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

    @torch.no_grad()
    def probabilities(texts: Sequence[str]) -> torch.Tensor:
        batch = tokenizer(list(texts), truncation=True, padding=True, return_tensors="pt")
        outputs = encoder(**batch)
        hidden, mask = outputs.last_hidden_state, batch["attention_mask"].unsqueeze(-1)
        if facts["reading"] == "pooler":
            vectors = outputs.pooler_output
        else:
            mean = (hidden * mask).sum(1) / mask.sum(1)
            pooled = mean if facts["reading"] == "mean" else hidden[:, 0]
            vectors = torch.nn.functional.layer_norm(pooled, pooled.shape[-1:], eps=1e-12)
        for layer in layers:
            vectors = vectors @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
            if layer != layers[-1]:
                vectors = activation(vectors)
        return torch.softmax(vectors / facts["temperature"], dim=-1)

    return probabilities
