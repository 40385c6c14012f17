// Chat: one question, answered by the endpoint itself and by a search, side by side.
import { ago, ask, colours, count, el, percent, score, seconds, send, shade } from "./common.js";
import { Tree } from "./tree.js";

const example = "Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?";

// events yields the JSON objects of a stream of server-sent events.
async function* events(answer) {
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return;
		const lines = (rest + value).split("\n");
		rest = lines.pop();
		for (const line of lines) {
			if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
			const event = JSON.parse(line.slice(6));
			if (event.error) throw new Error(event.error.message || String(event.error));
			yield event;
		}
	}
}

// side is one of the two answers to a question.
class Side {
	constructor(title) {
		this.text = el("div", { class: "answer busy" });
		this.facts = el("p", { class: "note" });
		this.node = el("section", { class: "panel", "aria-label": title }, el("h2", {}, title), this.text, this.facts);
		this.said = "";
	}

	// stream asks and shows what comes; news gets the prm objects. What the model said is returned.
	async stream(body, signal, news) {
		const began = performance.now();
		let usage = null, first = 0;
		try {
			const answer = await send("v1/chat/completions", { method: "POST", signal, headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }) });
			for await (const event of events(answer)) {
				const said = event.choices?.[0]?.delta?.content;
				if (said) {
					first ||= performance.now();
					this.said += said;
					this.text.textContent = this.said;
				}
				usage = event.usage || usage;
				if (event.prm) news?.(event.prm);
			}
		} catch (e) {
			this.node.append(el("p", { class: "error", role: "alert" }, signal.aborted ? "stopped" : e.message));
		}
		this.text.classList.remove("busy");
		const took = (performance.now() - began) / 1000;
		this.facts.textContent = [usage ? `${count(usage.completion_tokens)} tokens` : null, seconds(took), first ? `first word after ${seconds((first - began) / 1000)}` : null].filter(Boolean).join(", ");
		return this.said;
	}
}

// steps shows an answer's steps, each coloured by its score.
function steps(report) {
	const list = el("ol", { class: "steps" }, report.steps.map((s) => el("li", { class: shade(s.step) }, el("span", {}, s.text), score(s.step, "P(this step is correct)"))));
	return [list, report.steps.some((s) => s.step !== undefined) ? colours() : null].filter(Boolean);
}

// facts say how an answer came about.
function facts(report) {
	const a = report.auto || {};
	const names = { prm: "weighed by the PRM", confidence: "weighed by the LLM's own log-probabilities", plain: "plain" };
	return el("ul", { class: "facts" }, [
		`${report.strategy}` + (report.asked ? ` in place of ${report.asked}` : "") + (report.answer ? `: the answer is ${report.answer}` : ""),
		a.vote ? `${a.drawn} of ${a.of} drawn, the vote is ${names[a.vote] || a.vote}` + (a.chance ? `, right with chance ${percent(a.chance)}` : "") + (a.escalated ? `, then ${a.escalated}` : "") : null,
		a.reason ? `why: ${a.reason}` : null,
		report.stopped ? `stopped: ${report.stopped}` : null,
		`${count(report.tokens.completion)} tokens over all candidates, PRM asked ${report.scoring_calls === 1 ? "once" : report.scoring_calls + " times"}`,
		`time ${share(report.trace)}`, report.note,
	].filter(Boolean).map((text) => el("li", {}, text)));
}

// share says where a trace's time went.
function share(t) {
	const s = t.seconds;
	return `${seconds(s.total)}: the LLM ${seconds(s.llm)}, the PRM ${seconds(s.prm)}, waiting ${seconds(s.queued)}, the rest ${seconds(s.own)}`;
}

// lately lists the last searches, whoever asked; one is shown as a tree.
async function lately(root, signal) {
	const list = (await (await send("v1/prm/traces?limit=10", { signal })).json()).data;
	const shown = el("div");
	const show = async (id) => {
		const t = await (await send("v1/prm/traces/" + encodeURIComponent(id), { signal })).json();
		const tree = new Tree();
		tree.take(t.candidates || []);
		shown.replaceChildren(el("h3", {}, `${t.strategy}: ${tree.words()}`), el("p", { class: "question" }, t.question || "(no text is kept)"), colours(), tree.node, el("p", { class: "note" }, share(t)));
		shown.scrollIntoView({ block: "nearest" });
	};
	root.replaceChildren(el("h2", {}, "Last searches"), list.length === 0 ? el("p", { class: "note" }, "None yet.") :
		el("ul", {}, list.map((t) => el("li", {}, el("button", { onclick: () => show(t.id) }, "Show"), ` ${ago(t.began)}, ${t.strategy}: ${t.question || ""} `,
			el("strong", {}, t.answer ? "→ " + t.answer : t.error || "")))), shown);
}

// chat is the view.
export async function chat(root, state, signal) {
	const question = el("textarea", { id: "question", placeholder: example });
	const strategy = el("select", { id: "strategy" }, state.strategies.filter((s) => state.checkpoint || !s.needs_prm).map((s) => el("option", { value: s.name, selected: s.name === "auto", title: s.help }, s.name)));
	const n = el("input", { id: "n", type: "number", min: "1", max: "64", value: String(state.n || 8) });
	const button = el("button", { class: "main", type: "submit" }, "Ask");
	const stop = el("button", { type: "button", disabled: true }, "Stop");
	// Where no model was known when the sidecar started, the endpoint's first is asked.
	const model = async () => state.model ||= (await (await send("v1/models", { signal })).json()).data?.map((m) => m.id).find((id) => !id.includes("@")) || "";
	const log = el("div", { id: "log" }), last = el("section");
	const histories = { raw: [], searched: [] };
	const help = el("p", { class: "note", id: "strategy-help" });
	strategy.setAttribute("aria-describedby", "strategy-help");
	const explain = () => { help.textContent = state.strategies.find((s) => s.name === strategy.value)?.help || ""; };
	strategy.addEventListener("change", explain);
	explain();

	async function put() {
		const text = question.value.trim() || example;
		const stopping = new AbortController(), both = AbortSignal.any([signal, stopping.signal]);
		button.disabled = true;
		stop.disabled = false;
		stop.onclick = () => stopping.abort();
		await model().catch(() => {}); // then the answers say what is wrong
		const raw = new Side(`${state.model}, raw`), searched = new Side(`${state.model}, ${strategy.value}`);
		const tree = new Tree(), title = el("h2", {}, "The search: no candidate yet");
		log.prepend(el("section", { class: "exchange", "aria-label": "An exchange" }, el("p", { class: "question" }, text), el("div", { class: "sides" }, raw.node, searched.node),
			el("section", { class: "panel exchange search", "aria-label": "The search" }, title, tree.node)));
		question.value = "";
		const messages = (of) => [...of, { role: "user", content: text }];
		const greedy = strategy.value === "greedy";
		const results = await Promise.all([
			raw.stream({ model: state.model + "@raw", messages: messages(histories.raw) }, both),
			searched.stream({ model: state.model, messages: messages(histories.searched), prm: { strategy: strategy.value, candidates: true, trace: true, ...(greedy ? {} : { n: Number(n.value) || 8 }) } }, both, (prm) => {
				tree.take(prm.trace?.candidates || prm.candidates || []);
				title.textContent = "The search: " + tree.words();
				if (!prm.trace) return;
				if (prm.steps?.length) searched.text.replaceChildren(...steps(prm));
				searched.node.append(facts(prm));
			}),
		]);
		for (const [i, name] of ["raw", "searched"].entries()) if (results[i]) histories[name].push({ role: "user", content: text }, { role: "assistant", content: results[i] });
		button.disabled = false;
		stop.disabled = true;
		question.focus();
		await lately(last, signal);
	}

	const anew = el("button", { type: "button", onclick: () => { log.replaceChildren(); histories.raw = []; histories.searched = []; question.focus(); } }, "New conversation");
	const form = el("form", { class: "ask", onsubmit: (e) => { e.preventDefault(); if (!button.disabled) put(); } },
		el("label", { for: "question" }, "Question (Enter asks, Shift+Enter is a new line; an empty one asks the example)"), question,
		el("div", { class: "fields" }, el("div", {}, el("label", { for: "strategy" }, "Strategy"), strategy), el("div", {}, el("label", { for: "n" }, "Candidates"), n), button, stop, anew), help);
	question.addEventListener("keydown", (e) => {
		if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
			e.preventDefault();
			form.requestSubmit();
		}
	});
	root.append(form, log, last);
	await lately(last, signal);
}
