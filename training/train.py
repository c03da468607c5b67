"""Trains the model on what make_data.py made.

    python train.py DATA RUN [--steps 6000]

RUN receives a checkpoint now and then (a second start goes on from there) and at the end the
model in the format of `transformers`, for convert.py. Runs with the same data, steps and seed
see the same batches.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from pathlib import Path

import torch

import batches
import tokens
from model import Learner
from words import word_errors

PEAK_RATE = 1.5e-3
WARM_UP = 200
EVERY = 250


def rate(step: int, steps: int) -> float:
    """The learning rate: a short climb, then half a cosine."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP)))


def check(learner: Learner, rows: list[batches.Row]) -> float:
    """Word error rate over held-back takes in their own window and half a second."""
    names = {number: word for word, number in learner.ids.words.items()}
    rows = sorted((row for row in rows if row.words), key=lambda row: len(row.mels))[::4]
    wrong = total = 0
    learner.eval()
    for group in (rows[index : index + 32] for index in range(0, len(rows), 32)):
        frames = len(group[-1].mels) + 50
        with torch.autocast("cpu", torch.bfloat16):
            said = learner.greedy(batches.window(group, min(frames + frames % 2, 3000)))
        for row, ids in zip(group, said, strict=True):
            wrong += word_errors(row.words, [names.get(number, "?") for number in ids])
            total += len(row.words)
    learner.train()
    return wrong / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)

    tokenizer = tokens.build()
    ids = tokens.Ids.of(tokenizer)
    learner = Learner(ids)
    rows = batches.load(options.data, "train")
    checks = batches.load(options.data, "check")
    decayed = [
        weight for weight in learner.parameters() if weight.requires_grad and weight.ndim > 1
    ]
    plain = [weight for weight in learner.parameters() if weight.requires_grad and weight.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    step, checkpoint = 0, options.run / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        learner.load_state_dict(kept["learner"])
        optimizer.load_state_dict(kept["optimizer"])
        step = kept["step"]
    print(len(rows), "takes,", sum(w.numel() for w in learner.whisper.parameters()), "parameters")

    began, heard = time.monotonic(), 0.0
    groups = itertools.islice(batches.epochs(rows, options.seed), step, options.steps)
    for step, group in enumerate(groups, step + 1):  # noqa: B020 - goes on from where it stood
        batch = batches.batch(group, ids, random.Random(options.seed * 1_000_003 + step))
        for place in optimizer.param_groups:
            place["lr"] = rate(step - 1, options.steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = learner.losses(batch.mels, batch.inputs, batch.targets, batch.labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        heard += loss.item()
        if step % 50 == 0:
            print(
                f"{step} loss {heard / 50:.3f} after {time.monotonic() - began:.0f} s", flush=True
            )
            heard = 0.0
        if step % EVERY == 0 or step == options.steps:
            state = {"learner": learner.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "step": step}, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
            print(f"{step} word error rate {check(learner, checks):.4f}", flush=True)
    learner.whisper.save_pretrained(options.run / "model")
    tokens.save(tokenizer, options.run / "model")


if __name__ == "__main__":
    main()
