"""The golden trees of tests/syntax/trees are what CPython's ast.dump prints; the JSON form holds the same tree."""

import ast
import json
import re
import sys

import pytest
from test_syntax_stdlib import ROOT, dumper, our_trees  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the trees are those of CPython 3.11")

TREES = sorted((ROOT / "tests/syntax/trees").glob("*.py"))
PLAIN = [path for path in TREES if not path.stem.endswith("unsupported")]


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_golden_tree_is_that_of_ast_dump(path):
    tree = ast.parse(path.read_bytes())
    expected = ast.dump(tree, include_attributes=True, indent=2) + "\n"
    ours = path.with_suffix(".txt").read_text()
    # Integers beyond 64 bits keep the digits of the source; infinity is written as such.
    ours = re.sub(r"value=inf\b", "value=1e309", ours)
    expected = re.sub(r"value=inf\b", "value=1e309", expected)
    assert ours == expected


def from_json(value, found):
    """Compares a tree read from JSON with CPython's node by node."""
    if isinstance(found, ast.AST):
        assert value["_"] == type(found).__name__
        for place in found._attributes:
            assert value[place] == getattr(found, place)
        if isinstance(found, ast.Constant):
            compare_constant(value, found)
            return
        for field in found._fields:
            if field not in ("type_comment", "type_ignores"):
                from_json(value[field], getattr(found, field))
    elif isinstance(found, list):
        assert len(value) == len(found)
        for a, b in zip(value, found):
            from_json(a, b)
    else:
        assert value == found


def compare_constant(value, node):
    kind = value["type"]
    assert value.get("kind") == node.kind
    if kind == "int":
        assert int(str(value["value"]), 0) == node.value
    elif kind == "complex":
        assert float(value["value"]) == node.value.imag
    elif kind == "float":
        assert float(value["value"]) == node.value
    elif kind == "bytes":
        assert value["value"].encode("latin-1") == node.value
    elif kind == "str":
        assert value["value"] == node.value
    else:
        assert kind == str(node.value)


class Operators(ast.NodeTransformer):
    """Operators and contexts are words in the JSON."""

    def visit(self, node):
        self.generic_visit(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, (ast.operator, ast.unaryop, ast.boolop, ast.expr_context)):
                setattr(node, field, type(value).__name__)
            elif field == "ops":
                setattr(node, field, [type(x).__name__ for x in value])
        return node


def test_json_is_cpythons_tree(dumper):  # noqa: F811
    sources = [path.read_bytes() for path in PLAIN]
    for source, (parsed, ours) in zip(sources, our_trees(dumper, sources, "json")):
        assert parsed
        from_json(json.loads(ours), Operators().visit(ast.parse(source)))


def test_large_integers_are_equal_as_numbers(dumper):  # noqa: F811
    sources = [b"x = 0x1_0000_0000_0000_0000_0001", b"x = 99_999_999_999_999_999_999", b"x = 0b1" + b"0" * 100]
    for source, (parsed, ours) in zip(sources, our_trees(dumper, sources, "json")):
        digits = json.loads(ours)["body"][0]["value"]["value"]
        assert int(str(digits), 0) == ast.parse(source).body[0].value.value
