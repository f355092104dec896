"""A broker that lets in only who has a password, and does only what it was granted."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import serialization

from driftloop.kafka.admin.access import Grant, apply_grants, read_grants
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings

GRANTS = Path(__file__).parents[3] / "deploy" / "acls.yaml"


@dataclass(frozen=True)
class GuardedCluster:
    """SASL_SSL with SCRAM for everybody, and a loopback door for the test's own administration."""

    administration: KafkaSettings
    servers: str
    folder: Path
    grants: dict[str, Grant]

    def settings(self, principal: str, **changes: object) -> KafkaSettings:
        """How a principal reaches the cluster."""
        return KafkaSettings(**{name.lower(): value for name, value in self._values(principal).items()} | changes)  # type: ignore[arg-type]

    def environment(self, principal: str) -> dict[str, str]:
        """The same as environment variables."""
        return {f"DRIFTLOOP_KAFKA_{name}": value for name, value in self._values(principal).items()}

    def _values(self, principal: str) -> dict[str, str]:
        return {
            "BOOTSTRAP_SERVERS": self.servers,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": "SCRAM-SHA-512",
            "SASL_USERNAME": principal,
            "SASL_PASSWORD_FILE": str(self.folder / f"{principal}.password"),
            "SSL_CA_FILE": str(self.folder / "ca.pem"),
        }


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCluster]:
    folder = tmp_path_factory.mktemp("guarded")
    plain, secure, controller = free_ports(3)
    overrides = properties(folder, plain, secure, controller)
    with embedded_broker(folder / "kafka", port=plain, overrides=overrides) as broker:
        grants = {grant.principal: grant for grant in read_grants(GRANTS)}
        administration = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        apply_topics(administration, partitions=1)
        give_passwords(administration, folder, grants)
        apply_grants(administration, grants.values())
        yield GuardedCluster(administration, f"localhost:{secure}", folder, grants)


def properties(folder: Path, plain: int, secure: int, controller: int) -> dict[str, str]:
    """A listener with TLS and SCRAM beside the plain one, and Kafka's own authorizer."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "server.pem").write_bytes(pkcs8(authority.issue_cert("localhost")))
    protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL"
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SECURE://localhost:{secure}"
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": login,
    }


def pkcs8(certificate: trustme.LeafCert) -> bytes:
    """Key and chain as Kafka reads them: the key in PKCS #8."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text + b"".join(part.bytes() for part in certificate.cert_chain_pems)


def give_passwords(administration: KafkaSettings, folder: Path, grants: dict[str, Grant]) -> None:
    """One SCRAM user a principal; its password lies in a file, as a secret does in production."""
    admin = AdminClient({"bootstrap.servers": administration.bootstrap_servers})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users = []
    for principal in grants:
        password = ssl.RAND_bytes(12).hex()
        (folder / f"{principal}.password").write_text(password + "\n")
        users.append(UserScramCredentialUpsertion(principal, info, password.encode()))
    for future in admin.alter_user_scram_credentials(users).values():
        future.result(30)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
