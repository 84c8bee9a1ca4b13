"""What stands before AWS here: it records every request, and refuses some when told to, as AWS does."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from io import BytesIO
from socket import SHUT_RDWR
from typing import Any, NamedTuple

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
JSON = '{{"__type": "{code}Exception", "message": "{message}"}}'
S3 = "<Error><Code>{code}</Code><Message>{message}</Message></Error>"
QUERY = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
)
THROTTLED = ("Throttling", "Rate exceeded")
EXPIRED = ("ExpiredToken", "The security token included in the request is expired")


class Request(NamedTuple):
    """A request that was made.

    operation: EMR's name for it, such as RunJobFlow; of other services method and URL: `GET /bucket?list-type=2`.
    body: of EMR's requests, as it came.  key: the access key of whoever has asked.
    """

    operation: str
    body: dict[str, Any]
    key: str


class Front:
    """A WSGI application before those that answer.  emr: answers EMR's requests.  others: all others."""

    def __init__(self, emr: Application, others: Application) -> None:
        self._emr, self._others = emr, others
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.throttled: Counter[str] = Counter()  # how often yet, by operation
        self.lost: Counter[str] = Counter()  # answers, how often yet, by operation
        self.expired: set[str] = set()  # access keys

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        found = re.search(r"Credential=([^/]+)/\d+/[^/]+/(\w+)", environ.get("HTTP_AUTHORIZATION", ""))
        key, signed = found.groups() if found else ("", "")
        of_emr, body = target == "ElasticMapReduce", {}
        if of_emr:
            data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"], body = BytesIO(data), json.loads(data)
        else:
            operation = f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}"
        with self._lock:
            self.requests.append(Request(operation, body, key))
            throttled = self.throttled[operation] > 0
            self.throttled[operation] -= throttled
            lost = not throttled and self.lost[operation] > 0
            self.lost[operation] -= lost
        if key in self.expired or throttled:
            code, message = THROTTLED if throttled else EXPIRED
            form = JSON if target else S3 if signed == "s3" else QUERY
            _drain(environ)
            start_response("400 Bad Request", [("Content-Type", "application/json" if target else "text/xml")])
            return [form.format(code=code, message=message).encode()]
        answer = (self._emr if of_emr else self._others)(environ, (lambda *_: None) if lost else start_response)
        if lost:
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        return answer


def _drain(environ: dict[str, Any]) -> None:
    """Takes what the client still sends, or it might not hear the answer."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (data := environ["wsgi.input"].read(min(left, 1 << 20))):
        left -= len(data)
