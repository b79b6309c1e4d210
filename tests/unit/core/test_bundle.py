import hashlib
import json
from pathlib import Path

import pytest

from fmnist.core.bundle import METADATA_FILE, metadata_text, open_bundle, parse_metadata
from fmnist.errors import IntegrityError, NotFoundError
from tests.support.bundles import make_bundle


def test_metadata_survives_the_file(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    assert open_bundle(tmp_path) == bundle
    assert parse_metadata(metadata_text(bundle.metadata), "text") == bundle.metadata
    assert len(bundle.metadata.known_answer.pixels()) == 784


def test_metadata_as_it_was_first_written_is_read() -> None:
    text = (Path(__file__).parent / "metadata-schema-1.json").read_text()
    metadata = parse_metadata(text, "sample")
    assert metadata.provenance.train_data.commit == "89abcdef" * 5
    assert len(metadata.reference.mean_intensity_quantiles) == 21
    assert json.loads(metadata_text(metadata)) == json.loads(text)


def test_a_bundle_keeps_the_digest_of_its_bytes_whatever_their_order(tmp_path: Path) -> None:
    made = make_bundle(tmp_path)
    path = tmp_path / METADATA_FILE
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    bundle = open_bundle(tmp_path)
    assert bundle.metadata == made.metadata
    assert bundle.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != made.sha256


@pytest.mark.parametrize("name", ["model.onnx", "model.keras"])
def test_an_altered_file_is_noticed(tmp_path: Path, name: str) -> None:
    make_bundle(tmp_path)
    with (tmp_path / name).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(IntegrityError, match=name):
        open_bundle(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", METADATA_FILE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    make_bundle(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(NotFoundError, match=name):
        open_bundle(tmp_path)


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    path = tmp_path / METADATA_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(IntegrityError, match="schema_version is 99, this fmnist reads 1"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', "{"])
def test_what_is_no_metadata_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"there\.json"):
        parse_metadata(text, "there.json")
