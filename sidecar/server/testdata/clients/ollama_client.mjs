// Ollama's JavaScript client before a running sidecar: every way of answering, by chat and generate, whole and streamed, the shape of
// each line against the endpoint's own (NAME@raw), the search shown, lists, errors, abort.
//
//     node ollama_client.mjs SIDECAR_URL MODULES [MODEL]
//
// where MODULES is the folder node_modules that has the package. Exits with 0 when all is well.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { messages, question, tokens, waysOf } from "./ways.mjs";

const [sidecar, modules, named] = process.argv.slice(2);
const { Ollama } = createRequire(path.resolve(modules) + "/")("ollama");
const { version } = JSON.parse(readFileSync(path.join(modules, "ollama", "package.json")));
const client = new Ollama({ host: sidecar });
const options = { num_predict: tokens };
const listed = (await client.list()).models;
const model = named || listed[0].name;
const offered = listed.map((m) => m.name);
for (const m of listed) assert.ok(m.name === m.model && m.digest.length >= 12 && !isNaN(Date.parse(m.modified_at)) && m.details, JSON.stringify(m));
for (const suffix of ["raw", "majority-8"]) assert.ok(offered.includes(`${model}@${suffix}`), offered.join());
const ways = waysOf(model, offered);

// names are the members of a line of a stream, and of its message.
const names = (line) => [...Object.keys(line), ...Object.keys(line.message ?? {}).map((k) => "message." + k)];

function ended(last) {
  assert.ok(last.done && last.done_reason && last.eval_count > 0 && last.prompt_eval_count > 0 && last.total_duration > 0, JSON.stringify(last));
  for (const key of ["load_duration", "prompt_eval_duration", "eval_duration"]) assert.equal(typeof last[key], "number", key);
}

async function gather(stream) {
  const got = { content: "", thinking: "", last: null, lines: new Set(), came: null };
  for await (const chunk of await stream) {
    assert.ok(!got.last?.done, "a line after the end");
    assert.equal(typeof chunk.done, "boolean");
    const came = Date.parse(chunk.created_at);
    assert.ok(came >= (got.came ?? 0) && Math.abs(came - Date.now()) < 60_000, chunk.created_at);
    got.came = came;
    if (chunk.message) assert.equal(chunk.message.role, "assistant");
    assert.equal(typeof (chunk.message?.content ?? chunk.response), "string");
    got.content += chunk.message?.content ?? chunk.response;
    got.thinking += chunk.message?.thinking ?? chunk.thinking ?? "";
    if (!chunk.done) names(chunk).forEach((n) => got.lines.add(n));
    assert.ok(chunk.done || !chunk.prm, "prm belongs to the last line");
    got.last = chunk;
  }
  ended(got.last);
  return got;
}

// same: a search's answer has no members but the endpoint's own, and prm. What a generate has of its own beside is the context.
function same(got, want, what) {
  const left = (a, b, not) => [...a].filter((n) => !new Set(b).has(n) && !not.includes(n));
  assert.deepEqual([left(got, want, ["prm"]), left(want, got, ["context"])], [[], []], what);
}

const raw = {};
for (const [suffix, strategy] of Object.entries(ways)) {
  const name = `${model}@${suffix}`;
  for (const [kind, ask] of Object.entries({
    chat: (more) => client.chat({ model: name, messages, options, ...more }),
    generate: (more) => client.generate({ model: name, prompt: question, options, ...more }),
  })) {
    const whole = await ask({});
    assert.ok(whole.message?.content ?? whole.response, JSON.stringify(whole));
    ended(whole);
    const streamed = await gather(ask({ stream: true }));
    assert.ok(streamed.content && !streamed.thinking);
    const got = { whole: names(whole), lines: streamed.lines, last: names(streamed.last) };
    raw[kind] ??= got;
    for (const part of Object.keys(got)) same(got[part], raw[kind][part], `${suffix}, ${kind}, ${part}`);
    if (strategy === "raw") continue;
    for (const answer of [whole, streamed.last]) assert.deepEqual([answer.model, answer.prm.strategy], [name, strategy]);
  }
  assert.ok((await client.show({ model: name })).capabilities.includes("completion"));
}
const prm = { strategy: "majority", n: 2, show_search: true };
assert.match((await gather(client.chat({ model, messages, options, stream: true, prm }))).thinking, /candidate/);
assert.match((await gather(client.generate({ model, prompt: question, options, stream: true, prm }))).thinking, /candidate/);
assert.match((await client.chat({ model, messages, options, prm })).message.thinking, /candidate/);
await assert.rejects(client.chat({ model, messages, prm: { strategy: "magic" } }), (e) => e.name === "ResponseError" && e.status_code === 400 && /magic/.test(e.message));
await assert.rejects(client.chat({ model: model + "@majority2", messages, stream: true }), (e) => e.status_code === 404 && /@majority/.test(e.message));
for await (const chunk of await client.chat({ model: model + "@majority-8", messages, options, stream: true })) {
  client.abort(); // leaves in the middle
  break;
}
ended(await client.chat({ model: model + "@majority-2", messages, options }));
console.log("ollama-js", version, "before", sidecar, "with", model, "ok");
