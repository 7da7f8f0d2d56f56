"""Choose the next trials of a member: variations of those that came close to something not yet shown.

The goals are mutants that no trial kills, approached from trials that reach them or come nearest, and for a
member that also exists on base, an input on which base differs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

from testsmith.languages.mutants import Mutant
from testsmith.languages.python.explorer.cases import Case, Observation
from testsmith.languages.python.explorer.inputs.parameter_values import shape_of
from testsmith.languages.python.explorer.literal_sites import (
    Leaf,
    LiteralSite,
    Pair,
    Value,
    lengths_in,
    number_text,
    places,
    read_literal,
    searched,
)
from testsmith.languages.python.explorer.module_source import ModuleSource, reachable
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import quoted
from testsmith.languages.python.explorer.subjects import Subject
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.mutation.mutants import mutants_of
from testsmith.languages.python.source.parsing import span_of
from testsmith.languages.source import CannotParse
from testsmith.model import Change, Member

# Variations of a trial: literals replaced by what they were compared with, or changed slightly.
#
# If a literal, or something simple derived from it, was one side of an observed comparison, it is replaced by
# the other side and adjacent values. This solves conditions one after another ("REDQUEEN: Fuzzing with
# Input-to-State Correspondence", NDSS 2019).

_LONGEST = 200
_LARGEST = 10**15
_MOST_WORDS = 6
_MOST_ITEMS = 6
_MOST_ALIKE = 3
_MOST_STATED = 300
_MOST_BROKEN = 4
_LONGEST_WORD = 16
_MOST_BROKEN_ALIKE = 16
_MOST_VARIED_CALLS = 12
"""Maximum number of calls in the project's tests that are varied for one member."""

_TIMES_FOR_TEXTS = 3
_MOST_SPELLED = 100
_MOST_LENGTH = 5_000
_UNITS = (1024, 1000, 60, 100, 24, 7, 12, 10, 3600, 86400, 2)
"""Common factors applied to numbers before they are compared."""
_ESCAPED = re.compile("%[0-9A-Fa-f]{2}")
"""A character of a URL, of which `%41` is one that needs no escape."""
_CODE = re.compile(r"\w+(\[.*\]|\(.+\)|\{.*\})")
"""Code, such as `tuple[()]`, that is more than the name of a function."""
_MARKED = re.compile(r"(\W+)(\w+)(.*?)(\W)", re.DOTALL)
"""A word between marks, such as `</b >`."""


def variations(
    trial: Trial, pairs: Sequence[Pair], fixed: Iterable[str] = (), *, at_ends: bool = True
) -> Iterator[Trial]:
    """Yield variations of a trial: those its comparisons suggest, ends of its containers, small changes.

    Args:
        trial: The trial.
        pairs: Source texts of values that were compared with each other.
        fixed: Names of parameters whose literals must not be changed, for example because the annotation
            lists all values.
        at_ends: Whether to move numbers to the ends of containers, and to put an accent into texts or take
            a mark from them.
    """
    free = [place for place in places(trial) if place.name not in set(fixed)]
    suggested = [made for place in free for made in _suggested(place, pairs)]
    lengths = lengths_in(trial)
    numbered = [place for place in free if place.is_argument and at_ends]
    ends = [made for place in numbered for made in _at_ends(place, lengths)]
    nearby = [made for row in zip_longest(*map(_nearby, free)) for made in row]
    strange = [made for new in _STRANGE for place in (free if at_ends else ()) for made in _with(place, new)]
    by_turns = [made for row in zip_longest(suggested, ends, nearby, strange) for made in row]
    seen = {trial.text}
    for made in by_turns:
        if made is not None and made.text not in seen and len(made.text) <= len(trial.text) + _LONGEST:
            seen.add(made.text)
            yield made


def shorter(trial: Trial) -> Iterator[Trial]:
    """Yield a trial with one item of a list that it spells out, for each list of several and each item."""
    for place in places(trial):
        for leaf in (leaf for leaf in place.leaves if leaf.items is not None and len(leaf.items) > 1):
            for item in dict.fromkeys((leaf.items or ())[:_MOST_ITEMS]):
                yield place.exchanged(leaf, f"[{item}]")


def varied(trials: Sequence[Trial], texts: Sequence[str], others: Sequence[str]) -> list[Trial]:
    """Return variations of trials, in turn.

    Args:
        trials: The trials, the most telling first.
        texts: Texts that the change is about. A long one replaces the text of every trial.
        others: Texts of other tests.
    """
    known = {trial.text for trial in trials}
    longest = [(trial, site) for trial in trials if (site := _longest_text(trial)) is not None]
    whole = [text for text in texts if _is_whole(text) and not _MARKED.fullmatch(text)]
    plain = sorted({trial.pieces: site for trial, site in longest[::-1]}.values(), key=_length_around)
    stated = [_replaced(plain, text) for text in whole]
    about = [
        _by_turns(
            [_with_texts(place, leaf, texts), _with_words(place.trial), _with_others(place, leaf, others)]
        )
        for _, (place, leaf) in longest[:_MOST_VARIED_CALLS]
    ]
    near = (variations(trial, ()) for trial in trials[:_MOST_VARIED_CALLS])
    rows = [*about * _TIMES_FOR_TEXTS, *near]
    found = chain(islice(_by_turns(stated), _MOST_STATED), _by_turns(rows))
    made = {trial.text: trial for trial in islice(found, MOST_VARIED)}
    return [trial for text, trial in made.items() if text not in known]


def _is_whole(text: str) -> bool:
    """Return whether a text is a complete input, not a word or a mark inside of one."""
    return len(text.split()) > 1 or len(text) > _LONGEST_WORD or _CODE.fullmatch(text) is not None


def _replaced(sites: Iterable[tuple[LiteralSite, Leaf]], text: str) -> Iterator[Trial]:
    return (place.exchanged(leaf, quoted(text)) for place, leaf in sites)


def _length_around(site: tuple[LiteralSite, Leaf]) -> int:
    place, leaf = site
    return len(place.trial.text) - (leaf.end - leaf.start)


def _longest_text(trial: Trial) -> tuple[LiteralSite, Leaf] | None:
    leaves = [(place, leaf) for place in places(trial) for leaf in place.leaves if leaf.items is None]
    texts = [each for each in leaves if isinstance(each[1].value, str) and each[1].value]
    return max(texts, key=lambda each: len(str(each[1].value)), default=None)


def _with_texts(place: LiteralSite, leaf: Leaf, texts: Sequence[str]) -> Iterator[Trial]:
    """Yield a trial with each text inside, or instead of a part of, one of its own."""
    for row in zip_longest(*(_holding(str(leaf.value), text) for text in texts)):
        yield from (place.exchanged(leaf, quoted(given)) for given in row if given is not None)


def _with_words(trial: Trial) -> Iterator[Trial]:
    """Yield a trial with a text that is a word of its longest one, such as a key, replaced by another."""
    longest = _longest_text(trial)
    words = list(dict.fromkeys(re.findall(r"[^\W\d]\w*", str(longest[1].value)))) if longest else []
    sites = [(place, leaf) for place in places(trial) for leaf in place.leaves if leaf.value in words]
    for word in words[:_MOST_WORDS]:
        yield from (place.exchanged(leaf, quoted(word)) for place, leaf in sites if leaf.value != word)


def _with_others(place: LiteralSite, leaf: Leaf, others: Sequence[str]) -> Iterator[Trial]:
    """Yield a trial with one of its texts replaced by those of other tests, the most similar first."""
    own = _tokens(str(leaf.value))

    def unlike(text: str) -> float:
        tokens = _tokens(text)
        return -len(own & tokens) / len(own | tokens | {""})

    alike = sorted((text for text in others if text != leaf.value), key=unlike)
    for at, text in enumerate(alike):
        made = place.exchanged(leaf, quoted(text))
        yield made
        if at < _MOST_ALIKE:
            yield from _with_words(made)
        if at < _MOST_BROKEN_ALIKE:
            yield from (place.exchanged(leaf, quoted(each)) for each in _broken(text))


def _tokens(text: str) -> set[str]:
    return set(re.findall(r"\w+|[^\w\s]", text))


def _holding(value: str, text: str) -> Iterator[str]:
    """Yield a text with another instead of what is written like it or its last word, inside, or last."""
    marked = _MARKED.fullmatch(text)
    like = marked and re.search(rf"{re.escape(marked[1])}(\w+)\W*?{re.escape(marked[4])}", value)
    if marked and like:
        own = f"{marked[1]}{like[1]}{marked[3]}{marked[4]}"
        yield value[: like.start()] + own + value[like.end() :]
    if " " in text:
        return
    middle = len(value) // 2
    if text.isalnum() and " " in value:
        yield f"{value.rpartition(' ')[0]} {text}"
    else:
        yield value[:middle] + text + value[middle:]
    yield value + text


def crossed(trial: Trial, other: Trial) -> Iterator[Trial]:
    """Yield a trial with one argument from another trial, for each that differs or is missing."""
    if trial.pieces != other.pieces or trial.receiver != other.receiver or not places(trial):
        return
    own = {argument.name: argument for argument in trial.arguments}
    for argument in other.arguments:
        before = own.get(argument.name)
        if before is None and argument.by_keyword:
            yield _given(trial, (*trial.arguments, argument))
        else:
            yield from borrowing(trial, [argument])


def borrowing(trial: Trial, arguments: Iterable[Argument]) -> Iterator[Trial]:
    """Yield a trial with one argument replaced by another with the same name."""
    if not places(trial):
        return
    for argument in arguments:
        own = next((each for each in trial.arguments if each.name == argument.name), None)
        if own is not None and own.value.text != argument.value.text:
            changed = replace(own, value=argument.value)
            yield _given(trial, [changed if each is own else each for each in trial.arguments])


def _given(trial: Trial, arguments: Sequence[Argument]) -> Trial:
    imports = trial.imports.union(*(argument.value.imports for argument in arguments))
    return searched(trial, arguments=tuple(arguments), imports=imports)


def _suggested(place: LiteralSite, pairs: Sequence[Pair]) -> Iterator[Trial]:
    """Yield the trial with literals replaced by what they were compared with."""
    for pair in pairs:
        for met, other in (pair, pair[::-1]):
            if met == place.text and met.partition("(")[0] == other.partition("(")[0]:
                yield place.filled(other)
    read = [(read_literal(one), read_literal(other)) for one, other in pairs]
    for leaf in place.leaves:
        for text in _corresponding(leaf, read):
            yield place.exchanged(leaf, text)


def _at_ends(place: LiteralSite, lengths: Sequence[int]) -> Iterator[Trial]:
    """Yield the trial with a whole number at or just past an end of one of its containers."""
    for leaf, value in place.numbers:
        ends = (end for length in lengths for end in (-length - 1, length, -length, length + 1))
        yield from (place.exchanged(leaf, repr(end)) for end in ends if isinstance(value, int))


def _accented(text: str) -> Iterator[str]:
    """Yield a text with an accent in one of its words."""
    yield re.sub("[aeo]", lambda match: {"a": "á", "e": "é", "o": "ó"}[match[0]], text, count=1)


def _broken(text: str) -> Iterator[str]:
    """Yield a text without the last one of each of its marks, such as a bracket that closes."""
    for mark in islice(dict.fromkeys(re.findall(r"[^\w\s]", text[::-1])), _MOST_BROKEN):
        before, _, after = text.rpartition(mark)
        yield before + after


_STRANGE = (_accented, _broken)


def _with(place: LiteralSite, new: Callable[[str], Iterator[str]]) -> Iterator[Trial]:
    """Yield the trial with each of its texts replaced by others that are made of it."""
    for leaf in place.leaves:
        if isinstance(leaf.value, str) and leaf.items is None:
            yield from (place.exchanged(leaf, quoted(text)) for text in new(leaf.value) if text != leaf.value)


def _nearby(place: LiteralSite) -> Iterator[Trial]:
    """Yield the trial with a literal changed slightly."""
    rows = [[place.exchanged(leaf, text) for text in _near(leaf)] for leaf in place.leaves]
    for row in zip_longest(*rows):
        yield from (made for made in row if made is not None)


def _corresponding(leaf: Leaf, pairs: Iterable[tuple[Value | None, Value | None]]) -> Iterator[str]:
    """Yield replacements for a literal that make one side of a comparison equal the other."""
    for one, two in pairs:
        if one is None or two is None:
            continue
        for met, other in ((one, two), (two, one)):
            yield from _in_place_of(leaf, met, other)


def _in_place_of(leaf: Leaf, met: Value, other: Value) -> Iterator[str]:
    value = leaf.value
    if leaf.items is not None or isinstance(value, str):
        yield from _of_length(leaf, met, other)
    if leaf.items is not None:
        return
    if isinstance(value, str) and isinstance(met, str) and isinstance(other, str):
        yield from _texts(value, met, other)
    elif isinstance(value, bytes) and isinstance(met, bytes) and isinstance(other, bytes):
        if met and met in value:
            yield repr(value.replace(met, other, 1))
    elif isinstance(value, int | float) and isinstance(met, int | float) and isinstance(other, int | float):
        yield from _numbers(value, met, other)
    elif isinstance(value, str) and isinstance(met, int | float) and value == str(met):
        yield quoted(str(other))


def _of_length(leaf: Leaf, met: Value, other: Value) -> Iterator[str]:
    """Yield a text or list with the length that its own was compared with."""
    length = len(leaf.items) if leaf.items is not None else len(str(leaf.value))
    if met != length or not isinstance(other, int) or isinstance(met, float) or length == 0:
        return
    if leaf.items is not None and other > _MOST_SPELLED:
        return
    for wanted in (other, other + 1, other - 1):
        if not 0 <= wanted <= _MOST_LENGTH or wanted == length:
            continue
        times = wanted // length + 1
        if leaf.items is not None:
            yield f"[{', '.join((leaf.items * times)[:wanted])}]"
        elif wanted <= _MOST_SPELLED:
            yield quoted((str(leaf.value) * times)[:wanted])
        elif isinstance(leaf.value, str):
            yield f'{quoted(leaf.value)} + " " * {wanted - length}'


def _texts(value: str, met: str, other: str) -> Iterator[str]:
    if value == met or met in {value.lower(), value.upper(), value.strip()}:
        yield quoted(other)
    elif met and met in value:
        yield quoted(value.replace(met, other, 1))
    elif met == value[: len(met) + 1].lower().strip():
        yield quoted(other + value[len(met) :])


def _numbers(value: float, met: float, other: float) -> Iterator[str]:
    if abs(other) > _LARGEST or abs(met) > _LARGEST:
        return
    if value == met:
        found = [other, other + 1, other - 1]
    elif value == -met:
        found = [-other, -other - 1, -other + 1]
    else:
        unit = next((unit for unit in _UNITS if met in {value * unit, value / unit}), 0)
        if not unit:
            return
        exact = other / unit if met == value * unit else other * unit
        found = [exact, exact + 1, exact - 1]
    yield from (number_text(number, value) for number in found)


def _near(leaf: Leaf) -> list[str]:
    """Return source texts for small changes of a literal, of the same type."""
    value = leaf.value
    if leaf.items is not None:
        return _near_list(leaf.items)
    if isinstance(value, str):
        near = [value.upper(), value + value[:1], value[1:], f" {value} ", value.lower(), value[::-1], ""]
        near = [_ESCAPED.sub("%41", value, count=1), *near]
        near = ["inf", *near] if value.replace(".", "", 1).isdecimal() else near
        return [quoted(text) for text in dict.fromkeys(near) if text != value]
    if isinstance(value, bytes):
        return [
            repr(data) for data in dict.fromkeys((value + value[:1], value[1:], value[::-1])) if data != value
        ]
    near_numbers = [value + 1, value - 1, -value, value * 10, 0 * value, value * 2]
    texts = [number_text(number, value) for number in near_numbers if abs(number) <= _LARGEST]
    return [text for text in dict.fromkeys(texts) if text != number_text(value, value)]


def _near_list(items: tuple[str, ...]) -> list[str]:
    near = [items[::-1], (*items, items[0]), items[1:], items[:1], (*items, *items)]
    return [f"[{', '.join(each)}]" for each in dict.fromkeys(near) if each != items]


MOST_VARIED = 600
"""Maximum number of variations of the calls in a project's tests that are tried for one member."""

MOST_FURTHER = 80
"""Maximum number of trials that one round adds for a member."""

_MOST_PARENTS = 3
_FIXED = frozenset({"literal", "enum", "class", "callable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """State of one member's search.

    Attributes:
        subject: The member.
        trials: Its trials by number.
        seen: Their observations.
        cases: Cases worth a test, so far.
        mutants: Mutants that its trials may kill, by number.
    """

    subject: Subject
    trials: Mapping[int, Trial]
    seen: Mapping[int, Observation]
    cases: Mapping[int, Case]
    mutants: Sequence[Mutant]

    @property
    def noticed(self) -> frozenset[int]:
        """Mutants that a case kills."""
        return frozenset[int]().union(
            *(case.seen.notices | case.seen.notices_state for case in self.cases.values())
        )

    @property
    def alive(self) -> list[Mutant]:
        """Mutants that no case kills."""
        noticed = self.noticed
        return [mutant for number, mutant in enumerate(self.mutants) if number not in noticed]


def further(known: SearchState, *, wants_witness: bool, telling: Sequence[Argument] = ()) -> list[Trial]:
    """Return the trials of the next round; empty if there is no goal left.

    Args:
        known: State of the member's search.
        wants_witness: Whether an input on which base differs is still needed.
        telling: Arguments on which other members differ from base; callers of those may differ too.
    """
    parents = [*_parents(known)]
    if wants_witness:
        parents += [*known.cases][:_MOST_PARENTS]
    fixed = _fixed_parameters(known.subject)
    constants = _constants_of_its_text(known, fixed) if wants_witness else iter(())
    borrowed = _borrowed(known, telling) if wants_witness else iter(())
    rows = [borrowed, constants]
    rows += [_offspring(known, number, fixed) for number in dict.fromkeys(parents)]
    tried = {trial.text for trial in known.trials.values()}
    found: dict[str, Trial] = {}
    for trial in _by_turns(rows):
        if len(found) >= MOST_FURTHER:
            break
        if trial.text not in tried:
            found.setdefault(trial.text, trial)
    return [*found.values()]


def _parents(known: SearchState) -> Iterator[int]:
    """Yield the trials that came close, alternating between mutants."""
    own = [number for number in known.seen if not known.trials[number].through]
    by_cost = sorted(own, key=lambda number: (known.trials[number].layer, number))
    rows = [_closest(mutant, known, by_cost) for mutant in known.alive]
    for rank in range(_MOST_PARENTS):
        yield from (row[rank] for row in rows if rank < len(row))


def _closest(mutant: Mutant, known: SearchState, by_cost: Sequence[int]) -> list[int]:
    """Return the trials that reach a mutant or, without any, those that come nearest before it."""
    reaching = [number for number in by_cost if mutant.is_reached_by(known.seen[number].lines)]
    if reaching:
        return reaching[:_MOST_PARENTS]
    first, _ = mutant.statement
    nearest = {number: _last_before(first, known.seen[number].lines) for number in by_cost}
    best = max(nearest.values(), default=0)
    return [number for number in by_cost if best and nearest[number] == best][:_MOST_PARENTS]


def _last_before(line: int, reached: Iterable[int]) -> int:
    return max((each for each in reached if each < line), default=0)


def _borrowed(known: SearchState, telling: Sequence[Argument]) -> Iterator[Trial]:
    for number in [*known.cases][:_MOST_PARENTS]:
        yield from borrowing(known.trials[number], telling)


def _constants_of_its_text(known: SearchState, fixed: frozenset[str]) -> Iterator[Trial]:
    """Yield the simplest trial with constants and numbers from the member's source.

    Constants that exist only on head or only on base come first.
    """
    simplest = next((known.trials[number] for number in known.cases), None)
    arguments = [place for place in places(simplest) if place.is_argument] if simplest else []
    near = [
        [place.filled(value.text) for values in known.subject.hints.near[place.name] for value in values]
        for place in arguments
    ]
    numbers = [
        _with_numbers(place, known.subject.hints.numbers) for place in arguments if place.name not in fixed
    ]
    yield from _by_turns([iter(row) for row in (*near, *numbers)])


def _with_numbers(place: LiteralSite, numbers: Iterable[float]) -> Iterator[Trial]:
    for leaf, value in place.numbers:
        for number in numbers:
            for near in (number - 1, number, number + 1):
                yield place.exchanged(leaf, number_text(near, value))


def _offspring(known: SearchState, number: int, fixed: frozenset[str]) -> Iterator[Trial]:
    """Yield variations of a trial: by its comparisons, small changes, and arguments of other trials."""
    trial = known.trials[number]
    is_compared = known.subject.member.change is not Change.ADDED
    near = variations(trial, known.seen[number].compared, fixed, at_ends=is_compared)
    others = [known.trials[case] for case in known.cases if case != number]
    mixed = (made for other in others for made in crossed(trial, other))
    while True:
        batch = [*islice(near, 2), *islice(mixed, 1)]
        if not batch:
            return
        yield from batch


def _by_turns(rows: Sequence[Iterator[Trial]]) -> Iterator[Trial]:
    left = list(rows)
    while left:
        for row in [*left]:
            made = next(row, None)
            if made is None:
                left.remove(row)
            else:
                yield made


def _fixed_parameters(subject: Subject) -> frozenset[str]:
    """Return the names of parameters whose values are all listed, or that take no literals."""
    found = set()
    for parameter in subject.parameters:
        shape = shape_of(parameter, subject.hints)
        if any(part.kind in _FIXED for part in (shape, *shape.parts)):
            found.add(parameter.name)
    return frozenset(found)


MOST_OWN = 80
MOST_OF_OTHERS = 32

_STEPS = 2


def mutants_around(member: Member, source: ModuleSource, most: int = MOST_OWN) -> tuple[Mutant, ...]:
    """Return the mutants of a member, then those of private functions in its module that it uses.

    Only mutants inside functions are returned, because only these can replace loaded code. The result is
    empty if the module's source cannot be read.

    Args:
        member: The member.
        source: Its module.
        most: Maximum number of mutants of the member itself.
    """
    if source.text is None:
        return ()
    try:
        own = mutants_of(source.text, member, most)
        others = [
            mutant
            for other in _private_ones(member, source)
            for mutant in mutants_of(source.text, other, MOST_OF_OTHERS)
        ]
    except (CannotParse, RecursionError):
        return ()
    found = (*own, *others[:MOST_OF_OTHERS])
    return tuple(mutant for mutant in found if mutant.function is not None)


def _private_ones(member: Member, source: ModuleSource) -> Iterator[Member]:
    """Yield the private functions that a member uses, each as a member."""
    used = reachable(member.name, source, _STEPS)[1:]
    for name, definition in source.definitions.items():
        if definition in used and _is_private(name) and not isinstance(definition, ast.ClassDef):
            span = span_of(definition)
            yield replace(member, name=name, line=span.first, end_line=span.last)


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))
