// The Vercel AI SDK by four of its providers, and Anthropic's SDK, before a running sidecar: a searched answer and a raw one, whole and streamed, by the route that
// each takes. Its OpenAI provider's own default is /v1/responses.
//
//     node frameworks_client.mjs SIDECAR_URL MODULES [MODEL]
//
// where MODULES is the folder node_modules that has the packages; those that it lacks are skipped, which is said. Exits with 0 when all others are well.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { question, tokens } from "./ways.mjs";

const [sidecar, modules, named] = process.argv.slice(2);
const require = createRequire(path.resolve(modules) + "/");
const has = (name) => existsSync(path.join(modules, name));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const said = [];
globalThis.AI_SDK_LOG_WARNINGS = false;
const ways = ["majority-2", "raw"];
const model = named || "builtin";

const providers = {
  "@ai-sdk/openai": (m) => {
    const made = m.createOpenAI({ baseURL: sidecar + "/v1", apiKey: "none" });
    return { responses: made, chat: made.chat };
  },
  "@ai-sdk/openai-compatible": (m) => ({ chat: m.createOpenAICompatible({ name: "sidecar", baseURL: sidecar + "/v1", includeUsage: true }) }),
  "@ai-sdk/anthropic": (m) => ({ messages: m.createAnthropic({ baseURL: sidecar + "/v1", apiKey: "none" }) }),
  "ollama-ai-provider-v2": (m) => ({ chat: m.createOllama({ baseURL: sidecar + "/api" }) }),
};
if (has("ai")) {
  const { generateText, streamText } = await load("ai");
  for (const [name, make] of Object.entries(providers)) {
    if (!has(name)) {
      said.push(name + " is not there: skipped");
      continue;
    }
    for (const [route, provider] of Object.entries(make(await load(name))))
      for (const way of ways) {
        const ask = { model: provider(`${model}@${way}`), prompt: question, maxRetries: 0, maxOutputTokens: tokens };
        const what = `${name}, ${route}, ${way}`;
        const whole = await generateText(ask);
        assert.ok(whole.text && whole.usage.outputTokens > 0, what);
        assert.ok(["stop", "length"].includes(whole.finishReason), `${what}: ${whole.finishReason}`);
        let text = "";
        const stream = streamText({ ...ask, onError: ({ error }) => assert.fail(`${what}: ${error}`) });
        for await (const part of stream.textStream) text += part;
        assert.ok(text && (await stream.usage).outputTokens > 0, what);
      }
    said.push(name);
  }
} else said.push("ai is not there: skipped");

if (has("@anthropic-ai/sdk")) {
  const { default: Anthropic } = await load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: sidecar, apiKey: "none", maxRetries: 0 });
  for (const way of ways) {
    const ask = { model: `${model}@${way}`, max_tokens: tokens, messages: [{ role: "user", content: question }] };
    assert.ok((await client.messages.create(ask)).content[0].text, way);
    let text = "";
    const stream = client.messages.stream(ask).on("text", (part) => (text += part));
    assert.equal((await stream.finalMessage()).content.at(-1).text, text, way);
  }
  said.push("@anthropic-ai/sdk");
} else said.push("@anthropic-ai/sdk is not there: skipped");
console.log(said.join(", "), "before", sidecar, "with", model, "ok");
