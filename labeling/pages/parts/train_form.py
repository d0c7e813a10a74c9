"""The settings of a training: the few that matter in front, the rest folded away."""

from collections.abc import Callable, Mapping
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
from trainer.errors import ConfigError

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
    "short": "one word each",
    "whole": "as they are",
}

# name -> (words, help). The order is the order on the page.
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Steps": {
        "learning_rate": ("Learning rate", "Its peak; small encoders take more than large ones"),
        "warmup": ("Warm-up", "Share of the steps in which the learning rate rises"),
        "decay": ("Decay", "How the learning rate falls to 0; none: it stays at its peak"),
        "optimizer": ("Optimiser", ""),
        "weight_decay": ("Weight decay", "Of AdamW, on matrices only"),
        "batch_size": ("Batch size", "Tweets a step"),
        "gradient_accumulation": ("Gradient accumulation", "Batches a step"),
        "gradient_clip": ("Gradient clip", "Largest gradient norm; 0 turns it off"),
    },
    "Model": {
        "max_length": ("Tokens of a text", "[CLS] and [SEP] among them; the rest is cut off"),
        "trained_layers": ("Trained layers", "What of the encoder learns"),
        "last_k": ("Top layers", "How many, when the trained layers are the top ones"),
        "pooling": ("Pooling", "What the head reads"),
        "links": (
            "Twitter's links",
            "t.co and ten random letters say nothing: as one word they cost next to no time",
        ),
        "dropout": ("Dropout of the encoder", "Costs time; empty: as much as the base model says"),
        "head": ("Head", ""),
        "mlp_widths": (
            "Widths of an MLP head",
            "Of its hidden layers, the first one first: 256, 64",
        ),
        "mlp_activation": ("Activation of an MLP head", ""),
        "mlp_dropout": ("Dropout of an MLP head", "Before each of its layers"),
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
_MAY_BE_EMPTY = ("dropout",)
_WIDTH = 3
_FIELDS = "train_"  # how the keys of all fields begin
_KEPT = "kept_train_form"


def keep(project_id: int, base_model: str, recommended: str) -> None:
    """Keep what the fields hold for this session: they are not drawn while a training runs.

    The recommended kind and the project's base model are nobody's choice, and may change.
    """
    held = {str(key): value for key, value in st.session_state.items()}
    unchosen = {"train_kind": recommended, "train_base_model": base_model}
    st.session_state[_KEPT] = {
        "project": project_id,
        "fields": {
            key: value
            for key, value in held.items()
            if key.startswith(_FIELDS) and (key not in unchosen or unchosen[key] != value)
        },
    }


def kept(project_id: int) -> dict[str, Any]:
    """Return what `keep` kept of the project's fields, by key; empty without it."""
    found = st.session_state.get(_KEPT, {})
    return dict(found["fields"]) if found.get("project") == project_id else {}


def fields_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the fields hold where they say a stored config; nothing for one that is none."""
    try:
        chosen = TrainConfig.from_json(dict(config))
    except (ConfigError, TypeError):
        return {}
    preset = next(name for name, make in PRESETS.items() if make().split == chosen.split)
    names = [name for group in GROUPS.values() for name in group]
    return {
        "train_preset": preset,
        "train_kind": chosen.kind,
        "train_epochs": chosen.epochs,
        "train_base_model": chosen.base_model,
        **{f"train_{preset}_{name}": _shown(getattr(chosen, name)) for name in names},
    }


def draw(base_model: str, recommended: str, begin: Mapping[str, Any]) -> TrainConfig:
    """Draw the settings and return them checked. Raises ConfigError for what cannot be.

    recommended: the kind that is chosen until a person chooses another. begin: what fields hold
    at first, by key; the others hold the defaults.
    """
    st.session_state.setdefault("train_kind", begin.get("train_kind", recommended))
    st.session_state.setdefault("train_epochs", begin.get("train_epochs", TrainConfig().epochs))
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    kind = row.segmented_control(
        "Kind",
        ["fine_tuned", "probe"],
        required=True,
        key="train_kind",
        format_func=lambda name: KINDS[name],
        help="A probe trains a head on the frozen encoder in seconds; "
        "fine-tuning trains the encoder too.",
    )
    epochs = row.number_input("Epochs", 1, int(RANGES["epochs"][1]), key="train_epochs", width=130)
    with st.expander("All settings", icon=":material/tune:"):
        presets = list(PRESETS)
        preset = st.selectbox(
            "Settings to start from",
            presets,
            presets.index(begin.get("train_preset", presets[0])),
            key="train_preset",
            on_change=_show_preset,
        )
        start = PRESETS[preset]()
        model = st.text_input(
            "Base model",
            begin.get("train_base_model", base_model),
            key="train_base_model",
            help="The bundled one, a local directory, or a hub name such as bert-base-uncased",
        )
        _say_what_is_fetched(model.strip())
        chosen = {
            name: value for title in GROUPS for name, value in _group(title, preset, start, begin)
        }
        if start.split == "random":
            st.caption(RANDOM_SPLIT)
    if kind != "fine_tuned":
        chosen["start_from"] = "base"
    return TrainConfig.from_json(
        {
            **start.to_json(),
            **chosen,
            "kind": kind,
            "epochs": int(epochs),
            "base_model": model.strip(),
        }
    )


def _show_preset() -> None:
    """Put a preset's kind and epochs on the page, where everybody sees them."""
    start = PRESETS[st.session_state["train_preset"]]()
    st.session_state["train_kind"] = start.kind
    st.session_state["train_epochs"] = start.epochs


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


def _group(
    title: str, preset: str, start: TrainConfig, begin: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    st.caption(title)
    columns = st.columns(_WIDTH)
    found = []
    for place, (name, (words, help_text)) in enumerate(GROUPS[title].items()):
        with columns[place % _WIDTH]:
            key = f"train_{preset}_{name}"
            value = begin.get(key, _shown(getattr(start, name)))
            found.append((name, _field(key, name, words, help_text, value)))
    return found


def _shown(value: Any) -> Any:
    """Return a setting as its field holds it."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


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
    if name not in RANGES:
        text = st.text_input(words, value, max_chars=60, key=key, help=help_text or None)
        return _whole_numbers(text)
    low, high = RANGES[name]
    if isinstance(value, int):
        top = min(int(high), 2**31)
        return int(st.number_input(words, int(low), top, value, key=key, help=help_text or None))
    empty = name in _MAY_BE_EMPTY
    if empty:  # a field with a value of its own goes back to that when it is emptied
        st.session_state.setdefault(key, value)
    given = st.number_input(
        words,
        min_value=float(low),
        max_value=None if high == float("inf") else float(high),
        value=None if empty else float(value),
        step=float(value or 0.0) / 2 or 0.05,
        format="%.5g" if name != "learning_rate" else "%.1e",
        placeholder="the base model's",
        key=key,
        help=help_text or None,
    )
    return None if given is None else float(given)


def _whole_numbers(text: str) -> tuple[int | str, ...]:
    """Numbers apart by commas or spaces; what is none stays, for the settings' own check."""
    parts = text.replace(",", " ").split()
    return tuple(int(part) if part.isdecimal() else part for part in parts)
