"""What the language model is told of the conversation."""

from __future__ import annotations

from parley.conversation.memory import ConversationMemory


def texts(memory: ConversationMemory, user_text: str) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in memory.conversation(user_text)]


def test_the_first_turn_is_the_system_prompt_and_the_words() -> None:
    assert texts(ConversationMemory("be brief", 5), "hello") == [
        ("system", "be brief"),
        ("user", "hello"),
    ]


def test_without_a_system_prompt_there_is_none() -> None:
    assert texts(ConversationMemory("", 5), "hello") == [("user", "hello")]


def test_an_exchange_is_remembered_in_order() -> None:
    memory = ConversationMemory("", 5)
    memory.commit(1, "hello", "hi there")
    assert texts(memory, "bye") == [("user", "hello"), ("assistant", "hi there"), ("user", "bye")]


def test_a_turn_of_which_nothing_was_heard_keeps_the_persons_words_only() -> None:
    memory = ConversationMemory("", 5)
    memory.commit(1, "hello", "")
    assert texts(memory, "bye") == [("user", "hello"), ("user", "bye")]


def test_a_turn_that_is_there_already_is_amended() -> None:
    memory = ConversationMemory("", 5)
    memory.commit(1, "hello", "hi there, friend")
    memory.commit(1, "hello", "hi there,")
    assert memory.exchanges() == [("hello", "hi there,")]


def test_only_the_last_exchanges_are_kept() -> None:
    memory = ConversationMemory("", 2)
    for turn in range(1, 5):
        memory.commit(turn, f"u{turn}", f"a{turn}")
    assert memory.exchanges() == [("u3", "a3"), ("u4", "a4")]
