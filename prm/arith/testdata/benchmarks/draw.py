#!/usr/bin/env python3
"""Draw pairs of answers from public evaluation sets, rewritten (equal) or mutated (different).

Usage:  draw.py EVALUATION_DATA > pairs.jsonl     the folder of QwenLM/Qwen2.5-Math's evaluation/data
        ../mathverify/verify.py < pairs.jsonl      adds Math-Verify's verdict
Only answers are taken, no problems and no solutions. Nothing is to be trained on them.
"""
import json
import random
import re
import sys

rng = random.Random(14)


def lines(path):
    return [json.loads(l) for l in open(path, encoding="utf-8") if l.strip()]


def boxed(text):
    at = text.rfind("\\boxed{")
    if at < 0:
        return None
    depth = 0
    for i in range(at + 6, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 7 : i].strip()
    return None


def golds(root):
    out = {
        "minerva_math": [boxed(r["solution"]) for r in lines(f"{root}/minerva_math/test.jsonl")],
        "olympiadbench": [r["final_answer"][0] for r in lines(f"{root}/olympiadbench/test.jsonl") if r.get("final_answer")],
        "college_math": [r["answer"] for r in lines(f"{root}/college_math/test.jsonl")],
        "gaokao2023en": [r["answer"] for r in lines(f"{root}/gaokao2023en/test.jsonl")],
        "asdiv": [r["answer"] for r in lines(f"{root}/asdiv/test.jsonl")],
    }
    return {k: sorted({str(g).strip() for g in v if g and len(str(g)) < 200}) for k, v in out.items()}


def bare(g):
    g = g.strip()
    if g.startswith("$") and g.endswith("$") and "$" not in g[1:-1]:
        g = g[1:-1]
    return g


def words(n):
    small = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if n < 20:
        return small[n]
    if n < 100:
        return tens[n // 10 - 2] + ("-" + small[n % 10] if n % 10 else "")
    return None


def rewrites(g):
    """Other writings of the same answer, by rule."""
    b = bare(g)
    out = {
        "boxed": f"\\boxed{{{b}}}",
        "said": f"The final answer is ${b}$." if "$" not in b else f"The final answer is {g}.",
        "display": f"So we get\n\\[\n\\boxed{{{b}}}\n\\]",
        "box over lines": f"\\boxed{{\n{b}\n}}",
        "tag": f"<answer>{b}</answer>",
    }
    if "\\frac" in b:
        out["dfrac"] = f"\\boxed{{{b.replace(chr(92)+'frac', chr(92)+'dfrac')}}}"
        out["slash"] = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"((\1)/(\2))", b)
    if re.search(r"\\left|\\right", b):
        out["no left"] = re.sub(r"\\left(?![a-z])|\\right(?![a-z])", "", b)
    elif re.fullmatch(r"\(.*\)", b) and b.count("(") == 1:
        out["left"] = "\\left" + b[:-1] + "\\right)"
    out["spaces"] = re.sub(r"\s*([+=<>])\s*", r" \1 ", b) if "\\begin" not in b and "\\right" not in b else None
    m = re.fullmatch(r"-?\d{4,}", b)
    if m:
        out["thousands"] = f"{int(b):,}"
        out["thin space"] = f"{int(b):,}".replace(",", "{,}")
    if re.fullmatch(r"-?\d+", b):
        out["decimals"] = b + ".0"
        out["bold"] = f"The answer is **{b}**."
        out["hash"] = f"#### {b}"
        out["equation"] = f"\\boxed{{x = {b}}}"
        n = int(b)
        if 0 <= n < 100:
            out["words"] = f"The answer is {words(n)}."
    m = re.fullmatch(r"(\d+(?:\.\d+)?) \(([a-z ]+)\)", g)
    if m:
        out["unit"] = f"#### {m[1]} {m[2]}"
        out["bold unit"] = f"There are **{m[1]}** {m[2]} in all. The answer is **{m[1]}** {m[2]}."
        out["number only"] = m[1]
        out["box number"] = f"\\boxed{{{m[1]}}}"
        if "." not in m[1] and int(m[1]) < 100:
            out["unit words"] = f"The answer is {words(int(m[1]))} {m[2]}."
    m = re.fullmatch(r"([^=<>,]*[^=<>,\s])\s*=\s*([^=<>,]+)", b)
    if m and re.fullmatch(r"[a-zA-Z]", m[1].strip()) and not re.search(r"\\text|pm", b):
        out["right side"] = f"\\boxed{{{m[2].strip()}}}"
    m = re.fullmatch(r"([\w^{}\\ ]+)\+([\w^{}\\ ]+)", b)
    if m and m[1].count("{") == m[1].count("}") and m[2].count("{") == m[2].count("}"):
        out["swapped"] = f"{m[2]} + {m[1]}"
    return {k: v for k, v in out.items() if v}


def mutations(g):
    """Another answer, by rule."""
    b = bare(g)
    out = {}
    digits = [m for m in re.finditer(r"(?<![\w\\^_{.])\d+(?![\w.])", b)]
    if digits:
        m = rng.choice(digits)
        out["number"] = b[: m.start()] + str(int(m[0]) + rng.choice([1, 2, 10])) + b[m.end() :]
    if re.fullmatch(r"-?\d+(\.\d+)?", b) and float(b) != 0:
        out["sign"] = b[1:] if b.startswith("-") else "-" + b
        out["tenfold"] = b + "0" if "." not in b else b.replace(".", "") + "00"
        out["bound"] = f"at least {int(float(b)) + 1}"
    for one, other in (("\\sin", "\\cos"), ("\\sqrt{2}", "\\sqrt{3}"), ("\\pi", "e"), ("\\leq", "\\geq"), ("\\le ", "\\ge "), ("<", ">"), ("\\cup", "\\cap"), ("[", "("), ("x^{2}", "x^{3}"), (" + ", " - "), ("+", "-"), ("\\ln", "\\log_2"), ("y", "y^2")):
        if one in b and not re.search(r"\\(?:left|right|begin|text|sqrt)\W?", b[max(0, b.find(one) - 6) : b.find(one)]):
            if one == "y" and not re.search(r"(?<![a-zA-Z\\])y(?![a-zA-Z])", b):
                continue
            out[f"{one} for {other}"] = re.sub(r"(?<![a-zA-Z\\])y(?![a-zA-Z])", "y^2", b, count=1) if one == "y" else b.replace(one, other, 1)
            break
    m = re.fullmatch(r"(\d+(?:\.\d+)?) \(([a-z ]+)\)", g)
    if m:
        out["other number"] = f"{float(m[1]) + rng.choice([1, 3, 7]):g} ({m[2]})"
        out["negative"] = f"negative {m[1]}"
    if re.fullmatch(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", b):
        m = re.fullmatch(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", b)
        if m[1] != m[2]:
            out["inverse"] = f"\\frac{{{m[2]}}}{{{m[1]}}}"
    return {k: v for k, v in out.items() if v != b and v != g}


def main():
    sets = golds(sys.argv[1])
    print({k: len(v) for k, v in sets.items()}, file=sys.stderr)
    for kind, of, each in (("rewritten", rewrites, 150), ("mutated", mutations, 50), ("must differ", mutations, 100)):
        for name, all in sets.items():
            made, seen = 0, set()
            while made < each:
                g = rng.choice(all)
                found = sorted(of(g).items())
                if not found:
                    continue
                rule, pred = rng.choice(found)
                if (g, pred) in seen:
                    continue
                seen.add((g, pred))
                made += 1
                if kind != "rewritten" and rng.random() < 0.5:
                    pred = f"\\boxed{{{pred}}}"
                print(json.dumps({"kind": kind, "set": name, "rule": rule, "gold": g, "pred": pred, "truth": kind == "rewritten"}, ensure_ascii=False))


if __name__ == "__main__":
    main()
