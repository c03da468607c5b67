"""Trains the model on what make_data.py made.

    python train.py DATA RUN [--steps 3000] [--processes 2]

RUN receives a checkpoint now and then (a second start goes on from there) and at the end the
model in the format of `transformers`, for convert.py. Runs with the same data, steps, seed
and number of processes see the same batches.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from pathlib import Path

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing

import batches
import tokens
from model import Learner
from words import word_errors

PEAK_RATE = 1.5e-3
WARM_UP = 100
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


def share_gradients(learner: Learner, processes: int) -> None:
    """Everybody's mean gradient in place of one's own."""
    gradients = [weight.grad for weight in learner.parameters() if weight.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= processes
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def learn(rank: int, options: argparse.Namespace) -> None:
    """What each process does: the same steps, on batches of its own."""
    processes = options.processes
    # One thread each: threads wait for one another at every operation, processes once a step.
    torch.set_num_threads(1)
    meeting = f"file://{options.run.resolve()}/meeting-{options.started}"
    distributed.init_process_group("gloo", meeting, rank=rank, world_size=processes)
    torch.manual_seed(options.seed)

    ids = tokens.Ids.of(tokens.build())
    learner = Learner(ids)
    rows = batches.load(options.data, "train")
    checks = batches.load(options.data, "check")
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.01},
            {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
    )
    step, checkpoint = 0, options.run / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        learner.load_state_dict(kept["learner"])
        optimizer.load_state_dict(kept["optimizer"])
        step = kept["step"]

    began, heard = time.monotonic(), 0.0
    own = itertools.islice(
        batches.course(rows, options.seed),
        step * processes + rank,
        options.steps * processes,
        processes,
    )
    for group in own:
        step += 1
        rng = random.Random((options.seed * 1_000_003 + step) * processes + rank)
        early = step * processes <= batches.EARLY
        batch = batches.batch(group, ids, rng, early=early)
        for place in optimizer.param_groups:
            place["lr"] = rate(step - 1, options.steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = learner.losses(batch.mels, batch.inputs, batch.targets, batch.labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(learner, processes)
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        heard += loss.item()
        if rank:
            continue
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
            # As it stands, so that convert.py has something if the time runs out.
            learner.whisper.save_pretrained(options.run / "model")
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    options.started = time.time_ns()
    multiprocessing.spawn(learn, (options,), nprocs=options.processes)


if __name__ == "__main__":
    main()
