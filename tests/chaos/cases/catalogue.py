"""Every case by the name it is asked for with."""

from collections.abc import Callable

from tests.chaos.case import Case
from tests.chaos.cases.archive import ArchiveCase
from tests.chaos.cases.coordination import CoordinationCase
from tests.chaos.cases.counter import CounterCase
from tests.chaos.cases.detection import DetectionCase, PacedDetectionCase
from tests.chaos.cases.ingestion import IngestionCase
from tests.chaos.cases.scoring import ScoringCase
from tests.chaos.cases.training import TrainingCase
from tests.chaos.cases.translation import TranslationCase

CASES: dict[str, Callable[[], Case]] = {
    "counter-keyed": lambda: CounterCase("keyed"),
    "counter-snapshot": lambda: CounterCase("snapshot"),
    "outcome_ingestion": IngestionCase,
    "outcome_translate": TranslationCase,
    "outcome_archive": ArchiveCase,
    "drift_detection": DetectionCase,
    "drift_detection_paced": PacedDetectionCase,
    "retrain_coordinator": CoordinationCase,
    "trainer_worker": TrainingCase,
    "challenge_scoring": ScoringCase,
}
