"""What a pipeline runs: an image, a command, and what it finds in its environment."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, field_validator, model_validator

from fmnist.retraining.pachyderm.part import Part

IMAGE = "${FMNIST_IMAGE}"
"""Stands in a spec for the image that ``render`` is given."""

# https://github.com/distribution/reference/blob/main/regexp.go
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_SECRET = re.compile(r"PASS(?!IVE)|TOKEN|SECRET|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY", re.IGNORECASE)
_KUBERNETES_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


def check_image(image: str) -> str:
    """The same text, if it names an image that stays what it is.

    Raises:
        ValueError: it is no image, has neither tag nor digest, or the tag is latest.
    """
    found = _REFERENCE.fullmatch(image)
    if not found:
        raise ValueError("expected an image such as registry.example.com/fmnist-train:1.4.0")
    if not found["digest"] and found["tag"] in (None, "latest"):
        raise ValueError(
            "names whatever is newest, so nobody could say what ran; give a digest, or a tag but not latest"
        )
    return image


def _image_or_stand_in(image: str) -> str:
    return image if image == IMAGE else check_image(image)


class Secret(Part):
    """A key of a Kubernetes secret as a variable, or a whole secret as a folder."""

    name: str = Field(pattern=_KUBERNETES_NAME)
    key: str | None = Field(default=None, min_length=1)
    env_var: str | None = Field(default=None, pattern=_VARIABLE)
    mount_path: str | None = Field(default=None, pattern="^/")

    @model_validator(mode="after")
    def _is_used(self) -> "Secret":
        if not self.env_var and not self.mount_path:
            raise ValueError("has neither env_var nor mount_path, so the pod would not see it")
        if self.env_var and not self.key:
            raise ValueError("has env_var but no key: which of the secret's values is it?")
        return self


class Transform(Part):
    """``cmd`` is what the worker runs in ``image``, whose own entry point plays no part."""

    image: Annotated[str, AfterValidator(_image_or_stand_in)]
    cmd: tuple[str, ...] = Field(min_length=1)
    err_cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    secrets: tuple[Secret, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    stdin: tuple[str, ...] = ()
    err_stdin: tuple[str, ...] = ()
    accept_return_code: tuple[StrictInt, ...] = ()
    debug: StrictBool = False
    user: str | None = None
    working_dir: str | None = Field(default=None, pattern="^/")
    dockerfile: str | None = None
    memory_volume: StrictBool = False
    datum_batching: StrictBool = False

    @field_validator("cmd")
    @classmethod
    def _names_a_program(cls, cmd: tuple[str, ...]) -> tuple[str, ...]:
        if not cmd[0].strip():
            raise ValueError("its first word is empty, expected a program")
        return cmd

    @field_validator("env")
    @classmethod
    def _holds_no_secret(cls, env: Mapping[str, str]) -> Mapping[str, str]:
        for name in env:
            if not re.match(_VARIABLE, name):
                raise ValueError(f"{name!r} is no name of an environment variable")
            if _SECRET.search(name):
                raise ValueError(f"{name} would stand readable in the spec; take it from transform.secrets")
        return env

    @field_validator("secrets")
    @classmethod
    def _once_each(cls, secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
        for field in ("env_var", "mount_path"):
            given = [value for secret in secrets if (value := getattr(secret, field))]
            for value in sorted({value for value in given if given.count(value) > 1}):
                raise ValueError(f"{field} {value} is given more than once")
        return secrets

    @model_validator(mode="after")
    def _env_and_secrets_differ(self) -> "Transform":
        both = sorted(set(self.env) & {secret.env_var for secret in self.secrets if secret.env_var})
        if both:
            raise ValueError(f"{', '.join(both)}: both in env and in secrets; keep one")
        return self
