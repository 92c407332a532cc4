"""Holds answers of the gateway against its own description, /openapi.json."""

import functools
import json
import re

import jsonschema


class Description:
    def __init__(self, path):
        self.document = json.loads(path.read_text())
        self.paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))),
             template) for template in self.document["paths"]]
        # a path without parameters beats one with them
        self.paths.sort(key=lambda pair: pair[1].count("{"))

    @functools.lru_cache(maxsize=None)
    def validator(self, template, method, status, media_type):
        reply = self.document["paths"][template][method]["responses"][status]
        schema = reply.get("content", {}).get(media_type, {}).get("schema")
        if schema is None:
            return None
        if isinstance(schema, bool):
            return jsonschema.Draft202012Validator(schema)
        return jsonschema.Draft202012Validator(
            {**schema, "components": self.document["components"]})

    def check(self, method, path, response):
        """Asserts that the answer is one of those described; what is not the
        gateway's own API, and what is refused before it gets there, passes."""
        path = path.partition("?")[0]
        template = next((template for pattern, template in self.paths
                         if pattern.fullmatch(path)), None)
        method = {"HEAD": "get"}.get(method, method.lower())
        if template is None or method not in self.document["paths"][template]:
            return
        call = self.document["paths"][template][method]
        if " /" in call["summary"]:     # a test of its own fails for that
            return
        replies = call["responses"]
        status = str(response.status)
        if status not in replies and status in ("400", "401", "403", "405"):
            template, method, status = "/api/auth/me", "get", "401"
        else:
            assert status in replies, (
                f"{method} {path}: {status} is not described: {response.body!r}")
        if not response.body:
            return
        media_type = response.headers.get_content_type()
        validator = self.validator(template, method, status, media_type)
        if validator is not None and media_type.endswith("json"):
            error = next(validator.iter_errors(response.json), None)
            assert error is None, f"{method} {path} {status}: {error}"
