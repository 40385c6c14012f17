"""The official openai Python SDK at /v1/responses and /v1/completions of a running sidecar: searched and raw, whole and streamed.

    python3 responses_client.py SIDECAR_URL [UPSTREAM_URL] [MODEL]

Exits with 0 when all is well.
"""

import os
import sys

try:
    import openai
except ImportError as missing:
    print(missing)
    sys.exit(77)  # skipped, as the frameworks that aren't installed are

QUESTION = "Tom has 3 boxes of 4 pens and loses 2 pens. How many pens does he have left?"
TOKENS = int(os.environ.get("SIDECAR_TEST_TOKENS") or 400)  # of an answer, at most


def connect(url):
    return openai.OpenAI(base_url=url.rstrip("/").removesuffix("/v1") + "/v1", api_key="none", max_retries=0)


def check_responses(client, model, applied):
    raw = client.responses.with_raw_response.create(model=model, input=QUESTION, max_output_tokens=TOKENS, instructions="Be brief.")
    assert raw.headers["x-sidecar-applied"].startswith(applied), raw.headers
    answer = raw.parse()
    assert answer.output_text and answer.status in ("completed", "incomplete") and answer.usage.output_tokens > 0, answer
    told, kinds = "", []
    for event in client.responses.create(model=model, input=[{"role": "user", "content": QUESTION}], max_output_tokens=TOKENS, stream=True):
        kinds.append(event.type)
        if event.type == "response.output_text.delta":
            told += event.delta
    assert told and kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    assert event.response.output_text == told, (event, told)


def put_together(client, model):
    """The helper that puts a stream's answer together, which has none of one that came to the limit."""
    with client.responses.stream(model=model, input=QUESTION, max_output_tokens=TOKENS) as stream:
        for event in stream:
            pass
        answer = event.response if event.type == "response.incomplete" else stream.get_final_response()
        assert answer.output_text, model


def check_helper_raw(client, model, upstream):
    """What the endpoint itself streams may not do for the helper (llama-server leaves out content_index): then no better is asked of the same bytes."""
    try:
        put_together(client, model + "@raw")
    except Exception as raw:
        assert upstream, raw
        try:
            put_together(connect(upstream), model)
        except Exception as own:
            assert type(own) is type(raw) and str(own) == str(raw), (own, raw)
            print("the helper fails at the endpoint itself as it does behind NAME@raw:", own)
        else:
            raise


def check_completions(client, model):
    request = {"model": model + "@majority-2", "prompt": QUESTION, "max_tokens": TOKENS}
    raw = client.completions.with_raw_response.create(**request)
    assert raw.headers["x-sidecar-applied"] == "majority; reason=asked", raw.headers
    answer = raw.parse()
    assert answer.choices[0].text and answer.usage.completion_tokens > 0, answer
    assert "".join(chunk.choices[0].text for chunk in client.completions.create(stream=True, **request) if chunk.choices), model


def check_errors(client, model):
    try:
        client.responses.create(model=model, input=QUESTION, extra_body={"prm": {"n": 0}})
    except openai.BadRequestError as e:
        assert e.param == "prm.n" and e.type == "invalid_request_error", e
    else:
        raise AssertionError("n of 0 is taken")


def main(sidecar, upstream="", model=""):
    client = connect(sidecar)
    model = model or "builtin"
    check_responses(client, model + "@majority-2", "majority")
    put_together(client, model + "@majority-2")
    check_responses(client, model + "@raw", "raw")
    check_helper_raw(client, model, upstream)
    check_completions(client, model)
    check_errors(client, model)
    print("openai", openai.__version__, "passes at /v1/responses and /v1/completions")


if __name__ == "__main__":
    main(*sys.argv[1:])
