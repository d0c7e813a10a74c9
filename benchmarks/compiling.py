"""What compiling an encoder's layers (torch.compile) gains, and what it costs, by kind of encoder.

    python -m benchmarks.compiling DATA.csv [--limit 400] [--rounds 6] [--out FILE]

Encoders of the bundled model's size and tokenizer, with random weights: BERT's layers as
trainer.bert_layers computes them, as transformers does, and compiled; DistilBERT's and
ModernBERT's as transformers does, and compiled. The ways take turns on the same batches of like
length, predicting and learning (gradients of all but the embeddings). Prints one JSON object:
tweets a second, the gain over transformers' own, and the seconds that compiling took.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.corpus import read_examples
from trainer.architectures import ARCHITECTURES
from trainer.base_model import find_base_model
from trainer.batching import TokenIds, pad, prediction_batches, tokenise
from trainer.bert_layers import can_compute, encoder_states
from trainer.compiling import compile_layers, has_compiler, seconds_of, use
from trainer.config import BUNDLED_BASE_MODEL, TrainConfig
from trainer.families import FAMILIES, load_tokenizer, round_to_bf16
from trainer.packing import first_rows, pack
from trainer.precision import device, gains_from_bf16

WIDTH, DEPTH, HEADS, INNER, LABELS = 384, 6, 12, 1536, 4
SIZES: dict[str, dict[str, Any]] = {
    "bert": {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
    },
    "distilbert": {"dim": WIDTH, "n_layers": DEPTH, "n_heads": HEADS, "hidden_dim": INNER},
    "modernbert": {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER * 2 // 3,  # gated: a third more weights each
        "pad_token_id": 0,
    },
}
Batches = list[list[TokenIds]]
States = Callable[[Any, list[TokenIds]], torch.Tensor]  # of each text's first token (n, width)


def by_transformers(encoder: Any, rows: list[TokenIds]) -> torch.Tensor:
    """The last layer's states, by the encoder's own code."""
    batch = pad(rows, 0).to(device())
    states: torch.Tensor = encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    return states[:, 0]


def by_bert_layers(encoder: Any, rows: list[TokenIds]) -> torch.Tensor:
    """The last layer's states, by trainer.bert_layers."""
    batch = pack(rows)
    return first_rows(encoder_states(encoder, batch), batch.texts)


def new_encoder(kind: str) -> Any:
    """An encoder with random weights and no dropout, in bfloat16 where that is faster."""
    torch.manual_seed(0)
    still = dict.fromkeys(ARCHITECTURES[kind].dropouts, 0.0)
    config = FAMILIES[kind].config(vocab_size=30522, **SIZES[kind], **still)
    encoder = FAMILIES[kind].encoder(config)
    if gains_from_bf16():
        round_to_bf16(encoder)
    return encoder.to(device())


def predicting(encoder: Any, batches: Batches, states: States) -> Callable[[], None]:
    """Compute all batches' states."""

    def work() -> None:
        encoder.eval()
        with torch.inference_mode():
            for batch in batches:
                states(encoder, batch)

    return work


def learning(encoder: Any, batches: Batches, states: States) -> Callable[[], None]:
    """Compute all batches' gradients of a linear head on the first token."""
    if device().type == "cpu":
        encoder.set_attn_implementation("eager")  # as trainer.finetune does
    encoder.embeddings.requires_grad_(False)
    head = torch.ones(LABELS, WIDTH, device=device())
    used: list[torch.Tensor] = []

    def work() -> None:
        encoder.train()
        weights = [weight for weight in encoder.parameters() if weight.requires_grad]
        for batch in batches:
            logits = functional.linear(states(encoder, batch).float(), head)
            wanted = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
            loss = functional.cross_entropy(logits, wanted)
            used[:] = [
                gradient
                for gradient in torch.autograd.grad(loss, weights, allow_unused=True)
                if gradient is not None
            ]

    return work


def measured(
    encoder: Any, works: dict[str, Callable[[], None]], *, rounds: int, tweets: int
) -> dict[str, Any]:
    """Tweets a second of each way, over rounds in turns; the first of each is not counted."""
    use(encoder, None)
    code = compile_layers(encoder)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            use(encoder, code if name == "compiled" else None)
            seconds[name].append(seconds_of(work))
    totals = {name: sum(taken[1:]) for name, taken in seconds.items()}
    return {
        "tweets_per_second": {n: round(rounds * tweets / taken, 1) for n, taken in totals.items()},
        "gain_over_transformers": {
            name: round(totals["transformers"] / taken, 2) for name, taken in totals.items()
        },
        "seconds_to_compile": round(seconds["compiled"][0] - min(seconds["compiled"][1:]), 1),
    }


def report(texts: list[str], *, rounds: int) -> dict[str, Any]:
    """Every kind, predicting and learning."""
    base = find_base_model(BUNDLED_BASE_MODEL)
    ids = tokenise(load_tokenizer(base.directory, base.config), texts, TrainConfig().max_length)
    found: dict[str, Any] = {}
    for kind in SIZES:
        encoder = new_encoder(kind)
        batches = [
            [ids[place] for place in positions]
            for positions in prediction_batches([len(row) for row in ids])
        ]
        ways = {"transformers": by_transformers, "compiled": by_transformers}
        if can_compute(encoder):
            ways["trainer.bert_layers"] = by_bert_layers
        found[kind] = {
            name: measured(
                encoder,
                {way: task(encoder, batches, states) for way, states in ways.items()},
                rounds=rounds,
                tweets=len(ids),
            )
            for name, task in (("predicting", predicting), ("learning", learning))
        }
    return found


def main() -> None:
    """Measure every kind, predicting and learning."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--text-column", default="message")
    parser.add_argument("--label-column", default="sentiment")
    parser.add_argument("--limit", type=int, default=400, help="tweets a round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not has_compiler():
        parser.error("there is no compiler: install g++ (for a GPU: triton), then try again")
    examples, _ = read_examples(
        arguments.data,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        limit=arguments.limit,
    )
    found = {
        "torch": torch.__version__,
        "device": str(device()),
        "threads": torch.get_num_threads(),
        "bf16": gains_from_bf16(),
        "tweets": len(examples),
        **report([example.text for example in examples], rounds=arguments.rounds),
    }
    told = json.dumps(found, indent=1)
    if arguments.out:
        arguments.out.write_text(told + "\n")
    print(told)


if __name__ == "__main__":
    main()
