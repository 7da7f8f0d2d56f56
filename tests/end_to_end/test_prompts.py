"""What a real change asks a model for: nothing of its source twice in one prompt."""

from __future__ import annotations

from pathlib import Path

from fakes.command_line import CommandLine
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository

BASE = '''\
def _rounded(amount, places):
    shifted_amount = amount * 10 ** places
    return int(shifted_amount + 0.5) / 10 ** places


class Cart:
    """Holds what somebody wants to buy."""

    currency = "EUR"

    def __init__(self, owner):
        self.owner_of_the_cart = owner
        self.items_by_name = dict()

    def _count_of_item(self, name):
        return self.items_by_name.get(name, 0)

    def _set_count_of_item(self, name, count):
        self.items_by_name[name] = count

    def put_item(self, name):
        self._set_count_of_item(name, self._count_of_item(name) + 1)

    def has_item(self, name):
        return self._count_of_item(name) > 0

    def clear_item(self, name):
        self._set_count_of_item(name, 0)


def price_of_cart(cart, prices):
    return _rounded(sum(prices[name] for name in cart.items_by_name), 2)


def tax_of_cart(cart, prices):
    return _rounded(price_of_cart(cart, prices) * 0.19, 2)
'''

METHODS = {"+ 0.5": "+ 0.49", "get(name, 0)": "get(name.lower(), 0)", "> 0": ">= 1", "0.19": "0.20"}
"""Changes of methods, of what they use, and of functions."""


def prompt_of(command_line: CommandLine, folder: Path, changes: dict[str, str]) -> str:
    """Return the one prompt that a change leads to, without line breaks within blanks."""
    repository = GitRepository.create(folder)
    repository.commit({"shop.py": BASE})
    repository.git("switch", "-qc", "change")
    head = BASE
    for old, new in changes.items():
        head = head.replace(old, new)
    repository.commit({"shop.py": head})
    with Endpoint() as endpoint:
        asking = ("--base", "main", "--base-url", endpoint.url, "--model", "small", "--no-verify")
        assert command_line.suggest(folder, *asking).code == 0
    [request] = endpoint.requests
    prompt = str(request.body["messages"][1]["content"])
    bodies = [line.strip() for line in head.splitlines() if line and not line.strip().startswith("def ")]
    assert {line: prompt.count(line) for line in bodies if prompt.count(line) > 1} == {}
    return prompt


def test_prompt__methods_of_one_class_and_what_they_share(command_line: CommandLine, tmp_path: Path) -> None:
    prompt = prompt_of(command_line, tmp_path / "project", METHODS)
    assert prompt.count("### member: ") == 4
    assert prompt.count("\nclass Cart:\n") == 1
    assert prompt.count("def _count_of_item(self, name): ...") == 1


def test_prompt__a_class_and_its_methods(command_line: CommandLine, tmp_path: Path) -> None:
    prompt = prompt_of(command_line, tmp_path / "project", {**METHODS, '"EUR"': '"CHF"'})
    assert prompt.count("### member: ") == 5
    assert prompt.count("Source: it stands in that of shop.py::Cart.") == 2


def test_prompt__what_the_authors_say_and_a_hint(command_line: CommandLine, tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"shop.py": BASE})
    repository.git("switch", "-qc", "change")
    repository.write({"shop.py": BASE.replace("0.19", "0.20")})
    repository.git("commit", "-qam", "Raise the tax\n\nFrom January on.")
    with Endpoint() as endpoint:
        asking = ("--base", "main", "--base-url", endpoint.url, "--model", "small", "--no-verify")
        for hint in ("Mind the rounding.", "Mind the rounding.", "Mind the sum."):
            assert command_line.suggest(repository.folder, *asking, "--hint", hint).code == 0
    prompts = [str(request.body["messages"][1]["content"]) for request in endpoint.requests]
    assert [("Mind the rounding." in prompt, "Mind the sum." in prompt) for prompt in prompts] == [
        (True, False),
        (False, True),
    ]
    assert all("Commit: Raise the tax\n\nFrom January on." in prompt for prompt in prompts)
