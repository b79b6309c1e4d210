"""python-pachyderm, with messages that protobuf's C runtime takes.

Version 7.6.0, the last one, holds code of a compiler before protoc 3.19. protobuf 4 and later refuse it, and
protobuf 3.20 has no C runtime for Python 3.11: TensorFlow then builds its graphs twice as slowly. So the
messages are built from the serialized descriptors that the old code carries.
"""

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

from google.protobuf import descriptor_pool  # type: ignore[import-untyped, unused-ignore]
from google.protobuf.internal import builder  # type: ignore[import-untyped, unused-ignore]


class _MessageLoader(SourceFileLoader):
    """Runs the imports of a generated module, and builds its messages from ``serialized_pb``."""

    def exec_module(self, module: ModuleType) -> None:
        tree = ast.parse(self.get_data(self.path))
        file = next(
            node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.keyword) and node.arg == "serialized_pb"
            if isinstance(node.value, ast.Constant)
        )
        imports = ast.Module(
            [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
        )
        exec(compile(imports, self.path, "exec"), module.__dict__)  # noqa: S102
        descriptor = descriptor_pool.Default().AddSerializedFile(file)
        builder.BuildMessageAndEnumDescriptors(descriptor, module.__dict__)
        builder.BuildTopDescriptorsAndMessages(descriptor, module.__name__, module.__dict__)


class _MessageFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not (fullname.startswith("python_pachyderm.") and fullname.endswith("_pb2")):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _MessageLoader(fullname, spec.origin)
        return spec


_finder = _MessageFinder()
sys.meta_path.insert(0, _finder)
try:
    import python_pachyderm  # type: ignore[import-untyped, unused-ignore]
    from python_pachyderm import pfs, service
    from python_pachyderm.service import (  # type: ignore[import-untyped, unused-ignore]
        pfs_proto,
        pps_proto,
    )
finally:
    sys.meta_path.remove(_finder)

__all__ = ["pfs", "pfs_proto", "pps_proto", "python_pachyderm", "service"]
