"""The official openai-python client before a running sidecar: chat, stream, tools passed through, errors.

    python3 openai_client.py SIDECAR_URL [UPSTREAM_URL] [MODEL]

With UPSTREAM_URL the tool request is sent to both, and must fare alike. Exits with 0 when all is well.
"""

import sys

import openai

QUESTION = "Tom has 3 boxes of 4 pens and loses 2 pens. How many pens does he have left?"
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
        model=model + "@majority-2", messages=user(QUESTION), max_tokens=120, seed=1
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
        max_tokens=120,
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


def check_stream(client, model):
    for suffix in ("@majority-2", "@raw"):
        stream = client.chat.completions.create(
            model=model + suffix,
            messages=user(QUESTION),
            max_tokens=120,
            stream=True,
            stream_options={"include_usage": True},
        )
        text, finish, usage, role = "", None, None, None
        for chunk in stream:
            if chunk.choices:
                delta = chunk.choices[0].delta
                role = role or delta.role
                text += delta.content or ""
                finish = chunk.choices[0].finish_reason or finish
            usage = chunk.usage or usage
        assert text and role == "assistant", (suffix, text, role)
        assert finish in ("stop", "length"), (suffix, finish)
        assert usage and usage.completion_tokens > 0, (suffix, usage)


def check_shown_search(client, model):
    request = {
        "model": model,
        "messages": user(QUESTION),
        "max_tokens": 120,
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
    stream = client.chat.completions.create(model=model + "@majority-8", messages=user(QUESTION), max_tokens=120, stream=True)
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
        assert got[0] == 200, got
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
        ({"temperature": 9}, "temperature"),
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
        client.chat.completions.create(model=model + "@majority-2", messages=[], stream=True)
    except openai.BadRequestError as e:
        assert e.param == "messages", e.param
    else:
        raise AssertionError("no messages were taken")


def main(sidecar, upstream="", model=""):
    client = connect(sidecar)
    model = model or client.models.list().data[0].id
    check_models(client, model)
    check_errors(client, model)
    check_chat(client, model)
    check_override(client, model)
    check_logprobs(client, model)
    check_stream(client, model)
    check_shown_search(client, model)
    check_leaving(client, model)
    check_tools(client, model, upstream)
    client.close()
    print("openai-python", openai.__version__, "before", sidecar, "with", model, "ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
