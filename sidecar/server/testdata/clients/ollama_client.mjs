// Ollama's JavaScript client before a running sidecar: chat, generate, streams, the search shown, errors, abort.
//
//     node ollama_client.mjs SIDECAR_URL MODULES [MODEL]
//
// where MODULES is the folder node_modules that has the package. Exits with 0 when all is well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [sidecar, modules, named] = process.argv.slice(2);
const { Ollama } = createRequire(path.resolve(modules) + "/")("ollama");
const client = new Ollama({ host: sidecar });
const question = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?";
const messages = [{ role: "user", content: question }];
const options = { num_predict: 120 };
const model = named || (await client.list()).models[0].name;

async function gather(stream) {
  const got = { content: "", thinking: "", last: null };
  for await (const chunk of await stream) {
    got.content += chunk.message?.content ?? chunk.response ?? "";
    got.thinking += chunk.message?.thinking ?? chunk.thinking ?? "";
    got.last = chunk;
  }
  return got;
}

function ended(last) {
  assert.ok(last.done && last.done_reason && last.eval_count > 0 && last.total_duration > 0, JSON.stringify(last));
}

for (const suffix of ["@majority-2", "@raw"]) {
  const whole = await client.chat({ model: model + suffix, messages, options });
  assert.ok(whole.message.content, JSON.stringify(whole));
  ended(whole);
  const streamed = await gather(client.chat({ model: model + suffix, messages, options, stream: true }));
  assert.ok(streamed.content && !streamed.thinking);
  ended(streamed.last);
  ended((await gather(client.generate({ model: model + suffix, prompt: question, options, stream: true }))).last);
}
const prm = { strategy: "majority", n: 2, show_search: true };
assert.match((await gather(client.chat({ model, messages, options, stream: true, prm }))).thinking, /candidate/);
assert.match((await client.chat({ model, messages, options, prm })).message.thinking, /candidate/);
await assert.rejects(client.chat({ model, messages, prm: { strategy: "magic" } }), (e) => e.status_code === 400 && /magic/.test(e.message));
for await (const chunk of await client.chat({ model: model + "@majority-8", messages, options, stream: true })) {
  client.abort(); // leaves in the middle
  break;
}
ended(await client.chat({ model: model + "@majority-2", messages, options }));
console.log("ollama-js before", sidecar, "with", model, "ok");
