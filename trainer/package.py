"""A model version as a plain folder for people who have transformers and not this program."""

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trainer import packaged_loader
from trainer.artifacts import FACTS
from trainer.card import CardFacts, write_card
from trainer.conversion import adds_layer, as_sequence_classifier
from trainer.durable import place_directory, write_json
from trainer.errors import ArtifactError
from trainer.frozen import PLAIN_HEAD
from trainer.heads import load_head, save_head
from trainer.model_files import BPE_CODES
from trainer.ngrams import NGRAMS_FILE
from trainer.predict import Classifier, ClassifierFacts, facts_to_json, load_classifier
from trainer.quiet import quiet_transformers

__all__ = ["CardFacts", "PackageReport", "package"]

Load = Callable[[Path], Callable[[Sequence[str]], torch.Tensor]]
TOLERANCE = 1e-3  # of a probability
PROBES = (  # what the package is tried on before it is handed out
    "Climate change is real, and it is happening now.",
    "RT @someone: what a load of nonsense… https://t.co/abc",
    "new study: seas rise faster than thought",
    "no",
    "🌍 " * 30,
)


@dataclass(frozen=True)
class PackageReport:
    """What was written.

    loader: what gives this program's own answers, transformers (AutoModelForSequenceClassification)
    or load.py. plain: whether transformers loads the folder as a classifier at all; where loader is
    load.py that one lacks the n-grams. largest_difference: between its probabilities and this
    program's, on a few sentences.
    """

    loader: str
    plain: bool
    largest_difference: float
    files: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def package(
    directory: Path, out: Path, *, card: CardFacts, manifest_sha256: str | None = None
) -> PackageReport:
    """Write the model in `directory` as a folder `out` that transformers loads.

    Linear heads become AutoModelForSequenceClassification, temperature included; an MLP head
    cannot, and gets an encoder that AutoModel loads, its head, and a short loader, load.py.
    Where n-grams are part of the classifier, transformers loads what there is without them, and
    load.py the whole. The folder is loaded back and tried before it appears under its name.
    Raises ArtifactError for a damaged model, or an `out` that already holds something.
    """
    classifier = load_classifier(directory, manifest_sha256=manifest_sha256, precision="fp32")
    if out.resolve() == Path.cwd():
        raise ArtifactError(f"{out} is the folder that this runs in; name a new one")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArtifactError(f"{out} exists and is not empty; name a new directory")
    plain = classifier.facts.head.is_linear
    whole = not plain or classifier.ngrams is not None
    difference = 0.0

    def fill(folder: Path) -> None:
        nonlocal difference
        with quiet_transformers():
            if plain:
                _write_plain(classifier, directory, folder, card)
            if whole:
                _write_whole(classifier, directory, folder, plain=plain)
            difference = _tried(classifier, folder, _load_whole if whole else _load_plain)
        text = write_card(
            card,
            label_map=classifier.label_map,
            ways=(plain, whole),
            max_length=classifier.facts.max_length,
            links=classifier.facts.links if classifier.parts()[1].is_fast else "whole",
        )
        (folder / "README.md").write_text(text, encoding="utf-8")

    place_directory(out.absolute(), fill, faults="package_")
    return PackageReport(
        loader="load.py" if whole else "transformers",
        plain=plain,
        largest_difference=difference,
        files=sorted(path.name for path in out.iterdir()),
    )


def _write_plain(classifier: Classifier, model: Path, folder: Path, card: CardFacts) -> None:
    facts = classifier.facts
    head, temperature = classifier.head, classifier.temperature
    if classifier.ngrams is not None:
        temperature = facts.plain_temperature
        if (model / PLAIN_HEAD).exists():
            head = load_head(model / PLAIN_HEAD, facts.head)
    encoder, tokenizer = classifier.parts()
    names = list(card.label_names)
    if len(set(names)) != len(names):  # label2id could not tell them apart
        names = list(classifier.label_map)
    written = as_sequence_classifier(
        encoder,
        head,
        facts.reading,
        temperature=temperature,
        label_names=names,
        facts={"label_values": classifier.label_map, "kind": classifier.kind},
    )
    written.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder, classifier.facts)


def _write_whole(classifier: Classifier, model: Path, folder: Path, *, plain: bool) -> None:
    """Write what load.py needs; the encoder is there already where the folder is plain, too."""
    facts = classifier.facts
    if not plain:
        encoder, tokenizer = classifier.parts()
        encoder.save_pretrained(folder)
        _save_tokenizer(tokenizer, folder, facts)
    elif facts.reading != "pooler" and adds_layer(classifier.parts()[0]):
        facts = replace(facts, reading="first")  # the added layer pools and normalises
    save_head(classifier.head, folder / "head.safetensors")
    if classifier.ngrams is not None:
        shutil.copyfile(model / NGRAMS_FILE, folder / NGRAMS_FILE)
    write_json(folder / FACTS, facts_to_json(facts))
    shutil.copyfile(packaged_loader.__file__, folder / "load.py")


def _save_tokenizer(tokenizer: Any, folder: Path, facts: ClassifierFacts) -> None:
    tokenizer.model_max_length = facts.max_length  # so that truncation=True alone cuts where we do
    tokenizer.save_pretrained(folder)
    if facts.links == "short" and tokenizer.is_fast:
        # Classes such as BertTokenizer build their rules anew; this one reads them from its file.
        path = folder / "tokenizer_config.json"
        told = json.loads(path.read_text(encoding="utf-8"))
        own = {"model_input_names": tokenizer.model_input_names}
        write_json(path, told | own | {"tokenizer_class": "PreTrainedTokenizerFast"})
    merges = Path(getattr(tokenizer, "merges_file", None) or "")
    if merges.name == BPE_CODES:  # transformers writes BERTweet's merges so that half are lost
        shutil.copyfile(merges, folder / BPE_CODES)


def _tried(classifier: Classifier, folder: Path, load: Load) -> float:
    """The largest difference of a probability; raises ArtifactError beyond TOLERANCE."""
    ours = classifier.probabilities(PROBES)
    theirs = load(folder)(PROBES).numpy()
    difference = float(np.abs(ours - theirs).max())
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"the packaged model's probabilities differ by {difference:.2g}; it was not written"
        )
    return difference


def _load_plain(folder: Path) -> Callable[[Sequence[str]], torch.Tensor]:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    ).eval()

    @torch.no_grad()
    def probabilities(texts: Sequence[str]) -> torch.Tensor:
        batch = tokenizer(list(texts), truncation=True, padding=True, return_tensors="pt")
        return torch.softmax(model(**batch).logits, dim=-1)

    return probabilities


def _load_whole(folder: Path) -> Callable[[Sequence[str]], torch.Tensor]:
    spec = importlib.util.spec_from_file_location("packaged_loader", folder / "load.py")
    if spec is None or spec.loader is None:
        raise ArtifactError(f"{folder / 'load.py'} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    load: Callable[[str], Callable[[Sequence[str]], torch.Tensor]] = module.load
    return load(str(folder))
