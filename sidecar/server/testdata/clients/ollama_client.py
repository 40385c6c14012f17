"""Ollama's Python client before a running sidecar: every way of answering, by chat and generate, whole and streamed, lists, the search
shown, errors, a client that leaves.

    python3 ollama_client.py SIDECAR_URL [MODEL]

Exits with 0 when all is well.
"""

import os
import sys
from importlib.metadata import version

try:
    import ollama
except ImportError as missing:
    print(missing)
    sys.exit(77)  # skipped, as the frameworks that aren't installed are

QUESTION = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?"
MESSAGES = [{"role": "user", "content": QUESTION}]
OPTIONS = {"num_predict": int(os.environ.get("SIDECAR_TEST_TOKENS") or 120)}
PLAIN = ("raw", "majority-2", "auto")
WITH_PRM = ("vote-2", "best-of-2", "guided-2", "beam-4", "dvts-4", "particle-2", "rebase-2")


def ended(last):
    assert last.done is True and last.done_reason in ("stop", "length"), last
    assert last.eval_count > 0 and last.prompt_eval_count > 0 and last.total_duration > 0, last
    assert None not in (last.load_duration, last.prompt_eval_duration, last.eval_duration), last


def members(answer):
    """What the server sent of the members that the client knows."""
    message = getattr(answer, "message", None)
    return answer.model_fields_set | {"message." + m for m in (message.model_fields_set if message else ())}


def read(stream):
    """Reads a stream to its end. Returns its text, and its members by kind of line."""
    chunks = list(stream)
    assert [c.done for c in chunks] == [False] * (len(chunks) - 1) + [True], "done comes once, and last"
    ended(chunks[-1])
    assert all(c.created_at for c in chunks) and len({c.model for c in chunks}) == 1, chunks
    text = ""
    for c in chunks:
        if isinstance(c, ollama.ChatResponse):
            assert c.message.role == "assistant" and c.message.content is not None, c
            assert not c.message.thinking, c
            text += c.message.content
        else:
            assert c.response is not None and not c.thinking, c
            text += c.response
    assert text, chunks
    return text, {"lines": set().union(*map(members, chunks[:-1])), "last": members(chunks[-1])}


def check_ways(client, model, ways):
    want = {}
    for suffix in ways:
        name = f"{model}@{suffix}"
        for kind, ask in (
            ("chat", lambda stream: client.chat(model=name, messages=MESSAGES, options=OPTIONS, stream=stream)),
            ("generate", lambda stream: client.generate(model=name, prompt=QUESTION, options=OPTIONS, stream=stream)),
        ):
            whole = ask(False)
            assert (whole.message.content if kind == "chat" else whole.response) and whole.model, whole
            ended(whole)
            _, got = read(ask(True))
            got["whole"] = members(whole)
            reference = want.setdefault(kind, got)
            for part in got:  # a generate of Ollama's own has the context beside
                assert got[part] == reference[part] - (set() if suffix == "raw" else {"context"}), (suffix, kind, part, got[part] ^ reference[part])
        assert "completion" in client.show(name).capabilities, suffix


def check_lists(client, model):
    models = client.list().models
    names = [m.model for m in models]
    assert model in names and model + "@raw" in names and model + "@majority-8" in names, names
    assert all(m.digest and m.modified_at for m in models), models
    return names


def check_errors(client, model):
    for stream in (False, True):
        try:
            answer = client.chat(model=model + "@majority2", messages=MESSAGES, stream=stream)
            list(answer)
        except ollama.ResponseError as e:
            assert e.status_code == 404 and "@majority" in e.error, e
        else:
            raise AssertionError("a way of answering that there isn't was taken")


def check_leaving(client, model):
    stream = client.chat(model=model + "@majority-8", messages=MESSAGES, options=OPTIONS, stream=True)
    next(stream)
    stream.close()
    assert client.chat(model=model + "@majority-2", messages=MESSAGES, options=OPTIONS).message.content  # the next one is served


def main(sidecar, model=""):
    client = ollama.Client(host=sidecar)
    model = model or client.list().models[0].model
    names = check_lists(client, model)
    check_ways(client, model, PLAIN + (WITH_PRM if model + "@guided" in names else ()))
    check_errors(client, model)
    check_leaving(client, model)
    print("ollama-python", version("ollama"), "before", sidecar, "with", model, "ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
