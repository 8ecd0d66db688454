"""Descriptions of one small API, in three versions of the format, and a server that has it."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.servers import Asked, response

PET = {"id": 1, "name": "Rex", "status": "available"}


def swagger(host: str = "", **more: Any) -> dict[str, Any]:
    """Swagger 2.0."""
    return {
        "swagger": "2.0",
        "info": {"title": "pets", "version": "1"},
        **({"host": host} if host else {}),
        "basePath": "/v2",
        "schemes": ["https", "http"],
        "consumes": ["application/json"],
        "produces": ["application/xml", "application/json"],
        "parameters": {"key": {"name": "api_key", "in": "header", "type": "string"}},
        "paths": {
            "/pet/{petId}": {
                "parameters": [{"name": "petId", "in": "path", "required": True, "type": "integer"}],
                "get": {"operationId": "getPetById"},
                "delete": {"operationId": "deletePet", "parameters": [{"$ref": "#/parameters/key"}]},
                "post": {
                    "operationId": "updatePetWithForm",
                    "consumes": ["application/x-www-form-urlencoded"],
                    "parameters": [
                        {"name": "name", "in": "formData", "type": "string"},
                        {"name": "tags", "in": "formData", "type": "array", "collectionFormat": "multi"},
                    ],
                },
            },
            "/pet/findByStatus": {
                "get": {
                    "operationId": "findPetsByStatus",
                    "parameters": [
                        {
                            "name": "status", "in": "query", "required": True, "type": "array",
                            "items": {"type": "string"}, "collectionFormat": "multi",
                        },
                        {"name": "tags", "in": "query", "type": "array", "collectionFormat": "pipes"},
                    ],
                }
            },
            "/pet": {
                "post": {
                    "operationId": "addPet",
                    "parameters": [{"name": "pet", "in": "body", "required": True, "schema": {}}],
                }
            },
            "/upload": {
                "post": {
                    "operationId": "upload", "consumes": ["multipart/form-data"],
                    "parameters": [{"name": "file", "in": "formData", "type": "file"}],
                }
            },
        },
        **more,
    }  # fmt: skip


def openapi(**more: Any) -> dict[str, Any]:
    """OpenAPI 3."""

    def parameter(name: str, place: str, **said: Any) -> dict[str, Any]:
        return {"name": name, "in": place, "required": place == "path", **said}

    def body(media_type: str, required: bool = True) -> dict[str, Any]:
        return {"required": required, "content": {media_type: {"schema": {"type": "object"}}}}

    return {
        "openapi": "3.0.3",
        "info": {"title": "pets", "version": "1"},
        "servers": [{"url": "{base}/v3", "variables": {"base": {"default": ""}}}],
        "components": {
            "parameters": {"trace": parameter("X-Trace", "header")},
            "requestBodies": {"pet": body("application/json")},
            "pathItems": {"shared": {"get": {"operationId": "shared"}}},
        },
        "paths": {
            "/pet/{petId}": {
                "parameters": [parameter("petId", "path"), parameter("verbose", "query", schema={})],
                "get": {
                    "operationId": "getPetById",
                    "parameters": [
                        {"$ref": "#/components/parameters/trace"},
                        parameter("verbose", "query", style="form", explode=False),
                    ],
                    "responses": {"200": {"content": {"application/vnd.pet+json": {}}}},
                },
            },
            "/styles/{simple}/{label}/{matrix}": {
                "get": {
                    "operationId": "styles",
                    "parameters": [
                        parameter("simple", "path"), parameter("label", "path", style="label", explode=True),
                        parameter("matrix", "path", style="matrix"), parameter("form", "query"),
                        parameter("space", "query", style="spaceDelimited", explode=False),
                        parameter("pipe", "query", style="pipeDelimited", explode=False),
                        parameter("deep", "query", style="deepObject"),
                        parameter("free", "query", allowReserved=True),
                        parameter("json", "query", content={"application/json": {}}),
                        parameter("crumb", "cookie", explode=False), parameter("X-List", "header"),
                    ],
                }
            },
            "/pets": {
                "post": {"operationId": "addPet", "requestBody": {"$ref": "#/components/requestBodies/pet"}},
                "put": {"operationId": "formPet", "requestBody": body("application/x-www-form-urlencoded")},
                "patch": {"operationId": "xmlPet", "requestBody": body("application/xml")},
            },
            "/text": {"post": {"operationId": "say", "requestBody": body("text/plain", False)}},
            "/shared": {"$ref": "#/components/pathItems/shared"},
            "/twin": {"get": {"operationId": "twin"}, "put": {"operationId": "twin"}},
            "/outside": {"get": {"operationId": "outside", "parameters": [{"$ref": "other.yaml#/x"}]}},
            "/circle": {"get": {"operationId": "circle", "parameters": [{"$ref": "#/components/circle"}]}},
        },
        **more,
    }  # fmt: skip


def serving(document: Any) -> Any:
    """Answers `/document` with a description, and anything else with a pet."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(asked: Asked) -> bytes:
        if asked.target == "/document":
            return response(200, content)
        return response(200, json.dumps(PET).encode())

    return answer
