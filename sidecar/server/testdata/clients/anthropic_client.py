"""The official anthropic Python SDK before a running sidecar: a searched message and a raw one, whole and streamed, a tool, and errors in
Anthropic's own shape.

    python3 anthropic_client.py SIDECAR_URL [UPSTREAM_URL] [MODEL]

Exits with 0 when all is well.
"""

import os
import sys

try:
    import anthropic
except ImportError as missing:
    print(missing)
    sys.exit(77)  # skipped, as the frameworks that aren't installed are

QUESTION = "Tom has 3 boxes of 4 pens and loses 2 pens. How many pens does he have left?"
TOKENS = int(os.environ.get("SIDECAR_TEST_TOKENS") or 400)  # of an answer, at most


def ask(client, model, **extra):
    return {"model": model, "max_tokens": TOKENS, "messages": [{"role": "user", "content": QUESTION}], **extra}


def check_whole(client, model, applied):
    raw = client.messages.with_raw_response.create(**ask(client, model))
    assert raw.headers["x-sidecar-applied"].startswith(applied), raw.headers
    message = raw.parse()
    assert message.role == "assistant" and message.stop_reason in ("end_turn", "max_tokens"), message
    text = "".join(block.text for block in message.content if block.type == "text")
    assert text and message.usage.output_tokens > 0, message
    if applied != "raw":
        assert message.model_extra["prm"]["strategy"] == applied, message


def check_stream(client, model):
    told = ""
    with client.messages.stream(**ask(client, model, system="Be brief.")) as stream:
        for text in stream.text_stream:
            told += text
        message = stream.get_final_message()
    assert told and message.content[-1].text == told, (told, message)
    assert message.stop_reason in ("end_turn", "max_tokens") and message.usage.output_tokens > 0, message


def check_shown_search(client, model):
    message = client.messages.create(**ask(client, model, extra_body={"prm": {"strategy": "majority", "n": 2, "show_search": True}}))
    kinds = [block.type for block in message.content]
    assert kinds == ["thinking", "text"] and "candidate" in message.content[0].thinking, message
    with client.messages.stream(**ask(client, model, extra_body={"prm": {"strategy": "majority", "n": 2, "show_search": True}})) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"], message


def check_tools(client, model):
    tool = {"name": "get_weather", "description": "The weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    try:
        message = client.messages.create(model=model, max_tokens=80, tools=[tool], messages=[{"role": "user", "content": "What is the weather in Oslo?"}])
    except anthropic.BadRequestError:  # a model may know no tools
        return
    assert message.content, message


def check_errors(client, model):
    for extra in ({"prm": {"n": 0}}, {"prm": {"strategy": "magic"}}):
        try:
            client.messages.create(**ask(client, model, extra_body=extra))
        except anthropic.BadRequestError as e:
            assert e.body["error"]["type"] == "invalid_request_error" and "prm." in e.body["error"]["message"], e.body
        else:
            raise AssertionError(extra)
    try:
        client.messages.create(**ask(client, model + "@typo"))
    except anthropic.NotFoundError as e:
        assert "@majority" in e.body["error"]["message"], e.body
    else:
        raise AssertionError("@typo is taken")


def main(sidecar, upstream="", model=""):
    client = anthropic.Anthropic(base_url=sidecar, api_key="none", max_retries=0)
    model = model or "builtin"
    check_whole(client, model + "@majority-2", "majority")
    check_whole(client, model + "@raw", "raw")
    for name in (model + "@majority-2", model + "@raw"):
        check_stream(client, name)
    check_shown_search(client, model)
    check_tools(client, model)
    check_errors(client, model)
    print("anthropic", anthropic.__version__, "passes")


if __name__ == "__main__":
    main(*sys.argv[1:])
