"""What stands before every call: who may come in, and misbehaviour on demand."""

import inspect
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from grpc_interceptor import ServerInterceptor  # type: ignore[import-untyped, unused-ignore]

from tests.support.pachd.state import Refusal

_LOOK_SECONDS = 0.02


@dataclass
class Faults:
    """``refusals``, by method, answer one call each. While ``hanging`` is set, no call is answered."""

    refusals: dict[str, list[Refusal]] = field(default_factory=lambda: defaultdict(list))
    hanging: threading.Event = field(default_factory=threading.Event)


@dataclass
class Doors:
    """With authentication, ``roles`` gives for each token the methods that it must not call."""

    roles: dict[str, tuple[str, ...]] | None = None


class Gate(ServerInterceptor):  # type: ignore[misc, unused-ignore]
    """Lets a call pass, or answers it; counts ``calls`` by method."""

    def __init__(self, faults: Faults, doors: Doors) -> None:
        self._faults = faults
        self._doors = doors
        self.calls: dict[str, int] = defaultdict(int)

    def intercept(
        self, method: Callable[..., Any], request: Any, context: grpc.ServicerContext, method_name: str
    ) -> Any:
        name = method_name.rpartition("/")[2]
        self.calls[name] += 1
        try:
            self._check(name, context)
            answer = method(request, context)
        except Refusal as refusal:
            context.abort(refusal.code, refusal.details)
        return _guarded(answer, context) if inspect.isgenerator(answer) else answer

    def _check(self, name: str, context: grpc.ServicerContext) -> None:
        while self._faults.hanging.is_set() and context.is_active():
            threading.Event().wait(_LOOK_SECONDS)
        if self._faults.refusals[name]:
            raise self._faults.refusals[name].pop(0)
        if self._doors.roles is None or name == "GetVersion":
            return
        token = dict(context.invocation_metadata()).get("authn-token")
        if token is None:
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "no authentication token (try logging in)")
        if token not in self._doors.roles:
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "provided auth token is corrupted or has expired (try logging in again)",
            )
        if name in self._doors.roles[token]:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                "robot:fmnist-ci is not authorized to perform this operation - needs permissions "
                "[REPO_WRITE] on REPO default/fmnist-train-raw",
            )


def _guarded(answers: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    try:
        yield from answers
    except Refusal as refusal:
        context.abort(refusal.code, refusal.details)
