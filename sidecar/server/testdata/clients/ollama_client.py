"""Ollama's Python client before a running sidecar: chat, generate, streams, the search shown, errors, a client that leaves.

    python3 ollama_client.py SIDECAR_URL [MODEL]

Exits with 0 when all is well.
"""

import sys

import ollama

QUESTION = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?"
MESSAGES = [{"role": "user", "content": QUESTION}]
OPTIONS = {"num_predict": 120}


def ended(last):
    assert last.done and last.done_reason and last.eval_count > 0 and last.total_duration > 0, last


def check(client, model):
    for suffix in ("@majority-2", "@raw"):
        whole = client.chat(model=model + suffix, messages=MESSAGES, options=OPTIONS)
        assert whole.message.content, whole
        ended(whole)
        chunks = list(client.chat(model=model + suffix, messages=MESSAGES, options=OPTIONS, stream=True))
        assert "".join(c.message.content or "" for c in chunks), chunks
        assert not any(c.message.thinking for c in chunks), chunks
        ended(chunks[-1])
        chunks = list(client.generate(model=model + suffix, prompt=QUESTION, options=OPTIONS, stream=True))
        assert "".join(c.response or "" for c in chunks), chunks
        ended(chunks[-1])
    try:
        client.chat(model=model + "@majority-2", messages=MESSAGES, options={"temperature": -1.0})
    except ollama.ResponseError as e:
        assert e.status_code == 400 and "options.temperature" in e.error, e
    else:
        raise AssertionError("a temperature below 0 was taken")
    stream = client.chat(model=model + "@majority-8", messages=MESSAGES, options=OPTIONS, stream=True)
    next(stream)
    stream.close()  # leaves


def main(sidecar, model=""):
    client = ollama.Client(host=sidecar)
    model = model or client.list().models[0].model
    check(client, model)
    print("ollama-python before", sidecar, "with", model, "ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
