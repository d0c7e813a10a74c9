"""Fine-tuning: the encoder learns too. Puts data, network and loop together."""

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from trainer.architectures import width_of
from trainer.base_model import BaseModel, find_base_model
from trainer.batching import TokenIds, longest_allowed, run_over, tokenise
from trainer.calibration import softmax
from trainer.callbacks import Callbacks
from trainer.checkpoints import Checkpoints
from trainer.config import TrainConfig
from trainer.data import Example, label_indices, of_split
from trainer.durable import write_json
from trainer.eight_bit import EIGHT_BIT_FILE, Ranges, save_ranges
from trainer.families import load_encoder, load_tokenizer, round_to_bf16
from trainer.heads import HeadShape, save_head, weigh
from trainer.joining import join_ngrams
from trainer.loop import Fitted, Loop, TrainingSet, Validation
from trainer.memory import give_back
from trainer.metrics import evaluate
from trainer.model_files import TOKENIZER_FILES
from trainer.network import TextClassifier, batch_of, build_classifier, reading_of
from trainer.ngrams import NGRAMS_FILE
from trainer.precision import device, limit_threads, uses_bf16
from trainer.predict import Classifier, ClassifierFacts, ready
from trainer.ranges import MOST_JUDGED, find_ranges
from trainer.starting import Start, start_weights, with_start
from trainer.teaching import Taught, teach

LABELS_TO_CHOOSE = 25  # validation labels a class from which on they choose the epoch
KNOWN_SHARE = 0.1  # of the loss, for labelled tweets among lessons enough
LESSONS_A_LABEL = 1000  # from so many on a lesson may weigh as much as a labelled tweet


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned network, exact (float32), and as a classifier without temperature.

    ranges: of what its products are given, where they may be of eight bits once it is in use.
    """

    network: TextClassifier
    base: BaseModel
    classifier: Classifier
    fitted: Fitted
    ranges: Ranges

    @property
    def best_epoch(self) -> float:
        """The epoch whose weights were kept."""
        return self.fitted.best_epoch

    @property
    def tweets_per_second(self) -> float:
        """Training speed, validations not counted."""
        return self.fitted.tweets_per_second

    @property
    def cancelled(self) -> bool:
        """Whether somebody stopped the training early."""
        return self.fitted.cancelled

    @property
    def compiled(self) -> bool:
        """Whether the encoder's layers were compiled for the training."""
        return self.fitted.compiled

    def write(self, directory: Path) -> None:
        """Write encoder, tokenizer and head as plain files that carry no code."""
        weights = {k: v.contiguous() for k, v in self.network.encoder.state_dict().items()}
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
        config = {k: v for k, v in self.base.config.items() if k != "_name_or_path"}
        write_json(directory / "config.json", config)
        for name in TOKENIZER_FILES:
            if (self.base.directory / name).is_file():
                shutil.copyfile(self.base.directory / name, directory / name)
        save_head(self.network.head, directory / "head.safetensors")
        if self.classifier.ngrams is not None:
            self.classifier.ngrams.save(directory / NGRAMS_FILE)
        if self.ranges:
            save_ranges(self.ranges, directory / EIGHT_BIT_FILE)


def fine_tune(
    examples: Sequence[Example],
    label_map: list[str],
    config: TrainConfig,
    *,
    work: Path,
    cache: Path,
    callbacks: Callbacks,
    texts: Sequence[str] = (),
    start: Start | None = None,
) -> FineTuned:
    """Train encoder and head; resumes from the last complete checkpoint in `work`.

    texts: unlabelled tweets, learnt from while labels are few (trainer.teaching). Raises
    BaseModelError, ConfigError, ArtifactError, or Cancelled before the first validation.
    """
    limit_threads(config.threads)
    training, validation = of_split(examples, "train"), of_split(examples, "validation")
    base = find_base_model(config.base_model)
    tokenizer = load_tokenizer(base.directory, base.config, links=config.links)
    limit = longest_allowed(base.config, config.max_length)
    network = _new_network(base, config, len(label_map), start)
    if uses_bf16(config.precision):
        round_to_bf16(network.encoder)
    network.to(device())
    taught = teach(training, label_map, config, texts, cache=cache, callbacks=callbacks)
    data = training_set(training, label_map, config, tokenizer=tokenizer, max_length=limit)
    if taught is not None:
        data = with_lessons(data, taught, tokenizer=tokenizer, max_length=limit)
    validation_ids = tokenise(tokenizer, [e.text for e in validation], limit)

    @torch.inference_mode()
    def compute(rows: list[TokenIds]) -> torch.Tensor:
        logits: torch.Tensor = network(batch_of(network.encoder, rows, data.pad_id))
        return logits

    def validate() -> Validation | None:
        if not validation:
            return None
        logits = run_over(validation_ids, compute, width=len(label_map))
        return score(logits, validation, label_map)

    lessons = [] if taught is None else taught.texts
    digest = fingerprint(config, base, label_map, [*training, *validation], lessons)
    checkpoints = Checkpoints(work / "checkpoints", with_start(digest, start))
    fitted = Loop(
        network, data, config, validate=validate, checkpoints=checkpoints, callbacks=callbacks
    ).run()
    give_back()  # the optimiser's and the last batches' memory, before the tweets are predicted
    exact = _new_network(base, config, len(label_map), start).eval()
    exact.load_state_dict(fitted.weights, strict=False)
    quick = copy.deepcopy(exact)  # may be rounded; the exact one is written
    quick.encoder.set_attn_implementation("sdpa")  # type: ignore[operator]
    ready(quick, config.precision)
    facts = _facts(base, label_map, config)
    classifier = Classifier(facts, quick.head, network=quick, tokenizer=tokenizer, compiled="no")
    if config.joins_ngrams and taught is None:  # a teacher has told what n-grams know
        join_ngrams(classifier, training, validation, config)
    unseen = validation_ids
    if len(unseen) < MOST_JUDGED:
        unseen = unseen + tokenise(tokenizer, _unlearnt(texts, lessons), limit)
    ranges = find_ranges(quick, data.ids, unseen, pad_id=data.pad_id)
    return FineTuned(exact, base, classifier, fitted, ranges)


def training_set(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    tokenizer: Any,
    max_length: int,
) -> TrainingSet:
    """Tokenise; tweets of the same tokens and label become one row that weighs as much as they.

    Retweets make some 10% of a corpus repeat token for token, and gold labels spread to all copies.
    """
    ids = tokenise(tokenizer, [example.text for example in examples], max_length)
    place: dict[tuple[tuple[int, ...], str], int] = {}
    rows = np.array(
        [
            place.setdefault((tuple(tokens), example.label), len(place))
            for tokens, example in zip(ids, examples, strict=True)
        ]
    )
    each = loss_weights(examples, label_map, config).numpy()
    weights = torch.from_numpy(np.bincount(rows, weights=each).astype(np.float32))
    return TrainingSet(
        ids=[list(tokens) for tokens, _ in place],
        targets=torch.tensor([list(label_map).index(label) for _, label in place]),
        weights=weights / weights.mean().clamp(min=1e-12),
        counts=np.bincount(rows),
        pad_id=tokenizer.pad_token_id,
    )


def with_lessons(
    data: TrainingSet, taught: Taught, *, tokenizer: Any, max_length: int
) -> TrainingSet:
    """Add texts whose labels are only believed; labelled tweets weigh their `known_share`."""
    believed = torch.from_numpy(taught.probabilities)
    known = torch.nn.functional.one_hot(data.targets, believed.shape[1]).float()
    count, lessons = len(data.ids), len(taught.texts)
    share = known_share(count, lessons)
    weights = torch.cat(
        [data.weights * (share / count), torch.full((lessons,), (1 - share) / lessons)]
    )
    return TrainingSet(
        ids=[*data.ids, *tokenise(tokenizer, taught.texts, max_length)],
        targets=torch.cat([known, believed]),
        weights=weights * (count + lessons),
        counts=np.concatenate([data.counts, np.ones(lessons, dtype=np.int64)]),
        pad_id=data.pad_id,
    )


def known_share(labelled: int, lessons: int) -> float:
    """Labelled tweets' share of the loss among lessons.

    A few lessons teach nothing, and must not be all that is listened to: each weighs at most as
    many labelled tweets as there are thousands of them.
    """
    return max(KNOWN_SHARE, labelled / (labelled + lessons * (lessons / LESSONS_A_LABEL)))


def score(
    logits: np.ndarray[Any, Any], examples: Sequence[Example], label_map: Sequence[str]
) -> Validation:
    """Metrics of logits on examples, without intervals; macro-F1 chooses the best epoch.

    With fewer than LABELS_TO_CHOOSE a class a choice would be luck.
    """
    metrics = evaluate(
        softmax(logits),
        [example.label for example in examples],
        label_map,
        groups=[example.group for example in examples],
        split="validation",
        resamples=0,
    )
    enough = len(examples) >= LABELS_TO_CHOOSE * len(label_map)
    found = {**metrics.to_json(), "loss": metrics.log_loss}
    return Validation(found, metrics.macro_f1 if enough else None)


def loss_weights(
    examples: Sequence[Example], label_map: Sequence[str], config: TrainConfig
) -> torch.Tensor:
    """Each example's weight in the loss (n,), its own times its label's; mean 1."""
    indices = label_indices(examples, label_map)
    own = [example.weight for example in examples]
    return weigh(own, indices, len(label_map), config.class_weights)


def fingerprint(
    config: TrainConfig,
    base: BaseModel,
    label_map: Sequence[str],
    examples: Sequence[Example],
    texts: Sequence[str] = (),
) -> str:
    """Digest of everything that the trained weights follow from."""
    speed = ("threads", "compiled")
    settings = {name: value for name, value in config.to_json().items() if name not in speed}
    told = [json.dumps(settings, sort_keys=True), base.sha256, json.dumps(list(label_map))]
    told += [json.dumps([e.text, e.label, e.split, e.weight]) for e in examples]
    told += [json.dumps(text) for text in texts]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _unlearnt(texts: Sequence[str], lessons: Sequence[str]) -> list[str]:
    """A few unlabelled texts that were no lessons."""
    taught = set(lessons)
    return [text for text in dict.fromkeys(texts) if text not in taught][:MOST_JUDGED]


def _new_network(
    base: BaseModel, config: TrainConfig, labels: int, start: Start | None
) -> TextClassifier:
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    torch.manual_seed(config.seed)  # a pooler that the base model lacks is drawn at random
    encoder = load_encoder(base.directory, base.config, dropout=config.dropout, attention=attention)
    network = build_classifier(encoder, config, labels)
    if start is not None:
        start_weights(network, start, base_sha256=base.sha256)
    return network


def _facts(base: BaseModel, label_map: list[str], config: TrainConfig) -> ClassifierFacts:
    return ClassifierFacts(
        kind=config.kind,
        label_map=label_map,
        temperature=1.0,
        base_model=config.base_model,
        base_sha256=base.sha256,
        reading=reading_of(config, base.config),
        max_length=longest_allowed(base.config, config.max_length),
        head=HeadShape.from_config(config, width=width_of(base.config), labels=len(label_map)),
        config=config.to_json(),
    )
