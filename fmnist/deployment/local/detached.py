"""Starts a command that outlives whoever asked for it: ``python detached.py LOG COMMAND…``.

Prints the command's pid, and why it could not be executed if so; its output ends once it was.
The command gets a session of its own, and init for a parent before it begins: Envoy asks the kernel
to be ended together with its parent. Stands alone, so that starting it takes no time.
"""

import os
import sys
import time

_ORPHANED_WITHIN_SECONDS = 5.0


def main() -> None:
    """Fork once; the parent prints the child's pid and ends, the child becomes the command."""
    log, *command = sys.argv[1:]
    parent = os.getpid()
    child = os.fork()
    if child:
        os.write(1, b"%d\n" % child)
        return
    os.setsid()
    answer = os.dup(1)  # is closed by exec
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    deadline = time.monotonic() + _ORPHANED_WITHIN_SECONDS
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.001)
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(answer, str(error).encode())
        os._exit(127)


if __name__ == "__main__":
    main()
