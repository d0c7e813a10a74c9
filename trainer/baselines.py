"""What any classifier must beat: the majority label, and TF-IDF with logistic regression.

Baselines learn from the training split and are scored on the same tweets as the model, so that
they can stand beside it in one table. Their settings are fixed: nothing is chosen for them.
"""

import warnings
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from trainer.data import Example, label_indices, of_split
from trainer.errors import DataError
from trainer.metrics import Metrics, evaluate

INVERSE_PENALTY = 3.0  # of the logistic regression (scikit-learn's C)
MOST_CHARACTER_GRAMS = 50_000


def baselines(
    examples: Sequence[Example], label_map: Sequence[str], *, split: str = "test"
) -> dict[str, Metrics]:
    """Return both yardsticks on `split` by name, without what there is nothing to measure of."""
    found = {}
    for name, measure in (("majority", majority_baseline), ("tfidf", tfidf_baseline)):
        with suppress(DataError):
            found[name] = measure(examples, label_map, split=split)
    return found


def majority_baseline(
    examples: Sequence[Example], label_map: Sequence[str], *, split: str = "test", seed: int = 0
) -> Metrics:
    """Score always answering the label shares of the training split. Raises DataError."""
    train, judged = _parts(examples, split)
    counts = np.bincount(label_indices(train, label_map), minlength=len(label_map))
    shares = np.tile(counts / counts.sum(), (len(judged), 1))
    return _scored(shares, judged, label_map, split, seed)


def tfidf_baseline(
    examples: Sequence[Example], label_map: Sequence[str], *, split: str = "test", seed: int = 0
) -> Metrics:
    """Score logistic regression on TF-IDF of words (1-2) and characters (2-4).

    Balanced label weights; some 15 seconds for 12,000 tweets. Raises DataError for an empty
    split, a training split with one label only, or texts that share no word and no letters.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    train, judged = _parts(examples, split)
    targets = np.asarray(label_indices(train, label_map))
    if len(set(targets.tolist())) < 2:
        raise DataError(
            f"all {len(train)} training tweets carry {train[0].label!r}; label some of another kind"
        )
    rare = 2 if len(train) >= 200 else 1
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=rare)
    characters = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(2, 4),
        sublinear_tf=True,
        min_df=rare,
        max_features=MOST_CHARACTER_GRAMS,
    )
    model = make_pipeline(
        make_union(words, characters),
        LogisticRegression(
            C=INVERSE_PENALTY, class_weight="balanced", max_iter=300, tol=1e-3, random_state=seed
        ),
    )
    with warnings.catch_warnings():
        # 300 steps are enough to be a yardstick, converged to the last digit or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit([example.text for example in train], targets)
        except ValueError as error:  # no word at all, or none that occurs twice
            raise DataError(f"TF-IDF finds nothing to count: {error}") from error
    known = model.predict_proba([example.text for example in judged])
    probabilities = np.zeros((len(judged), len(label_map)))
    probabilities[:, model.classes_] = known
    return _scored(probabilities, judged, label_map, split, seed)


def _parts(examples: Sequence[Example], split: str) -> tuple[list[Example], list[Example]]:
    train, judged = of_split(examples, "train"), of_split(examples, split)
    if not train or not judged:
        raise DataError(
            f"a baseline needs labels to learn from and to be judged on; there are {len(train)} "
            f"in train and {len(judged)} in {split}"
        )
    return train, judged


def _scored(
    probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    judged: Sequence[Example],
    label_map: Sequence[str],
    split: str,
    seed: int,
) -> Metrics:
    return evaluate(
        probabilities,
        [example.label for example in judged],
        label_map,
        groups=[example.group for example in judged],
        split=split,
        seed=seed,
    )
