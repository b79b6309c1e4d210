"""Swagger page of a model version: its OpenAPI document, and the page that shows it.

Everything is relative, so that the page works behind a gateway's prefix as well as directly, and
nothing comes from another host.
"""

import base64
from html import escape

import numpy as np

from fmnist.core.bundle import Bundle
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.serving.codecs.images import MAX_PICTURE_PIXELS
from fmnist.serving.codecs.pixels import MAX_IMAGES
from fmnist.serving.codecs.seldon_v1 import Message, PredictionRequest, write_response
from fmnist.serving.model import lineage_tags

ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
"""The files of Swagger UI that the page needs."""

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
    "415": "BAD_CONTENT_TYPE",
    "503": "The model is not loaded",
}


def page(bundle: Bundle, version: str) -> str:
    """The HTML page."""
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
    """The OpenAPI 3 document, with the bundle's known picture and answer as examples."""
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
            "/api/v1.0/health/status": {"get": _get("200 if the known picture gives its known answer")},
        },
        "components": {"schemas": _schemas()},
    }


def _description(bundle: Bundle, version: str) -> str:
    rows = "\n".join(f"| {name} | `{value}` |" for name, value in lineage_tags(bundle, version).items())
    return (
        f"Tells ten kinds of garment apart on {IMAGE_SHAPE[0]} x {IMAGE_SHAPE[1]} greyscale pictures: "
        f"{', '.join(CLASSES)}. Pixels are whole numbers 0-255, light garment on black; the model "
        f"scales them itself.\n\n| lineage | |\n| --- | --- |\n{rows}\n"
    )


def _predictions(bundle: Bundle, version: str) -> Message:
    return {
        "summary": "Classify pictures",
        "description": (
            f"At most {MAX_IMAGES} images. `tensor` and `ndarray` take the shapes [28,28], [n,28,28], "
            "[n,28,28,1], [784] and [n,784], and are answered in kind. `binData` and `strData` hold base64 "
            f"of a PNG or JPEG of at most {MAX_PICTURE_PIXELS} pixels, or of n x 784 bytes of pixels, and "
            "are answered as `ndarray`. Pictures are made greyscale, fitted into 28 x 28 with black "
            "around them, and not inverted."
        ),
        "operationId": "predict",
        "tags": ["use"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Request"},
                    "examples": _request_examples(bundle),
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"binData": {"type": "string", "format": "binary"}},
                    }
                },
            },
        },
        "responses": {
            "200": {
                "description": "Ten probabilities for each image, in the order of `names`",
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Answer"},
                        "example": _answer_example(bundle, version),
                    }
                },
            },
            **_errors("400", "413", "415", "503"),
        },
    }


def _request_examples(bundle: Bundle) -> Message:
    known = bundle.metadata.known_answer
    rows = _known_image(bundle)[0].tolist()
    return {
        "tensor": {
            "summary": "The model's known picture, 28 rows of 28 pixels",
            "value": {
                "data": {"names": ["feature1"], "tensor": {"shape": list(IMAGE_SHAPE), "values": rows}}
            },
        },
        "binData": {
            "summary": "The same picture, its 784 bytes in base64",
            "value": {"binData": base64.b64encode(known.pixels()).decode()},
        },
    }


def _answer_example(bundle: Bundle, version: str) -> Message:
    probabilities = np.array([bundle.metadata.known_answer.probabilities])
    request = PredictionRequest(_known_image(bundle), "tensor", {})
    return write_response(request, probabilities, lineage_tags(bundle, version))


def _known_image(bundle: Bundle) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(bundle.metadata.known_answer.pixels(), np.uint8).reshape(1, *IMAGE_SHAPE)


def _feedback(bundle: Bundle) -> Message:
    return {
        "summary": "Say how good an answer was",
        "operationId": "feedback",
        "tags": ["use"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Feedback"},
                    "example": {
                        "reward": 1,
                        "response": {"meta": {"tags": {"model": bundle.metadata.model}}},
                    },
                }
            },
        },
        "responses": {"200": {"description": "Counted"}, **_errors("400", "413", "415")},
    }


def _get(summary: str) -> Message:
    return {
        "summary": summary,
        "tags": ["operate"],
        "responses": {"200": {"description": "A SeldonMessage or its metadata"}, **_errors("503")},
    }


def _errors(*codes: str) -> Message:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {code: {"description": _ERRORS[code], "content": content} for code in codes}


def _schemas() -> Message:
    number = {"type": "number"}
    pixels = {"type": "array", "items": {}, "description": "whole numbers 0-255, flat or nested"}
    tags = {"type": "object", "properties": {"tags": {"type": "object"}, "puid": {"type": "string"}}}
    return {
        "Request": {
            "type": "object",
            "description": "Exactly one of data, binData and strData; data has either tensor or ndarray.",
            "properties": {
                "data": {
                    "type": "object",
                    "properties": {
                        "names": {"type": "array", "items": {"type": "string"}},
                        "tensor": {
                            "type": "object",
                            "required": ["shape", "values"],
                            "properties": {
                                "shape": {"type": "array", "items": {"type": "integer"}},
                                "values": pixels,
                            },
                        },
                        "ndarray": pixels,
                    },
                },
                "binData": {"type": "string", "format": "byte"},
                "strData": {"type": "string", "description": "base64, also as a data: URL"},
                "meta": tags,
            },
        },
        "Answer": {
            "type": "object",
            "properties": {
                "data": {
                    "type": "object",
                    "properties": {
                        "names": {"type": "array", "items": {"type": "string", "enum": list(CLASSES)}},
                        "tensor": {
                            "type": "object",
                            "properties": {
                                "shape": {"type": "array", "items": {"type": "integer"}},
                                "values": {"type": "array", "items": number},
                            },
                        },
                        "ndarray": {"type": "array", "items": {"type": "array", "items": number}},
                    },
                },
                "meta": tags,
            },
        },
        "Feedback": {
            "type": "object",
            "properties": {
                "reward": number,
                "request": {"$ref": "#/components/schemas/Request"},
                "response": {"$ref": "#/components/schemas/Answer"},
                "truth": {"type": "object"},
            },
        },
        "Error": {
            "type": "object",
            "properties": {
                "status": {
                    "type": "object",
                    "properties": {
                        "code": {"type": "integer"},
                        "info": {"type": "string"},
                        "reason": {"type": "string"},
                        "status": {"type": "integer"},
                    },
                }
            },
        },
    }
