import os
import socket

from fmnist.deployment.local import loopback


def test_a_taken_port_is_seen_with_its_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not loopback.is_free(port)
        assert loopback.accepts(port)
        assert f"(pid {os.getpid()})" in str(loopback.listener(port))
    assert loopback.is_free(port)
    assert not loopback.accepts(port)
    assert loopback.listener(port) is None


def test_free_ports_are_free_and_different() -> None:
    ports = loopback.free_ports(20)
    assert len(set(ports)) == 20
    assert all(loopback.is_free(port) for port in ports)
