"""Which products of a network may be computed in eight-bit integers, and the ranges they need.

What that does to the probabilities hangs on the model: an early layer's products may move them
several times as far as one of the last, and those that narrow more than the rest. So they are taken
from the last layer on, as many as together move probabilities by no more than MOST_MOVED, before
n-grams and temperature.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.batching import TokenIds, run_over
from trainer.calibration import softmax
from trainer.eight_bit import Place, Range, Ranges
from trainer.fused import FirstTokenLayer, FusedLayer, Product, fused_layers
from trainer.network import TextClassifier, batch_of
from trainer.precision import gains_from_eight_bits

MOST_MOVED = 0.005  # of a text's probability that moves furthest, in the mean over the texts
FEWEST, MOST = 100, 512  # texts to take ranges from
FEWEST_JUDGED, MOST_JUDGED = 50, 192  # texts that tell what products move
LATER = {"project": 0, "mix": 0, "widen": 0, "narrow": 2}  # layers by which a turn is later
Array = NDArray[np.float64]


def find_ranges(
    network: TextClassifier,
    rows: Sequence[TokenIds],
    judged: Sequence[TokenIds],
    *,
    pad_id: int,
) -> Ranges:
    """The ranges of what the products are given that shall be of eight bits; none without a gain.

    network: as `predict.ready` leaves it, in bfloat16. rows: tokens of texts like those that are to
    be predicted. judged: of texts that it has not learnt from, since of those it is too sure for
    anything to move. With fewer than FEWEST of the ones or FEWEST_JUDGED of the others, distinct,
    none are found.
    """
    layers: Any = network.layers
    rows, judged = _distinct(rows, MOST), _distinct(judged, MOST_JUDGED)
    if len(rows) < FEWEST or len(judged) < FEWEST_JUDGED:
        return {}
    if not layers or layers[0].dtype != torch.bfloat16 or not gains_from_eight_bits():
        return {}
    try:
        return _found(_Trials(network, rows, judged, pad_id))
    finally:
        network.layers = layers


def _distinct(rows: Sequence[TokenIds], most: int) -> list[TokenIds]:
    """At most so many different ones, from all over."""
    found = [list(tokens) for tokens in dict.fromkeys(map(tuple, rows))]
    count = min(most, len(found))
    return [found[number * len(found) // count] for number in range(count)]


def in_turn(places: Iterable[Place]) -> list[Place]:
    """Products in the order in which they are taken, the most harmless first."""
    order = list(LATER)
    return sorted(places, key=lambda place: (LATER[place[1]] - place[0], order.index(place[1])))


def _found(trials: "_Trials") -> Ranges:
    ranges = trials.ranges()
    before = trials.probabilities({})
    places = in_turn(ranges)

    def moved(count: int) -> float:
        """How far the first products move probabilities."""
        after = trials.probabilities({place: ranges[place] for place in places[:count]})
        move = float(np.abs(after - before).max(axis=1).mean())
        return move if np.isfinite(move) else np.inf

    count = bisect_right(range(1, len(places) + 1), MOST_MOVED, key=moved)
    return {place: ranges[place] for place in places[:count]}


class _Trials:
    """The network on some texts, with this or that product in eight bits."""

    def __init__(
        self,
        network: TextClassifier,
        watched: list[TokenIds],
        judged: list[TokenIds],
        pad_id: int,
    ) -> None:
        self._network, self._pad_id = network, pad_id
        self._watched, self._judged = watched, judged

    def ranges(self) -> dict[Place, Range]:
        """What the products are given that might be of eight bits."""
        layers = self._layers({})
        watches = {
            (number, name): _Watch(layer.products[name], by_column=name != "narrow")
            for number, layer in enumerate(layers)
            if not isinstance(layer, FirstTokenLayer)
            for name in LATER
            if (number, name) != (0, "project")  # computed once for a word (trainer.words)
        }
        for (number, name), watch in watches.items():
            layers[number].products[name] = watch
        self._logits(layers, self._watched)
        return {place: watch.range for place, watch in watches.items()}

    def probabilities(self, eight_bit: Ranges) -> Array:
        """Of the judged texts (n, K), with these products of eight bits."""
        return softmax(self._logits(self._layers(eight_bit), self._judged))

    def _layers(self, eight_bit: Ranges) -> list[FusedLayer]:
        network = self._network
        layers = fused_layers(
            network.encoder,
            torch.bfloat16,
            first_alone=network.reading != "mean",
            eight_bit=eight_bit,
        )
        return layers or []

    def _logits(self, layers: list[FusedLayer], rows: list[TokenIds]) -> NDArray[np.float32]:
        network = self._network
        network.layers = layers

        @torch.inference_mode()
        def compute(batch: list[TokenIds]) -> torch.Tensor:
            logits: torch.Tensor = network(batch_of(network.encoder, batch, self._pad_id))
            return logits

        return run_over(rows, compute, width=network.labels)


class _Watch:
    """A product that notes what it is given; by any number of threads."""

    def __init__(self, product: Product, *, by_column: bool) -> None:
        self._product, self._by_column = product, by_column
        self._lock = threading.Lock()
        self._seen: list[Range] = []
        self._rows: list[int] = []

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        lowest, highest = states.float().aminmax(dim=0)
        if not self._by_column:
            lowest, highest = lowest.min()[None], highest.max()[None]
        mean = states.float().mean(0)
        with self._lock:
            self._seen.append(Range(lowest, highest, mean))
            self._rows.append(len(states))
        return self._product(states)

    @property
    def range(self) -> Range:
        """Of all that it was given."""
        lowest = torch.stack([some.lowest for some in self._seen]).amin(0)
        highest = torch.stack([some.highest for some in self._seen]).amax(0)
        means = torch.stack([some.mean for some in self._seen])
        weights = torch.tensor(self._rows, dtype=torch.float64)[:, None]
        return Range(lowest, highest, ((means * weights).sum(0) / weights.sum()).float())
