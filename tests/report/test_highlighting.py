from __future__ import annotations

import pytest

from testsmith.report.highlighting import Kind, pieces

CODE = '@fixture\ndef test_x():\n    """Doc."""\n    assert f"{1}" is not "a"  # why\n\n'


@pytest.mark.parametrize("language", ["python", "typescript", "no-such-language", '"><script>'])
def test_pieces__are_the_code_to_the_letter(language: str) -> None:
    assert "".join(text for _, text in pieces(CODE, language)) == CODE


def test_pieces__have_kinds() -> None:
    found = [(kind, text) for kind, text in pieces(CODE, "python") if kind is not Kind.PLAIN]

    assert found == [
        (Kind.NAME, "@fixture"),
        (Kind.KEYWORD, "def"),
        (Kind.NAME, "test_x"),
        (Kind.STRING, '"""Doc."""'),
        (Kind.KEYWORD, "assert"),
        (Kind.STRING, 'f"'),
        (Kind.NUMBER, "1"),
        (Kind.STRING, '"'),
        (Kind.KEYWORD, "is"),
        (Kind.KEYWORD, "not"),
        (Kind.STRING, '"a"'),
        (Kind.COMMENT, "# why"),
    ]


@pytest.mark.parametrize("code", ["\t\n" * 25_000, "(" * 100_000])
def test_pieces__of_code_too_long_for_a_lexer_are_plain(code: str) -> None:
    assert list(pieces(code, "python")) == [(Kind.PLAIN, code)]
