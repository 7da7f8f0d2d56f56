"""The compatible endpoints of well-known services: what each refuses, in its own words and shape."""

from __future__ import annotations

import json

from fakes.endpoint import Body, Service
from fakes.faults import Fault, refusal


def _fault(status: int, body: object) -> Fault:
    return Fault(status=status, headers={"content-type": "application/json"}, body=json.dumps(body))


def way_of_json(body: Body) -> str:
    """How a request asks for JSON; empty where it does not."""
    return str(body.get("response_format", {}).get("type", ""))


def _openai_reasoning(body: Body) -> Fault | None:
    if "max_tokens" in body:
        return refusal(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    if "temperature" in body:
        return refusal(
            400,
            "Unsupported value: 'temperature' does not support 0.0 with this model. "
            "Only the default (1) value is supported.",
            code="unsupported_value",
            param="temperature",
        )
    return None


def _azure_of_2024(body: Body) -> Fault | None:
    if way_of_json(body) == "json_schema":
        return refusal(
            400,
            "response_format value as json_schema is enabled only for "
            "api versions 2024-08-01-preview and later",
            code="BadRequest",
        )
    return None


def _anthropic(body: Body) -> Fault | None:
    if "temperature" in body:
        return refusal(400, "`temperature` is deprecated for this model.", code="invalid_request_error")
    return None


def google_error(status: int, name: str, message: str, *details: dict[str, str]) -> Fault:
    """An error as Google's services write it, in a list."""
    error = {"code": status, "message": message, "status": name, "details": list(details)}
    return _fault(status, [{"error": error}])


def _gemini(body: Body) -> Fault | None:
    if "max_completion_tokens" in body:
        message = 'Invalid JSON payload received. Unknown name "max_completion_tokens": Cannot find field.'
        return google_error(400, "INVALID_ARGUMENT", message)
    return None


def _openrouter(body: Body) -> Fault | None:
    if way_of_json(body) == "json_schema":
        raw = json.dumps({"error": {"message": "This response_format type is unavailable now"}})
        metadata = {"raw": raw, "provider_name": "DeepSeek"}
        return _fault(
            400, {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}
        )
    return None


def _old_vllm(body: Body) -> Fault | None:
    if "max_completion_tokens" in body:
        return vllm_error(
            "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), "
            "'msg': 'Extra inputs are not permitted', 'input': 64}]"
        )
    return None


def vllm_error(message: str, status: int = 400, kind: str = "BadRequestError") -> Fault:
    """An error as vLLM writes it, without an envelope."""
    return _fault(
        status, {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    )


def _lm_studio(body: Body) -> Fault | None:
    if way_of_json(body) == "json_object":
        return _fault(400, {"error": "'response_format.type' must be 'json_schema' or 'text'"})
    return None


def _deepseek(body: Body) -> Fault | None:
    if way_of_json(body) == "json_schema":
        message = "Failed to deserialize the JSON body into the target type: response_format: "
        return refusal(422, f"{message}response_format.type `json_schema` is unavailable now at line 1")
    return None


OPENAI = Service(refuses=_openai_reasoning)
AZURE = Service(path="/openai/v1", refuses=_openai_reasoning)
AZURE_OF_2024 = Service(path="/openai/deployments/gpt?api-version=2024-06-01", refuses=_azure_of_2024)
ANTHROPIC = Service(refuses=_anthropic)
GEMINI = Service(path="/v1beta/openai", refuses=_gemini)
OPENROUTER = Service(path="/api/v1", refuses=_openrouter)
OLLAMA = Service()
VLLM = Service()
OLD_VLLM = Service(refuses=_old_vllm)
LM_STUDIO = Service(refuses=_lm_studio)
DEEPSEEK = Service(path="", refuses=_deepseek)
