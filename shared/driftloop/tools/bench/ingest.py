"""Speed of ingestion as it ships: the service as a process, exactly-once on, against the real broker.

The topic is filled first, so that the service never waits for input. From the first frame that an
independent reader sees to the last, the rows in the frames are counted and the CPU time of the service
(all its threads; the broker is another process) is read. Beside it, in the same run and on the same
records: a bare `consume()` + `json.loads` loop, decoding by msgspec into columns and nothing else, a
Faust agent that does no more than decode, and a Quix Streams application that leaves out ids which come
again, exactly once.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from driftloop.codec.frames import decode_header
from driftloop.contracts.topics import MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_OUTCOMES
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from driftloop.tools.bench import bare_loop
from driftloop.tools.bench.ingest_core import cpu_seconds, decode_into_columns
from driftloop.tools.bench.ingest_rows import MODEL, encode, make_rows, spec_record
from driftloop.tools.bench.measured_service import MeasuredService

Say = Callable[[str], None]
_PATIENCE_S = 120.0
_BARE_ROWS = 100_000


class Peer(NamedTuple):
    """Another framework: a script that its environment's Python runs, and the rows that it is given at most."""

    title: str
    script: Path
    rows: int


PEERS = {
    "faust": Peer("Faust", Path(__file__).with_name("faust_agent.py"), 15_000),
    "quix": Peer("Quix Streams", Path(__file__).with_name("quix_app.py"), 50_000),
}


class Figures(NamedTuple):
    """What a run of the service came to."""

    rows_per_second: float
    rows_per_cpu_second: float
    peak_rss_mb: float


def bench_ingest(rows: int, encodings: Sequence[str], pythons: Mapping[str, Path], say: Say) -> dict[str, Any]:
    """Figures by encoding. `pythons` has the interpreters of environments with peers; those it lacks are left out."""
    made = make_rows(rows)
    figures: dict[str, Figures] = {}
    beside: dict[str, float | None] = {}
    records = {"json": encode(made, "json")}
    for encoding in dict.fromkeys(("json", *encodings)):
        own = records.get(encoding) or encode(made, encoding)
        say(f"{encoding}: {len(own)} records with {rows} rows")
        with embedded_broker() as broker, tempfile.TemporaryDirectory() as folder:
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
            fill(kafka, own)
            if encoding in encodings:
                figures[encoding] = measure(kafka, rows, Path(folder))
                say(f"{encoding}: {figures[encoding].rows_per_cpu_second:,.0f} rows per CPU-second")
            if encoding == "json":
                beside = _beside(kafka, rows, pythons, say)
    msgspec = rows / cpu_seconds(lambda: decode_into_columns(records["json"]))
    return {
        "rows": rows,
        "beside_rows_per_cpu_second": {"msgspec_into_columns": round(msgspec), **beside},
        "encodings": {name: _entry(one, msgspec, beside) for name, one in figures.items()},
    }


def _entry(one: Figures, msgspec: float, beside: dict[str, float | None]) -> dict[str, Any]:
    ratios = {f"ratio_to_{name}": speed and round(one.rows_per_cpu_second / speed, 2) for name, speed in beside.items()}
    return {
        "rows_per_second": round(one.rows_per_second),
        "rows_per_cpu_second": round(one.rows_per_cpu_second),
        "peak_rss_mb": round(one.peak_rss_mb),
        **ratios,
        "ratio_to_msgspec": round(one.rows_per_cpu_second / msgspec, 2),
    }


def fill(kafka: KafkaSettings, records: Sequence[Record], *, partitions: int = 1) -> None:
    """Create the topics and put the model's spec and all records there."""
    apply_topics(kafka, partitions=partitions)
    sender = Sender(kafka)
    spec = spec_record()
    sender.send(MODEL_SPECS, MODEL, spec.value())
    for record in records:
        value = record.value()
        assert isinstance(value, bytes)
        sender.send(PREDICTION_OUTCOMES, record.key(), value, record.headers() or ())
    sender.close(60)


def measure(kafka: KafkaSettings, rows: int, folder: Path) -> Figures:
    """Run the service over all rows; the rows of the frames behind the first ones count."""
    with closing(LogReader(kafka, [OUTCOME_FRAMES])) as reader, MeasuredService(_MODULE, kafka, folder) as service:
        started, cpu, first = 0.0, 0.0, 0
        seen, deadline = 0, time.monotonic() + _PATIENCE_S
        while seen < rows:
            service.check()
            seen += _rows_in(reader.poll(0.02))
            if seen and not started:
                started, cpu = time.monotonic(), service.cpu_seconds
                first = seen = seen + _rows_in(reader.read_to(reader.ends()))
            if time.monotonic() > deadline:
                raise UserError(f"the service framed {seen} of {rows} rows in {_PATIENCE_S:.0f} s")
        wall, cpu, peak = time.monotonic() - started, service.cpu_seconds - cpu, service.peak_rss_mb
    if first >= rows:
        raise UserError(f"{rows} rows are too few to measure: they are framed at once", ExitCode.USAGE)
    return Figures((rows - first) / wall, (rows - first) / cpu, peak)


_MODULE = ("outcome_ingestion", "--role", "ingest")


def _rows_in(records: Any) -> int:
    return sum(decode_header(record.headers()).rows for record in records)


def _beside(kafka: KafkaSettings, rows: int, pythons: Mapping[str, Path], say: Say) -> dict[str, float | None]:
    """Rows per CPU-second of the bare loop and of the peers, over the records that are there; None where one fails."""
    given = [kafka.bootstrap_servers, PREDICTION_OUTCOMES]
    bare = _printed([sys.executable, "-m", bare_loop.__name__, *given, str(min(rows, _BARE_ROWS))])
    found: dict[str, float | None] = {"bare": bare, **dict.fromkeys(PEERS)}
    for name, python in pythons.items():
        peer = PEERS[name]
        try:
            found[name] = _printed([str(python), str(peer.script), *given, str(min(rows, peer.rows))])
        except UserError as error:
            say(f"{peer.title} is left out: {error.sentence}")
    return found


def _printed(command: list[str]) -> float:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        return round(float(done.stdout.strip().splitlines()[-1]))
    except subprocess.TimeoutExpired:
        raise UserError(f"{command[1]} printed no figure in {_PATIENCE_S:.0f} s") from None
    except (IndexError, ValueError):
        raise UserError(f"{command[1]} printed no figure: {done.stderr[-300:]}") from None


def ingest_table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    titles = f"{'encoding':10} {'rows/s':>12} {'rows/CPU-s':>12} {'peak MB':>8}"
    others = "".join(f" {f'× {peer.title}':>15}" for peer in PEERS.values())
    lines = [f"{titles} {'× bare':>8}{others} {'× msgspec':>10}"]
    for name, one in result["encodings"].items():
        ratios = [one[f"ratio_to_{peer}"] for peer in PEERS]
        said = "".join(f" {'–' if ratio is None else f'{ratio:.1f}':>15}" for ratio in ratios)
        lines.append(
            f"{name:10} {one['rows_per_second']:12,} {one['rows_per_cpu_second']:12,} {one['peak_rss_mb']:8,} "
            f"{one['ratio_to_bare']:8.2f}{said} {one['ratio_to_msgspec']:10.2f}"
        )
    beside = ", ".join(f"{name} {speed:,}" for name, speed in result["beside_rows_per_cpu_second"].items() if speed)
    return "\n".join([*lines, f"beside, rows per CPU-second: {beside}"])
