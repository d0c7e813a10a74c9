"""The model card: what the model is, what it scores and on how many labels, how to load it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class CardFacts:
    """What the card tells besides what the model's own files say.

    label_names: in the order of the label map. metrics: by split, Metrics.to_json().
    """

    project: str
    version: int
    kind: str
    base_model: str
    label_names: Sequence[str]
    metrics: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None


def write_card(
    facts: CardFacts,
    *,
    label_map: Sequence[str],
    ways: tuple[bool, bool],
    max_length: int,
    links: str = "whole",
) -> str:
    """README.md's text. ways: whether AutoModelForSequenceClassification, and load.py, load it.

    links: short or whole (trainer.links).
    """
    when = "" if facts.created_at is None else f", trained {facts.created_at:%Y-%m-%d}"
    labels = [
        f"| {index} | {_cell(value)} | {_cell(name)} |"
        for index, (value, name) in enumerate(zip(label_map, facts.label_names, strict=True))
    ]
    parts = [
        "---",
        "pipeline_tag: text-classification",
        "library_name: transformers",
        f"base_model: {json.dumps(facts.base_model)}",
        "---",
        f"# {_cell(facts.project)}, version {facts.version}",
        "",
        f"A {facts.kind.replace('_', '-')} text classifier on `{facts.base_model}`{when}, "
        "made with Relabel.",
        "",
        "| id | value | label |",
        "|---|---|---|",
        *labels,
        "",
        "## Scores",
        "",
        *_scores(facts),
        "",
        "## How to load it",
        "",
        *_loading(*ways),
        "",
        f"Texts are cut after {max_length} tokens. The probabilities are calibrated: the "
        "temperature fitted on validation is part of the weights.",
        *([_SHORT_LINKS] if links == "short" else []),
        "",
        "## Limits",
        "",
        "It was judged on texts like those it was trained on. Other topics, languages, years or "
        "kinds of text may be classified much worse, and the scores above say nothing of them.",
        "",
    ]
    return "\n".join(parts)


def _scores(facts: CardFacts) -> list[str]:
    if not facts.metrics:
        return ["It has not been scored on labelled texts."]
    rows = [
        "| split | labels | macro-F1 (95% interval) | accuracy | ECE |",
        "|---|---|---|---|---|",
    ]
    for split, scores in facts.metrics.items():
        interval = (scores.get("intervals") or {}).get("macro_f1")
        sure = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        rows.append(
            f"| {_cell(split)} | {scores['n']:,} | {scores['macro_f1']:.3f}{sure} "
            f"| {scores['accuracy']:.3f} | {scores['ece']:.3f} |"
        )
    rows += ["", "Validation chose the epoch and the temperature; test only reports."]
    methods = {s.get("split_method") for s in facts.metrics.values()} - {None, ""}
    rows += [f"Splits: {_cell(method)}." for method in sorted(map(str, methods))]
    return rows


def _cell(value: object) -> str:
    """Text that cannot break out of a table or start other Markdown or HTML."""
    text = " ".join(str(value).split())
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text


_SHORT_LINKS = (
    "Twitter's links (`https://t.co/...`) are the one word `http` to the encoder: the tokenizer in "
    "this folder sees to it."
)
_PLAIN = [
    "```python",
    "import torch",
    "from transformers import AutoModelForSequenceClassification, AutoTokenizer",
    "",
    'folder = "."  # where this file lies',
    "tokenizer = AutoTokenizer.from_pretrained(folder)",
    "model = AutoModelForSequenceClassification.from_pretrained(folder).eval()",
    'batch = tokenizer(["some text"], truncation=True, padding=True, return_tensors="pt")',
    "with torch.no_grad():",
    "    print(model(**batch).logits.softmax(-1))",
    "```",
]
_WHOLE = [
    "`AutoModelForSequenceClassification` cannot express all of this classifier; the folder brings",
    "its own short loader, `load.py`, that needs torch, transformers and safetensors (and",
    "scikit-learn where there is `ngrams.safetensors`). The scores above are those of the whole:",
    "",
    "```python",
    "from load import load",
    "",
    'probabilities = load(".")(["some text"])  # (n, labels)',
    "```",
]
_PART = [
    "",
    "transformers alone loads the part without character n-grams. It is a classifier of its own",
    "right, with its own temperature, and weaker: some of its answers differ.",
    "",
]


def _loading(plain: bool, whole: bool) -> list[str]:
    """How to load it. plain: transformers can; whole: load.py is there."""
    if plain and whole:
        return [*_WHOLE, *_PART, *_PLAIN]
    return _PLAIN if plain else _WHOLE
