"""An HTTP proxy before S3 that fails as networks and services do, by a seeded chance."""

import http.client
import random
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("error before", "error after", "slow down", "body dropped", "reset", "slow")


class FaultyProxy:
    """A context.  url: where it listens.  faults: how many it has made."""

    def __init__(self, endpoint: str, seed: int, rate: float) -> None:
        self.faults = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        proxy = self
        upstream = urlsplit(endpoint).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy._serve(self, upstream, proxy._draw(rate))

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FaultyProxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _draw(self, rate: float) -> str:
        with self._lock:
            if self._random.random() >= rate:
                return ""
            self.faults += 1
            return self._random.choice(FAULTS)

    def _serve(self, client: BaseHTTPRequestHandler, upstream: str, fault: str) -> None:
        body = self._body(client)
        if fault == "reset":
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close_connection = True
            client.connection.close()
            return None
        if fault in ("error before", "slow down"):
            return self._answer(client, 500 if fault == "error before" else 503, [], self._error(fault), None)
        if fault == "slow":
            time.sleep(0.3)
        connection = http.client.HTTPConnection(upstream, timeout=60)
        headers = {
            name: value
            for name, value in client.headers.items()
            if name.lower() not in ("expect", "transfer-encoding")
        }
        headers["Content-Length"] = str(len(body))
        connection.request(client.command, client.path, body, headers)
        response = connection.getresponse()
        data = response.read()
        if fault == "error after":
            return self._answer(client, 500, [], self._error(fault), None)
        cut = len(data) // 2 if fault == "body dropped" and data else None
        return self._answer(client, response.status, response.getheaders(), data, cut)

    def _error(self, fault: str) -> bytes:
        code = "SlowDown" if fault == "slow down" else "InternalError"
        return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()

    def _body(self, client: BaseHTTPRequestHandler) -> bytes:
        if client.headers.get("Expect", "").lower() == "100-continue":
            client.send_response_only(100)
            client.end_headers()
        if client.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(client.rfile.readline().split(b";")[0], 16):
                data += client.rfile.read(size)
                client.rfile.readline()
            while client.rfile.readline().strip():
                pass
            return data
        return client.rfile.read(int(client.headers.get("Content-Length", 0)))

    def _answer(
        self,
        client: BaseHTTPRequestHandler,
        status: int,
        headers: list[tuple[str, str]],
        data: bytes,
        cut: int | None,
    ) -> None:
        client.send_response_only(status)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(data)))
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                client.send_header(name, value)
        client.send_header("Content-Length", length if client.command == "HEAD" else str(len(data)))
        client.end_headers()
        if client.command != "HEAD":
            client.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            client.close_connection = True
