"""A small PRM of the kind that vLLM serves (Qwen2ForProcessRewardModel), to try --prm-url on, and what transformers makes of it.

  python reward.py make QWEN2 OUT                     its weights with a head whose numbers are drawn by lot
  vllm serve OUT --port 8001 --served-model-name reward --dtype float32
  python reward.py score OUT < solutions.jsonl        {"id","scores"} of {"id","problem","steps"}, as `sidecar prm score` writes them

Wants torch, transformers and safetensors, which vLLM brings.
"""

import json
import math
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

TAG = 151651  # stands behind each step: <extra_0> to Qwen2.5-Math-PRM, <|quad_end|> to other Qwen2


def make(base, out):
    base, out = pathlib.Path(base), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (base / name).exists():
            shutil.copy(base / name, out)
    config = json.loads((base / "config.json").read_text())
    width = config["hidden_size"]
    config["architectures"] = ["Qwen2ForProcessRewardModel"]
    (out / "config.json").write_text(json.dumps(config, indent=2))
    weights = {}
    for part in sorted(base.glob("*.safetensors")):
        weights.update((name, w) for name, w in load_file(part).items() if not name.startswith("lm_head."))
    torch.manual_seed(1)
    # The last layer is small, and leans towards "good", so that chances are neither all nothing nor all one.
    for name, rows, gain, bias in (("score.0", width, 1, 0), ("score.2", 2, 0.25, 2.9)):
        weights[name + ".weight"] = (torch.randn(rows, width) * gain / math.sqrt(width)).to(torch.bfloat16)
        weights[name + ".bias"] = torch.zeros(rows, dtype=torch.bfloat16)
        weights[name + ".bias"][-1] = bias
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


def score(folder):
    from transformers import AutoTokenizer, Qwen2Config, Qwen2Model

    folder = pathlib.Path(folder)
    weights = {name: w.float() for name, w in load_file(folder / "model.safetensors").items()}
    body = Qwen2Model(Qwen2Config.from_pretrained(folder))
    body.load_state_dict({name.removeprefix("model."): w for name, w in weights.items() if name.startswith("model.")})
    body.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tag = tokenizer.convert_ids_to_tokens(TAG)
    for line in sys.stdin:
        solution = json.loads(line)
        messages = [{"role": "user", "content": solution["problem"]}, {"role": "assistant", "content": "".join(s + tag for s in solution["steps"])}]
        ids = tokenizer(tokenizer.apply_chat_template(messages, tokenize=False), add_special_tokens=False, return_tensors="pt").input_ids
        with torch.inference_mode():
            states = body(ids).last_hidden_state[0][ids[0] == TAG]
            hidden = torch.relu(states @ weights["score.0.weight"].T + weights["score.0.bias"])
            chances = torch.softmax(hidden @ weights["score.2.weight"].T + weights["score.2.bias"], dim=-1)
        print(json.dumps({"id": solution.get("id", ""), "scores": chances[:, 1].tolist()}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", base, out]:
            make(base, out)
        case ["score", folder]:
            score(folder)
        case _:
            sys.exit(__doc__)
