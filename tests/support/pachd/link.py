"""A link to a server that can be cut and stopped: a TCP forwarder, for a real server as well."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 1 << 14


class Link:
    """Forwards ``port`` on 127.0.0.1 to a server.

    ``cuts`` are numbers of bytes: the first connection that has brought so many from the server is cut,
    then the next number counts, from 0 again. While ``silent`` is set nothing is forwarded.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self.cuts: list[int] = []
        self._brought = 0
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def silence(self) -> None:
        """Whoever is connected stays so, and hears nothing."""
        self._flowing.clear()

    def cut(self, after: int) -> None:
        """Cut the link once it has brought so many more bytes from the server."""
        with self._lock:
            self._brought = 0
            self.cuts.append(after)

    def run(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target, timeout=10)
            except OSError:
                return
            far.settimeout(None)
            self._sockets += [near, far]
            for source, sink, counts in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._forward, args=(source, sink, counts), daemon=True).start()

    def close(self) -> None:
        self._flowing.set()
        for end in [self._listener, *self._sockets]:
            _close(end)

    def _forward(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(_CHUNK):
                self._flowing.wait()
                if counts and self._is_due(len(content)):
                    break
                sink.sendall(content)
        _close(source)
        _close(sink)

    def _is_due(self, size: int) -> bool:
        with self._lock:
            self._brought += size
            if not self.cuts or self._brought < self.cuts[0]:
                return False
            del self.cuts[0]
            self._brought = 0
            return True


@contextmanager
def linked(host: str, port: int) -> Iterator[Link]:
    link = Link(host, port)
    thread = threading.Thread(target=link.run, daemon=True)
    thread.start()
    try:
        yield link
    finally:
        link.close()
        thread.join(10)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
