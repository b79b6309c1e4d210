"""A storage without credentials or bucket is found before a training, not after."""

from pathlib import Path

import pytest

from fmnist.errors import ConfigError
from fmnist.experiments.determined.checkpoint import check_storage, storage_config


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    # No look at the servers of a cloud's own machines.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))


@pytest.mark.parametrize("place", ["s3://checkpoints/fmnist", "gs://checkpoints"])
def test_missing_credentials_are_one_line(place: str) -> None:
    with pytest.raises(ConfigError, match=rf"FMNIST_CHECKPOINT_STORAGE={place}: .*redentials") as caught:
        check_storage(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "config"),
    [
        ("/srv/a?b#c;d%2F", {"type": "directory", "container_path": "/srv/a?b#c;d%2F"}),
        ("file:///srv", {"type": "directory", "container_path": "/srv"}),
        ("s3://bucket/a/b", {"type": "s3", "bucket": "bucket", "prefix": "a/b"}),
        ("gs://bucket", {"type": "gcs", "bucket": "bucket", "prefix": ""}),
    ],
)
def test_a_place_becomes_determineds_section(place: str, config: dict[str, str]) -> None:
    assert storage_config(place) == config
    if config["type"] == "directory":
        check_storage(place)
