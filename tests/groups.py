"""Groups of tests: each is run by one process, and those that take longest are begun first."""

_TOGETHER = {
    "tests/contract/loop/": "tests/contract/loop/",
    "tests/integration/guarded/": "tests/integration/guarded/",
    "tests/e2e/test_verify.py": "tests/e2e/test_replay.py",  # it reads what that one plays
    "tests/unit/trainer_worker/test_versions_of_any_make.py": "tests/unit/learners/test_estimators.py",  # skops: 3 s
}
"""Folders and files whose tests share what takes long to start, and the group that they are of."""


def group_of(file: str) -> str:
    """The group that a test's file is of: most are one of their own.

    >>> group_of("tests/integration/guarded/loop/test_dashboard.py")
    'tests/integration/guarded/'
    """
    return next((group for place, group in _TOGETHER.items() if file.startswith(place)), file)


SECONDS = {
    "tests/e2e/test_replay.py": 130,
    "tests/integration/trainer_worker/test_real_ray.py": 120,
    "tests/integration/guarded/": 100,
    "tests/e2e/test_command_line.py": 100,
    "tests/unit/simulation/test_simulated_kafka.py": 100,
    "tests/integration/operations_console/test_console.py": 90,
    "tests/integration/trainer_worker/test_child_processes.py": 90,
    "tests/cluster/test_cluster.py": 80,
    "tests/integration/kafka/test_chaos.py": 70,
    "tests/e2e/test_beside_what_you_have.py": 70,
    "tests/unit/learners/test_every_learner.py": 70,
    "tests/integration/kafka/test_identity.py": 60,
    "tests/integration/trainer_worker/test_commands.py": 60,
    "tests/integration/kafka/test_service_process.py": 50,
    "tests/browser/test_console.py": 50,
    "tests/integration/trainer_worker/test_worker_on_kafka.py": 50,
    "tests/integration/operations_console/test_mlflow.py": 45,
    "tests/integration/outcome_ingestion/test_ingestion_on_kafka.py": 40,
    "tests/integration/kafka/test_embedded_broker.py": 40,
    "tests/integration/trainer_worker/test_executors.py": 40,
    "tests/integration/operations_console/test_notify.py": 35,
    "tests/unit/testing/test_conformance.py": 35,
    "tests/unit/test_documentation.py": 32,
    "tests/integration/bench/test_pipeline_on_kafka.py": 30,
    "tests/integration/kafka/test_refused_for_size.py": 30,
    "tests/e2e/test_scenarios.py": 25,
    "tests/contract/test_prometheus_rules.py": 25,
    "tests/unit/learners/test_every_forecaster.py": 23,
    "tests/integration/outcome_ingestion/test_translate_on_kafka.py": 20,
    "tests/unit/drift_detection/test_detectors_conform.py": 20,
    "tests/unit/drift_detection/test_monitors_conform.py": 15,
    "tests/unit/operations_console/test_openapi.py": 15,
    "tests/unit/retrain_coordinator/test_proof.py": 12,
}
"""What the longest take on two quiet cores."""
