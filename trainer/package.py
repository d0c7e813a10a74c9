"""A model version as a plain folder for people who have transformers and not this program."""

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trainer import mlp_loader
from trainer.artifacts import FACTS
from trainer.card import CardFacts, write_card
from trainer.conversion import as_sequence_classifier
from trainer.durable import place_directory, write_json
from trainer.errors import ArtifactError
from trainer.heads import save_head
from trainer.model_files import BPE_CODES
from trainer.predict import Classifier, facts_to_json, load_classifier
from trainer.quiet import quiet_transformers

__all__ = ["CardFacts", "PackageReport", "package"]

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
    """What was written. loader: transformers (AutoModelForSequenceClassification) or load.py.

    largest_difference: between its probabilities and this program's, on a few sentences.
    """

    loader: str
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
    The folder is loaded back and tried before it appears under its name. Raises ArtifactError
    for a damaged model, or an `out` that already holds something.
    """
    classifier = load_classifier(directory, manifest_sha256=manifest_sha256, precision="fp32")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ArtifactError(f"{out} exists and is not empty; name a new directory")
    plain = classifier.facts.head.is_linear
    difference = 0.0

    def fill(folder: Path) -> None:
        nonlocal difference
        with quiet_transformers():
            (_write_plain if plain else _write_mlp)(classifier, folder, card)
            difference = _tried(classifier, folder, plain=plain)
        text = write_card(
            card,
            label_map=classifier.label_map,
            plain=plain,
            max_length=classifier.facts.max_length,
        )
        (folder / "README.md").write_text(text, encoding="utf-8")

    if out.exists():
        out.rmdir()
    place_directory(out.absolute(), fill, faults="package_")
    return PackageReport(
        loader="transformers" if plain else "load.py",
        largest_difference=difference,
        files=sorted(path.name for path in out.iterdir()),
    )


def _write_plain(classifier: Classifier, folder: Path, card: CardFacts) -> None:
    encoder, tokenizer = classifier.parts()
    names = list(card.label_names)
    if len(set(names)) != len(names):  # label2id could not tell them apart
        names = list(classifier.label_map)
    model = as_sequence_classifier(
        encoder,
        classifier.head,
        classifier.facts.reading,
        temperature=classifier.temperature,
        label_names=names,
        facts={"label_values": classifier.label_map, "kind": classifier.kind},
    )
    model.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder, classifier.facts.max_length)


def _write_mlp(classifier: Classifier, folder: Path, card: CardFacts) -> None:
    encoder, tokenizer = classifier.parts()
    encoder.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder, classifier.facts.max_length)
    save_head(classifier.head, folder / "head.safetensors")
    write_json(folder / FACTS, facts_to_json(classifier.facts))
    shutil.copyfile(mlp_loader.__file__, folder / "load.py")


def _save_tokenizer(tokenizer: Any, folder: Path, max_length: int) -> None:
    tokenizer.model_max_length = max_length  # so that truncation=True alone cuts where we do
    tokenizer.save_pretrained(folder)
    merges = Path(getattr(tokenizer, "merges_file", None) or "")
    if merges.name == BPE_CODES:  # transformers writes BERTweet's merges so that half are lost
        shutil.copyfile(merges, folder / BPE_CODES)


def _tried(classifier: Classifier, folder: Path, *, plain: bool) -> float:
    """The largest difference of a probability; raises ArtifactError beyond TOLERANCE."""
    load = _load_plain if plain else _load_mlp
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


def _load_mlp(folder: Path) -> Callable[[Sequence[str]], torch.Tensor]:
    spec = importlib.util.spec_from_file_location("packaged_loader", folder / "load.py")
    if spec is None or spec.loader is None:
        raise ArtifactError(f"{folder / 'load.py'} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    load: Callable[[str], Callable[[Sequence[str]], torch.Tensor]] = module.load
    return load(str(folder))
