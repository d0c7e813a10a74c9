"""The same work with ordinary buttons, for assistive technology and for whoever likes them more.

Each button carries the tweet and the key of the decision, so a second press of it, or of its
neighbour before the page was drawn anew, is one answer and not two. The tweet is part of each
button's and field's own key too: what was pressed or typed on one tweet never lands on the next.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from labeling.asking import MAX_COMMENT, Suggestion
from labeling.pages.parts.plain import plain
from labeling.widget.exchange import Exchange, Taken, fill, refill, take, to_json

AGAIN = "label_plain_again"
DRAWN = "label_plain_drawn"
TAKEN = "label_plain_taken"


@dataclass(frozen=True)
class Asked:
    """The tweet on screen. generation: None for one that the person took up again."""

    tweet_id: int
    text: str
    generation: int | None
    suggestion: Suggestion | None


def draw(exchange: Exchange, *, engine: Engine, day_start: datetime | None = None) -> None:
    """Draw the tweet and its buttons."""
    taken = st.session_state.pop(TAKEN, Taken())
    if not fill(exchange, engine=engine):
        refill(exchange, engine=engine)
    shown = to_json(exchange, taken, engine=engine, base="", day_start=day_start)
    counted = shown["counters"]
    st.text(f"{counted['done_today']} done today, {counted['left']} left")
    for ack in shown["ack"]:
        if ack["message"]:
            st.text(ack["message"])
    asked = _asked(exchange)
    if asked is None:
        st.text(shown["empty"])
    else:
        _tweet(asked, shown["labels"], exchange, engine)
        _comment_field(asked, shown["remarks"], exchange, engine)
    if shown["history"]:
        _undo_button(shown["history"][0], exchange, engine)


def _asked(exchange: Exchange) -> Asked | None:
    again = st.session_state.get(AGAIN)
    if again is not None:
        return Asked(again["tweet_id"], again["text"], None, None)
    if not exchange.items:
        return None
    item = exchange.items[0]
    return Asked(item.tweet_id, item.text, item.lease_generation, item.suggestion)


def _tweet(asked: Asked, labels: list[dict[str, str]], exchange: Exchange, engine: Engine) -> None:
    key = _key_of(asked)
    with st.container(border=True):
        st.text(asked.text)
    if asked.suggestion is not None:
        names = {label["value"]: label["name"] for label in labels}
        name = names.get(asked.suggestion.label, asked.suggestion.label)
        word = "A guess" if asked.suggestion.guess else "Suggested"
        st.text(f"{word}: {name}, {asked.suggestion.confidence:.0%}")
    with st.container(horizontal=True):
        for label in labels:
            answer = _answer(asked, key, "label", label["value"])
            st.button(
                plain(label["name"]),
                key=f"label_plain_{asked.tweet_id}_{label['value']}",
                on_click=_send,
                args=(answer, exchange, engine),
            )
        skip = _answer(asked, key, "skip", None)
        flag = _answer(asked, f"{key}-flag", "flag", None)
        for word, send, what in (("Skip", _send, skip), ("Flag", _remark, flag)):
            name = f"label_plain_{word.lower()}_{asked.tweet_id}"
            st.button(plain(word), key=name, on_click=send, args=(what, exchange, engine))


def _comment_field(
    asked: Asked, remarks: list[dict[str, Any]], exchange: Exchange, engine: Engine
) -> None:
    """Draw the comment. No form: what is typed and not saved goes with the next press."""
    name = f"label_plain_comment_{asked.tweet_id}"
    stored = next((one["comment"] for one in remarks if one["tweet_id"] == asked.tweet_id), None)
    if name not in st.session_state:
        st.session_state[name] = stored or ""
    said = _answer(asked, f"{_key_of(asked)}-comment", "comment", None)
    args = (said, name, stored or "", exchange, engine)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    row.text_input(
        "Comment on this tweet", key=name, max_chars=MAX_COMMENT, on_change=_comment, args=args
    )
    row.button("Save the comment", key=f"{name}_save", on_click=_comment, args=args)


def _undo_button(last: dict[str, Any], exchange: Exchange, engine: Engine) -> None:
    undo = {
        "key": f"undo-{last['key']}",
        "kind": "undo",
        "tweet_id": last["tweet_id"],
        "undoes_key": last["key"],
    }
    st.button(
        "Undo the last answer",
        key=f"label_plain_undo_{last['key']}",
        on_click=_send,
        args=(undo, exchange, engine),
        kwargs={"again": {"tweet_id": last["tweet_id"], "text": last["text"]}},
    )


def _key_of(asked: Asked) -> str:
    """Return the key of the decision on this tweet: minted once, however often it is drawn."""
    drawn = st.session_state.get(DRAWN)
    if drawn is None or drawn[0] != asked:
        drawn = (asked, secrets.token_hex(16))
        st.session_state[DRAWN] = drawn
    return str(drawn[1])


def _answer(asked: Asked, key: str, kind: str, label: str | None) -> dict[str, Any]:
    return {
        "key": key,
        "kind": kind,
        "tweet_id": asked.tweet_id,
        "label": label,
        "shown": asked.suggestion is not None,
        "lease_generation": asked.generation,
    }


def _comment(
    answer: dict[str, Any], name: str, stored: str, exchange: Exchange, engine: Engine
) -> None:
    words = str(st.session_state.get(name, "")).strip()
    if words != stored:
        _remark({**answer, "comment": words}, exchange, engine)


def _remark(answer: dict[str, Any], exchange: Exchange, engine: Engine) -> None:
    """Save a flag or a comment; the tweet stays on screen."""
    _send(answer, exchange, engine, st.session_state.get(AGAIN))
    if answer["kind"] == "flag":
        st.toast("Flag changed over")
    else:
        st.toast("Comment saved" if answer["comment"] else "Comment taken away")


def _send(
    answer: dict[str, Any],
    exchange: Exchange,
    engine: Engine,
    again: dict[str, Any] | None = None,
) -> None:
    # A comment may be saved in the same run as the answer: what became of either is said.
    before = st.session_state.get(TAKEN, Taken())
    taken = take([answer], exchange, engine=engine)
    st.session_state[TAKEN] = Taken((*before.acks, *taken.acks))
    st.session_state[AGAIN] = again
    st.session_state.pop(DRAWN, None)
