"""Version of the code: a git commit where one can vouch for it, else a digest of the sources."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "unknown"
_SECONDS = 20
_SHOWN_DIGITS = 16
_SOURCES = "fmnist/**/*.py"
# `dvc repro` writes it between two stages.
_NO_CODE = ":(top,exclude)dvc.lock"


class _NoCommitError(Exception):
    """No git commit stands for the project's code; the message says why."""


@dataclass(frozen=True)
class CodeVersion:
    """Code of a project folder.

    Attributes:
        commit: the git commit's 40 hexadecimal digits, None where no commit can vouch for the code.
        changed: files that differ from the commit, by path, sorted; new files that git does not ignore too.
        dirty: whether a tracked file differs from the commit, but for DVC's record of what it ran.
        reason: why there is no commit, None where there is one.
        digest: SHA-256 of the package's sources, for code without a commit.
    """

    commit: str | None
    changed: tuple[str, ...] = ()
    dirty: bool = False
    reason: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        """The commit, ``-dirty`` where tracked files differ; or ``unknown`` with digest and reason."""
        if self.commit:
            return f"{self.commit}-dirty" if self.dirty else self.commit
        return f"{UNKNOWN} (sources {self.digest}: {self.reason})"


def code_version(project: Path, file: str = "fmnist/__init__.py") -> CodeVersion:
    """The version of the code in ``project``.

    A commit counts only if ``project`` is the top of a git work tree that tracks ``file``, a path in it: an
    archive unpacked inside another repository is not that repository's code. Variables such as ``GIT_DIR``,
    which git sets for its hooks, do not lead elsewhere.
    """
    try:
        return _committed(project, file)
    except _NoCommitError as error:
        return uncommitted(project, str(error))


def uncommitted(project: Path, reason: str) -> CodeVersion:
    """The version of code without a git commit, by a digest of its sources."""
    digest = hashlib.sha256()
    for path in sorted(project.glob(_SOURCES)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(project).as_posix()}\n".encode())
    return CodeVersion(None, reason=reason, digest=digest.hexdigest()[:_SHOWN_DIGITS])


def _committed(project: Path, file: str) -> CodeVersion:
    top = Path(_git(project, "rev-parse", "--show-toplevel"))
    if not top.samefile(project):
        raise _NoCommitError(f"{project} is no git checkout, but lies inside that of {top}")
    if not _git(project, "ls-files", "--", f":(literal){file}"):
        raise _NoCommitError(f"the git repository {project} does not track {file}")
    commit = _git(project, "rev-parse", "--verify", "HEAD^{commit}")
    changes = _git(project, "status", "--porcelain", "-z", "--no-renames", "--", ":/", _NO_CODE)
    entries = [entry for entry in changes.split("\0") if entry]
    return CodeVersion(
        commit,
        changed=tuple(sorted(entry[3:] for entry in entries)),
        dirty=any(not entry.startswith("??") for entry in entries),
    )


def _git(project: Path, *arguments: str) -> str:
    """Standard output of a git command.

    Raises:
        _NoCommitError: git is missing, hangs, or refuses; with its own last words.
    """
    command = ["git", "-C", str(project), "--no-optional-locks", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in _LEADING_ELSEWHERE}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, check=False, env={**environment, "LC_ALL": "C"}
        )
    except FileNotFoundError as error:
        raise _NoCommitError("git is not installed") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoCommitError(f"git cannot be run: {error}") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise _NoCommitError(f"git says: {words[0] if words else f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


_LEADING_ELSEWHERE = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""What ``git rev-parse --local-env-vars`` lists: they name a repository other than the folder's."""
