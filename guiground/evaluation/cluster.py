"""The same run on the workers of a Ray cluster: this process keeps the rows, they hold the models."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError
from guiground.evaluation import fingerprint
from guiground.evaluation.annotations import Sample
from guiground.evaluation.journal import Journal
from guiground.evaluation.run import answers, describe, keep, missing, open_picture
from guiground.evaluation.tables import Pictures
from guiground.evaluation.tasks import Task

if TYPE_CHECKING:
    from guiground.screen import Screenshot

TRIES = 3  # workers that a screenshot may cost before its rows become errors
_STORE_BYTES = 200_000_000  # of shared memory for a cluster that is started here: screenshots on their way


class Worker:
    """A locator in a process of its own."""

    def __init__(self, asked: dict[str, Any], batch: int = 1) -> None:
        from guiground.locator import Locator

        self._locator, self._batch = Locator(**asked), batch
        self._run = ""

    def process(self) -> int:
        import os

        return os.getpid()

    def settings(self, task: Task) -> dict[str, Any]:
        return fingerprint.settings(self._locator, task, self._batch)

    def answers(self, run: str, task: Task, samples: list[Sample], screenshot: "Screenshot") -> list[dict[str, Any]]:
        """What `run.answer` says of each sample. Raises UsageError on a machine that would make rows of another run."""
        self._run = self._run or fingerprint.run_hash(self.settings(task))
        if self._run != run:
            import platform

            raise UsageError(
                f"a worker on {platform.node()} has other settings than the first one: its rows would be of run "
                f"{self._run}, not {run} (give all machines the same device, versions and weights)"
            )
        ready = [(sample, screenshot) for sample in samples]
        parts = (ready[start : start + self._batch] for start in range(0, len(ready), self._batch))
        return [said for part in parts for said in answers(part, self._locator)]


class Cluster:
    """Workers on a Ray cluster; with `with`. Without an address, one is started on this machine and ended again.

    asked: the arguments of Locator. batch: instructions about one screenshot answered at once. workers: how many, by
    default as many as there are GPUs, at least one. gpus: the share of a GPU that each takes, by default one where
    there are any. address: as `ray.init` takes it, "auto" or "ray://head:10001".
    """

    def __init__(
        self,
        asked: dict[str, Any],
        workers: int | None = None,
        gpus: float | None = None,
        address: str | None = None,
        batch: int = 1,
    ) -> None:
        self._asked, self._wanted, self._gpus, self._address = asked, workers, gpus, address
        self._batch = batch
        self._workers: list[Any] = []

    def __enter__(self) -> "Cluster":
        try:
            import ray
        except ImportError:
            raise UsageError("--engine ray needs Ray (install it: pip install 'guiground[ray]')") from None
        own = {"num_cpus": self._wanted or 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        try:
            ray.init(
                self._address or "local", log_to_driver=False, logging_level="ERROR", **({} if self._address else own)
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0][:160]
            raise UsageError(f"no Ray cluster answers at '{self._address}': {reason} (see: ray status)") from error
        there = ray.cluster_resources().get("GPU", 0)
        gpus = (1.0 if there else 0.0) if self._gpus is None else self._gpus
        count = self._wanted or max(1, int(there / gpus) if gpus else 1)
        self._make = lambda: ray.remote(Worker).options(num_cpus=1, num_gpus=gpus).remote(self._asked, self._batch)
        self._workers = [self._make() for _ in range(count)]
        return self

    def __exit__(self, *exception: object) -> None:
        import ray

        for worker in self._workers:
            ray.kill(worker)
        ray.shutdown()

    def processes(self) -> list[int]:
        """The process ids of the workers, on their machines."""
        import ray

        return ray.get([worker.process.remote() for worker in self._workers])

    def settings(self, task: Task) -> dict[str, Any]:
        """What decides a row there; the model is loaded by a worker, never here."""
        return _value(self._workers[0].settings.remote(task))

    def run(
        self,
        task: Task,
        samples: Sequence[Sample],
        pictures: Pictures,
        journal: Journal,
        on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> list[dict[str, Any]]:
        """As `run.run`, with a screenshot a worker at a time. The work of a worker that dies is given to a new one."""
        import ray

        waiting = deque((name, group, 1) for name, group in missing(samples, journal))
        idle, busy = list(range(len(self._workers))), {}
        while waiting or busy:
            while waiting and idle:
                name, group, tries = waiting.popleft()
                screenshot, broken = open_picture(pictures, name)
                if screenshot is None:
                    for sample in group:
                        keep(journal, sample, {"error": broken}, on_row)
                    continue
                worker = idle.pop(0)
                promised = self._workers[worker].answers.remote(journal.run, task, group, screenshot)
                busy[promised] = (worker, name, group, tries)
            if not busy:
                continue
            [promised], _ = ray.wait(list(busy), num_returns=1)
            worker, name, group, tries = busy.pop(promised)
            idle.append(worker)
            try:
                said = _value(promised)
            except ray.exceptions.RayActorError as error:
                self._workers[worker] = self._make()
                if tries < TRIES:
                    waiting.appendleft((name, group, tries + 1))
                    continue
                said = [{"error": describe(error)} for _ in group]
            for sample, of_sample in zip(group, said, strict=True):
                keep(journal, sample, of_sample, on_row)
        return [journal.rows[sample.id] for sample in samples]


def _value(promised: Any) -> Any:
    """What a worker returned; its own exception where it raised one."""
    import ray

    try:
        return ray.get(promised)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
