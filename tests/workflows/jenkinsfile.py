"""Checks declarative Jenkinsfiles: that a grammar of Groovy reads them, and that each section stands where
Jenkins knows it. Jenkins' own validator is part of a Jenkins.

Usage: jenkinsfile.py FILE...
"""

import sys

import tree_sitter
import tree_sitter_groovy

# What may stand in a section, and what must.
STAGE = ({"agent", "environment", "options", "steps", "stages", "parallel", "post", "when", "tools", "input"}, {"steps"})
KNOWN = {
    "pipeline": (
        {"agent", "environment", "libraries", "options", "parameters", "post", "stages", "tools", "triggers"},
        {"agent", "stages"},
    ),
    "stages": ({"stage"}, {"stage"}),
    "stage": STAGE,
    "post": ({"always", "changed", "failure", "success", "unstable", "aborted", "cleanup", "regression", "fixed"}, set()),
}


def broken(node):
    """Yields what the grammar cannot read."""
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from broken(child)


def calls(closure):
    """Yields the statements of a closure: the name each begins with, and its own closure or None."""
    for statement in closure.named_children:
        if statement.type.endswith("comment"):
            continue
        name = statement.text.split(b"(")[0].split()[0].decode()
        yield name, last_closure(statement), statement


def last_closure(node):
    if node.type == "closure":
        return node
    for child in reversed(node.named_children):
        found = last_closure(child)
        if found is not None:
            return found
    return None


def misplaced(section, closure):
    """Yields what is wrong with the sections in a closure."""
    allowed, needed = KNOWN[section]
    seen = set()
    for name, inner, statement in calls(closure):
        seen.add(name)
        if name not in allowed:
            yield f"line {statement.start_point.row + 1}: `{name}` has no place in `{section}`"
        elif name in KNOWN and inner is not None:
            yield from misplaced(name, inner)
    for name in sorted(needed - seen):
        yield f"line {closure.start_point.row + 1}: `{name}` is missing in `{section}`"


def faults(text):
    """Returns what is wrong with a Jenkinsfile, one text each."""
    tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language())).parse(text)
    unread = [f"line {node.start_point.row + 1}: no Groovy" for node in broken(tree.root_node)]
    if unread:
        return unread
    top = list(calls(tree.root_node))
    if [name for name, _, _ in top] != ["pipeline"]:
        return ["line 1: not one `pipeline`"]
    return list(misplaced("pipeline", top[0][1]))


def main():
    failed = False
    for file in sys.argv[1:]:
        with open(file, "rb") as opened:
            for fault in faults(opened.read()):
                print(f"{file}: {fault}")
                failed = True
    sys.exit(int(failed))


main()
