"""The small EMR of tests/emr_lab, with answers for services that it lacks, and for users who are not allowed to ask."""

import json
import os
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from tests import command
from tests.emr_lab.plane import REGION, Plane

DENIED = "AccessDenied"
JSON_TYPE, XML_TYPE = "application/x-amz-json-1.1", "text/xml"


class Aws(Plane):
    """answers: what an operation is answered, in place of the lab's own answer: a body, JSON or XML, or the code of a refusal.

    told: what other services than EMR and S3 have been asked, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Mapping[str, Any] | str] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._server.app = self._answered

    def _answered(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[2]
        form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
        if operation or form:
            data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(data)
            asked = (
                json.loads(data) if operation else {key: value[0] for key, value in parse_qs(data.decode()).items()}
            )
            operation = operation or asked["Action"]
            self.told.append((operation, asked))
        answer = self.answers.get(operation)
        if answer is None:
            return self._front(environ, start_response)
        return _sent(answer, form, start_response)

    def run(self, *words: str, code: int = 0, **variables: str) -> command.Result:
        """Runs `fanin` as its user here, who has no mrjob.conf; it must end with this code, and in no traceback."""
        known = {"MRJOB_CONF": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        env = {**os.environ, **self.environment(), **known, **variables}
        done = command.run(*words, env={name: value for name, value in env.items() if value})
        assert done.code == code, (done.out, done.err)
        assert "Traceback" not in done.err
        return done


def _sent(answer: Mapping[str, Any] | str, form: bool, start_response: Any) -> list[bytes]:
    kind = XML_TYPE if form else JSON_TYPE
    if isinstance(answer, str) and not answer.startswith("<"):
        refusal = f"<Error><Code>{answer}</Code><Message>said so</Message></Error>"
        body = (
            f"<Response><Errors>{refusal}</Errors>{refusal}</Response>"  # EC2's way, and that of the others
            if form
            else json.dumps({"__type": answer, "message": "said so"})
        )
        start_response("400 Bad Request", [("Content-Type", kind)])
        return [body.encode()]
    start_response("200 OK", [("Content-Type", kind)])
    return [(answer if isinstance(answer, str) else json.dumps(answer)).encode()]


def price(kind: str, usd: str, **attributes: str) -> str:
    """A product of the price list, as AWS gives it."""
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": usd}}
    product = {"attributes": {"instanceType": kind, "regionCode": REGION, **attributes}}
    terms = {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}
    return json.dumps({"product": product, "terms": terms})


__all__ = ["DENIED", "REGION", "Aws", "price"]
