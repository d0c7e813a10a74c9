"""The settings of a training: the few that matter in front, the rest folded away."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import KINDS
from trainer import hub
from trainer.config import (
    CHOICES,
    RANGES,
    TrainConfig,
    notebook_preset,
    notebook_random_preset,
)

PRESETS: dict[str, Callable[[], TrainConfig]] = {
    "Relabel's defaults": TrainConfig,
    "The course notebook's": notebook_preset,
    "The course notebook's, on its random split": notebook_random_preset,
}

RANDOM_SPLIT = (
    "To compare only: a random fifth of the tweets is held back, as in the notebook. Copies of a "
    "tweet land on both sides, so its score flatters; it gets no test score and is never promoted "
    "by itself. The project's own splits stay as they are."
)
# Choices that are not words by themselves.
WORDS = {
    "gold": "gold labels",
    "gold_and_single": "gold, and answers that are not gold yet",
    "base": "the base model",
    "current": "the version in use",
    "no_embeddings": "all but the embeddings",
    "last_k": "the top layers",
    "head": "the head alone",
    "join": "joined to it",
    "adamw": "AdamW",
    "sgd": "SGD",
}

# name -> (words, help). The order is the order on the page.
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Steps": {
        "learning_rate": ("Learning rate", "Its peak; small encoders take more than large ones"),
        "batch_size": ("Batch size", "Tweets a step"),
        "warmup": ("Warm-up", "Share of the steps in which the learning rate rises"),
        "weight_decay": ("Weight decay", "Of AdamW, on matrices only"),
        "optimizer": ("Optimiser", ""),
        "gradient_accumulation": ("Gradient accumulation", "Batches a step"),
        "gradient_clip": ("Gradient clip", "Largest gradient norm; 0 turns it off"),
    },
    "Model": {
        "max_length": ("Tokens of a text", "[CLS] and [SEP] among them; the rest is cut off"),
        "trained_layers": ("Trained layers", "What of the encoder learns"),
        "last_k": ("Top layers", "How many, when the trained layers are last_k"),
        "pooling": ("Pooling", "What the head reads"),
        "head": ("Head", ""),
        "mlp_activation": ("Activation of an MLP head", ""),
        "mlp_dropout": ("Dropout of an MLP head", ""),
        "ngrams": (
            "Character n-grams",
            "Joined to a fine-tuned model they raise its scores; its packaged folder then needs "
            "load.py for the whole. auto: with a probe only",
        ),
    },
    "Data and stopping": {
        "labels_used": ("Labels used", "Which of the training split's labels count"),
        "start_from": ("Weights to start from", "The version in use only if it is fine-tuned"),
        "unlabelled_texts": (
            "Unlabelled tweets",
            "From which a fine-tuning learns while labels are few; 0 turns it off",
        ),
        "class_weights": ("Label weights", "balanced: rare labels weigh more"),
        "label_smoothing": ("Label smoothing", "Share of the target spread over all labels"),
        "early_stopping_patience": (
            "Patience",
            "Validations without gain; 0 never stops early, nor does a fine-tuning with fewer than "
            "25 validation labels a class, which keeps its last epoch",
        ),
        "evaluations_per_epoch": ("Validations an epoch", ""),
        "precision": ("Precision", "auto: bf16 where this machine gains from it"),
        "compiled": ("Compiled layers", "auto: in a long training, where measured to be faster"),
        "seed": ("Seed", "The same seed gives the same training"),
    },
}
_WIDTH = 3


def draw(base_model: str, recommended: str) -> TrainConfig:
    """Draw the settings and return them checked. Raises ConfigError for what cannot be.

    recommended: the kind that is chosen until a person chooses another.
    """
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    kind = row.segmented_control(
        "Kind",
        ["fine_tuned", "probe"],
        default=recommended,
        required=True,
        key="train_kind",
        format_func=lambda name: KINDS[name],
        help="A probe trains a head on the frozen encoder in seconds; "
        "fine-tuning trains the encoder too.",
    )
    epochs = row.number_input(
        "Epochs", 1, int(RANGES["epochs"][1]), TrainConfig().epochs, key="train_epochs", width=130
    )
    with st.expander("All settings", icon=":material/tune:"):
        preset = st.selectbox("Settings to start from", list(PRESETS), key="train_preset")
        start = PRESETS[preset]()
        model = st.text_input(
            "Base model",
            base_model,
            key="train_base_model",
            help="The bundled one, a local directory, or a hub name such as bert-base-uncased",
        )
        _say_what_is_fetched(model.strip())
        chosen = {name: value for title in GROUPS for name, value in _group(title, preset, start)}
        if start.split == "random":
            st.caption(RANDOM_SPLIT)
    if kind != "fine_tuned":
        chosen["start_from"] = "base"
    epochs_of_preset = start.epochs if epochs == TrainConfig().epochs else epochs
    return TrainConfig.from_json(
        {
            **start.to_json(),
            **chosen,
            "kind": kind,
            "epochs": int(epochs_of_preset),
            "base_model": model.strip(),
        }
    )


@st.cache_data(ttl=600, show_spinner=False)
def _download(name: str) -> hub.Download | None:
    return hub.planned_download(name)


def _say_what_is_fetched(name: str) -> None:
    found = _download(name) if name else None
    if found is None:
        return
    if found.here:
        st.caption(plain(f"{name} was fetched from {found.address} before; nothing is fetched."))
        return
    size = f", {found.megabytes:,.0f} MB" if found.megabytes is not None else ""
    note = "" if found.megabytes is not None else " The hub does not answer just now."
    st.caption(
        plain(
            f"{name} would be fetched from {found.address} when the training starts: "
            f"{', '.join(found.files)}{size}.{note}"
        )
    )


def _group(title: str, preset: str, start: TrainConfig) -> list[tuple[str, Any]]:
    st.caption(title)
    columns = st.columns(_WIDTH)
    found = []
    for place, (name, (words, help_text)) in enumerate(GROUPS[title].items()):
        with columns[place % _WIDTH]:
            value = getattr(start, name)
            found.append((name, _field(f"train_{preset}_{name}", name, words, help_text, value)))
    return found


def _field(key: str, name: str, words: str, help_text: str, value: Any) -> Any:
    if name in CHOICES:
        options = CHOICES[name]
        return st.selectbox(
            words,
            options,
            options.index(value),
            key=key,
            format_func=lambda option: WORDS.get(option, option),
            help=help_text or None,
        )
    low, high = RANGES[name]
    if isinstance(value, int):
        top = min(int(high), 2**31)
        return int(st.number_input(words, int(low), top, value, key=key, help=help_text or None))
    return float(
        st.number_input(
            words,
            min_value=float(low),
            max_value=None if high == float("inf") else float(high),
            value=float(value),
            step=float(value) / 2 or 0.05,
            format="%.5g" if name != "learning_rate" else "%.1e",
            key=key,
            help=help_text or None,
        )
    )
