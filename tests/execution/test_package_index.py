from __future__ import annotations

from testsmith.execution.package_index import uv_variables


def told(given: dict[str, str]) -> dict[str, str]:
    manners = uv_variables({})
    return {name: value for name, value in uv_variables(given).items() if name not in manners}


def test_uv_variables__what_pip_is_told() -> None:
    given = {
        "PIP_INDEX_URL": "https://a.example/",
        "PIP_EXTRA_INDEX_URL": "https://b.example/ https://c.example/",
        "PIP_FIND_LINKS": "https://d.example/ https://e.example/",
        "PIP_TRUSTED_HOST": "a.example b.example",
        "PIP_DEFAULT_TIMEOUT": "60",
        "PIP_CONSTRAINT": "/files/0",
        "PIP_CERT": "/files/1",
        "PIP_PRE": "true",
    }
    assert told(given) == {
        "UV_DEFAULT_INDEX": "https://a.example/",
        "UV_INDEX": "https://b.example/ https://c.example/",
        "UV_FIND_LINKS": "https://d.example/,https://e.example/",
        "UV_INSECURE_HOST": "a.example b.example",
        "UV_HTTP_TIMEOUT": "60",
        "UV_CONSTRAINT": "/files/0",
        "SSL_CERT_FILE": "/files/1",
        "UV_PRERELEASE": "allow",
    }


def test_uv_variables__its_own_hold() -> None:
    given = {
        "PIP_INDEX_URL": "https://a.example/",
        "UV_INDEX_URL": "https://u.example/",
        "PIP_EXTRA_INDEX_URL": "https://b.example/",
        "UV_INDEX": "https://v.example/",
        "SSL_CERT_FILE": "/files/0",
        "PIP_CERT": "/files/1",
        "PIP_PRE": "0",
    }
    assert told(given) == {}
