"""What stands between programs and their models, before a running sidecar: LangChain (OpenAI, Ollama, Anthropic), LiteLLM (the same) and the command llm. Each asks
for a searched answer and a raw one, whole and streamed, by the route that it takes.

    python3 frameworks_client.py SIDECAR_URL [MODEL]

Those that aren't installed are skipped, which is said. Exits with 0 when all others are well.
"""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import tempfile

QUESTION = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?"
WAYS = ("majority-2", "raw")
TOKENS = int(os.environ.get("SIDECAR_TEST_TOKENS") or 120)  # of an answer, at most


def langchain_openai(sidecar, name):
    from langchain_openai import ChatOpenAI

    for more in ({}, {"use_responses_api": True}):
        chat = ChatOpenAI(base_url=sidecar + "/v1", api_key="none", model=name, max_retries=0, max_tokens=TOKENS, **more)
        whole = chat.invoke(QUESTION)
        assert whole.text and whole.usage_metadata["output_tokens"] > 0, whole
        assert "".join(part.text for part in chat.stream(QUESTION)), name


def langchain_ollama(sidecar, name):
    from langchain_ollama import ChatOllama, OllamaLLM

    chat = ChatOllama(base_url=sidecar, model=name, num_predict=TOKENS, num_ctx=1024, keep_alive="10m")
    whole = chat.invoke(QUESTION)
    assert whole.text and whole.response_metadata["done_reason"] in ("stop", "length"), whole
    assert "".join(part.text for part in chat.stream(QUESTION)), name
    text = OllamaLLM(base_url=sidecar, model=name, num_predict=TOKENS, num_ctx=1024)
    assert text.invoke(QUESTION) and "".join(text.stream(QUESTION)), name


def langchain_anthropic(sidecar, name):
    from langchain_anthropic import ChatAnthropic

    chat = ChatAnthropic(base_url=sidecar, api_key="none", model=name, max_retries=0, max_tokens=TOKENS)
    whole = chat.invoke(QUESTION)
    assert whole.text and whole.usage_metadata["output_tokens"] > 0, whole
    assert "".join(part.text for part in chat.stream(QUESTION)), name


def litellm(sidecar, name):
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a list of prices
    import litellm as lite

    lite.suppress_debug_info = True
    for model, base in (("openai/" + name, sidecar + "/v1"), ("ollama_chat/" + name, sidecar), ("ollama/" + name, sidecar), ("anthropic/" + name, sidecar)):
        ask = {"model": model, "api_base": base, "api_key": "none", "max_tokens": TOKENS, "messages": [{"role": "user", "content": QUESTION}]}
        whole = lite.completion(**ask)
        assert whole.choices[0].message.content and whole.usage.completion_tokens > 0, whole
        assert "".join(part.choices[0].delta.content or "" for part in lite.completion(stream=True, **ask)), model


def llm(sidecar, name):
    with tempfile.TemporaryDirectory() as home:
        models = pathlib.Path(home, "extra-openai-models.yaml")
        models.write_text(f'- model_id: one\n  model_name: "{name}"\n  api_base: "{sidecar}/v1"\n')
        command = [str(pathlib.Path(sys.executable).with_name("llm")), "-m", "one", "-o", "max_tokens", str(TOKENS), "--key", "none", QUESTION]
        for more in ([], ["--no-stream"]):
            done = subprocess.run(command + more, env={**os.environ, "LLM_USER_PATH": home}, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0 and done.stdout.strip(), (done.stdout, done.stderr)


def main(sidecar, model=""):
    said = []
    for package, try_ in (("langchain-openai", langchain_openai), ("langchain-ollama", langchain_ollama), ("langchain-anthropic", langchain_anthropic), ("litellm", litellm), ("llm", llm)):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            said.append(package + " is not installed: skipped")
            continue
        for way in WAYS:
            try_(sidecar, f"{model or 'builtin'}@{way}")
        said.append(f"{package} {version}")
    print(", ".join(said), "before", sidecar, "ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
