"""Engines' failures, as the answers that OpenAI's clients understand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ...engines.asr.interface import LanguageUnknown
from ...engines.failures import EngineBusy, EngineFailure, Unsayable
from ..http.head import BadRequest
from ..http.places import RETRY_AFTER_S


@contextmanager
def refused() -> Iterator[None]:
    """Raises BadRequest in the place of an EngineFailure: 400 where another request would do, 503
    otherwise, with a time to come again where that may help."""
    try:
        yield
    except LanguageUnknown as problem:
        raise BadRequest(400, str(problem), param="language") from None
    except Unsayable as problem:
        raise BadRequest(400, str(problem), param="input") from None
    except EngineFailure as failure:
        structlog.get_logger().warning("request_failed", error=str(failure))
        again = (("Retry-After", str(RETRY_AFTER_S)),)
        later = failure.retryable or isinstance(failure, EngineBusy)
        raise BadRequest(503, str(failure), again if later else (NO_RETRY,)) from None


NO_RETRY = ("X-Should-Retry", "false")
"""OpenAI's clients ask again twice after a 503, unless they are told that it is no use."""
