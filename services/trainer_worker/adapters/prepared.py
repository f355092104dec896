"""What every way to train begins with: the rows, the version to beat, and who learns what."""

from dataclasses import dataclass

from trainer_worker.adapters.data_set import DataSet, read_data_set
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.other_versions import Store
from trainer_worker.adapters.version_files import champion_of
from trainer_worker.core.train.fitting import Champion
from trainer_worker.core.train.run_report import WaitsFor
from trainer_worker.core.train.split import Split, split_rows


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of a run, the artifact store as it sees it, and the champion where there is one."""

    job: Job
    data: DataSet
    store: Store
    champion: Champion | None

    def split(self) -> Split:
        """Which rows are learnt from and which are held out, by the spec; the same for whoever trains."""
        request, spec = self.job.run.request, self.job.run.spec
        return split_rows(
            request.data,
            self.data.pseudo,
            None if self.champion is None else int(self.champion.unseen.sum()),
            pseudo_share=spec.training.pseudo_share,
            at=self.data.rows.at,
            horizon_ms=0 if spec.forecast is None else spec.forecast.horizon_ms,
        )


def prepared(job: Job, waits: WaitsFor) -> Prepared:
    """Read rows and champion; `waits` is told of the archive meanwhile. Raises ValueError where they are not usable."""
    request, spec = job.run.request, job.run.spec
    waits("archive")
    data = read_data_set(job.archive_uri, request, spec, job.archive_wait_seconds)
    waits("")
    store = Store(job.archive_wait_seconds, waits, job.trusted_keys)
    return Prepared(job, data, store, champion_of(store, request, spec, data))
