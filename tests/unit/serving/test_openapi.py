import dataclasses
import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest

from fmnist.core.bundle import Bundle
from fmnist.serving.codecs.seldon_v1 import Message, read_request
from fmnist.serving.model import ServedModel
from fmnist.serving.openapi import openapi, page
from tests.support.bundles import make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


def content(document: Message) -> Message:
    found: Message = document["paths"]["/api/v1.0/predictions"]["post"]
    return found


def test_the_examples_are_requests_for_the_known_picture(bundle: Bundle) -> None:
    examples = content(openapi(bundle, "3"))["requestBody"]["content"]["application/json"]["examples"]
    assert list(examples) == ["tensor", "binData"]
    for example in examples.values():
        request = read_request(example["value"])
        assert request.images.tobytes() == bundle.metadata.known_answer.pixels()


def test_the_example_answer_is_what_the_service_answers(bundle: Bundle) -> None:
    operation = content(openapi(bundle, "3"))
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    documented = operation["responses"]["200"]["content"]["application/json"]["example"]
    service = ServedModel(bundle, "3")
    service.load()
    answered = service.predict(examples["tensor"]["value"])
    assert answered["meta"] == documented["meta"]
    np.testing.assert_allclose(
        answered["data"]["tensor"]["values"], documented["data"]["tensor"]["values"], atol=1e-4
    )


@pytest.mark.parametrize(("schema", "where"), [("Request", "request"), ("Response", "answer")])
def test_the_examples_fit_their_schemas(bundle: Bundle, schema: str, where: str) -> None:
    document = openapi(bundle, "3")
    operation = content(document)
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    answer = operation["responses"]["200"]["content"]["application/json"]["example"]
    rules = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    for example in [answer] if where == "answer" else [one["value"] for one in examples.values()]:
        jsonschema.validate(example, rules)


def test_every_reference_leads_somewhere(bundle: Bundle) -> None:
    document = openapi(bundle, "3")
    names = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert names == set(document["components"]["schemas"])


def test_nothing_comes_from_elsewhere(bundle: Bundle) -> None:
    html = page(bundle, "3")
    assert "<title>fashion-classifier 3</title>" in html
    assert "//" not in html.replace("<!DOCTYPE html>", "")
    assert '="/' not in html
    assert openapi(bundle, "3")["servers"][0]["url"] == "../../.."


def test_the_title_cannot_carry_markup(bundle: Bundle, tmp_path: Path) -> None:
    named = dataclasses.replace(bundle, metadata=dataclasses.replace(bundle.metadata, model="<script>"))
    assert "<script>" not in page(named, "3").split("</title>")[0]
