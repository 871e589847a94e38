"""Which set a patient's images belong to, where the collection does not say."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from datasets.models import Set

SHARES: dict[str, float] = {Set.TRAIN: 0.7, Set.VALIDATION: 0.15, Set.TEST: 0.15}
# The words of collections, in small letters without "-", "_" and spaces.
_WORDS = {
    **dict.fromkeys(("train", "training"), Set.TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), Set.VALIDATION),
    **dict.fromkeys(("test", "testing", "holdout", "holdouttest", "heldout"), Set.TEST),
}


def set_of(word: str) -> str | None:
    """The set that a word means, whatever its case; None for an unknown word."""
    found = _WORDS.get("".join(letter for letter in word.casefold() if letter not in "-_ "))
    return None if found is None else found.value


@dataclass(frozen=True)
class Member:
    """A patient of a collection: the source (of the first image) and how many images there are."""

    patient: str
    source: str
    images: int = 1


def give_sets(
    members: Iterable[Member],
    known: Mapping[str, str],
    *,
    seed: str,
    shares: Mapping[str, float] = SHARES,
) -> dict[str, str]:
    """The set of every patient: what is `known` stays, the others fill up each source to `shares` (they sum to 1).

    Within a source the patients come in an order that hangs on `seed` and their keys alone, and each goes to the set
    that lacks most images: the same patients and seed give the same sets.
    """
    sources: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        sources[member.source].append(member)
    given: dict[str, str] = {}
    for source in sorted(sources):
        counts: Counter[str] = Counter()
        total = sum(member.images for member in sources[source])
        for member in sources[source]:
            if member.patient in known:
                given[member.patient] = known[member.patient]
                counts[known[member.patient]] += member.images
        open_ones = (member for member in sources[source] if member.patient not in known)
        for member in sorted(open_ones, key=lambda one: _order(seed, one.patient)):
            name = max(shares, key=lambda name: shares[name] * total - counts[name])
            given[member.patient] = name
            counts[name] += member.images
    return given


def _order(seed: str, patient: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{patient}".encode()).digest()
