// The official openai-node client before a running sidecar: every way of answering, whole and streamed, the shape of each chunk against
// the endpoint's own (NAME@raw), the search shown, several choices, errors, abort.
//
//     node openai_client.mjs SIDECAR_URL MODULES [MODEL]
//
// where MODULES is the folder node_modules that has the package. Exits with 0 when all is well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { messages, tokens, waysOf } from "./ways.mjs";

const [sidecar, modules, named] = process.argv.slice(2);
const require = createRequire(path.resolve(modules) + "/");
const OpenAI = require("openai");
const { VERSION } = require("openai/version");
const client = new OpenAI({ baseURL: sidecar + "/v1", apiKey: "none", maxRetries: 0 });
const offered = (await client.models.list()).data.map((m) => m.id);
const model = named || offered[0];
const ways = waysOf(model, offered);

// members are the paths of all members of a JSON value: "choices[].delta.content".
function members(value, at = "", out = new Set()) {
  if (Array.isArray(value)) value.forEach((v) => members(v, at + "[]", out));
  else if (value && typeof value === "object")
    for (const [key, v] of Object.entries(value)) {
      const here = at ? `${at}.${key}` : key;
      out.add(here);
      members(v, here, out);
    }
  return out;
}

// A search's answer has no members but the endpoint's own and these. (What endpoints have of their own, the Python script knows.)
function within(got, want, what) {
  for (const m of got) assert.ok(want.has(m) || /^(prm|usage)\b|^choices\[\]\.logprobs$/.test(m), `${what}: ${m} is none of the endpoint's: ${[...want]}`);
}

async function gather(params, options) {
  const request = { model, messages, max_tokens: tokens, stream: true, ...params };
  const got = { content: "", reasoning: "", finish: [], usage: [], begin: new Set(), text: new Set(), end: new Set(), roles: [], prm: [] };
  const own = !request.model.endsWith("@raw") && !params.n;
  const begun = new Set();
  let first;
  for await (const chunk of await client.chat.completions.create(request, options)) {
    first ??= chunk;
    assert.deepEqual([chunk.id, chunk.object, chunk.model], [first.id, "chat.completion.chunk", first.model]);
    if (own) assert.equal(chunk.created, first.created); // llama-server's is each chunk's own
    assert.equal(got.usage.length, 0, "a chunk after the usage");
    if (chunk.usage) {
      got.usage.push(chunk.usage);
      assert.deepEqual(chunk.choices, []);
      continue;
    }
    assert.equal(chunk.choices.length, 1);
    const [choice] = chunk.choices;
    assert.ok(got.finish[choice.index] === undefined, "a chunk after the end of its choice");
    const kind = !begun.has(choice.index) ? "begin" : choice.finish_reason ? "end" : "text";
    begun.add(choice.index);
    members(chunk, "", got[kind]);
    if (choice.delta.role) got.roles.push(kind);
    if (chunk.prm) got.prm.push([kind, chunk.prm.strategy]);
    got.content += choice.delta.content ?? "";
    got.reasoning += choice.delta.reasoning_content ?? "";
    if (choice.finish_reason) got.finish[choice.index] = choice.finish_reason;
  }
  assert.equal(got.finish.length, begun.size);
  return got;
}

let raw;
for (const [suffix, strategy] of Object.entries(ways)) {
  const name = `${model}@${suffix}`;
  const whole = await client.chat.completions.create({ model: name, messages, max_tokens: tokens });
  assert.ok(whole.choices[0].message.content && whole.usage.completion_tokens > 0, JSON.stringify(whole));
  const counted = await gather({ model: name, stream_options: { include_usage: true } });
  const plain = await gather({ model: name });
  assert.deepEqual([counted.usage.length, plain.usage.length], [1, 0], suffix);
  for (const got of [counted, plain]) assert.ok(got.content && !got.reasoning && got.finish.length === 1, suffix);
  raw ??= { whole: members(whole), counted, plain };
  if (strategy !== "raw") {
    assert.deepEqual([whole.model, whole.prm.strategy], [name, strategy]);
    within(members(whole), raw.whole, suffix);
    for (const [kind, got] of Object.entries({ counted, plain })) {
      assert.deepEqual([got.roles, got.prm], [["begin"], [["end", strategy]]], suffix);
      for (const part of ["begin", "text", "end"]) within(got[part], raw[kind][part], `${suffix}, ${kind}, ${part}`);
    }
  }
  const joined = await client.chat.completions.stream({ model: name, messages, max_tokens: tokens }).finalChatCompletion();
  assert.ok(joined.choices[0].message.content); // the client's own way of putting chunks together
}
const shown = await gather({ prm: { strategy: "majority", n: 2, show_search: true } });
assert.match(shown.reasoning, /candidate/);
const whole = await client.chat.completions.create({ model, messages, max_tokens: tokens, prm: { strategy: "majority", n: 2, show_search: true } });
assert.match(whole.choices[0].message.reasoning_content, /candidate/);
try {
  const { data, response } = await client.chat.completions.create({ model, messages, max_tokens: 60, n: 2 }).withResponse();
  assert.match(response.headers.get("x-sidecar-applied"), /^raw; reason=(n|default)$/); // the latter without a PRM
  assert.equal((await gather({ n: 2, max_tokens: 60 })).finish.length, data.choices.length); // Ollama takes no notice of n
} catch (e) {
  if (!(e instanceof OpenAI.APIError)) throw e; // an endpoint that has no n
}
await assert.rejects(gather({ prm: { strategy: "magic" } }), (e) => e instanceof OpenAI.BadRequestError && e.param === "prm.strategy");
await assert.rejects(gather({ prm: { temperature: 9 } }), (e) => e instanceof OpenAI.BadRequestError && e.param === "prm.temperature");
const abort = new AbortController();
setTimeout(() => abort.abort(), 5);
await assert.rejects(gather({ model: model + "@majority-8" }, { signal: abort.signal }), (e) => e instanceof OpenAI.APIUserAbortError);
for await (const chunk of await client.chat.completions.create({ model: model + "@majority-2", messages, stream: true })) {
  assert.ok(chunk.id);
  break; // leaves in the middle
}
assert.ok((await gather({ model: model + "@majority-2" })).content); // and the next one is served
console.log("openai-node", VERSION, "before", sidecar, "with", model, "ok");
