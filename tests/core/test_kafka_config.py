"""What the embedded Kafka is told."""

from pathlib import Path

from pipeline.embedded.kafka_config import SecondListener, server_properties

FOLDER = Path("folder")


def test_a_second_listener_tells_clients_a_port_of_its_own() -> None:
    plain, two = (server_properties(FOLDER, 1001, 1002, second) for second in (None, SecondListener(1003, 1004)))
    assert two["listeners"] == "PLAINTEXT://127.0.0.1:1001,SECOND://127.0.0.1:1003,CONTROLLER://127.0.0.1:1002"
    assert two["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001,SECOND://127.0.0.1:1004"
    changed = {name for name in two if two[name] != plain.get(name)}
    assert changed == {"listeners", "advertised.listeners", "listener.security.protocol.map"}


def test_what_is_changed_takes_the_place_of_ours() -> None:
    plain = server_properties(FOLDER, 1001, 1002)
    assert server_properties(FOLDER, 1001, 1002, changed={"log.retention.bytes": "-1"}) == {
        **plain,
        "log.retention.bytes": "-1",
    }
