from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.execution.package_index import bare_address, index_access


@pytest.mark.parametrize(
    ("address", "bare"),
    [
        ("https://user:secret@host.example:8443/simple/", "https://host.example:8443/simple/"),
        ("https://host.example/simple?token=secret#secret", "https://host.example/simple"),
        ("user:secret@proxy.example:3128", "proxy.example:3128"),
        ("socks5h://user@proxy.example", "socks5h://proxy.example"),
        ("https://host.example/a@b", ""),
        ("file:///home/me/wheels", ""),
        ("/home/me/wheels", ""),
        ("https://dl.example/0aB3dE5fG7hJ9kL1/octo/shop/python/simple/", ""),
        ("https://dl.example/kJhGfDsAqWeRtYuIoP/simple/", ""),
        ("https://dl.example/%30aB3dE5fG7hJ9kL1/simple/", ""),
        (
            "https://us.example/my-project-123456/wheels/simple/",
            "https://us.example/my-project-123456/wheels/simple/",
        ),
        (
            "https://host.example/InternalPythonPackages/simple",
            "https://host.example/InternalPythonPackages/simple",
        ),
    ],
)
def test_bare_address__holds_no_credentials(address: str, bare: str) -> None:
    assert bare_address(address) == bare


def test_index_access__only_what_is_known_and_bare(tmp_path: Path) -> None:
    certificates = tmp_path / "certificates.pem"
    certificates.write_text("public")
    access = index_access(
        {
            "PIP_INDEX_URL": "https://me:secret@host.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://a.example/ https://b:secret@b.example/",
            "https_proxy": "http://proxy.example:3128",
            "NO_PROXY": "localhost",
            "PIP_CERT": str(certificates),
            "SSL_CERT_FILE": str(tmp_path / "gone.pem"),
            "PIP_KEYRING_PROVIDER": "import",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "PIP_CONFIG_FILE": "/dev/null",
        }
    )
    assert access.variables == {
        "PIP_INDEX_URL": "https://host.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example/ https://b.example/",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "https_proxy": "http://proxy.example:3128",
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    assert access.files == {"PIP_CERT": b"public"}
    assert access.stripped == ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")


def test_index_access__ports_are_those_of_the_addresses() -> None:
    nothing = {"PIP_CONFIG_FILE": "/dev/null"}
    assert index_access(nothing).tcp_ports == (53, 443)
    more = {
        "PIP_INDEX_URL": "http://host.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example:8443/ https://b.example/",
        "HTTPS_PROXY": "proxy.example:3128",
        "ALL_PROXY": "socks5h://proxy.example",
        "PIP_FIND_LINKS": "https://a.example:99999999/",
    }
    assert index_access({**nothing, **more}).tcp_ports == (53, 80, 443, 1080, 3128, 8443)


def test_index_access__what_pips_own_files_say(tmp_path: Path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://me:secret@host.example/simple\nno-index = false\n"
        "[install]\nextra-index-url =\n    https://a.example/\n    https://b.example/\n"
    )
    access = index_access({"PIP_CONFIG_FILE": str(settings), "PIP_INDEX_URL": "https://stronger.example/"})
    assert access.variables["PIP_INDEX_URL"] == "https://stronger.example/"
    assert access.variables["PIP_EXTRA_INDEX_URL"] == "https://a.example/ https://b.example/"


def test_index_access__constraints_hold_no_credentials(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text(
        "--index-url https://me:secret@host.example/simple\n"
        "attrs==26.1.0 # as of https://host.example/list?token=secret\n"
        f"one @ https://me:secret@host.example/one.whl#sha256={'0' * 64}\n"
        "two @ git+https://secret@host.example/two.git ; python_version > '3.11'\n"
        "three @ https://dl.example/0aB3dE5fG7hJ9kL1/three.whl\n"
        "four @ file:///home/me/four.whl\n"
        "five<6\n"
    )
    access = index_access({"PIP_CONSTRAINT": str(file), "PIP_CONFIG_FILE": "/dev/null"})
    assert access.files["PIP_CONSTRAINT"].decode().splitlines() == [
        "--index-url https://host.example/simple",
        "attrs==26.1.0 # as of https://host.example/list",
        f"one @ https://host.example/one.whl#sha256={'0' * 64}",
        "two @ git+https://host.example/two.git ; python_version > '3.11'",
        "five<6",
    ]
    assert access.stripped == ("PIP_CONSTRAINT",)
    file.write_text("five<6\n")
    assert index_access({"PIP_CONSTRAINT": str(file), "PIP_CONFIG_FILE": "/dev/null"}).stripped == ()
