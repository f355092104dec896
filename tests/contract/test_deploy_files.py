"""The deploy files are valid, and say nothing that the services do not understand."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from driftloop.kafka.admin.topics import STATEFUL_GROUPS
from driftloop.kafka.settings import KafkaSettings
from driftloop.telemetry.settings import TelemetrySettings
from driftloop.tools.local.programs import BESIDE, LINEAGE, MIRRORS, NOTIFY, OPTIONAL, PROCESSES, SERVICES
from operations_console.core.notify.rules import Rules

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BASE = ROOT / "deploy" / "k8s" / "base"
COMPONENTS = ROOT / "deploy" / "k8s" / "components"
PRODUCTION = ROOT / "deploy" / "k8s" / "overlays" / "production"


def test_the_rules_that_are_shipped_are_rules():
    Rules.model_validate(yaml.safe_load((ROOT / "deploy" / "notifications.yaml").read_text()))


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def resources() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return [document for name in kustomization["resources"] for document in documents(BASE / name)]


def stateful_sets() -> dict[str, dict[str, Any]]:
    return {r["metadata"]["name"]: r for r in resources() if r["kind"] == "StatefulSet"}


def workloads() -> dict[str, dict[str, Any]]:
    return {r["metadata"]["name"]: r for r in resources() if r["kind"] in ("StatefulSet", "Deployment")}


def known_variables(module: str) -> set[str]:
    """The variables that a service understands: those of its own settings, of Kafka's and of telemetry's."""
    classes = [
        value
        for value in vars(import_module(f"{module}.settings")).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value is not BaseSettings
    ]
    return {
        f"{settings.model_config.get('env_prefix', '')}{field}".upper()
        for settings in (*classes, KafkaSettings, TelemetrySettings)
        for field in settings.model_fields
    }


def deployed() -> Iterator[Any]:
    """(where, module, command, variables) of every service process in Compose and Kubernetes."""
    for name, service in COMPOSE["services"].items():
        if "python" in service.get("command", []):
            module, *arguments = service["command"][2:]
            yield pytest.param(name, module, arguments, set(service["environment"]), id=f"compose-{name}")
    for name, resource in workloads().items():
        container = resource["spec"]["template"]["spec"]["containers"][0]
        module, *arguments = container["command"][2:]
        variables = {entry["name"] for entry in container["env"]}
        yield pytest.param(name.replace("-", "_"), module, arguments, variables, id=f"kubernetes-{name}")


@pytest.mark.parametrize(("name", "module", "arguments", "variables"), list(deployed()))
def test_a_deployed_process_is_one_of_ours_and_knows_its_variables(
    name: str, module: str, arguments: list[str], variables: set[str]
):
    assert {**PROCESSES, **BESIDE, **MIRRORS, **LINEAGE}[name] == (module, *arguments)
    assert variables <= known_variables(module)


def test_compose_and_kubernetes_run_every_process():
    assert set(PROCESSES) <= set(COMPOSE["services"])
    assert {*SERVICES, NOTIFY} == {name.replace("-", "_") for name in stateful_sets()}
    assert set(PROCESSES) == {name.replace("-", "_") for name in workloads()}


def test_the_compose_file_keeps_to_the_compose_specification():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_scrapes_every_process_of_the_compose_file():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    scraped = config["scrape_configs"][0]["static_configs"]
    assert {entry["labels"]["process"]: entry["targets"] for entry in scraped} == {
        name: [f"{name}:9464"] for name in PROCESSES
    }


def test_alerts_go_to_an_alertmanager_whose_receivers_are_declared():
    config = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    named = {config["route"]["receiver"], *(route["receiver"] for route in config["route"]["routes"])}
    assert named <= {receiver["name"] for receiver in config["receivers"]}
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (targets,) = prometheus["alerting"]["alertmanagers"][0]["static_configs"]
    assert {target.partition(":")[0] for target in targets["targets"]} <= set(COMPOSE["services"])


def test_every_long_running_compose_service_restarts_and_says_whether_it_lives():
    for name, service in COMPOSE["services"].items():
        assert service["restart"] in ("unless-stopped", "on-failure"), name
        assert "test" in service["healthcheck"] or service["healthcheck"].get("disable"), name


def test_compose_mounts_only_files_that_are_there():
    for service in COMPOSE["services"].values():
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        assert all((ROOT / source).exists() for source in sources if source.startswith("."))
        assert all(source in COMPOSE["volumes"] for source in sources if not source.startswith("."))


def test_what_is_optional_is_scraped_where_it_runs():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = [job["dns_sd_configs"][0]["names"] for job in config["scrape_configs"][1:]]
    assert jobs == [[name] for processes in OPTIONAL.values() for name in processes]


@pytest.mark.parametrize("profile", OPTIONAL)
def test_what_is_optional_is_off_by_default(profile: str):
    assert all(COMPOSE["services"][name]["profiles"] == [profile] for name in OPTIONAL[profile])
    component = yaml.safe_load((COMPONENTS / profile / "kustomization.yaml").read_text())
    assert sorted(component["resources"]) == sorted(f"{name.replace('_', '-')}.yaml" for name in OPTIONAL[profile])
    for name, command in OPTIONAL[profile].items():
        (workload, *_) = documents(COMPONENTS / profile / f"{name.replace('_', '-')}.yaml")
        container = workload["spec"]["template"]["spec"]["containers"][0]
        assert tuple(container["command"][2:]) == command
        assert {entry["name"] for entry in container["env"]} <= known_variables(command[0])


def test_the_trainer_may_do_on_kubernetes_what_its_jobs_need_and_its_settings_are_known():
    folder = COMPONENTS / "training-jobs"
    found = {resource["kind"]: resource for resource in documents(folder / "access.yaml")}
    granted = {rule["resources"][0]: set(rule["verbs"]) for rule in found["Role"]["rules"]}
    assert granted == {"jobs": {"create", "get", "list", "watch", "delete"}, "pods": {"list"}, "pods/log": {"get"}}
    (patch,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["patches"]
    assert patch["target"]["name"] in workloads()
    steps = yaml.safe_load(patch["patch"])
    named = {step["value"]["name"] for step in steps if step["path"].endswith("/env/-")}
    assert named <= known_variables("trainer_worker")
    accounts = {step["value"] for step in steps if step["path"].endswith("/serviceAccountName")}
    assert accounts == {found["ServiceAccount"]["metadata"]["name"]}
    claims = [step["value"]["persistentVolumeClaim"] for step in steps if step["path"].endswith("/volumes/-")]
    assert claims == [{"claimName": found["PersistentVolumeClaim"]["metadata"]["name"]}]


def test_kubernetes_resources_are_valid():
    files = [
        path
        for path in [*BASE.glob("*.yaml"), *COMPONENTS.glob("*/*.yaml"), PRODUCTION / "kafka.yaml"]
        if path.name != "kustomization.yaml"
    ]
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", "--no-warn", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kubernetes_file_is_part_of_the_base():
    listed = set(yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"])
    assert listed == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}


def test_every_process_has_probes_limits_and_a_disruption_budget():
    budgets = {r["metadata"]["name"] for r in resources() if r["kind"] == "PodDisruptionBudget"}
    for name, resource in workloads().items():
        container = resource["spec"]["template"]["spec"]["containers"][0]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert name in budgets


def test_replicas_follow_the_lag_of_groups_and_topics_that_exist():
    processes = stateful_sets()
    for resource in resources():
        if resource["kind"] == "ScaledObject":
            trigger = resource["spec"]["triggers"][0]["metadata"]
            assert resource["spec"]["scaleTargetRef"]["name"] in processes
            assert trigger["consumerGroup"] in {*STATEFUL_GROUPS, "outcome_archive"}
            assert (ROOT / "schemas" / "topics" / f"{trigger['topic']}.yaml").is_file()


def test_the_production_overlay_patches_what_is_there():
    known = {(r["kind"], r["metadata"]["name"]) for r in resources()}
    for patch in yaml.safe_load((PRODUCTION / "kustomization.yaml").read_text())["patches"]:
        if "path" in patch:
            patched = documents(PRODUCTION / patch["path"])
            assert {(p["kind"], p["metadata"]["name"]) for p in patched} <= known
            continue
        assert (patch["target"]["kind"], patch["target"]["name"]) in known
        for step in yaml.safe_load(patch["patch"]):
            assert {entry["name"] for entry in [step["value"]] if isinstance(entry, dict)} <= kafka_variables()


def test_shared_configuration_is_understood_by_the_kafka_settings():
    for resource in [*resources(), *documents(PRODUCTION / "kafka.yaml")]:
        if resource["kind"] == "ConfigMap" and "notifications.yaml" in resource["data"]:
            Rules.model_validate(yaml.safe_load(resource["data"]["notifications.yaml"]))
        elif resource["kind"] == "ConfigMap":
            assert set(resource["data"]) <= kafka_variables()


def kafka_variables() -> set[str]:
    return {f"DRIFTLOOP_KAFKA_{field}".upper() for field in KafkaSettings.model_fields}


def test_the_image_is_built_from_files_that_are_sent_to_it_and_runs_as_nobody_special():
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = [source for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M) for source in line.split()[:-1]]
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert {source.removeprefix("./") for source in copied} == sent
    assert all((ROOT / source).exists() for source in copied)
    assert re.findall(r"^USER (\d+)$", text, re.M) == ["10001"]
    assert text.count("\nFROM ") == 2


def test_the_console_is_never_open_to_a_network():
    for variables in (
        COMPOSE["services"]["operations_console"]["environment"],
        {e["name"]: e for e in workloads()["operations-console"]["spec"]["template"]["spec"]["containers"][0]["env"]},
    ):
        assert "DRIFTLOOP_OPERATIONS_CONSOLE_TOKENS_FILE" in variables
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["operations_console"]["ports"])


def test_the_console_is_told_where_the_trainer_puts_versions_and_has_that_folder():
    console, trainer = (f"DRIFTLOOP_{name}_ARTIFACT_URI" for name in ("OPERATIONS_CONSOLE", "TRAINER_WORKER"))
    here, there = COMPOSE["services"]["operations_console"], COMPOSE["services"]["trainer_worker"]
    assert here["environment"][console] == there["environment"][trainer]
    assert here["volumes"] == there["volumes"]
    pods = [workloads()[name]["spec"]["template"]["spec"] for name in ("operations-console", "trainer-worker")]
    told = [{e["name"]: e.get("value") for e in pod["containers"][0]["env"]} for pod in pods]
    assert told[0][console] == told[1][trainer]
    for pod, read_only in zip(pods, (True, False), strict=True):
        (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "data")
        assert told[0][console].startswith(mount["mountPath"])
        assert mount.get("readOnly", False) is read_only
        (volume,) = (one for one in pod["volumes"] if one["name"] == "data")
        assert volume["persistentVolumeClaim"] == {"claimName": "driftloop-data"}


def test_the_console_is_reached_through_its_service_and_ingress():
    found = {(r["kind"], r["metadata"]["name"]): r for r in resources()}
    console = ("operations-console",)
    assert {("Service", *console), ("Ingress", *console), ("NetworkPolicy", *console)} <= set(found)
    service = found["Service", "operations-console"]["spec"]
    labels = workloads()["operations-console"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


def test_the_console_has_a_unit_of_its_own():
    unit = (ROOT / "deploy" / "systemd" / "driftloop-console.service").read_text()
    assert "-m operations_console" in unit
    assert set(re.findall(r"^Environment=(\w+)=", unit, re.M)) <= known_variables("operations_console")


def test_the_systemd_unit_runs_the_command_and_restarts_it():
    unit = (ROOT / "deploy" / "systemd" / "driftloop.service").read_text()
    assert "driftloop up --home " in unit
    assert "Restart=always" in unit
