"""A broker that lets in only who has a password, a token or a certificate, and does only what it was granted."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import serialization
from tests.integration.guarded.issuer import AUDIENCE, SCOPE, Issuer, issuer

from driftloop.kafka.admin.access import Grant, apply_grants, read_grants
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings

GRANTS = Path(__file__).parents[3] / "deploy" / "acls.yaml"


BY_TOKEN = ("drift_detection", "operations_console")
BY_CERTIFICATE = ("challenge_scoring",)
"""Processes that come in another way than by SCRAM: one of each client library, and one without SASL."""


@dataclass(frozen=True)
class GuardedCluster:
    """TLS and a proof of who one is for everybody, and a loopback door for the test's own administration."""

    administration: KafkaSettings
    ports: dict[str, int]
    folder: Path
    grants: dict[str, Grant]
    issuer: Issuer

    def settings(self, principal: str, **changes: object) -> KafkaSettings:
        """How a principal reaches the cluster."""
        return KafkaSettings(**{name.lower(): value for name, value in self._values(principal).items()} | changes)  # type: ignore[arg-type]

    def environment(self, principal: str) -> dict[str, str]:
        """The same as environment variables."""
        return {f"DRIFTLOOP_KAFKA_{name}": value for name, value in self._values(principal).items()}

    def _values(self, principal: str) -> dict[str, str]:
        ca = {"SSL_CA_FILE": str(self.folder / "ca.pem")}
        secret = {"SASL_USERNAME": principal, "SASL_PASSWORD_FILE": str(self.folder / f"{principal}.password")}
        if principal in BY_CERTIFICATE:
            return ca | {
                "BOOTSTRAP_SERVERS": f"localhost:{self.ports['MUTUAL']}",
                "SECURITY_PROTOCOL": "SSL",
                "SSL_CERTIFICATE_FILE": str(self.folder / f"{principal}.pem"),
                "SSL_KEY_FILE": str(self.folder / f"{principal}.key"),
            }
        if principal in BY_TOKEN:
            return (
                ca
                | secret
                | {
                    "BOOTSTRAP_SERVERS": f"localhost:{self.ports['TOKENS']}",
                    "SECURITY_PROTOCOL": "SASL_SSL",
                    "SASL_MECHANISM": "OAUTHBEARER",
                    "SASL_OAUTH_TOKEN_URL": self.issuer.token_url,
                    "SASL_OAUTH_SCOPE": SCOPE,
                }
            )
        return (
            ca
            | secret
            | {
                "BOOTSTRAP_SERVERS": f"localhost:{self.ports['SECURE']}",
                "SECURITY_PROTOCOL": "SASL_SSL",
                "SASL_MECHANISM": "SCRAM-SHA-512",
            }
        )


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCluster]:
    folder = tmp_path_factory.mktemp("guarded")
    grants = {grant.principal: grant for grant in read_grants(GRANTS)}
    ports = dict(zip(("PLAINTEXT", "SECURE", "TOKENS", "MUTUAL", "CONTROLLER"), free_ports(5), strict=True))
    passwords = {principal: ssl.RAND_bytes(12).hex() for principal in grants}
    for principal, password in passwords.items():
        (folder / f"{principal}.password").write_text(password + "\n")
    with issuer({client: passwords[client] for client in BY_TOKEN}) as tokens:
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={tokens.keys_url}"
        overrides = properties(folder, ports, tokens)
        broker = embedded_broker(folder / "kafka", port=ports["PLAINTEXT"], overrides=overrides, java_options=[allowed])
        with broker as running:
            administration = KafkaSettings(bootstrap_servers=running.bootstrap_servers)
            apply_topics(administration, partitions=1)
            give_passwords(administration, passwords)
            apply_grants(administration, grants.values())
            yield GuardedCluster(administration, ports, folder, grants, tokens)


def properties(folder: Path, ports: dict[str, int], tokens: Issuer) -> dict[str, str]:
    """Listeners with TLS beside the plain one: SCRAM, tokens, certificates; and Kafka's own authorizer."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    (folder / "server.pem").write_bytes(pkcs8(authority.issue_cert("localhost")))
    for principal in BY_CERTIFICATE:
        certificate = authority.issue_cert("services.driftloop.example", common_name=principal)
        certificate.private_key_pem.write_to_path(str(folder / f"{principal}.key"))
        (folder / f"{principal}.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    kinds = {
        "PLAINTEXT": "PLAINTEXT",
        "CONTROLLER": "PLAINTEXT",
        "SECURE": "SASL_SSL",
        "TOKENS": "SASL_SSL",
        "MUTUAL": "SSL",
    }
    hosts = {
        name: f"{name}://{'localhost' if kind != 'PLAINTEXT' else '127.0.0.1'}:{ports[name]}"
        for name, kind in kinds.items()
    }
    outside = ",".join(address for name, address in hosts.items() if name != "CONTROLLER")
    bearer = "org.apache.kafka.common.security.oauthbearer."
    return {
        "listeners": f"{outside},{hosts['CONTROLLER']}",
        "advertised.listeners": outside,
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in kinds.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.tokens.oauthbearer.sasl.jaas.config": f"{bearer}OAuthBearerLoginModule required;",
        "listener.name.tokens.oauthbearer.sasl.server.callback.handler.class": (
            f"{bearer}OAuthBearerValidatorCallbackHandler"
        ),
        "listener.name.tokens.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": tokens.keys_url,
        "listener.name.tokens.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        "listener.name.tokens.oauthbearer.connections.max.reauth.ms": "15000",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
    }


def pkcs8(certificate: trustme.LeafCert) -> bytes:
    """Key and chain as Kafka reads them: the key in PKCS #8."""
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text + b"".join(part.bytes() for part in certificate.cert_chain_pems)


def give_passwords(administration: KafkaSettings, passwords: dict[str, str]) -> None:
    """One SCRAM user a principal; its password lies in a file, as a secret does in production."""
    admin = AdminClient({"bootstrap.servers": administration.bootstrap_servers})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users = [UserScramCredentialUpsertion(name, info, password.encode()) for name, password in passwords.items()]
    for future in admin.alter_user_scram_credentials(users).values():
        future.result(30)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
