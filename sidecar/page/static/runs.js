// Runs: trainings as they go, and starting, pausing and resuming those that the page began.
import { ago, ask, count, el, every, fixed, percent, score, sure, table } from "./common.js";
import { Plot } from "./plot.js";

const badge = (r) => el("span", { class: "badge " + r.status.split(" ")[0] }, r.status);
const times100 = (v) => (v === null || v === undefined ? null : 100 * v);
const stages = { solve: "the model solves problems", attack: "it corrupts correct steps", judge: "the oracle rolls out", reword: "it rewords correct steps", learn: "both learn" };

// fields are what a run is begun with.
const fields = [
	["rounds", "Rounds", 3], ["per_round", "Problems a round", 10], ["samples", "Solutions of each", 4], ["attacks", "Attacks a round", 50], ["epochs", "Passes of learning", 60], ["seed", "Seed", 1],
];

// beginning is the form that begins a run.
function beginning(problems) {
	const error = el("p", { class: "error", role: "alert" });
	const name = el("input", { id: "run-name", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}", title: "letters, digits, dots and dashes" });
	const file = el("select", { id: "run-problems", required: true }, problems.map((p) => el("option", {}, p)));
	const inputs = fields.map(([id, label, value]) => [id, el("div", {}, el("label", { for: "run-" + id }, label), el("input", { id: "run-" + id, type: "number", value, min: id === "seed" ? null : 1, required: true }))]);
	const form = el("form", {
		onsubmit: async (e) => {
			e.preventDefault();
			error.textContent = "";
			try {
				await ask("run/start", { name: name.value, problems: file.value, ...Object.fromEntries(inputs.map(([id, node]) => [id, Number(node.querySelector("input").value)])) });
				location.hash = "#runs/" + encodeURIComponent(name.value);
			} catch (e) {
				error.textContent = e.message;
			}
		},
	}, el("div", { class: "fields" }, el("div", {}, el("label", { for: "run-name" }, "Name"), name), el("div", {}, el("label", { for: "run-problems" }, "Problems"), file), inputs.map(([, node]) => node), el("button", { class: "main" }, "Start")), error);
	return el("details", {}, el("summary", {}, "Start a training"), problems.length === 0 ?
		el("p", { class: "note" }, "There is no file of problems in the folder of runs. Put one there (*.jsonl), such as ", el("code", {}, "sidecar tasks --n 200 > runs/problems.jsonl"), " writes.") :
		[el("p", { class: "note" }, "It plays the game with the model that is served here, in a process of its own; both share the endpoint."), form]);
}

// list shows all runs.
async function list(root, state, signal) {
	const place = el("div");
	let form = null;
	root.append(place);
	await every(3000, signal, root, async () => {
		const { runs, problems } = await ask("runs", undefined, signal);
		if (!form && state.train) root.append(form = beginning(problems));
		place.replaceChildren(runs.length === 0 ? el("p", { class: "note" }, "No run yet: what `sidecar train --problems` keeps below the folder of runs is shown here.") :
			table("Runs, the last touched first", ["Run", "Status", ["Rounds", "n"], "LLM", "Last sign of life"], runs.map((r) => [
				el("a", { href: "#runs/" + encodeURIComponent(r.name) }, r.name === "." ? "this run" : r.name), badge(r), `${r.rounds}${r.of ? " of " + r.of : ""}`, r.model || "–", ago(r.touched)])));
	});
}

// mix is the chance of each arm in a round, the mean over kinds of step.
function mix(report, arm) {
	const kinds = Object.values(report.policy || {}).map((all) => all.find((p) => p.strategy === arm)?.p).filter((p) => p !== undefined);
	return kinds.length ? times100(kinds.reduce((a, b) => a + b, 0) / kinds.length) : null;
}

function example(e) {
	return el("div", { class: "panel" }, el("p", { class: "note" }, `${e.strategy}${e.held_out ? ", of a problem kept out of training" : ""}`), el("p", { class: "note" }, e.question),
		el("p", {}, "correct: ", el("span", {}, e.before)), el("p", {}, "corrupted: ", el("strong", {}, e.after)),
		el("p", {}, "P(correct) when it was played ", score(e.fooled), ", after the round ", score(e.now), e.now < 0.5 ? " caught" : " not caught yet"));
}

// one shows a run as it goes.
async function one(root, state, signal, name) {
	const head = el("div"), error = el("p", { class: "error", role: "alert" }), facts = el("div"), more = el("div");
	const share = { unit: "%", range: [0, 100], axis: "round", digits: 0 };
	const plots = {
		fooling: new Plot("Fooling: attacks that the PRM takes for correct", share), detect: new Plot("Errors that the PRM finds, on problems kept out", share),
		auc: new Plot("AUC within a problem, on problems kept out", { range: [0, 1], axis: "round" }), ece: new Plot("Calibration error, on problems kept out", { axis: "round", least: 0 }),
		mix: new Plot("What the adversary prefers", { unit: "% of its attacks", axis: "round", digits: 0, least: 0 }), oracle: new Plot("What the oracle says of the attacks", { unit: "% of the usable", range: [0, 100], axis: "round", digits: 0 }),
	};
	const drawn = el("div", { class: "plots" }, Object.values(plots).map((p) => p.node));
	root.append(el("p", {}, el("a", { href: "#runs" }, "All runs")), head, error, facts, drawn, more);
	const act = async (what, why) => {
		error.textContent = "";
		try {
			if (!why || await sure(`${what} ${name}?`, why)) await ask("run/" + what.toLowerCase(), { name });
			await look();
		} catch (e) {
			error.textContent = e.message;
		}
	};
	let seen = "";
	async function look() {
		const r = await ask("run?name=" + encodeURIComponent(name), undefined, signal);
		const p = r.progress, reports = r.reports;
		head.replaceChildren(el("h2", {}, name === "." ? "This run" : name, " ", badge(r)), el("p", {}, `${r.rounds}${r.of ? " of " + r.of : ""} rounds played. Last sign of life ${ago(r.touched)}. ${r.model || ""}`),
			p && r.status !== "finished" ? el("p", {}, `Round ${p.round + 1}: ${stages[p.stage] || p.stage}, ${p.done} of ${p.total} `, el("progress", { max: Math.max(1, p.total), value: p.done, "aria-label": "of this stage" })) : "",
			r.failed ? el("p", { class: "error" }, r.failed) : "",
			el("p", { class: "buttons" },
				r.status === "running" && !state.cannot ? el("button", { onclick: () => act("Pause", "What is finished is kept; it goes on from there.") }, "Pause") : "",
				state.train && ["paused", "failed"].includes(r.status) ? el("button", { class: "main", onclick: () => act("Resume") }, "Resume") : ""));
		const stamp = JSON.stringify(reports.map((x) => [x.round, x.minutes]));
		if (stamp === seen) return;
		seen = stamp;
		drawn.hidden = reports.length === 0;
		if (reports.length === 0) return;
		const x = reports.map((q) => q.round + 1), of = (get) => reports.map((q) => get(q) ?? null);
		const usable = (get) => of((q) => (q.total.usable ? times100(get(q.total) / q.total.usable) : null));
		plots.fooling.set(x, [{ name: "with P(correct) above one half", y: of((q) => times100(q.total.fooled)) }, { name: "mean P(correct)", y: of((q) => times100(q.total.fooling)) }]);
		plots.detect.set(x, [{ name: "the model's own", y: of((q) => times100(q.held_out.detect_natural)) }, { name: "attacks", y: of((q) => times100(q.held_out.detect_synthetic)) }, { name: "false alarms", y: of((q) => times100(q.held_out.false_alarms)) }]);
		plots.auc.set(x, [{ name: "AUC", y: of((q) => q.held_out.auc_within_problem) }]);
		plots.ece.set(x, [{ name: "ECE, ten bins", y: of((q) => q.held_out.ece) }]);
		const arms = reports.at(-1).strategies.map((s) => s.strategy);
		plots.mix.set(x, arms.map((arm) => ({ name: arm, y: of((q) => mix(q, arm)) })));
		plots.oracle.set(x, [{ name: "truly wrong", y: usable((t) => t.wrong) }, { name: "still correct", y: usable((t) => t.still_correct) }, { name: "unknown", y: usable((t) => t.unknown) }]);
		const last = reports.at(-1), held = last.held_out;
		facts.replaceChildren(...last.alarms?.length ? [el("h2", {}, "Alarms of the last round"), el("ul", {}, last.alarms.map((a) => el("li", { class: "alarm" }, a)))] : []);
		const examples = reports.flatMap((q) => (q.examples || []).map((e) => ({ ...e, round: q.round }))).sort((a, b) => (b.now < 0.5) - (a.now < 0.5) || b.held_out - a.held_out || b.fooled - b.now - (a.fooled - a.now));
		more.replaceChildren(
			el("h2", {}, "What fooled the PRM"), examples.length ? el("div", { class: "examples" }, examples.slice(0, 12).map(example)) : el("p", { class: "note" }, "Nothing yet. In the first round there is no PRM to fool."),
			el("h2", {}, "Rounds"), table("Each round; detection, false alarms, AUC and calibration on problems kept out of training", ["Round", ["Attacks", "n"], ["Wrong", "n"], ["Fooled", "n"], ["Own errors found", "n"], ["Attacks found", "n"], ["False alarms", "n"], ["AUC", "n"], ["ECE", "n"], ["Examples", "n"], ["Tokens", "n"], ["Minutes", "n"]],
				reports.map((q) => [String(q.round + 1), count(q.total.asked), count(q.total.wrong), percent(q.total.fooled), percent(q.held_out.detect_natural), percent(q.held_out.detect_synthetic), percent(q.held_out.false_alarms), fixed(q.held_out.auc_within_problem), fixed(q.held_out.ece), count(q.learn.examples), count(q.prompt_tokens + q.completion_tokens), fixed(q.minutes, 1)])),
			el("p", { class: "note" }, `${count(held.steps)} steps were kept out so far, ${count(held.natural)} errors of the model's own and ${count(held.synthetic)} attacks among them.`));
	}
	await every(1500, signal, root, look);
}

// runs is the view.
export async function runs(root, state, signal, name) {
	if (state.runs && state.cannot) root.append(el("p", { class: "note" }, `Trainings are shown, and not started or paused here: ${state.cannot}.`));
	if (!state.runs) root.append(el("p", {}, "This sidecar shows no runs: start it with --runs FOLDER."));
	else if (name) await one(root, state, signal, name);
	else await list(root, state, signal);
}
