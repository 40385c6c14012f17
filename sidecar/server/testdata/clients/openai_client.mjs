// The official openai-node client before a running sidecar: chat, stream, the search shown, errors, abort.
//
//     node openai_client.mjs SIDECAR_URL MODULES [MODEL]
//
// where MODULES is the folder node_modules that has the package. Exits with 0 when all is well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [sidecar, modules, named] = process.argv.slice(2);
const OpenAI = createRequire(path.resolve(modules) + "/")("openai");
const client = new OpenAI({ baseURL: sidecar + "/v1", apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?" }];
const model = named || (await client.models.list()).data[0].id;

async function gather(params, options) {
  const got = { content: "", reasoning: "", role: null, finish: [], usage: [], chunks: 0 };
  for await (const chunk of await client.chat.completions.create({ model, messages, max_tokens: 120, stream: true, ...params }, options)) {
    got.chunks++;
    assert.equal(chunk.object, "chat.completion.chunk");
    if (chunk.usage) got.usage.push(chunk.usage);
    for (const choice of chunk.choices) {
      got.role ??= choice.delta.role;
      got.content += choice.delta.content ?? "";
      got.reasoning += choice.delta.reasoning_content ?? "";
      if (choice.finish_reason) got.finish.push(choice.finish_reason);
    }
  }
  return got;
}

for (const suffix of ["@majority-2", "@raw"]) {
  const whole = await client.chat.completions.create({ model: model + suffix, messages, max_tokens: 120 });
  assert.ok(whole.choices[0].message.content && whole.usage.completion_tokens > 0, JSON.stringify(whole));
  const usage = await gather({ model: model + suffix, stream_options: { include_usage: true } });
  assert.ok(usage.content && usage.role === "assistant" && usage.finish.length === 1 && usage.usage.length === 1, suffix + JSON.stringify(usage));
}
const plain = await gather({ model: model + "@majority-2" });
assert.equal(plain.usage.length, 0);
assert.equal(plain.reasoning, "");
const shown = await gather({ prm: { strategy: "majority", n: 2, show_search: true } });
assert.match(shown.reasoning, /candidate/);
const whole = await client.chat.completions.create({ model, messages, max_tokens: 120, prm: { strategy: "majority", n: 2, show_search: true } });
assert.match(whole.choices[0].message.reasoning_content, /candidate/);
const joined = await client.chat.completions.stream({ model: model + "@majority-2", messages, max_tokens: 120 }).finalChatCompletion();
assert.ok(joined.choices[0].message.content); // the client's own way of putting chunks together
await assert.rejects(gather({ prm: { strategy: "magic" } }), (e) => e instanceof OpenAI.BadRequestError && e.param === "prm.strategy");
const abort = new AbortController();
setTimeout(() => abort.abort(), 5);
await assert.rejects(gather({ model: model + "@majority-8" }, { signal: abort.signal }), (e) => e instanceof OpenAI.APIUserAbortError);
console.log("openai-node before", sidecar, "with", model, "ok");
