"""A release described for citations and for machines. Every form is a pure function of `Facts` (and of its files)."""

from datasets.citing.facts import Creator, Facts, dataset_facts, facts, frozen_facts
from datasets.citing.texts import apa, bibtex, cff, ris

__all__ = ["Creator", "Facts", "apa", "bibtex", "cff", "dataset_facts", "facts", "frozen_facts", "ris"]
