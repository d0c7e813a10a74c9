"""People at machines of their own: what their browsers send and get, without the painting.

They speak Streamlit's protocol (a websocket with its protobuf messages), so that the server does
for each what it does for a browser's page: its own session, a run of the page's script for each
answer, all that is drawn sent back.
"""

import json
import multiprocessing
import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import quote, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

LARGEST_MESSAGE = 64 * 2**20
WAIT_SECONDS = 60.0


class Client:
    """One person's page. card: what the server drew last; outbox: what it has not acknowledged."""

    def __init__(self, address: str, person: str) -> None:
        self.person = person
        self.card: dict[str, Any] = {}
        self.outbox: list[dict[str, Any]] = []
        self._component = self._fragment = self._page = ""
        self._wire = _open(address, person)
        self._ask(None)
        if not self.card.get("items"):
            raise RuntimeError(f"the server drew no tweet for {person}")

    def answer(self, seconds: float) -> None:
        """Answer the first tweet, and wait until the server acknowledged it."""
        item = self.card["items"][0]
        self.outbox.append(
            {
                "key": uuid.uuid4().hex,
                "kind": "label",
                "tweet_id": item["tweet_id"],
                "label": random.choice(self.card["labels"])["value"],
                "seconds": seconds,
                "shown": item.get("suggestion") is not None,
                "lease_generation": item["lease_generation"],
            }
        )
        self._ask({"outbox": self.outbox})

    def close(self) -> None:
        """Leave."""
        self._wire.close()

    def _ask(self, state: dict[str, Any] | None) -> None:
        """Have the page, or its card alone, run; take in all that is drawn."""
        wish = BackMsg()
        wish.rerun_script.query_string = ""
        wish.rerun_script.page_script_hash = self._page
        if state is not None:
            wish.rerun_script.fragment_id = self._fragment
            widget = wish.rerun_script.widget_states.widgets.add()
            widget.id, widget.json_value = self._component, json.dumps(state)
        self._wire.send(wish.SerializeToString())
        while True:
            told = ForwardMsg.FromString(self._wire.recv(timeout=WAIT_SECONDS, decode=False))
            kind = told.WhichOneof("type")
            if kind == "new_session":
                self._page = told.new_session.page_script_hash
            elif kind == "delta":
                self._take(told)
            elif kind == "script_finished":
                return

    def _take(self, told: ForwardMsg) -> None:
        element = told.delta.new_element
        if element.WhichOneof("type") != "bidi_component":
            return
        drawn = element.bidi_component
        if drawn.component_name.rpartition(".")[2] != "relabel_card":
            return
        self._component, self._fragment = drawn.id, told.delta.fragment_id
        self.card = json.loads(drawn.json or drawn.mixed.json)
        known = {one["key"] for one in self.card["ack"]}
        self.outbox = [one for one in self.outbox if one["key"] not in known]


def _open(address: str, person: str) -> ClientConnection:
    host = urlsplit(address).netloc
    return connect(
        f"ws://{host}/_stcore/stream",
        origin=address,  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": f"relabel_person={quote(person)}"},
        max_size=LARGEST_MESSAGE,
    )


@contextmanager
def others_at_their_machines(address: str, people: list[str], pace: float) -> Iterator[None]:
    """Let people answer every `pace` seconds in the mean, each in a page of the server."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Semaphore(0), context.Event()
    crew = context.Process(target=_answer_on, args=(address, people, pace, ready, stop))
    crew.start()
    try:
        for _ in people:
            if not ready.acquire(timeout=WAIT_SECONDS):
                raise RuntimeError("not everybody got a page")
        yield
    finally:
        stop.set()
        crew.join(timeout=WAIT_SECONDS)
    if crew.exitcode != 0:
        raise RuntimeError("one of the others could not go on answering; see above")


def _answer_on(address: str, people: list[str], pace: float, ready: Any, stop: Event) -> None:
    def work(person: str) -> None:
        try:
            client = Client(address, person)
            ready.release()
            while not stop.wait(pace * random.uniform(0.5, 1.5)):
                client.answer(pace)
            client.close()
        except BaseException:
            stop.set()  # the others alone are not what is to be measured
            raise

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(work, people))
