"""Answers that are not gold yet: which label they stand for, and what a training uses of them."""

import pytest
from small_store import make_store

from db.projects import get_or_add_annotator
from db.sessions import reading, writing
from db.training_data import _agreed, training_rows, unresolved_rows


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        ([("1", 5, "annotator")], "1"),
        ([("1", 5, "annotator"), ("1", 6, "annotator"), ("0", 9, "admin")], "1"),
        ([("1", 5, "annotator"), ("0", 9, "annotator")], None),
        ([("1", 5, "reviewer"), ("0", 9, "annotator")], "1"),
        ([("1", 5, "reviewer"), ("0", 9, "admin")], "0"),
        ([("1", 9, "admin"), ("0", 5, "reviewer")], "1"),
        ([("1", 1, "annotator"), ("0", 2, "annotator"), ("2", 3, "annotator")], None),
    ],
)
def test_most_answers_count_then_the_newest_reviewer_and_never_the_latest_click(answers, label):
    assert _agreed(answers) == label


def test_a_training_uses_them_only_where_asked_and_only_in_the_training_split(tmp_path):
    store = make_store(tmp_path, (1,) * 4, splits=("train", "train", "test", "train"), overlap=2)
    store.label(1, "1")
    store.label(2, "1")
    store.label(2, "0", who="ben")
    store.label(3, "2")
    store.label(4, "2")
    store.label(4, "2", who="ben")  # the second answer makes it gold
    with reading(store.engine) as session:
        found = [(row.tweet_id, row.label) for row in unresolved_rows(1, session=session)]
        gold = training_rows(1, session=session)
        both = training_rows(1, session=session, labels_used="gold_and_single")
    assert found == [(1, "1")]
    assert [row.tweet_id for row in gold] == [4]
    assert [(row.tweet_id, row.source) for row in both] == [(1, "answers"), (4, gold[0].source)]
    with writing(store.engine) as session:
        get_or_add_annotator("ann", session=session).role = "reviewer"
    with reading(store.engine) as session:
        found = [(row.tweet_id, row.label) for row in unresolved_rows(1, session=session)]
    assert found == [(1, "1"), (2, "1")]
