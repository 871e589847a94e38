"""The table of actions is the code's: whoever records something new says what it means, here and in docs/audit.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.contrib import admin
from django.utils import translation

from accounts.admin import RecordedAdmin
from audit.actions import ACTIONS, meaning

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "audit", "curation", "datasets", "intake", "portal")
ACTION = re.compile(r"[a-z_]+\.[a-z_]+")


def _calls() -> Iterator[tuple[ast.Module, ast.expr]]:
    """The first argument of every call of `record`, with its module."""
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            module = ast.parse(path.read_text())
            for node in ast.walk(module):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record":
                    yield module, node.args[0]


def _constants(node: ast.AST) -> set[str]:
    texts = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if ACTION.fullmatch(text)}


def _patterns(node: ast.AST) -> set[str]:
    """f-strings as regular expressions: any word may stand where something is filled in."""
    return {
        "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z_]+" for part in n.values)
        for n in ast.walk(node)
        if isinstance(n, ast.JoinedStr)
    }


def _by_the_back_office() -> set[str]:
    models = [model._meta.model_name for model, page in admin.site._registry.items() if isinstance(page, RecordedAdmin)]
    return {f"{model}.{verb}" for model in models for verb in ("created", "changed", "deleted")}


def test_every_action_that_is_recorded_has_a_meaning() -> None:
    said = set().union(*(_constants(argument) for _module, argument in _calls()))
    assert len(said) > 60
    assert (said | _by_the_back_office()) - ACTIONS.keys() == set(), "record(...) without a line in audit/actions.py"


def test_every_meaning_is_of_an_action_that_is_recorded() -> None:
    said, patterns = _by_the_back_office(), set()
    for module, argument in _calls():
        # A name stands for a text somewhere in its module.
        said |= _constants(module if isinstance(argument, ast.Name) else argument)
        patterns |= _patterns(argument)
    for name in ("ANCHORED", "RESTARTED"):  # named where they are looked for
        import audit.anchors

        said.add(getattr(audit.anchors, name))
    unknown = [
        action
        for action in ACTIONS
        if action not in said and not any(re.fullmatch(pattern, action) for pattern in patterns)
    ]
    assert unknown == [], "lines of audit/actions.py that nothing records"


def test_the_documentation_has_the_same_table() -> None:
    text = (ROOT / "docs/audit.md").read_text()
    with translation.override("en"):
        rows = {action: meaning(action) for action in ACTIONS}
    assert dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+?) \|", text, re.MULTILINE)) == rows
