"""A visitor of the app who sends files to Streamlit's upload route, byte by byte."""

import contextlib
import http.client
import select
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

BOUNDARY = "a-line-between-parts"
OPENING = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n'
    "Content-Type: text/csv\r\n\r\n"
).encode()
CLOSING = f"\r\n--{BOUNDARY}--\r\n".encode()
PART = 1 << 16


@dataclass
class Answer:
    """What came back. status: None if the server closed without a word. sent: bytes of body."""

    status: int | None
    sent: int


@dataclass
class Visitor:
    """A page session; with a stay's token in `cookie`, that of somebody who signed in."""

    port: int
    cookie: str = ""
    cookies: str = ""
    xsrf: str = ""
    session: str = ""

    @contextlib.contextmanager
    def there(self) -> Iterator[Self]:
        """Open the page as a browser does, and keep its session alive meanwhile."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        asked.request("GET", "/_stcore/health")
        reply = asked.getresponse()
        reply.read()
        asked.close()
        given = dict(
            value.split(";")[0].split("=", 1) for value in reply.headers.get_all("Set-Cookie") or ()
        )
        self.xsrf = given["_streamlit_xsrf"].strip('"')
        self.cookies = f"_streamlit_xsrf={self.xsrf}"
        if self.cookie:
            self.cookies += f"; relabel_session={self.cookie}"
        with connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            origin=f"http://127.0.0.1:{self.port}",
            additional_headers={"Cookie": self.cookies},
            max_size=None,
            max_queue=None,
        ) as stream:
            stream.send(BackMsg(rerun_script={}).SerializeToString())
            while not self.session:
                message = ForwardMsg.FromString(stream.recv(timeout=60))
                self.session = message.new_session.initialize.session_id
            yield self

    def send(
        self,
        parts: Iterable[bytes] | None,
        *headers: str,
        method: str = "PUT",
        name: str = "one",
        chunked: bool = False,
        cut: bool = False,
    ) -> Answer:
        """Send a body until it ends or the server answers.

        parts: None leaves the server without a byte of the body that it was told of. cut: hang up
        behind the last part.
        """
        lines = [
            f"{method} /_stcore/upload_file/{self.session}/{name} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: {self.cookies}",
            f"X-Xsrftoken: {self.xsrf}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            *headers,
            *(["Transfer-Encoding: chunked"] if chunked else []),
        ]
        sent = 0
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as wire:
            # An answer in the middle of the body may come with a connection that is closed.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.sendall("\r\n".join([*lines, "", ""]).encode())
                for part in parts or ():
                    if select.select([wire], [], [], 0)[0]:
                        break
                    wire.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
                    sent += len(part)
                else:
                    if chunked and parts is not None:
                        wire.sendall(b"0\r\n\r\n")
                if cut:
                    wire.shutdown(socket.SHUT_WR)
            return Answer(_status(wire), sent)


def _status(wire: socket.socket) -> int | None:
    try:
        line = wire.recv(PART).split(b" ", 2)
    except (ConnectionResetError, TimeoutError):
        return None
    return int(line[1]) if len(line) > 1 else None


def form(size: int) -> Iterator[bytes]:
    """A file of so many bytes as a browser wraps it."""
    yield OPENING
    for start in range(0, size, PART):
        yield b"x" * min(PART, size - start)
    yield CLOSING


def length(size: int) -> int:
    """How long that form is."""
    return len(OPENING) + size + len(CLOSING)
