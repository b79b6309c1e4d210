"""Swagger page of a model version: its OpenAPI document, and the page that shows it.

Everything is relative, so that the page works behind a gateway's prefix as well as directly, and
nothing comes from another host.
"""

import base64
from html import escape
from typing import Any

import numpy as np

from fmnist.core.bundle import Bundle
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.serving.codecs.images import MAX_PICTURE_BYTES
from fmnist.serving.codecs.pixels import MAX_IMAGES
from fmnist.serving.codecs.seldon_v1 import Message, PredictionRequest, write_response
from fmnist.serving.model import lineage_tags

ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
"""Files of Swagger UI that the page needs."""

START = """window.onload = () => SwaggerUIBundle({
  url: "seldon.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0
});
"""

_ERRORS = {
    "400": "The body cannot be read; `reason` is one of BAD_JSON, EMPTY, BAD_FIELD, BAD_TYPE, BAD_SHAPE, "
    "BAD_RANGE, BAD_BASE64, BAD_IMAGE",
    "413": "TOO_LARGE: the body, a picture or the number of images",
    "408": "TIMED_OUT: the body did not come in time",
    "415": "BAD_CONTENT_TYPE or BAD_CONTENT_ENCODING",
    "503": "The model is not loaded",
}


def page(bundle: Bundle, version: str) -> str:
    """HTML of the page."""
    title = escape(f"{bundle.metadata.model} {version}")
    return f"""<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="stylesheet" href="swagger-ui.css">
    <link rel="icon" href="favicon-32x32.png">
    <style>.swagger-ui .curl {{ max-height: 12em; overflow: auto; }}</style>
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="swagger-ui-bundle.js"></script>
    <script src="start.js"></script>
  </body>
</html>
"""


def openapi(bundle: Bundle, version: str) -> Message:
    """The OpenAPI 3 document, with the bundle's self-test as its example."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": bundle.metadata.model,
            "version": version,
            "description": _description(bundle, version),
        },
        # Seen from /api/v1.0/doc/seldon.json this is the service's root, whatever stands before it.
        "servers": [{"url": "../../..", "description": "this service"}],
        "paths": {
            "/api/v1.0/predictions": {"post": _predictions(bundle, version)},
            "/api/v1.0/feedback": {"post": _feedback(bundle)},
            "/api/v1.0/metadata": {"get": _get("The model's name, version, inputs and outputs")},
            "/api/v1.0/health/status": {"get": _get("200 if the model passes its self-test")},
        },
        "components": {"schemas": _schemas()},
    }


def _description(bundle: Bundle, version: str) -> str:
    rows = "\n".join(f"| {name} | `{value}` |" for name, value in lineage_tags(bundle, version).items())
    return (
        f"Classifies {IMAGE_SHAPE[0]} x {IMAGE_SHAPE[1]} greyscale pictures of garments as one of "
        f"{', '.join(CLASSES)}. Pixels are whole numbers 0-255, light garment on black; the model "
        f"scales them itself.\n\n| lineage | |\n| --- | --- |\n{rows}\n"
    )


def _predictions(bundle: Bundle, version: str) -> Message:
    self_test = bundle.metadata.known_answer
    image = np.frombuffer(self_test.pixels(), np.uint8).reshape(1, *IMAGE_SHAPE)
    tensor = {"shape": list(IMAGE_SHAPE), "values": image[0].tolist()}
    requests = {
        "tensor": {
            "summary": "The self-test's picture, 28 rows of 28 pixels",
            "value": {"data": {"names": ["feature1"], "tensor": tensor}},
        },
        "binData": {
            "summary": "The same picture, its 784 bytes in base64",
            "value": {"binData": base64.b64encode(self_test.pixels()).decode()},
        },
    }
    response = write_response(
        PredictionRequest(image, "tensor", {}),
        np.array([self_test.probabilities]),
        lineage_tags(bundle, version),
    )
    return {
        "summary": "Classify pictures",
        "description": (
            f"At most {MAX_IMAGES} images. `tensor` and `ndarray` take the shapes [28,28], [n,28,28], "
            "[n,28,28,1], [784] and [n,784]; the response has the same form. `binData` and `strData` hold "
            f"base64 of a PNG or JPEG (at most {MAX_PICTURE_BYTES // 10**6} MB decoded), or of n x 784 bytes "
            "of pixels, and a form may have several files `binData`; "
            "the response is an `ndarray`. Pictures are converted to greyscale, fitted into 28 x 28 with "
            "black around them, and not inverted."
        ),
        "operationId": "predict",
        "tags": ["use"],
        "requestBody": {
            "required": True,
            "content": {
                **_json(_reference("Request"), examples=requests),
                "multipart/form-data": {"schema": _object(binData={"type": "string", "format": "binary"})},
            },
        },
        "responses": {
            "200": {
                "description": "Ten probabilities for each image, in the order of `names`",
                "content": _json(_reference("Response"), example=response),
            },
            **_errors("400", "408", "413", "415", "503"),
        },
    }


def _feedback(bundle: Bundle) -> Message:
    example = {"reward": 1, "response": {"meta": {"tags": {"model": bundle.metadata.model}}}}
    return {
        "summary": "Reward a prediction",
        "operationId": "feedback",
        "tags": ["use"],
        "requestBody": {"required": True, "content": _json(_reference("Feedback"), example=example)},
        "responses": {"200": {"description": "Counted"}, **_errors("400", "408", "413", "415")},
    }


def _get(summary: str) -> Message:
    return {
        "summary": summary,
        "tags": ["operate"],
        "responses": {"200": {"description": "A SeldonMessage or its metadata"}, **_errors("503")},
    }


def _errors(*codes: str) -> Message:
    return {code: {"description": _ERRORS[code], "content": _json(_reference("Error"))} for code in codes}


def _schemas() -> Message:
    text, number, integer = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    pixels = {**_array({}), "description": "whole numbers 0-255, flat or nested"}
    meta = _object(tags={"type": "object"}, puid=text)
    sent = _object(
        names=_array(text),
        tensor={**_object(shape=_array(integer), values=pixels), "required": ["shape", "values"]},
        ndarray=pixels,
    )
    returned = _object(
        names=_array({**text, "enum": list(CLASSES)}),
        tensor=_object(shape=_array(integer), values=_array(number)),
        ndarray=_array(_array(number)),
    )
    request = _object(
        data=sent,
        binData={**text, "format": "byte"},
        strData={**text, "description": "base64, also as a data: URL"},
        meta=meta,
    )
    rule = "Exactly one of data, binData and strData; data has either tensor or ndarray."
    return {
        "Request": {**request, "description": rule},
        "Response": _object(data=returned, meta=meta),
        "Feedback": _object(
            reward=number,
            request=_reference("Request"),
            response=_reference("Response"),
            truth={"type": "object"},
        ),
        "Error": _object(status=_object(code=integer, info=text, reason=text, status=integer)),
    }


def _json(schema: Message, **more: Any) -> Message:
    return {"application/json": {"schema": schema, **more}}


def _reference(name: str) -> Message:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Message) -> Message:
    return {"type": "object", "properties": properties}


def _array(items: Message) -> Message:
    return {"type": "array", "items": items}
