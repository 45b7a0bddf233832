"""Servers of language models for tests: made-up ones that do as they are told, one request after the other."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from freshet.tasks.settings.generation import Endpoint
from tests.waiting import PATIENCE

Reply = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]

KEY = "sk-a-key-that-nobody-may-see"


@dataclass
class Server:
    """A made-up server.

    Attributes:
        asked: the bodies of the requests, in order.
        headers: those of the requests, in order.
        gone: set once whoever asked is not there any more.
    """

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def endpoint(self, **more: Any) -> Endpoint:
        return Endpoint.model_validate({"endpoint": f"{self.url}/v1", "name": "parrot", "api_key": KEY, **more})


@contextmanager
def serving(*replies: Reply, certificate: Path | None = None) -> Iterator[Server]:
    """A server that gives these replies in turn, the last of them from then on; with a certificate, over TLS."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                server.gone.set()

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            server.asked.append(body)
            server.paths.append(self.path)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.close_connection = True
            replies[min(len(server.asked), len(replies)) - 1](self, body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            server.gone.set()

    http = Quiet(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server.url = f"{'https' if certificate else 'http'}://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join(PATIENCE)
        http.server_close()


def certificate(folder: Path) -> Path:
    """A file with a key and a certificate of this machine that it has signed itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(kept + made.public_bytes(serialization.Encoding.PEM))
    return file


def begin(handler: BaseHTTPRequestHandler, kind: str = "text/event-stream", status: int = 200, **headers: str) -> None:
    """Sends the head of an answer that ends when the connection does."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def raw(data: bytes, kind: str = "text/event-stream", status: int = 200, **headers: str) -> Reply:
    """A reply of these bytes."""

    def reply(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        begin(handler, kind, status, **headers)
        handler.wfile.write(data)

    return reply


def whole(body: Any, status: int = 200, **headers: str) -> Reply:
    """A reply of one whole body of JSON."""
    return raw(json.dumps(body).encode(), "application/json", status, **headers)


def event(content: Any = None, finish: str | None = None, **more: Any) -> bytes:
    """An event of a stream, as the protocol has it."""
    delta = {} if content is None else {"content": content}
    chunk = {"choices": [{"index": 0, "delta": {**delta, **more}, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def said(*pieces: str, finish: str = "stop") -> Reply:
    """A reply as a good server gives it."""
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(pieces)}}
    events = b"".join(event(piece) for piece in pieces)
    return raw(events + event(finish=finish) + b"data: " + json.dumps(usage).encode() + b"\n\n" + DONE)


def endlessly(data: bytes) -> Reply:
    """A reply of the same bytes until whoever asked goes away."""

    def reply(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        begin(handler)
        while True:
            handler.wfile.write(data)

    return reply


def slow(first: bytes, until: threading.Event) -> Reply:
    """A reply that says something and then nothing, until whoever asked goes away, which is noted."""

    def reply(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        if first:
            begin(handler)
            handler.wfile.write(first)
        handler.connection.settimeout(PATIENCE)
        if handler.connection.recv(1) == b"":
            until.set()

    return reply
