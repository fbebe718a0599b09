#!/usr/bin/env bash
# Makes a project of DVC in the current git repository, with the remote $1, by the `dvc` on the PATH.
# Commands leave a line in runs.log, which git does not see.
set -euo pipefail
export DVC_NO_ANALYTICS=1 HOME=$PWD/.git
mkdir -p .git/info
echo /runs.log >> .git/info/exclude
dvc init -q
mkdir -p data/img/sub src sub
printf 'a,b\r\n1,2\r\n' > data/raw.csv
for name in 1 2 sub/3; do echo "image $name" > data/img/$name; done
head -c 70000 /dev/zero | tr '\0' 'x' > big.bin
echo 'cat "$1" "$2"' > src/join.sh
chmod +x src/join.sh
printf 'lr: 0.1\ntrain: {epochs: 3, seed: 1}\nmany: [1, 2]\n' > params.yaml
printf 'k: 1\n' > sub/params.yaml
cat > dvc.yaml <<'E'
# the pipeline
vars: [{n: 2}]
stages:
  prep:
    cmd: echo prep >> runs.log; mkdir -p feat && sh src/join.sh data/raw.csv big.bin > feat/a && echo ${n} > feat/b
    deps: [data/raw.csv, src/join.sh, big.bin]
    outs: [feat]
  train:
    cmd:
      - cat feat/a feat/b > model.bin && touch kept
      - echo '{"acc":0.5}' > metrics.json
    deps: [feat, data/img]
    params: [lr, train, many]
    outs: [model.bin, {kept: {persist: true}}]
    metrics: [{metrics.json: {cache: false}}]
  each:
    foreach: [x, y]
    do:
      cmd: echo ${item} >> runs.log; echo ${item} > out_${item}
      deps: [model.bin]
      outs: ["out_${item}"]
  grid:
    matrix: {a: [1, 2.5]}
    cmd: echo ${item.a} > grid_${item.a}
    deps: [model.bin]
    outs: ["grid_${item.a}"]
    frozen: false
E
cat > sub/dvc.yaml <<'E'
stages:
  copy:
    wdir: ..
    cmd: cp model.bin sub/copy
    deps: [model.bin]
    params: [{sub/params.yaml: [k]}]
    outs: [sub/copy]
E
if [[ $(dvc --version) == 2.* ]]; then
    # The newest DVC 2 has no matrix before 2.59.
    sed -i '/^  grid:/,/frozen: false/d' dvc.yaml
    cat >> dvc.yaml <<'E'
  grid:
    foreach: [1, 2.5]
    do:
      cmd: echo ${item} > grid_${item}
      deps: [model.bin]
      outs: ["grid_${item}"]
E
fi
dvc add -q data/raw.csv data/img big.bin
dvc repro -q -P
sed -i 's|frozen: false|frozen: true|' dvc.yaml
dvc remote add -q -d storage "$1"
dvc push -q
rm runs.log
git add -A
git commit -q -m 'a project of DVC'
