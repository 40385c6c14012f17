"""What inference-scaling libraries do with a PRM, at POST /pooling of a running sidecar, or of a vLLM that serves one.

    python3 pooling_client.py URL [MODEL [STEP_TOKEN]]

Batches of conversations put into ChatML with a token behind each step, of which the last column is read and aggregated (its_hub's and reward_hub's way); lists of
questions with lists of answers, scored in that shape (search-and-learn's); and conversations as messages (vLLM's own examples). All must come to the same scores.
Exits with 0 when all is well. Wants nothing but Python.
"""

import json
import math
import sys
import urllib.error
import urllib.request

QUESTIONS = [
    "Tom has 3 boxes of 4 pens and loses 2 pens. How many pens does he have left?",
    "A train goes 60 km an hour for 2 hours. How far does it go?",
]
ANSWERS = [
    ["3 * 4 = 12 pens in the boxes.\n\n12 - 2 = 10 pens are left.\n\n#### 10", "3 + 4 = 7 pens.\n\n7 - 2 = 6 pens are left.\n\n#### 6"],
    ["60 * 2 = 120 km.\n\n#### 120", "60 + 2 = 62 km.\n\n#### 62"],
]


class PRM:
    def __init__(self, url, model, token):
        self.url, self.model, self.token = url.rstrip("/") + "/pooling", model, token

    def ask(self, body):
        request = urllib.request.Request(self.url, json.dumps({"model": self.model, **body}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            said = json.load(answer)
        assert said["object"] == "list" and said["id"] and said["model"] and {"prompt_tokens", "total_tokens"} <= said["usage"].keys(), said
        data = sorted(said["data"], key=lambda d: d["index"])
        for d in data:
            for row in d["data"]:
                assert len(row) == 2 and math.isclose(sum(row), 1, abs_tol=1e-3), row
        return [[row[1] for row in d["data"]] for d in data]

    def marked(self, answer):
        return "".join(step + self.token for step in answer.split("\n\n"))

    def batch(self, conversations):
        """Of each conversation the scores of its steps."""
        texts = ["".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in c) for c in conversations]
        return self.ask({"input": texts})

    def score(self, questions, answers):
        """Of each question, of each answer, the scores of its steps."""
        system = {"role": "system", "content": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."}
        return [self.batch([[system, {"role": "user", "content": q}, {"role": "assistant", "content": self.marked(a)}] for a in of]) for q, of in zip(questions, answers)]

    def conversation(self, question, answer):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": self.marked(answer)}]
        return self.ask({"messages": messages, "task": "token_classify"})[0]


def main():
    url = sys.argv[1]
    model = sys.argv[2] if len(sys.argv) > 2 else "sidecar-prm"
    prm = PRM(url, model, sys.argv[3] if len(sys.argv) > 3 else "<extra_0>")
    try:
        scores = prm.score(QUESTIONS, ANSWERS)
    except urllib.error.HTTPError as refused:
        said = json.load(refused)
        if said.get("error", {}).get("code") == "no_checkpoint":
            print("there is no PRM here")
            return
        raise AssertionError(said) from refused
    for question, answers, of in zip(QUESTIONS, ANSWERS, scores):
        for answer, steps in zip(answers, of):
            assert len(steps) == answer.count("\n\n") + 1, (answer, steps)
            told = prm.conversation(question, answer)
            assert all(math.isclose(a, b, abs_tol=0.02) for a, b in zip(steps, told)), (steps, told)
            print(f"min {min(steps):.3f}, product {math.prod(steps):.3f}, last {steps[-1]:.3f}: {answer!r}")
    print("pooling_client: all is well")


if __name__ == "__main__":
    main()
