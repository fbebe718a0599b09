"""Resolves random pipelines with DVC and with mlpipe and compares the commands.

    pip install dvc && python tests/oracles/templates.py target/debug/mlpipe [seed] [count]

mlpipe's commands are read from data.lock: a frozen stage without outs is recorded without running.
What differs on purpose is not generated or not compared: a null in text, a text where a list
belongs, an empty item, and `s@True` for a boolean that comes from params.yaml (ours
is `s@true`, as it is in a list).
"""

import os
import random
import subprocess
import sys
import tempfile

import yaml
from dvc.parsing import DataResolver
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml

KEYS = ["a", "b", "c"]
SCALARS = ["text", "it's", "two words", "$x", "ü", "012", "yes", 0, 7, -3, 0.1, 1e-5, 1e16, 1e22, 123456789.125, True, False]


known = []


def scalar():
    return random.choice(SCALARS)


def tree(depth=3):
    kind = random.random()
    if depth == 0 or kind < 0.4:
        return scalar()
    if kind < 0.6:
        return [scalar() for _ in range(random.randrange(4))]
    return {key: tree(depth - 1) for key in random.sample(KEYS, random.randrange(1, 4))}


def paths(node, above=()):
    """Yields the way to every scalar, and to a map now and then."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if above and (not isinstance(node, (dict, list)) or random.random() < 0.2):
        yield [*above]
    for name, child in children:
        yield from paths(child, (*above, str(name)))


def key():
    parts = random.choice(known) if known and random.random() < 0.95 else ["a", "0", "b"]
    text = parts[0]
    for part in parts[1:]:
        text += random.choice([f".{part}", f"[{part}]", f" . {part}"])
    return text


def template(names=()):
    parts = ["run"]
    for _ in range(random.randrange(1, 4)):
        name = random.choice([*names, key()])
        parts.append(random.choice(["${%s}", "x${ %s }y", "\\${%s}", "${%s", "--k=${%s}"]) % name)
    return " ".join(parts)


def stage():
    kind = random.random()
    if kind < 0.5:
        return {"cmd": random.choice([template(), [template(), template()]]), "frozen": True}
    if kind < 0.75:
        items = random.choice(["${%s}" % key(), [scalar(), scalar(), "${%s}" % key()], {"u": scalar(), "v": tree(1)}])
        return {"foreach": items, "do": {"cmd": template(["item", "item", key()]), "frozen": True}}
    axes = {"m": [scalar(), tree(1)], "n": ["${%s}" % key(), 1]}
    return {"matrix": axes, "cmd": template(["item.m", "item.n", "key"]), "frozen": True}


def prepare(root):
    params = {name: tree() for name in KEYS}
    known[:] = paths(params)
    pipeline = {"vars": [{"own": tree(1)}], "stages": {"s": stage()}}
    os.makedirs(f"{root}/.dvc")
    open(f"{root}/.dvc/config", "w").close()
    for name, data in [("params.yaml", params), ("dvc.yaml", pipeline)]:
        with open(f"{root}/{name}", "w") as file:
            yaml.safe_dump(data, file, allow_unicode=True, sort_keys=False)
    subprocess.run(["git", "init", "-q", root], check=True)


def of_dvc(root):
    os.chdir(root)
    try:
        stages = DataResolver(Repo(root), "", load_yaml("dvc.yaml")).resolve()["stages"] or {}
    except Exception as error:
        return f"refused: {error}"
    commands = {name: data["cmd"] for name, data in stages.items()}
    return {name: [str(c) for c in (cmd if isinstance(cmd, list) else [cmd])] for name, cmd in sorted(commands.items(), key=lambda pair: pair[0].lower())}


def of_mlpipe(root, binary):
    run = subprocess.run([binary, "--cd", root, "repro"], capture_output=True, text=True)
    if run.returncode:
        return f"refused: {run.stderr}"
    if not os.path.exists(f"{root}/data.lock"):
        return {}
    with open(f"{root}/data.lock") as file:
        stages = (yaml.safe_load(file) or {}).get("stages", {})
    commands = {str(name): entry["cmd"] for name, entry in stages.items()}
    return {name: cmd if isinstance(cmd, list) else [cmd] for name, cmd in sorted(commands.items(), key=lambda pair: pair[0].lower())}


def main():
    binary = os.path.abspath(sys.argv[1])
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    differences = accepted = 0
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    for _ in range(count):
        with tempfile.TemporaryDirectory() as root:
            prepare(root)
            theirs, ours = of_dvc(root), of_mlpipe(root, binary)
            os.chdir("/")
            both_refuse = isinstance(theirs, str) and isinstance(ours, str)
            accepted += isinstance(theirs, dict)
            if str(theirs).lower() != str(ours).lower() and not both_refuse:
                differences += 1
                print(f"--- {open(f'{root}/params.yaml').read()}{open(f'{root}/dvc.yaml').read()}dvc:    {theirs}\nmlpipe: {ours}")
    print(f"{count} pipelines, {accepted} of which DVC accepts, {differences} resolve differently")
    sys.exit(differences > 0)


if __name__ == "__main__":
    main()
