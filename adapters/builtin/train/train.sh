#!/usr/bin/env bash
# Reproduces the builtin model: adapters/builtin/train/train.sh   (Go, Python 3.10 or newer; 45 to 80 minutes on two cores)
# It writes adapters/builtin/weights.bin.gz and testdata/golden.json. Stopped, it goes on from where it was when run again.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=adapters/builtin
work=${WORK:-runs/builtin} # corpus, checkpoints and Python's packages
mkdir -p "$work" "$here/testdata"

[[ -x $work/python/bin/python ]] || python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --requirement "$here/train/requirements.txt"
[[ -s $work/corpus.jsonl ]] || {
	go run ./sidecar tasks --corpus --split train --seed 7 --n 140000 >"$work/corpus.part"
	mv "$work/corpus.part" "$work/corpus.jsonl"
}
"$work/python/bin/python" "$here/train/train.py" "$work/corpus.jsonl" --checkpoint "$work/train.npz" \
	--out "$work/weights.bin" --golden "$here/testdata/golden.json" --steps 2500
"$work/python/bin/python" "$here/train/pack.py" "$work/weights.bin" "$here/weights.bin.gz"
