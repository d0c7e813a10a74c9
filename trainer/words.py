"""Words before any text: what BERT's first layer makes of a word at its place, computed once.

A word's embedding, and its query, key and value in the first layer, hang on the word and its place
alone, and tweets share words: of 2,000 tweets' 54,000 tokens two fifths are distinct so.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.batching import TOKENS, TokenIds
from trainer.bert_layers import embedded
from trainer.fused import FusedLayer
from trainer.packing import Packed, pack_words, words_of
from trainer.side_by_side import side_by_side

FEWEST_TOKENS = 4 * TOKENS  # of all texts together, from which on it pays
MOST_DISTINCT = 0.75  # of the tokens, up to which it pays
Keys = NDArray[np.int64]  # of words at places, in order


class KnownWords:
    """The first layer for texts whose words are known: a batch to its states (rows, width)."""

    def __init__(self, encoder: Any, layer: FusedLayer, keys: Keys, most_places: int) -> None:
        """Embed and project each word at its place, side by side."""
        self._layer, self._keys, self._most_places = layer, keys, most_places
        width: int = encoder.config.hidden_size
        self._states = torch.empty(len(keys), width, dtype=layer.dtype)
        self._projected = torch.empty(len(keys), 3 * width, dtype=layer.dtype)

        @torch.inference_mode()
        def compute(part: slice) -> None:
            words = pack_words(*np.divmod(keys[part], most_places))
            states = embedded(encoder, words).to(layer.dtype)
            count = len(keys[part])
            self._states[part] = states[:count]
            self._projected[part] = layer.project(states)[:count]

        parts = [slice(start, start + TOKENS) for start in range(0, len(keys), TOKENS)]
        with closing(side_by_side(compute, parts)) as computed:
            for _ in computed:
                pass

    def __call__(self, batch: Packed) -> torch.Tensor:
        """The first layer's states, attention within each text."""
        found = np.searchsorted(self._keys, _keys(batch.ids, batch.places, self._most_places))
        rows = torch.from_numpy(found)
        projected = self._projected.index_select(0, rows)  # quicker than [rows]
        return self._layer.attended(projected, self._states.index_select(0, rows), batch.texts)


def know_words(
    encoder: Any, layers: Sequence[Any] | None, texts: Sequence[TokenIds]
) -> KnownWords | None:
    """The first layer for batches of these texts, or None where computing it anew is as quick.

    layers: the encoder's as trainer.fused has them.
    """
    tokens = sum(map(len, texts))
    if not layers or len(layers) < 2 or tokens < FEWEST_TOKENS:
        return None
    most_places = max(map(len, texts))
    filler = [0]  # rows that belong to no text
    keys = np.unique(np.concatenate([_keys(*words_of(texts), most_places), filler]))
    if len(keys) > MOST_DISTINCT * tokens:
        return None
    return KnownWords(encoder, layers[0], keys, most_places)


def _keys(ids: Any, places: Any, most_places: int) -> Keys:
    keys: Keys = np.asarray(ids) * most_places + np.asarray(places)
    return keys
