"""A real HTTP server on loopback that speaks OpenAI's speech endpoint, well or badly."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import soundfile

RATE = 24_000
KEY = "sk-loopback-5f1d3c0a9e"


def tone(content: dict[str, Any]) -> np.ndarray:
    """What the server says: int16 samples that depend on the text and the seed."""
    count = 1200 + 100 * len(content["input"]) + int(content.get("seed", 0)) % 50
    return (1000 * np.sin(np.arange(count) / 9)).astype(np.int16)


class Handler(BaseHTTPRequestHandler):
    """Answers by what the server's `behave` says of the content."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content = json.loads(body)
        self.server.asked.append((self.path, dict(self.headers), content))
        self.server.behave(self, content)

    def send(self, status: int, kind: str, data: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        said = json.dumps({"error": {"message": message}}).encode()
        self.send(status, "application/json", said, **headers)

    def begin_chunks(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def die(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Behaviour = Callable[[Handler, dict[str, Any]], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, behave: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = behave
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """A connection that it broke itself."""


def well(handler: Handler, content: dict[str, Any]) -> None:
    """Say what is asked, in the format that is asked for."""
    sound = tone(content)
    form = content.get("response_format", "wav")
    if form == "pcm" and content.get("stream_format") == "sse":
        handler.begin_chunks("text/event-stream")
        for part in np.array_split(sound, 4):
            event = {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}
            handler.chunk(f"data: {json.dumps(event)}\n\n".encode())
        handler.chunk(b'data: {"type": "speech.audio.done"}\n\n')
        handler.end_chunks()
    elif form == "pcm":
        handler.begin_chunks("audio/pcm")
        data = sound.tobytes()
        for i in range(0, len(data), 1001):  # in the middle of samples
            handler.chunk(data[i : i + 1001])
        handler.end_chunks()
    else:
        file = io.BytesIO()
        soundfile.write(file, sound, RATE, format=form.upper(), subtype=None)
        handler.send(200, f"audio/{form}", file.getvalue())


@contextmanager
def serving(behave: Behaviour = well) -> Iterator[Server]:
    """Run a server in a thread of this process."""
    server = Server(behave)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
