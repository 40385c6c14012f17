"""Trains the builtin model on a corpus of conversations and writes its weights and the golden file of the tests.

train.sh runs it; it needs jax, optax and numpy, on a CPU. It may be stopped at any time and goes on from its last checkpoint.
"""

import argparse
import hashlib
import json
import pathlib
import re
import struct
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

SPECIALS = ["<user>", "<assistant>", "<end>", "<unk>"]
USER, ASSISTANT, END, UNK = range(4)
PIECE = re.compile(r" ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]|\s")
BUCKETS = [24, 64, 96, 128, 160, 192, 224, 256, 320, 384]
QUESTION_WEIGHT = 0.1  # of a question's token in the loss, beside an answer's


def tokenizer(texts, size):
    """The vocabulary: all printable characters, then the most frequent pieces. Returns it and a function from text to ids."""
    counts = {}
    for text in texts:
        for piece in PIECE.findall(text):
            counts[piece] = counts.get(piece, 0) + 1
    characters = ["\n"] + [chr(c) for c in range(32, 127)] + [f" {d}" for d in range(10)]
    pieces = sorted((p for p in counts if p not in characters), key=lambda p: (-counts[p], p))
    vocab = SPECIALS + characters + pieces[: size - len(SPECIALS) - len(characters)]
    ids = {text: i for i, text in enumerate(vocab) if i >= len(SPECIALS)}
    cache = {}

    def spell(piece):
        if piece in ids:
            return [ids[piece]]
        if len(piece) > 1 and piece[0] == " ":
            return [ids[" "]] + spell(piece[1:])
        return [ids.get(c, UNK) for c in piece]

    def encode(text):
        out = []
        for piece in PIECE.findall(text):
            if piece not in cache:
                cache[piece] = spell(piece)
            out += cache[piece]
        return out

    return vocab, encode


def document(turns, encode):
    """Token ids of a conversation and each token's weight in the loss. The end of an answer that another turn follows weighs
    nothing: there it is a prefix that was cut."""
    ids, weights = [], []
    for i, (role, text) in enumerate(turns):
        tokens = encode(text)
        if role == "user":
            ids += [USER] + tokens
            weights += [0.0] + [QUESTION_WEIGHT] * len(tokens)
        else:
            ids += [ASSISTANT] + tokens + [END]
            weights += [0.0] + [1.0] * len(tokens) + [1.0 if i == len(turns) - 1 else 0.0]
    return ids, weights


def initial(key, shape):
    dim, hidden, layers = shape["dim"], shape["hidden"], shape["layers"]
    keys = iter(jax.random.split(key, 1 + 6 * layers))

    def matrix(out, into, scale=1.0):
        return jax.random.normal(next(keys), (out, into)) * scale * into**-0.5

    blocks = []
    for _ in range(layers):
        blocks.append(
            {
                "g1": jnp.ones(dim),
                "q": matrix(dim, dim),
                "k": matrix(dim, dim),
                "v": matrix(dim, dim),
                "o": matrix(dim, dim, 0.0),
                "g2": jnp.ones(dim),
                "w1": matrix(hidden, dim),
                "w2": matrix(dim, hidden, 0.0),
            }
        )
    return {"e": jax.random.normal(next(keys), (len(shape["vocab"]), dim)) * 0.02, "blocks": blocks, "g": jnp.ones(dim)}


def rms(x, g):
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * g


def rotate(x):
    """RoPE: x is [batch, time, heads, size]; the pair (i, i + size/2) turns by position · 10000^(−2i/size)."""
    time_, half = x.shape[1], x.shape[-1] // 2
    angle = jnp.arange(time_)[:, None] * 10000.0 ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angle)[:, None, :], jnp.sin(angle)[:, None, :]
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


def forward(params, ids, heads):
    """Logits [batch, time, vocab] and the states that they are of [batch, time, dim]."""
    x = params["e"][ids]
    batch, length, dim = x.shape
    causal = jnp.tril(jnp.ones((length, length), bool))
    for p in params["blocks"]:
        h = rms(x, p["g1"])
        q, k, v = ((h @ p[w].T).reshape(batch, length, heads, dim // heads) for w in "qkv")
        score = jnp.einsum("bthd,bshd->bhts", rotate(q), rotate(k)) * (dim // heads) ** -0.5
        weight = jax.nn.softmax(jnp.where(causal, score, -1e9), -1)
        x = x + jnp.einsum("bhts,bshd->bthd", weight, v).reshape(batch, length, dim) @ p["o"].T
        x = x + jax.nn.relu(rms(x, p["g2"]) @ p["w1"].T) ** 2 @ p["w2"].T
    h = rms(x, params["g"])
    return h @ params["e"].T, h


def batches(docs, tokens, seed):
    """Batches of documents of like length, in random order: ids and weights [batch, bucket]."""
    rng = np.random.default_rng(seed)
    waiting = {b: [] for b in BUCKETS}
    for i in rng.permutation(len(docs)):
        bucket = next((b for b in BUCKETS if len(docs[i][0]) <= b), None)
        if bucket is None:
            continue
        waiting[bucket].append(i)
        size = tokens // bucket
        if len(waiting[bucket]) == size:
            ids, weights = np.full((size, bucket), END, np.int32), np.zeros((size, bucket), np.float32)
            for row, j in enumerate(waiting[bucket]):
                n = len(docs[j][0])
                ids[row, :n], weights[row, :n] = docs[j]
            waiting[bucket] = []
            yield ids, weights


def write(path, params, shape):
    """The format that builtin.New reads: magic, header, float16 tensors, SHA-256."""
    header = json.dumps(shape, ensure_ascii=False).encode()
    out = b"APRMLM1\n" + struct.pack("<I", len(header)) + header
    tensors = [params["e"]]
    for p in params["blocks"]:
        tensors += [p[w] for w in ("g1", "q", "k", "v", "o", "g2", "w1", "w2")]
    for t in [*tensors, params["g"]]:
        out += np.asarray(t, np.float16).tobytes()
    pathlib.Path(path).write_bytes(out + hashlib.sha256(out).digest())


def golden(path, params, docs, heads):
    """What the tests hold the Go code to: this toolkit's logits, of the weights as they are written."""
    rounded = jax.tree.map(lambda t: jnp.asarray(np.asarray(t, np.float16), jnp.float32), params)
    cases = []
    for ids, _ in docs:
        logits, states = forward(rounded, jnp.asarray([ids]), heads)
        last = np.asarray(logits[0, -1], np.float64)
        cases.append({"ids": ids, "logits": [round(x, 5) for x in last.tolist()], "state": [round(x, 5) for x in np.asarray(states[0, -1], np.float64).tolist()]})
    pathlib.Path(path).write_text(json.dumps(cases, separators=(",", ":")) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("corpus", help="conversations, one JSON list of [role, text] a line")
    p.add_argument("--out", default="weights.bin")
    p.add_argument("--golden", default="golden.json")
    p.add_argument("--checkpoint", default="train.npz")
    p.add_argument("--steps", type=int, required=True, help="in all; the learning rate falls towards the last one")
    p.add_argument("--tokens", type=int, default=4096, help="a batch, padding among them")
    p.add_argument("--dim", type=int, default=192)
    p.add_argument("--layers", type=int, default=6)
    p.add_argument("--heads", type=int, default=6)
    p.add_argument("--hidden", type=int, default=576)
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--vocab", type=int, default=1200)
    p.add_argument("--rate", type=float, default=0.02, help="of the matrices; the rest learns at a fifth of it")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()

    conversations = [json.loads(line) for line in open(args.corpus, encoding="utf-8")]
    vocab, encode = tokenizer((text for turns in conversations for _, text in turns), args.vocab)
    docs = [document(turns, encode) for turns in conversations]
    shape = {"name": "builtin", "dim": args.dim, "layers": args.layers, "heads": args.heads, "hidden": args.hidden, "context": args.context, "vocab": vocab}
    params = initial(jax.random.key(args.seed), shape)
    count = sum(t.size for t in jax.tree.leaves(params))
    print(f"{len(docs)} conversations, {sum(len(d[0]) for d in docs) / 1e6:.1f} M tokens, {len(vocab)} words, {count / 1e6:.2f} M parameters", flush=True)

    def schedule(rate):
        return optax.warmup_cosine_decay_schedule(0.0, rate, 50, args.steps, rate * 0.02)

    kinds = jax.tree.map(lambda _: "rest", params) | {"blocks": [{w: "matrix" if t.ndim == 2 else "rest" for w, t in b.items()} for b in params["blocks"]]}
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.partition({"matrix": optax.contrib.muon(schedule(args.rate), ns_steps=4), "rest": optax.adam(schedule(args.rate / 5), b1=0.9, b2=0.98)}, kinds),
    )

    def loss(params, ids, weights):
        logits, _ = forward(params, ids[:, :-1], args.heads)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:])
        return jnp.sum(each * weights[:, 1:]) / jnp.sum(weights[:, 1:])

    @jax.jit
    def update(params, state, ids, weights):
        value, grads = jax.value_and_grad(loss)(params, ids, weights)
        changes, state = optimiser.update(grads, state, params)
        return optax.apply_updates(params, changes), state, value

    state = optimiser.init(params)
    leaves, tree = jax.tree.flatten((params, state))
    first = 0
    checkpoint = pathlib.Path(args.checkpoint)
    if checkpoint.exists():
        kept = np.load(checkpoint)
        first = int(kept["step"])
        params, state = jax.tree.unflatten(tree, [jnp.asarray(kept[str(i)]) for i in range(len(leaves))])
        print(f"goes on from step {first}", flush=True)

    began, mean, seen = time.time(), None, 0
    epochs = (b for epoch in range(1000) for b in batches(docs, args.tokens, args.seed + epoch))
    for step, (ids, weights) in enumerate(epochs):
        if step == args.steps:
            break
        if step < first:
            continue
        params, state, value = update(params, state, ids, weights)
        seen += ids.size
        mean = float(value) if mean is None else 0.98 * mean + 0.02 * float(value)
        if (step + 1) % 50 == 0:
            rate = seen / (time.time() - began)
            print(f"step {step + 1}/{args.steps}  loss {mean:.4f}  {rate:.0f} tokens/s  {(args.steps - step - 1) * args.tokens / rate / 60:.0f} min left", flush=True)
        if (step + 1) % 200 == 0 or step + 1 == args.steps:
            leaves, _ = jax.tree.flatten((params, state))
            part = checkpoint.with_suffix(".part.npz")
            np.savez(part, step=step + 1, **{str(i): np.asarray(t) for i, t in enumerate(leaves)})
            part.replace(checkpoint)
            write(args.out, params, shape)
    write(args.out, params, shape)
    golden(args.golden, params, docs[:3], args.heads)
    print(f"wrote {args.out} and {args.golden}", flush=True)


if __name__ == "__main__":
    main()
