"""The label page: one tweet, its labels, one key."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from labeling import ordering, prelabel
from labeling.pages.parts import context, errors, focusing, identity, mistakes, resources
from labeling.widget import plain_buttons
from labeling.widget.annotate import annotate, asked, sent
from labeling.widget.exchange import (
    Exchange,
    Taken,
    fill,
    look_again,
    model_due,
    order_of,
    refill,
    take,
    to_json,
    turn_to,
)
from labeling.widget.questions import reply_to, warm_up

CARD = "label_card"
EXCHANGE = "label_exchange"
PLAIN = "plain_buttons"
# A browser whose server was restarted asks for a full run only where a fragment runs by itself;
# it also brings new tweets to an empty card and keeps the counts of a quiet one right.
EVERY_SECONDS = 20


def main() -> None:
    """Draw the card, or the plain buttons for whoever prefers them."""
    here = context.current()
    exchange = exchange_of(here)
    # The card stands first, what one sets once below it; yet that is read first.
    above = st.container()
    below = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    with below, errors.shown():
        if turn_to(focusing.draw(here.project_id), exchange, engine=resources.engine()):
            see_to_the_order(here, exchange)
    if st.session_state.get(PLAIN) or st.query_params.get(PLAIN) == "true":
        with above, errors.shown():
            plain_buttons.draw(exchange, engine=resources.engine(), day_start=start_of_day())
            see_to_the_model(here, exchange)
    else:
        with above:
            card(here, exchange)
    below.toggle("Plain buttons instead of the card", key=PLAIN, bind="query-params")
    with below:
        mistakes.link(here)


def exchange_of(here: context.PageContext) -> Exchange:
    """Return this page's exchange; another person or project starts a new one."""
    found = st.session_state.get(EXCHANGE)
    if (
        not isinstance(found, Exchange)
        or found.project_id != here.project_id
        or found.annotator_id != here.annotator_id
    ):
        found = Exchange(here.project_id, here.annotator_id)
        st.session_state[EXCHANGE] = found
    return found


@st.fragment(run_every=EVERY_SECONDS)
def card(here: context.PageContext, exchange: Exchange) -> None:
    """Take what the browser sent, draw the card with what it waits for, then see to the model."""
    if not context.still_here(here):
        # Signed out elsewhere, or for too long: what is unsent stays in the browser.
        st.rerun()
    engine = resources.engine()
    key = f"{CARD}_{here.project_id}_{here.annotator_id}"
    # What goes wrong is said below the card, so that nothing on it moves.
    above, below = st.container(), st.container()
    taken, filled, reply = Taken(), False, None
    with below, errors.shown():
        taken = take(sent(key), exchange, engine=engine)
        reply = reply_to(
            asked(key),
            exchange,
            resources.explainer(),
            engine=engine,
            data=resources.settings().data,
        )
        filled = fill(exchange, engine=engine)
        if taken.acks:
            identity.mark_seen()
    with above, errors.shown():
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        data = to_json(
            exchange, taken, engine=engine, base=base, day_start=start_of_day(), reply=reply
        )
        annotate(data, key=key)
    # The person has what they waited for; the rest comes behind it.
    with below, errors.shown():
        if not filled:
            refill(exchange, engine=engine)
        see_to_the_model(here, exchange)
        warm_up(exchange, resources.explainer(), engine=engine, data=resources.settings().data)


def start_of_day() -> datetime:
    """Return when today began where the person is."""
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    return datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def see_to_the_model(here: context.PageContext, exchange: Exchange) -> None:
    """Let the probe train again when enough answers are new."""
    if model_due(exchange):
        prelabel.keep_up(resources.engine(), resources.settings(), here.project_id)
        if prelabel.is_busy(resources.engine(), here.project_id):
            look_again(exchange)
        see_to_the_order(here, exchange)


def see_to_the_order(here: context.PageContext, exchange: Exchange) -> None:
    """Have the order worked out anew where it takes a job and is nearly used up."""
    engine = resources.engine()
    order = order_of(exchange, engine=engine)
    ordering.see_to(engine, resources.settings(), here.project_id, order)


main()
