"""Lanes: supervised worker processes that hold the engines that block.

A lane is one process, one call at a time, so what a call leaves in the worker stays with the lane.
Sessions share it: a caller that is cancelled gives up its own wait and nothing else. Only a job
that overruns its deadline ends the worker, for real, and the lane starts again.

`Lane.run` is a permanent child of a supervisor. It ends with LaneLost whenever its worker is gone;
an engine that cannot be loaded is tried again inside. It paces its restarts itself, so its
supervisor sets no limit to them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar, cast

import structlog
import trio
import trio_parallel

from ...backoff import Backoff, Chance
from ..failures import EngineFailure, EngineTimeout, EngineUnavailable, LaneLost
from .giving_way import gives_way
from .life import WorkerLife, end_at_exit, ended
from .queue import DEATHS, LOADS, QUICK_DEATH_S, Job, JobQueue, Rank
from .standing import LaneState, Standing
from .worker import WorkerReplaced, warm, work
from .worker_output import place

T = TypeVar("T")
Item = TypeVar("Item")

JOB_LIMIT_S = 120.0
"""No job takes longer, whatever its caller allows: a lane that nobody watches must not hang."""

FAIR_RUN_S = 0.5
"""What a job may run at least, once it has begun. A caller's time may run out in the queue; the
worker must not die for a job that began a moment ago, it carries other sessions' utterances."""

LOAD_LIMIT_S = 120.0
"""Loading takes 0.3 s (a decoder) to many seconds (a large model from a cold disk)."""

WORKER_DIED = (
    "the worker died while loading; what it printed says why. (Where a script starts a server, it "
    'does so under `if __name__ == "__main__":`, because every worker imports the script.)'
)

NOT_STARTED = "the lane has not been started"
STOPPED = "the lane is stopped"

GRACE_S = 0.5
"""An idle worker ends within 0.1 s of its pipe's end; what takes longer is killed."""


class Lane:
    """`init` runs in every new worker and loads the engine; it and all jobs must pickle. A text
    that it gives is the lane's remark.

    `generation` numbers the workers: it moves on the moment one is lost. A job with a generation
    needs what an earlier call left in that very worker; one without can run on any.
    """

    def __init__(
        self,
        name: str,
        init: Callable[[], object],
        *,
        deaths: Backoff = DEATHS,
        loads: Backoff = LOADS,
        chance: Chance = random.random,
    ) -> None:
        """`chance` says how much of a pause is left out."""
        self.name = name
        self.ready = False
        self.load_error: str | None = None
        self.remark: str | None = None
        """What its engine said when it was loaded: one line for people, of what works otherwise
        than they would think."""
        self.pid: int | None = None
        self.generation = 1
        self.deaths = 0
        """How many workers were lost in all."""
        self._closed: str | None = NOT_STARTED
        self._init = init
        self._deaths = deaths
        self._loads = loads
        self._chance = chance
        self._began_s = -math.inf
        """When the present worker was ready, or this lane began to start one."""
        self._quick_deaths = 0
        self._failed_loads = 0
        self._told_error: str | None = None
        self._lost: str | None = None
        """Why the last worker was lost, while there is no other one."""
        self._resumes_s: float | None = None
        """When the next worker is started, while this lane pauses."""
        self.held = 0
        """Utterances that stay on this lane, as their owners count them: its work to come."""
        self._queue = JobQueue()
        self._running = 0
        self._idle = trio.CancelScope()
        self._limiter = trio.CapacityLimiter(1)  # its own: the default one is shared by all lanes

    @property
    def load(self) -> int:
        """How many jobs are waiting or running, and utterances held."""
        return len(self._queue) + self._running + self.held

    @property
    def live_load(self) -> int:
        """The same, without the jobs that a talker's would not have to wait for."""
        return self._queue.live + self._running + self.held

    @property
    def standing(self) -> Standing:
        """How it stands now, for people and load balancers."""
        state = LaneState.STARTING
        if self._closed is not None:
            state = LaneState.STOPPED
        elif self.ready:
            state = LaneState.READY
        elif self._resumes_s is not None:
            state = LaneState.BACKING_OFF
        pause_s = 0.0
        if state is LaneState.BACKING_OFF and self._resumes_s is not None:
            pause_s = max(0.0, self._resumes_s - trio.current_time())
        return Standing(
            lane=self.name,
            state=state,
            deaths=self.deaths,
            failures=self._quick_deaths + self._failed_loads,
            why=None if self.ready else self.load_error or self._lost,
            pause_s=pause_s,
            waiting=len(self._queue),
        )

    @property
    def waiting_s(self) -> float:
        """How long the oldest of the jobs that wait has waited."""
        oldest_s = self._queue.oldest_s
        return 0.0 if oldest_s is None else trio.current_time() - oldest_s

    @property
    def refusal(self) -> str | None:
        """Why a call would be refused now; None where it would be served, if only after others or
        by the next worker."""
        return self.load_error or self._closed

    def close(self) -> None:
        """Nobody serves this lane any more: who waits gets LaneLost, and further calls are refused
        until `run` is called again. Whoever runs a lane again and again says so by this when it
        stops; a `run` that is cancelled does it by itself."""
        self._closed = STOPPED
        self._fail_queued(LaneLost, STOPPED)

    async def call(
        self, fn: Callable[..., T], *args: Any, generation: int | None = None, urgent: bool = False
    ) -> T:
        """Run `fn(*args)` in the worker and give what it returns.

        The job's time ends with the caller's deadline. Raises EngineUnavailable where the engine
        could not be loaded or nobody runs this lane, LaneLost where the worker (or the one of
        `generation`) is gone or the lane is stopped while the job waits, EngineTimeout where the
        job overran, EngineFailure where it failed or the lane is full.
        """
        rank = self._rank(urgent)
        job = self._put(Job(fn, args, trio.current_effective_deadline(), generation, rank))
        return cast(T, await self._result(job))

    async def _result(self, job: Job) -> Any:
        try:
            await job.ended.wait()
        finally:
            if not job.ended.is_set():
                self._queue.take(lambda waiting: waiting is job)
        if job.failure is not None:
            raise job.failure
        return job.value

    async def call_late(
        self,
        fn: Callable[[list[Item]], list[T]],
        item: Callable[[], Item],
        *,
        alike: Hashable = None,
        urgent: bool = False,
    ) -> T:
        """Like `call`, for an `fn` that takes a list and gives a value for each.

        `item` is asked for at the moment at which the job begins, so that what waited is not old
        then. Jobs that are `alike` and wait at the same time are done in one call.
        """
        deadline, rank = trio.current_effective_deadline(), self._rank(urgent)
        job = self._put(Job(fn, (), deadline, None, rank, late=item, alike=alike))
        return cast(T, await self._result(job))

    def _rank(self, urgent: bool) -> Rank:
        """Whose turn a call of this task gets. Raises EngineFailure where there is no room."""
        rank = Rank.GIVES_WAY if gives_way() else Rank.URGENT if urgent else Rank.LIVE
        if self._queue.full(rank):
            raise EngineFailure(f"lane {self.name} is full")
        return rank

    def post(self, fn: Callable[..., object], *args: Any, generation: int) -> None:
        """Have `fn(*args)` run for its effect, unless the worker of `generation` is gone. Does not
        wait: also a cancelled task can clear up. Not bounded: each ends what a call began."""
        if generation == self.generation and self.refusal is None:
            self._put(Job(fn, args, math.inf, generation))

    def _put(self, job: Job) -> Job:
        if self.refusal is not None:
            raise EngineUnavailable(f"{self.name}: {self.refusal}")
        if job.generation not in (None, self.generation):
            raise LaneLost(f"{self.name}: the worker that held this is gone")
        job.queued_s = trio.current_time()
        job.deadline = min(job.deadline, job.queued_s + JOB_LIMIT_S)
        self._queue.put(job)
        self._idle.cancel()
        return job

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Raises LaneLost when the worker is gone: run it again; meanwhile
        calls wait for the next worker."""
        self._closed = None
        task_status.started()
        try:
            await self._pause(self._deaths.pause_s(self._quick_deaths, self._chance))
            self._began_s = trio.current_time()
            while True:
                await self._serve_one_worker()
                self._failed_loads += 1
                pause_s = self._loads.pause_s(self._failed_loads, self._chance)
                self._log_failed_load(pause_s)
                await self._pause(pause_s)
        except BaseException as end:
            if not isinstance(end, Exception):  # a cancellation, alone or in a group
                self.close()
            else:
                self._died(str(end))
            raise

    async def _pause(self, seconds: float) -> None:
        self._resumes_s = trio.current_time() + seconds if seconds else None
        await trio.sleep(seconds)
        self._resumes_s = None

    def _died(self, why: str) -> None:
        """Whatever ended it: who ends soon after it began pauses before it begins again."""
        quick = trio.current_time() - self._began_s < QUICK_DEATH_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        self._lost = why

    def _log_failed_load(self, pause_s: float) -> None:
        """Once for each reason, however often it is tried."""
        if self.load_error != self._told_error:
            self._told_error = self.load_error
            structlog.get_logger().warning(
                "lane_cannot_start", lane=self.name, why=self.load_error, again_in_s=round(pause_s)
            )

    async def _serve_one_worker(self) -> None:
        """One worker from its start to its end. Returns where it could not load its engine."""
        loaded = False
        try:
            async with trio_parallel.open_worker_context(
                idle_timeout=math.inf, grace_period=GRACE_S
            ) as context:
                if not (loaded := await self._load(context)):
                    return
                try:
                    with WorkerLife(self.pid) as life:
                        while True:
                            await self._execute(context, await self._next_jobs(life))
                except trio.Cancelled:
                    self.close()  # now: the worker is given some time to end
                    raise
        except trio_parallel.BrokenWorkerError:  # the context found it dead when it closed
            await trio.lowlevel.checkpoint_if_cancelled()
            if loaded:
                raise LaneLost(f"{self.name}: the worker died") from None
        except LaneLost:
            raise
        except Exception as error:  # no pipe, no memory: a lane without a worker tries again
            if loaded:
                raise LaneLost(f"{self.name}: {_named(error)}") from error
            self._cannot_start(error)
        finally:
            self._worker_is_gone()

    def _worker_is_gone(self) -> None:
        """Once per worker, and before anybody hears of it: who then begins anew, with the present
        generation, gets the next worker."""
        if self.pid is not None:
            ended(self.pid)
            self.ready, self.pid = False, None
            self.generation += 1
            self.deaths += 1
            self._fail_queued(LaneLost, "the worker that held this is gone", bound=True)

    async def _load(self, context: Any) -> bool:
        error = f"loading took longer than {LOAD_LIMIT_S:g} s"
        try:
            with trio.move_on_after(LOAD_LIMIT_S):
                self.pid, remark = await context.run_sync(
                    warm, self._init, place(), kill_on_cancel=True, limiter=self._limiter
                )
                end_at_exit(self.pid)
                self.ready, self.load_error = True, None
                self._lost, self._told_error, self._failed_loads = None, None, 0
                self._began_s = trio.current_time()
                self._take(remark)
                return True
        except trio_parallel.BrokenWorkerError:
            error = WORKER_DIED
        except EngineFailure as failure:
            error = str(failure)
        except Exception as refusal:  # no process or memory to be had, no executable, no main guard
            self._cannot_start(refusal)
            return False
        self._not_loaded(error)
        return False

    def _take(self, remark: str | None) -> None:
        """Told once, however many workers say it."""
        if remark is not None and remark != self.remark:
            structlog.get_logger().warning("lane_remarks", lane=self.name, remark=remark)
        self.remark = remark

    def _cannot_start(self, refusal: Exception) -> None:
        self._not_loaded(f"no worker can be started: {_named(refusal)}")

    def _not_loaded(self, error: str) -> None:
        self.load_error = error
        self._fail_queued(EngineUnavailable, error)

    async def _next_jobs(self, life: WorkerLife) -> list[Job]:
        """What is done in the next call: one job, or several that are alike."""
        while True:
            if life.ended:
                self._worker_is_gone()
                raise LaneLost(f"{self.name}: the worker died while it was idle")
            if not (jobs := self._queue.pop_with_alike()):
                with trio.CancelScope() as self._idle:
                    await life.wait_for_end()
                continue
            now_s = trio.current_time()
            for job in jobs:
                if now_s >= job.deadline:
                    job.finish(failure=EngineTimeout(f"{self.name}: no turn within the deadline"))
            if jobs := [job for job in jobs if now_s < job.deadline]:
                return jobs

    async def _execute(self, context: Any, jobs: list[Job]) -> None:
        self._running = len(jobs)
        kill_at = max(min(job.deadline for job in jobs), trio.current_time() + FAIR_RUN_S)
        try:
            fn, args = jobs[0].fn, jobs[0].args
            if jobs[0].late is not None:
                args = ([job.late() for job in jobs if job.late is not None],)
            with trio.CancelScope(deadline=kill_at) as time:
                value = await context.run_sync(
                    work, fn, *args, kill_on_cancel=True, limiter=self._limiter
                )
                values = [value] if jobs[0].late is None else value
                for job, its_value in zip(jobs, values, strict=True):
                    job.finish(its_value)
        except EngineFailure as failure:
            _fail(jobs, failure)
        except (trio_parallel.BrokenWorkerError, WorkerReplaced, OSError):
            # OSError: it died while it was sending its answer, of which a part is here.
            self._worker_is_gone()
            raise LaneLost(f"{self.name}: the worker died during a call") from None
        except Exception as error:  # what does not pickle; all else is contained in the worker
            what = f"a job or its result cannot be sent ({type(error).__name__})"
            _fail(jobs, EngineFailure(what, retryable=False))
        else:
            if time.cancelled_caught:
                self._worker_is_gone()
                _fail(jobs, EngineTimeout(f"{self.name}: the call overran its deadline"))
                raise LaneLost(f"{self.name}: the worker was killed, a call overran its deadline")
        finally:
            self._running = 0
            _fail(jobs, LaneLost(f"{self.name}: the worker died during the call"))

    def _fail_queued(
        self, kind: type[LaneLost | EngineUnavailable], why: str, *, bound: bool = False
    ) -> None:
        """Those that need the worker that is gone (`bound`), or all."""
        for job in self._queue.take(lambda job: job.generation is not None or not bound):
            job.finish(failure=kind(f"{self.name}: {why}"))


def _fail(jobs: Sequence[Job], failure: EngineFailure) -> None:
    for job in jobs:
        job.finish(failure=failure)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
