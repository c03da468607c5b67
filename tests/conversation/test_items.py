"""The items of a conversation, and what the language model is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.chat_request import SPOKE_FIRST
from parley.conversation.items import (
    PUT_CHARS,
    PUT_MAX,
    AssistantMessage,
    Items,
    Note,
    Status,
    UserMessage,
)


def texts(items: Items, user_text: str) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in items.request(user_text)]


# A request


def test_the_first_turn_is_the_system_prompt_and_the_words() -> None:
    assert texts(Items("be brief", 5), "hello") == [("system", "be brief"), ("user", "hello")]


def test_without_a_system_prompt_there_is_none() -> None:
    assert texts(Items("", 5), "hello") == [("user", "hello")]


def test_an_exchange_is_remembered_in_order() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there")
    assert texts(items, "bye") == [("user", "hello"), ("assistant", "hi there"), ("user", "bye")]


def test_what_went_unanswered_is_one_message_with_what_was_said_next() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there", heard="")
    items.commit(2, "hm", "")
    assert texts(items, "bye") == [("user", "hello\nhm\nbye")]


def test_replies_with_nothing_said_between_are_one_message() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there", heard="hi")
    items.commit(2, "", "there, friend")
    assert texts(items, "bye") == [
        ("user", "hello"),
        ("assistant", "hi\nthere, friend"),
        ("user", "bye"),
    ]


def test_who_speaks_first_is_remembered_behind_words_of_the_person_as_templates_want_it() -> None:
    items = Items("be brief", 5)
    items.commit(1, "", "welcome")
    assert texts(items, "hello") == [
        ("system", "be brief"),
        ("user", SPOKE_FIRST),
        ("assistant", "welcome"),
        ("user", "hello"),
    ]


def test_a_model_is_shown_what_was_heard_and_not_what_was_said() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there, friend", heard="hi there,")
    assert texts(items, "bye")[1] == ("assistant", "hi there,")


def test_the_mark_stands_behind_the_last_word_that_was_heard() -> None:
    items = Items("", 5, " [interrupted]")
    items.commit(1, "hello", "hi there, friend", heard="hi there,")
    assert texts(items, "bye")[1] == ("assistant", "hi there, [interrupted]")


def test_a_whole_reply_bears_no_mark() -> None:
    items = Items("", 5, " [interrupted]")
    items.commit(1, "hello", "hi there")
    assert texts(items, "bye")[1] == ("assistant", "hi there")


def test_a_reply_of_which_nothing_was_heard_bears_no_mark() -> None:
    items = Items("", 5, " [interrupted]")
    items.commit(1, "hello", "hi there", heard="")
    assert texts(items, "bye") == [("user", "hello\nbye")]


@pytest.mark.parametrize(
    ("prompt", "system"), [("", "it rains\nit pours"), ("be brief", "be brief\nit rains\nit pours")]
)
def test_notes_stand_with_the_system_prompt(prompt: str, system: str) -> None:
    items = Items(prompt, 5)
    items.commit(1, "hello", "hi")
    items.note("it rains")
    items.commit(2, "and", "so")
    items.note("it pours")
    assert texts(items, "bye") == [
        ("system", system),
        ("user", "hello"),
        ("assistant", "hi"),
        ("user", "and"),
        ("assistant", "so"),
        ("user", "bye"),
    ]


turns = st.tuples(
    st.sampled_from(["", "u"]), st.sampled_from(["", "a", "a b"]), st.sampled_from([None, "", "a"])
)


@given(
    st.lists(st.one_of(turns, st.just("note")), max_size=12),
    st.integers(0, 5),
    st.sampled_from(["", "s"]),
)
def test_the_roles_alternate_whatever_went_before(
    went: list[tuple[str, str, str | None] | str], max_turns: int, prompt: str
) -> None:
    items = Items(prompt, max_turns)
    for turn, what in enumerate(went, 1):
        if isinstance(what, str):
            items.note(what)
        else:
            said, reply, heard = what
            items.commit(turn, said, reply, heard=heard)
    roles = [m.role for m in items.request("now")]
    if roles[0] == "system":
        del roles[0]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]


# What is kept


def test_a_turn_of_which_nothing_was_heard_keeps_the_persons_words() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "")
    assert items.exchanges() == [("hello", "")]


def test_each_item_has_an_id_and_a_status() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there", heard="hi")
    items.note("it rains")
    assert list(items) == [
        UserMessage(id="item-1", turn=1, text="hello"),
        AssistantMessage(
            id="item-2", turn=1, said="hi there", heard="hi", status=Status.INTERRUPTED
        ),
        Note(id="item-3", turn=1, text="it rains"),
    ]


def test_a_turn_without_words_of_the_person_has_a_reply_only() -> None:
    items = Items("", 5)
    items.commit(1, "", "welcome")
    assert [type(item) for item in items] == [AssistantMessage]
    assert items.exchanges() == [("", "welcome")]


def test_a_turn_that_is_there_already_is_amended() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there, friend")
    items.commit(1, "hello", "hi there, friend", heard="hi there,")
    assert items.exchanges() == [("hello", "hi there,")]
    assert [item.id for item in items] == ["item-1", "item-2"]


def test_a_correction_leaves_the_order() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there")
    items.commit(2, "and", "so on")
    assert items.amend(1, "hi there", heard="hi")
    assert items.exchanges() == [("hello", "hi"), ("and", "so on")]


def test_there_is_nothing_to_correct_of_a_turn_that_was_never_kept() -> None:
    items = Items("", 5)
    assert not items.amend(1, "hi there", heard="hi")
    assert list(items) == []


def test_only_the_last_exchanges_are_kept() -> None:
    items = Items("", 2)
    for turn in range(1, 5):
        items.commit(turn, f"u{turn}", f"a{turn}")
    assert items.exchanges() == [("u3", "a3"), ("u4", "a4")]


def test_a_turn_that_has_left_the_list_is_never_added_again() -> None:
    items = Items("", 1)
    items.commit(1, "u1", "a1")
    items.commit(2, "u2", "a2")
    items.commit(1, "u1", "a1", heard="a")
    assert items.exchanges() == [("u2", "a2")]
    assert not items.amend(1, "a1", heard="a")


def test_a_memory_of_no_turns_keeps_nothing_of_them() -> None:
    items = Items("be brief", 0)
    items.commit(1, "u1", "a1")
    items.commit(1, "u1", "a1", heard="a")
    assert list(items) == []
    assert texts(items, "bye") == [("system", "be brief"), ("user", "bye")]


def test_a_note_leaves_with_its_turn() -> None:
    items = Items("", 1)
    items.commit(1, "u1", "a1")
    items.note("it rains")
    items.commit(2, "u2", "a2")
    assert texts(items, "bye")[0] == ("user", "u2")


def test_of_what_is_put_beside_the_turns_the_newest_is_kept() -> None:
    items = Items("", 5)
    items.commit(1, "hello", "hi there")
    for number in range(3 * PUT_MAX):
        items.add("user", f"fact {number}", item_id=f"own-{number}")
        items.note(f"note {number}")
    assert len(items) == PUT_MAX + 2, "and the turn is there"
    request = items.request("bye")
    assert "hello" in " ".join(message.text for message in request)
    assert f"fact {3 * PUT_MAX - 1}" in " ".join(message.text for message in request)


def test_a_few_items_may_be_long_but_not_all() -> None:
    items = Items("", 5)
    for number in range(10):
        items.add("user", "x" * (PUT_CHARS // 4), item_id=f"own-{number}")
    assert [item.id for item in items] == ["own-6", "own-7", "own-8", "own-9"]
