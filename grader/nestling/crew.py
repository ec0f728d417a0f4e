"""Try wrong bodies side by side: processes that each have a workshop of their own."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from nestling.errors import UserError
from nestling.mutation import Trial, Wrong, try_out
from nestling.plan import Run
from nestling.workshop import Workshop

Job = tuple[Wrong, Sequence[Run]]


class Queue:
    """The jobs that nobody has begun, by the file that they change.

    Who changes another file than before has to build two, so everybody stays with a file as long
    as it has jobs, and then helps with the one that has most.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._files: dict[str, deque[Job]] = {}
        for job in jobs:
            self._files.setdefault(job[0].func.path, deque()).append(job)

    def take(self, file: str) -> Job | None:
        """The next job for one who has had `file` ("" at first); None if none are left."""
        if not self._files.get(file):
            file = max(self._files, key=lambda name: len(self._files[name]), default="")
        return self._files[file].popleft() if self._files.get(file) else None


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: Job | None = None


def try_all(root: Path, jobs: Sequence[Job], workers: int, seed: int) -> Iterator[Trial]:
    """Try wrong bodies of the project `root`, each with the runs given; the trials as they end.

    Nothing is left of the processes when the iterator is closed. Raises UserError when one of
    them can't go on.
    """
    context = multiprocessing.get_context("spawn")  # fork would copy the screen's threads
    queue = Queue(jobs)
    crew: dict[Connection, _Worker] = {}
    with tempfile.TemporaryDirectory(prefix="nestling-", ignore_cleanup_errors=True) as folder:
        try:
            for number in range(min(workers, len(jobs))):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, daemon=True, args=(
                    theirs, root, Path(folder, str(number)), seed))
                process.start()
                theirs.close()
                crew[ours] = _Worker(process, ours)
                _next(crew[ours], queue)
            while busy := [connection for connection, one in crew.items() if one.job]:
                for connection in wait(busy):
                    assert isinstance(connection, Connection)
                    worker = crew[connection]
                    yield _answer(worker)
                    _next(worker, queue)
        finally:
            for worker in crew.values():
                worker.process.terminate()
            for worker in crew.values():
                worker.process.join()


def _next(worker: _Worker, queue: Queue) -> None:
    """Give a worker its next job, if there is one."""
    worker.job = queue.take(worker.job[0].func.path if worker.job else "")
    if worker.job:
        worker.connection.send(worker.job)


def _answer(worker: _Worker) -> Trial:
    """What a worker has to say of its job."""
    assert worker.job
    try:
        answer = worker.connection.recv()
    except (EOFError, ConnectionError):
        wrong = worker.job[0]
        raise UserError(f"the process that tried {wrong.place} ({wrong.text}) died") from None
    if isinstance(answer, Trial):
        return answer
    raise UserError(str(answer))


def _work(connection: Connection, root: Path, folder: Path, seed: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us sees to that
    try:
        workshop = Workshop(root, folder)
        while True:
            wrong, runs = connection.recv()
            connection.send(try_out(workshop, wrong, runs, seed))
    except UserError as error:
        connection.send(str(error))
    except EOFError:
        pass
