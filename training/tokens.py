"""The tokenizer: each word of the vocabulary is one token, with the space before it.

The order of the ids is Whisper's: text first, then the end of the text, the special tokens, and
1501 timestamps of 20 ms. CTranslate2 and faster-whisper rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from words import WORDS

SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
)
TIMESTAMPS = tuple(f"<|{index * 0.02:.2f}|>" for index in range(1501))


def build() -> Tokenizer:
    """A byte-level BPE, trained on nothing but the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=5000,  # more than there is to merge: it stops when every word is one token
        min_frequency=1,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator((" " + word for word in WORDS), trainer)
    special = [AddedToken(text, special=True) for text in (*SPECIAL, *TIMESTAMPS)]
    tokenizer.add_special_tokens(special)
    return tokenizer


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that training needs by name."""

    words: dict[str, int]
    blank: int
    end: int
    start: int
    no_speech: int
    no_timestamps: int
    first_timestamp: int
    count: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Ids:
        words = {}
        for word in WORDS:
            ids = tokenizer.encode(" " + word).ids
            if len(ids) != 1:
                raise ValueError(f"{word!r} is not one token")
            words[word] = ids[0]
        return cls(
            words=words,
            blank=tokenizer.encode(" ").ids[0],
            end=tokenizer.token_to_id("<|endoftext|>"),
            start=tokenizer.token_to_id("<|startoftranscript|>"),
            no_speech=tokenizer.token_to_id("<|nospeech|>"),
            no_timestamps=tokenizer.token_to_id("<|notimestamps|>"),
            first_timestamp=tokenizer.token_to_id(TIMESTAMPS[0]),
            count=tokenizer.get_vocab_size(),
        )


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json, and the wrapper that the converter reads."""
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
    ).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
