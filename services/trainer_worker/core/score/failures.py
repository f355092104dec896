"""Which requests failed: by their status in production, or because a version could not be run on a frame's rows.

Labels tell nothing of a request that failed, since nobody labels an answer that was not given. So every row of a
frame counts that was predicted in it, labelled or not, and each once: it is told again when its label comes.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import Frame
from driftloop.contracts.challenge_scores import AnsweredRows
from driftloop.contracts.message import Version
from driftloop.statistics.statuses import is_failure
from trainer_worker.core.score.frame_rows import column
from trainer_worker.core.score.versions import Scored

_PREDICTED = pa.array(["prediction", "outcome"])


def answered_rows(
    frame: Frame, versions: Sequence[Scored], broken: Collection[Version], judged: int
) -> Mapping[Version, AnsweredRows]:
    """By version, the rows that it answered and how many of those failed; a version without any is left out.

    `broken` are versions that raised when they were run on the frame's `judged` rows: all of those failed.
    """
    batch = frame.batch.filter(pc.is_in(frame.batch.column("event"), value_set=_PREDICTED))
    rows: Counter[Version] = Counter()
    failed: Counter[Version] = Counter()
    known = {scored.version for scored in versions}
    for version, status in zip(column(batch, "model_version", "category"), column(batch, "status", "category"),
                               strict=True):  # fmt: skip
        if version in known:
            rows[version] += 1
            failed[version] += is_failure(status)
    for version in broken:
        rows[version] += judged
        failed[version] += judged
    return {version: AnsweredRows(rows=rows[version], failed=failed[version]) for version in sorted(rows)}
