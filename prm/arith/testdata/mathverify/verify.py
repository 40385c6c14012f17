#!/usr/bin/env python3
"""Give Math-Verify's verdict on pairs of answers.

Reads JSON lines {"gold": ..., "pred": ..., "kind": ...} from stdin and writes
each object back, one line at a time, with these fields added:

  mathverify   true | false; null when either side parses to nothing or it raised
  gold_parsed  what parse() made of the gold, as text
  pred_parsed  the same for the prediction
  seconds      wall time of parse(gold) + parse(pred) + verify()

Needs:  pip install math-verify[antlr4_13_2]
Usage:  verify.py < pairs.jsonl > verdicts.jsonl
"""
import json
import logging
import re
import sys
import time

from math_verify import parse, verify
from math_verify.errors import TimeoutException
from math_verify.utils import timeout

TIMEOUT = 5  # seconds, for each parse and for each comparison (the library's default)

# Names that stand for mathematics, not for a sentence around the answer.
MATH_NAMES = set(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log exp sqrt frac "
    "dfrac pi inf infinity infty min max gcd lcm det binom cup cap theta alpha beta".split()
)


def has_delimiter(s: str) -> bool:
    """Does s mark its own mathematics: $…$, \\(…\\), \\[…\\] or \\boxed?"""
    dollars = len(re.findall(r"(?<!\\)\$", s))
    return dollars >= 2 or "\\boxed" in s or bool(re.search(r"(?<!\\)\\[(\[]", s))


def has_words(s: str) -> bool:
    """Does s hold ordinary words (so that it is a sentence, not a bare formula)?"""
    s = re.sub(r"\\(?:text\w*|mbox|math\w+|operatorname|begin|end)\s*\{[^{}]*\}", " ", s)
    s = re.sub(r"\\[A-Za-z]+", " ", s)
    words = re.findall(r"[A-Za-z]{3,}|\bor\b|\bis\b", s)
    return any(w.lower() not in MATH_NAMES for w in words)


def wrap_gold(gold: str) -> str:
    """A gold is a bare answer unless it has a delimiter."""
    return gold if has_delimiter(gold) else f"${gold}$"


def wrap_pred(pred: str) -> str:
    """A prediction is taken as it stands unless it is plainly a bare formula.

    A full stop that ends a bare formula stays outside the dollars.
    """
    if re.search(r"(?<!\\)\$", pred) or has_delimiter(pred) or has_words(pred):
        return pred
    body = re.sub(r"\.\s*$", "", pred)
    return f"${body}${pred[len(body):]}"


def judge(pair: dict) -> dict:
    verdict, gold, pred = None, None, None
    start = time.perf_counter()
    try:
        gold = parse(wrap_gold(pair["gold"]), parsing_timeout=TIMEOUT)
        pred = parse(wrap_pred(pair["pred"]), parsing_timeout=TIMEOUT)
        if gold and pred:
            verdict = bool(verify(gold, pred, timeout_seconds=TIMEOUT))
    except (Exception, TimeoutException):
        verdict = None
    seconds = time.perf_counter() - start
    return {
        **pair,
        "mathverify": verdict,
        "gold_parsed": as_text(gold),
        "pred_parsed": as_text(pred),
        "seconds": round(seconds, 6),
    }


def as_text(parsed) -> str:
    """str() of a parsed answer; printing some sympy objects raises or never ends."""
    try:
        return timeout(TIMEOUT)(str)(parsed)
    except (Exception, TimeoutException) as e:
        return f"<unprintable: {type(e).__name__}>"


def main():
    logging.disable(logging.WARNING)
    parse("$1$"), verify(parse("$x$"), parse("$y$"))  # build the regexes and the parser untimed
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(judge(json.loads(line)), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
