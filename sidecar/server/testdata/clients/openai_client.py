"""The official openai-python client before a running sidecar: every way of answering, whole and streamed, the shape of each chunk against
the endpoint's own (NAME@raw), tools passed through, several choices, errors, a client that leaves.

    python3 openai_client.py SIDECAR_URL [UPSTREAM_URL] [MODEL]

With UPSTREAM_URL the tool request is sent to both, and must fare alike. Exits with 0 when all is well.
"""

import os
import sys
import warnings

try:
    import openai
except ImportError as missing:
    print(missing)
    sys.exit(77)  # skipped, as the frameworks that aren't installed are

QUESTION = "Tom has 3 boxes of 4 pens and loses 2 pens. How many pens does he have left?"
TOKENS = int(os.environ.get("SIDECAR_TEST_TOKENS") or 400)  # of an answer, at most
PLAIN = {"raw": "raw", "majority-2": "majority", "auto": "auto"}
WITH_PRM = {
    "vote-2": "weighted_vote",
    "best-of-2": "best_of_n",
    "guided-2": "guided",
    "beam-4": "beam",
    "dvts-4": "dvts",
    "particle-2": "particle",
    "rebase-2": "rebase",
}
# What an answer of a search may have beside the endpoint's own members, and what endpoints have of their own that it need not have.
OURS = ("prm", "choices[].logprobs", "usage")
THEIRS = (
    "system_fingerprint",
    "service_tier",
    "obfuscation",
    "timings",
    "prompt_logprobs",
    "prompt_token_ids",
    "kv_transfer_params",
    "usage.prompt_tokens_details",
    "usage.completion_tokens_details",
    "choices[].stop_reason",
    "choices[].token_ids",
    "choices[].message.refusal",
    "choices[].message.annotations",
    "choices[].message.audio",
    "choices[].message.function_call",
    "choices[].message.tool_calls",
    "choices[].message.reasoning",
    "choices[].message.reasoning_content",
    "choices[].delta.refusal",
    "choices[].delta.reasoning_content",
    "choices[].delta.role",  # Ollama's in every chunk
    "choices[].delta.content",  # and "" in the last; that there is text is asked elsewhere
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def connect(url):
    return openai.OpenAI(base_url=url.rstrip("/").removesuffix("/v1") + "/v1", api_key="none", max_retries=0, timeout=600)


def user(text):
    return [{"role": "user", "content": text}]


def check_models(client, model):
    names = [m.id for m in client.models.list()]
    assert model in names, (model, names)
    assert model + "@raw" in names and model + "@majority-8" in names, names
    assert client.models.list().data[0].object == "model"


def check_chat(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model + "@majority-2", messages=user(QUESTION), max_tokens=TOKENS, seed=1
    )
    assert raw.headers["x-sidecar-applied"] == "majority; reason=asked", raw.headers
    answer = raw.parse()
    assert answer.object == "chat.completion" and answer.id, answer
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content, answer
    assert choice.finish_reason in ("stop", "length"), answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0, answer
    prm = answer.model_extra["prm"]
    assert prm["strategy"] == "majority" and prm["tokens"]["completion"] == answer.usage.completion_tokens, prm


def check_override(client, model):
    answer = client.chat.completions.create(
        model=model,
        messages=user(QUESTION),
        max_tokens=TOKENS,
        extra_body={"prm": {"strategy": "majority", "n": 2, "steps": False}},
    )
    prm = answer.model_extra["prm"]
    assert prm["applied"] == "majority; reason=asked" and "steps" not in prm and "candidates" not in prm, prm


def check_logprobs(client, model):
    answer = client.chat.completions.create(
        model=model + "@majority-2", messages=user(QUESTION), max_tokens=60, logprobs=True, top_logprobs=2
    )
    tokens = answer.choices[0].logprobs.content
    assert tokens and all(t.logprob <= 0 for t in tokens), answer.choices[0].logprobs


def members(value, path=""):
    """The paths of all members of a JSON value, as the server sent them: "choices[].delta.content"."""
    if isinstance(value, dict):
        return set().union(*({f"{path}.{k}".lstrip(".")} | members(v, f"{path}.{k}") for k, v in value.items()))
    if isinstance(value, list):
        return set().union(*(members(v, path + "[]") for v in value))
    return set()


def sent(answer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what isn't of the declared type is told by a warning
        return answer.model_dump(exclude_unset=True)


def compare(got, want, what):
    """Members of a search's answer against those of the endpoint's own."""
    within = lambda path, roots: any(path == r or path.startswith((r + ".", r + "[")) for r in roots)
    assert not {m for m in got - want if not within(m, OURS)}, (what, "more", got - want)
    assert not {m for m in want - got if not within(m, THEIRS)}, (what, "fewer", want - got)


def read_stream(stream, model, usage_asked, own):
    """Reads a stream to its end; own is whether the sidecar made it. Returns its text by choice and the members of its chunks by kind."""
    chunks = list(stream)
    heads = {(c.id, c.object, c.created if own else 0) for c in chunks}  # llama-server's created is each chunk's own
    assert len(heads) == 1 and chunks[0].object == "chat.completion.chunk", heads
    assert not own or all(c.model == model for c in chunks), chunks[0]
    text, finish, kinds = {}, {}, {}
    usages = [c for c in chunks if c.usage]
    assert len(usages) == usage_asked, usages
    if usage_asked:
        last = chunks.pop()
        u = last.usage
        assert u and u.total_tokens == u.prompt_tokens + u.completion_tokens > 0, last
        assert not last.choices, last
        kinds["usage"] = members(sent(last))
    for c in chunks:
        raw = sent(c)
        assert not own or raw.get("usage", "absent") == (None if usage_asked else "absent"), raw
        assert len(c.choices) == 1, raw
        choice = c.choices[0]
        i, delta = choice.index, choice.delta
        kind = "begin" if i not in text else "end" if choice.finish_reason else "text"
        kinds.setdefault(kind, set()).update(members(raw))
        assert i not in finish, ("a chunk after the end of its choice", raw)
        if choice.finish_reason:
            finish[i] = choice.finish_reason
        if own:
            assert (delta.role == "assistant") == (i not in text), ("the role comes first, and once", raw)
            assert ("prm" in raw) == (kind == "end"), raw
            assert kind != "end" or not delta.content, raw
        text[i] = text.get(i, "") + (delta.content or "")
    assert all(text.values()), text
    assert finish.keys() == text.keys() and set(finish.values()) <= {"stop", "length"}, finish
    return text, kinds


def check_ways(client, model, ways):
    """Each way of answering, whole, streamed, and streamed with usage: one shape, the endpoint's."""
    want = {}
    for suffix, strategy in ways.items():
        name = f"{model}@{suffix}"
        request = {"model": name, "messages": user(QUESTION), "max_tokens": TOKENS}
        own = suffix != "raw"
        whole = client.chat.completions.create(**request)
        assert whole.object == "chat.completion" and whole.choices[0].message.role == "assistant", whole
        assert whole.choices[0].message.content and whole.choices[0].finish_reason in ("stop", "length"), whole
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0, whole
        if own:
            assert whole.model == name and whole.prm["strategy"] == strategy, whole
        got = {"whole": members(sent(whole))}
        _, kinds = read_stream(client.chat.completions.create(stream=True, **request), name, False, own)
        got |= {"plain " + k: v for k, v in kinds.items()}
        request["stream_options"] = {"include_usage": True}
        _, kinds = read_stream(client.chat.completions.create(stream=True, **request), name, True, own)
        got |= kinds
        want = want or got
        assert got.keys() == want.keys(), (suffix, got.keys(), want.keys())
        for kind in want:
            compare(got[kind], want[kind], f"{suffix}, {kind}")
        with client.chat.completions.with_streaming_response.create(stream=True, **request) as response:
            assert response.headers["content-type"].startswith("text/event-stream"), response.headers
            lines = [line for line in response.iter_lines() if line]
        assert lines[-1] == "data: [DONE]" and lines.count("data: [DONE]") == 1, (suffix, lines[-1])
        with client.chat.completions.stream(**request) as events:  # the client's own way of putting chunks together
            try:
                joined = events.get_final_completion()
            except openai.LengthFinishReasonError as cut:  # its own word for an answer that came to the limit
                joined = cut.completion
            assert joined.choices[0].message.content, suffix


def check_choices(client, model):
    """The client's own n goes to the endpoint, and comes back as its own."""
    request = {"model": model, "messages": user(QUESTION), "max_tokens": 60, "n": 2}
    try:
        raw = client.chat.completions.with_raw_response.create(**request)
    except openai.APIStatusError as e:  # an endpoint that has no n
        assert e.response.headers["x-sidecar-applied"].startswith("raw"), e.response.headers
        return
    assert raw.headers["x-sidecar-applied"] in ("raw; reason=n", "raw; reason=default"), raw.headers  # the latter without a PRM
    count = len(raw.parse().choices)  # Ollama takes no notice of n
    text, _ = read_stream(client.chat.completions.create(stream=True, **request), model, False, False)
    assert len(text) == count, (text, count)


def check_shown_search(client, model):
    request = {
        "model": model,
        "messages": user(QUESTION),
        "max_tokens": TOKENS,
        "extra_body": {"prm": {"strategy": "majority", "n": 2, "show_search": True}},
    }
    message = client.chat.completions.create(**request).choices[0].message
    assert message.content and "candidate" in message.reasoning_content, message
    thoughts = ""
    for chunk in client.chat.completions.create(stream=True, **request):
        assert chunk.usage is None, chunk  # not asked for
        for choice in chunk.choices:
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
    assert "candidate" in thoughts, thoughts


def check_leaving(client, model):
    stream = client.chat.completions.create(model=model + "@majority-8", messages=user(QUESTION), max_tokens=TOKENS, stream=True)
    next(iter(stream))
    stream.close()


def call_tool(client, model):
    """What becomes of a request with tools: its status, and whether it was answered by a call."""
    try:
        answer = client.chat.completions.create(
            model=model, messages=user("What is the weather in Oslo? Use the tool."), tools=TOOLS, max_tokens=80, temperature=0, seed=1
        )
    except openai.APIStatusError as e:
        return e.status_code, None
    return 200, bool(answer.choices[0].message.tool_calls)


def check_tools(client, model, upstream):
    got = call_tool(client, model)
    if upstream:
        want = call_tool(connect(upstream), model)
        assert got == want, (got, want)
    else:
        assert got[0] in (200, 400), got  # a model may know no tools
    try:
        raw = client.chat.completions.with_raw_response.create(
            model=model + "@majority-2", messages=user(QUESTION), tools=TOOLS, max_tokens=20
        )
    except openai.APIStatusError as e:
        headers = e.response.headers
    else:
        headers = raw.headers
    assert headers["x-sidecar-applied"] == "raw; reason=tools", headers


def check_errors(client, model):
    for change, param in (
        ({"extra_body": {"prm": {"temperature": 9}}}, "prm.temperature"),
        ({"extra_body": {"prm": {"strategy": "magic"}}}, "prm.strategy"),
        ({"extra_body": {"prm": {"strategy": "majority", "n": 0}}}, "prm.n"),
    ):
        request = {"model": model + "@majority-2", "messages": user(QUESTION)} | change
        try:
            client.chat.completions.create(**request)
        except openai.BadRequestError as e:
            assert e.param == param and e.type == "invalid_request_error", (e.param, e.type)
        else:
            raise AssertionError(f"{change} was taken")
    try:
        client.chat.completions.create(model=model, messages=[], stream=True, extra_body={"prm": {"strategy": "majority"}})
    except openai.BadRequestError as e:
        assert e.param == "messages", e.param
    else:
        raise AssertionError("no messages were taken")


def check_no_such_model(client):
    try:
        client.chat.completions.create(model="no-such-model@majority-2", messages=user(QUESTION), max_tokens=5)
    except openai.NotFoundError as e:
        assert e.body["message"], e.body
    # else: llama-server answers to any name


def main(sidecar, upstream="", model=""):
    client = connect(sidecar)
    model = model or client.models.list().data[0].id
    check_models(client, model)
    check_errors(client, model)
    check_chat(client, model)
    check_override(client, model)
    check_logprobs(client, model)
    offered = [m.id for m in client.models.list()]
    check_ways(client, model, PLAIN | (WITH_PRM if model + "@guided" in offered else {}))
    check_choices(client, model)
    check_no_such_model(client)
    check_shown_search(client, model)
    check_leaving(client, model)
    check_tools(client, model, upstream)
    client.close()
    print("openai-python", openai.__version__, "before", sidecar, "with", model, "ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
