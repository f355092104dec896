"""A secret is what its file says, without the line's end; a file that says nothing is refused wherever it is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import drift_detection.app
import operations_console.app
import outcome_ingestion.app
import retrain_coordinator.app
import trainer_worker.app
from driftloop.errors import UserError
from driftloop.kafka.clients.rotation import Passwords, current_password
from driftloop.kafka.settings import KafkaSettings
from driftloop.learners.served_access import ServerAccess
from driftloop.rest import AwayError, Server
from driftloop.secret_files import SecretFileError, secret_in
from driftloop.tools.cli.through_console import console_way
from operations_console.adapters import deliverer
from trainer_worker.adapters import webhooks
from trainer_worker.core.train.webhook import Webhook

UNUSABLE = {
    "empty": (b"", "is empty, and a secret is wanted there"),
    "space": (b" \t\r\n", "is empty, and a secret is wanted there"),
    "bytes": (b"\xff\xfe\x00s", "is no text in UTF-8"),
    "lines": (b"one\ntwo", "holds more than one line"),
    "large": (b"x" * ((1 << 20) + 1), "is too large"),
}


@pytest.fixture(params=[*UNUSABLE, "gone", "folder"])
def unusable(request, tmp_path):
    file = tmp_path / "secret"
    if request.param == "folder":
        file.mkdir()
    elif request.param != "gone":
        file.write_bytes(UNUSABLE[request.param][0])
    return str(file), UNUSABLE.get(request.param, (b"", "cannot be read"))[1]


@pytest.mark.parametrize(
    ("held", "meant"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"\xef\xbb\xbfs3cret\n", "s3cret"),
        ("pä ss".encode(), "pä ss"),
    ],
    ids=["plain", "line-end", "byte-order-mark", "space-inside"],
)
def test_what_stands_around_a_secret_is_left_out(tmp_path, held, meant):
    file = tmp_path / "secret"
    file.write_bytes(held)
    assert secret_in(file) == meant
    kafka = KafkaSettings(sasl_password="before").model_copy(update={"sasl_password_file": file})
    assert (current_password(kafka), Passwords()._read(file)) == (meant, meant)


def test_a_key_may_have_lines(tmp_path):
    file = tmp_path / "key"
    file.write_text("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n")
    assert secret_in(file).count("\n") == 2


def test_a_file_that_cannot_be_used_is_refused_with_a_sentence(unusable):
    path, why = unusable
    with pytest.raises(SecretFileError, match=why):
        secret_in(path)


@pytest.mark.parametrize(
    "begin",
    [
        lambda path: outcome_ingestion.app._credentials(
            outcome_ingestion.app.Settings.model_construct(schema_registry_password_file=path)
        ),
        lambda path: operations_console.app._mlflow(
            operations_console.app.Settings.model_construct(mlflow_password_file=path)
        ),
        lambda path: drift_detection.app._checkpoints(
            drift_detection.app.Settings.model_construct(signing_key_file=path)
        ),
        lambda path: retrain_coordinator.app._checkpoints(
            retrain_coordinator.app.Settings.model_construct(signing_key_file=path)
        ),
        lambda path: trainer_worker.app._signing(
            None, trainer_worker.app.Settings.model_construct(signing_key_file=path)
        ),
    ],
    ids=["registry", "mlflow", "detection", "coordinator", "trainer"],
)
def test_no_process_begins_with_a_secret_that_is_none(begin, unusable):
    path, why = unusable
    with pytest.raises(UserError, match=why):
        begin(path)


def test_the_password_of_kafka_is_not_an_empty_one(tmp_path):
    file = tmp_path / "secret"
    file.write_text("\n")
    with pytest.raises(ValidationError, match="is empty, and a secret is wanted there") as refused:
        KafkaSettings(sasl_password_file=file, ssl_key_password="k3y")
    assert "k3y" not in str(refused.value)


def test_a_password_of_kafka_that_is_exchanged_for_none_stays_and_that_is_said_once(unusable, caplog):
    path, why = unusable
    kafka = KafkaSettings(sasl_password="before").model_copy(update={"sasl_password_file": Path(path)})
    assert current_password(kafka) == "before"
    passwords = Passwords()
    assert [passwords._read(Path(path)) for _ in range(2)] == ["", ""]
    (said,) = caplog.messages
    assert "the old password stays" in said
    assert why in said


def test_no_console_is_asked_with_a_token_that_is_none(unusable, monkeypatch):
    path, why = unusable
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_TOKEN_FILE", path)
    monkeypatch.delenv("DRIFTLOOP_CONSOLE_TOKEN", raising=False)
    with pytest.raises(UserError, match=why):
        console_way()


def test_nobody_is_told_with_a_secret_that_is_none(unusable, make_told):
    path, why = unusable
    with pytest.raises(ValueError, match=why):
        webhooks.post(Webhook(url="http://127.0.0.1:9", token_file=path), make_told)
    with pytest.raises(ValueError, match=why):
        deliverer._secret(path)
    with pytest.raises(AwayError, match=why):
        Server("http://127.0.0.1:9", token_file=path).ask("GET", "/")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "holds a key in PEM"),
        ("zażółć", "characters that no header of HTTP can carry"),
    ],
    ids=["pem", "not-ascii"],
)
def test_what_no_header_can_carry_is_refused_and_not_shown(tmp_path, make_told, held, why):
    file = tmp_path / "secret"
    file.write_text(held, encoding="utf-8")
    with pytest.raises(ValueError, match=why) as posted:
        webhooks.post(Webhook(url="http://127.0.0.1:9", token_file=str(file)), make_told)
    with pytest.raises(AwayError, match=why) as asked:
        Server("http://127.0.0.1:9", token_file=file).ask("GET", "/")
    with pytest.raises(SecretFileError, match=why) as sent:
        ServerAccess(token_file=file).headers()
    assert not [text for text in ("MC4=", "ż") if text in f"{posted.value}{asked.value}{sent.value}"]


@pytest.fixture
def make_told():
    class Told:
        run_id = "1"

    return Told()
