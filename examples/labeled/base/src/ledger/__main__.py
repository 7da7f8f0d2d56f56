"""The program."""

from ledger.money import split

print(split(10, 3))
