"""How the kinds of encoder differ: names of sizes, tensors, layers and dropouts. Plain facts.

Everything else in this program asks here instead of naming a kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """The facts of one model type; the defaults are BERT's.

    width, depth, heads, inner: what config.json calls these sizes. narrow: what it calls the
    width of the embeddings where that is another one. words, positions: ending of these tables'
    names in the weights; positions None: rotated, not looked up. top: ending of the name of a
    layer's first feed-forward matrix; gated: whether that matrix holds a gate, too. layers: path
    of the list of layers. dropouts: config.json's names of the dropouts inside the encoder.
    after_padding: whether positions are counted from the one behind the padding token's number.
    pooler: whether there is one.
    """

    width: str = "hidden_size"
    depth: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    inner: str = "intermediate_size"
    narrow: str | None = None
    type_rows: str | None = "type_vocab_size"
    words: str = "embeddings.word_embeddings.weight"
    positions: str | None = "embeddings.position_embeddings.weight"
    top: str = "encoder.layer.{}.intermediate.dense.weight"
    gated: bool = False
    layers: str = "encoder.layer"
    dropouts: tuple[str, ...] = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    after_padding: bool = False
    pooler: bool = True


ARCHITECTURES = {
    "bert": Architecture(),
    "roberta": Architecture(after_padding=True),  # BERTweet, too
    "xlm-roberta": Architecture(after_padding=True),
    "electra": Architecture(narrow="embedding_size", pooler=False),
    "distilbert": Architecture(
        width="dim",
        depth="n_layers",
        heads="n_heads",
        inner="hidden_dim",
        type_rows=None,
        top="transformer.layer.{}.ffn.lin1.weight",
        layers="transformer.layer",
        dropouts=("dropout", "attention_dropout"),
        pooler=False,
    ),
    "modernbert": Architecture(
        type_rows=None,
        words="embeddings.tok_embeddings.weight",
        positions=None,
        top="layers.{}.mlp.Wi.weight",
        gated=True,
        layers="layers",
        dropouts=("embedding_dropout", "attention_dropout", "mlp_dropout"),
        pooler=False,
    ),
}
MODEL_TYPES = tuple(ARCHITECTURES)


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """The facts about a checked configuration's model type."""
    return ARCHITECTURES[config["model_type"]]


def reserved_in(config: Mapping[str, Any]) -> int:
    """Positions that hold no token, of a checked configuration."""
    if not architecture_of(config).after_padding:
        return 0
    padding = config.get("pad_token_id")
    return (1 if padding is None else int(padding)) + 1  # 1 where transformers is told nothing


def kind_of(encoder: Any) -> Architecture:
    """The facts about a loaded encoder."""
    return ARCHITECTURES[encoder.config.model_type]


def first_position(encoder: Any) -> int:
    """The position of a text's first token, of a loaded encoder."""
    return encoder.config.pad_token_id + 1 if kind_of(encoder).after_padding else 0


def width_of(config: Mapping[str, Any]) -> int:
    """Coordinates of a token's state."""
    return int(config[architecture_of(config).width])


def layers_of(encoder: Any) -> list[Any]:
    """An encoder's layers, from the words up."""
    return list(attrgetter(ARCHITECTURES[encoder.config.model_type].layers)(encoder))
