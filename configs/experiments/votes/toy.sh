#!/bin/sh
# The toy world, three seeds: a PRM learned from four answers of the built-in LLM to each of 100 problems, and votes of eight to 1,000 others.
# Prints a Markdown table. What was drawn stays in FOLDER, so that the same command goes on where it was cut off; it takes about an hour of one core.
#
#   go build -o bin/sidecar ./sidecar && PATH=$PWD/bin:$PATH sh configs/experiments/votes/toy.sh [FOLDER]
set -eu
folder=${1:-runs/toy}
mkdir -p "$folder"

# draw SPLIT PROBLEMS SEED ANSWERS
draw() {
	sidecar tasks --split "$1" --n "$2" --seed "$3" >"$folder/$1-$3.jsonl"
	sidecar sample --upstream builtin --upstream-concurrency 16 --problems "$folder/$1-$3.jsonl" --n "$4" \
		--temperature 0.8 --top-p 1 --max-tokens 160 --out "$folder/$1-$3-answers.jsonl" >&2
}

echo "| seed | method | correct [95 %] | against majority [95 %] | tokens |"
echo "|---:|---|---|---|---:|"
for seed in 1 2 3; do
	draw train 100 "$seed" 4
	draw test 1000 "$seed" 8
	sidecar train --solutions "$folder/train-$seed-answers.jsonl" --out "$folder/$seed.prm" >&2
	sidecar eval --solutions "$folder/test-$seed-answers.jsonl" --checkpoint "$folder/$seed.prm" --n 8 \
		--strategies majority,weighted_vote,auto >"$folder/$seed.md"
	awk -F ' *[|] *' -v seed="$seed" '$2 ~ /^(majority|weighted-vote|auto)-8$/ { print "| " seed " | " $2 " | " $3 " | " $5 " | " $6 " |" }' "$folder/$seed.md"
done
