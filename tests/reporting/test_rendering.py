from __future__ import annotations

import pytest

from testsmith.reporting.rendering import TokenKind, pieces

CODE = '@fixture\ndef test_x():\n    """Doc."""\n    assert f"{1}" is not "a"  # why\n\n'


@pytest.mark.parametrize("language", ["python", "typescript", "no-such-language", '"><script>'])
def test_pieces__are_the_code_to_the_letter(language: str) -> None:
    assert "".join(text for _, text in pieces(CODE, language)) == CODE


def test_pieces__have_kinds() -> None:
    found = [(kind, text) for kind, text in pieces(CODE, "python") if kind is not TokenKind.PLAIN]

    assert found == [
        (TokenKind.NAME, "@fixture"),
        (TokenKind.KEYWORD, "def"),
        (TokenKind.NAME, "test_x"),
        (TokenKind.STRING, '"""Doc."""'),
        (TokenKind.KEYWORD, "assert"),
        (TokenKind.STRING, 'f"'),
        (TokenKind.NUMBER, "1"),
        (TokenKind.STRING, '"'),
        (TokenKind.KEYWORD, "is"),
        (TokenKind.KEYWORD, "not"),
        (TokenKind.STRING, '"a"'),
        (TokenKind.COMMENT, "# why"),
    ]


@pytest.mark.parametrize("code", ["\t\n" * 25_000, "(" * 100_000])
def test_pieces__of_code_too_long_for_a_lexer_are_plain(code: str) -> None:
    assert list(pieces(code, "python")) == [(TokenKind.PLAIN, code)]
