"""What can go wrong while something is fetched from a hub, each as one line with what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..failures import ModelProblem

if TYPE_CHECKING:
    from httpx2 import RequestError
    from huggingface_hub.errors import HfHubHTTPError


@contextmanager
def in_one_line(repository: str, models_dir: Path) -> Iterator[None]:
    """Turn whatever goes wrong into ModelProblem, with what to do about it."""
    from httpx2 import InvalidURL, RequestError, UnsupportedProtocol
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except ModelProblem:
        raise
    except OfflineModeIsEnabled:
        raise ModelProblem("HF_HUB_OFFLINE is set: nothing may be downloaded; unset it") from None
    except HfHubHTTPError as error:
        raise ModelProblem(_refused(repository, error)) from None
    except (InvalidURL, UnsupportedProtocol) as error:
        raise ModelProblem(f"HF_ENDPOINT is no address of a hub: {error}") from None
    except RequestError as error:
        raise ModelProblem(_unreachable(error)) from None
    except OSError as error:
        raise ModelProblem(_unwritable(models_dir, error)) from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise ModelProblem(
            f"what answered is no hub ({type(error).__name__}); check HF_ENDPOINT, and whether "
            "a login page of your network is in between"
        ) from None


def _refused(repository: str, error: HfHubHTTPError) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return f"{repository} asks for an account that was let in: set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return f"the hub has no repository {repository} (or not for you: then set HF_TOKEN)"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"the hub answered {status}; pull again later, it goes on where it stopped"
    return f"the hub answered {status} for {repository}"


def _unreachable(error: RequestError) -> str:
    from httpx2 import ConnectError, ConnectTimeout, TimeoutException

    try:
        host = error.request.url.host
    except RuntimeError:  # it failed before there was a request
        host = "the hub"
    if isinstance(error, ConnectError | ConnectTimeout):
        return f"{host} cannot be reached ({error}); is there a network? Is HF_ENDPOINT right?"
    if isinstance(error, TimeoutException):
        return f"{host} sends nothing any more; pull again, it goes on where it stopped"
    return f"the connection to {host} broke ({error}); pull again, it goes on where it stopped"


def _unwritable(models_dir: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {models_dir} is full ({reason}); make room, or set PARLEY_MODELS_DIR"
    where = error.filename or models_dir
    return f"{where} cannot be written: {reason}; set PARLEY_MODELS_DIR to a folder that can"
