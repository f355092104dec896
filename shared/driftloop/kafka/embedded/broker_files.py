"""The files of an embedded broker: its properties, its quiet logging, its formatted data folder."""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from driftloop.errors import UserError
from driftloop.kafka.embedded.runtime_jars import KAFKA_VERSION, cache_folder, java

_CLUSTER_ID = "ZHJpZnRsb29wLWVtYmVkZA"

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "500",
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.segment.delete.delay.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "socket.request.max.bytes": "104857600",
}

_WRITTEN_BY = "kafka-version"
_BEFORE_IT_WAS_WRITTEN_DOWN = "4.3.0"

_LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <RollingFile name="File" fileName="{folder}/kafka.log" filePattern="{folder}/kafka.log.%i">
      <PatternLayout pattern="[%d] %p %m (%c)%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10MB"/></Policies>
      <DefaultRolloverStrategy max="3"/>
    </RollingFile>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="File"/></Root></Loggers>
</Configuration>
"""


def write_properties(folder: Path, port: int, controller_port: int, overrides: Mapping[str, str]) -> Path:
    """`server.properties` of a one-node broker that listens on the loopback address."""
    settings = {
        **_PROPERTIES,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(folder / "data"),
        **overrides,
    }
    file = folder / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return file


def write_logging(folder: Path) -> Path:
    """The log4j2 file: warnings only, into `folder`."""
    file = folder / "log4j2.xml"
    file.write_text(_LOGGING.format(folder=folder))
    return file


def format_data(folder: Path, class_path: str, version: str = KAFKA_VERSION) -> None:
    """Give `folder / "data"` Kafka's storage format unless it has one.

    A formatted folder is kept in the cache and copied, which saves a start of the Java runtime.
    """
    data = folder / "data"
    if (data / "meta.properties").is_file():
        return
    template = cache_folder() / f"kafka-{version}-formatted"
    with (cache_folder() / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (template / "meta.properties").is_file():
            _format_template(template, class_path)
        (folder / _WRITTEN_BY).write_text(version)  # first: half a copy without it would count as an older one
        shutil.copytree(template, data, dirs_exist_ok=True)


def version_of(folder: Path) -> str:
    """The Kafka that a folder is of: an older one does not read what a newer one wrote."""
    if not (folder / "data" / "meta.properties").is_file():
        return KAFKA_VERSION
    file = folder / _WRITTEN_BY
    return file.read_text().strip() if file.is_file() else _BEFORE_IT_WAS_WRITTEN_DOWN


def _format_template(template: Path, class_path: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        properties = write_properties(folder, 9092, 9093, {})
        done = subprocess.run(
            [
                *(str(java()), "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={write_logging(folder)}"),
                *("-cp", class_path, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(f"the embedded broker's storage could not be formatted: {done.stderr.strip()[-300:]}")
        shutil.rmtree(template, ignore_errors=True)
        shutil.copytree(folder / "data", template)
