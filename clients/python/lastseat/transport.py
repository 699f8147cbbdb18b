"""One HTTP exchange: an answer of lastseat, or none."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lastseat.problem import Problem

# Of an answer, in bytes; the largest is the map of a stadium.
BODY_MAX = 8 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What lastseat said: the body of a "yes", or a problem."""

    body: dict[str, Any]
    problem: Problem | None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """lastseat never redirects a call of the API: whoever does is somebody else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def over_http(
    method: str, url: str, headers: Mapping[str, str], data: bytes | None, attempt_timeout_s: float
) -> Answer | None:
    """Sends one request; nothing where no answer of lastseat's came within `attempt_timeout_s`.

    Silence, a broken connection and the page of a proxy are all the same to the caller: the call
    may have been carried out.
    """
    end = time.monotonic() + attempt_timeout_s
    request = urllib.request.Request(url, data, dict(headers), method=method)
    if data is not None:
        request.add_header("content-type", "application/json")
    try:
        try:
            response = _OPENER.open(request, timeout=attempt_timeout_s)
        except urllib.error.HTTPError as refused:
            response = refused
        with response:
            body = json.loads(_read(response, end))
            status, retry_after = response.status, response.headers.get("retry-after")
    except (OSError, http.client.HTTPException, ValueError):
        return None
    if not isinstance(body, dict):
        return None
    if 200 <= status < 300:
        return Answer(body, None)
    if not isinstance(body.get("code"), str):
        return None
    return Answer(body, Problem(body, status, _retry_after_s(body, retry_after)))


def _read(response: Any, end: float) -> bytes:
    parts = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > BODY_MAX or time.monotonic() > end:
            raise ValueError("the answer is too long, or too slow")
    return b"".join(parts)


def _retry_after_s(body: Mapping[str, Any], header: str | None) -> float | None:
    """In the body it has milliseconds, in the header whole seconds."""
    named = body.get("retry_after_ms")
    if isinstance(named, int):
        return named / 1000
    return float(header) if header and header.isdecimal() else None
