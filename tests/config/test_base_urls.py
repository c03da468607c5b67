"""Several base URLs for one engine, and their keys."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from parley.config import Settings, SettingsError, keys_of, load_settings, urls_of
from parley.config.base_urls import MAX_PLACES
from parley.config.kinds import without_credentials

A, B = "http://gpu-1.example.org:8000/v1", "https://gpu-2.example.org/v1"


def load(environ: Mapping[str, str]) -> Settings:
    return load_settings(env_file=None, environ=environ)


def refused(environ: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ)
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("listed", "urls"),
    [
        (None, ()),
        (A, (A,)),
        (f"{A},{B}", (A, B)),
        (f" {A} , {B} , ", (A, B)),
        (f"{A},", (A,)),
        (f"{A}?x=1,2", (f"{A}?x=1,2",)),
        ("http://user:a,b@h/v1", ("http://user:a,b@h/v1",)),
    ],
)
def test_urls_stand_between_commas(listed: str | None, urls: tuple[str, ...]) -> None:
    assert urls_of(listed) == urls
    if listed:
        assert urls_of(load({"OPENAI_TTS_BASE_URL": listed}).speaking.base_url) == urls


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (f"{A},{A}", f"{A!r} stands there twice"),
        (f"{A},{A}/", "stands there twice"),
        ("http://h/v1,http://H:80/v1", "stands there twice"),
        (f"{A},ftp://h/v1", "'ftp://h/v1' is none"),
        (f"{A},gpu-2:8000/v1,{B}", "is none"),
        (f"{A},http://h h/v1", "is none"),
        (",".join(f"http://h{n}" for n in range(MAX_PLACES + 1)), f"more than {MAX_PLACES}"),
    ],
)
def test_a_list_that_cannot_be_used_says_why_in_one_line(listed: str, why: str) -> None:
    told = refused({"OPENAI_ASR_BASE_URL": listed})
    assert why in told
    assert "several with commas between them, none twice" in told


def test_credentials_are_shown_nowhere() -> None:
    one, other = "http://u:hunter2@a.example.org/v1", "http://u:hunter,3@b.example.org/v1"
    assert "hunter" not in refused({"OPENAI_BASE_URL": f"{one},{other},{one}"})
    assert "hunter" not in refused({"OPENAI_BASE_URL": f"{one},{other},ftp://u:hunter4@c/v1"})
    shown = without_credentials(f"{one}, {other}")
    assert shown == "http://a.example.org/v1,http://b.example.org/v1"
    settings = load({"OPENAI_BASE_URL": f"{one},{other}"})
    assert settings.public()["openai_base_url"] == shown
    assert "hunter" not in repr(settings.answering)


@pytest.mark.parametrize(
    ("key", "places", "keys"),
    [
        (None, 2, (None, None)),
        ("k", 1, ("k",)),
        ("k", 3, ("k", "k", "k")),
        ("k,l", 2, ("k", "l")),
        ("k,l", 1, ("k,l",)),
    ],
)
def test_one_key_for_all_or_one_for_each(
    key: str | None, places: int, keys: tuple[str | None, ...]
) -> None:
    assert keys_of(None if key is None else SecretStr(key), places) == keys


@pytest.mark.parametrize("key", ["k,l,m", "k,", ",,"])
def test_keys_that_do_not_fit_are_refused_without_being_shown(key: str) -> None:
    told = refused({"OPENAI_BASE_URL": f"{A},{B}", "OPENAI_API_KEY": key})
    assert told.startswith("OPENAI_API_KEY: ")
    assert "for 2 URLs: one for all, or one for each" in told
    assert key not in told
    assert refused({"OPENAI_BASE_URL": f"{A},{B}", "OPENAI_TTS_API_KEY": "k,l,m"})


def test_a_pool_for_all_is_every_engines() -> None:
    settings = load({"OPENAI_BASE_URL": f"{A},{B}", "OPENAI_API_KEY": "k,l"})
    for of in (settings.answering, settings.speaking, settings.transcribing):
        assert urls_of(of.base_url) == (A, B)
        assert keys_of(of.api_key, 2) == ("k", "l")
