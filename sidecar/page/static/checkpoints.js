// Checkpoints: which there are, two compared, one served in place of another, and back.
import { ago, ask, count, el, fixed, percent, signed, sure, table } from "./common.js";

const gateOf = (c) => (c.gate ? `${signed(c.gate.gain)} [${signed(c.gate.low)}, ${signed(c.gate.high)}] points at ${percent(c.gate.tokens)} of the tokens, on ${count(c.gate.problems)} problems` : "none");

// roundOf is the round of the game that it is of, from 1, where it is of one.
const roundOf = (c) => (c.round > 0 || c.held_out ? String(c.round + 1) : "–");

// rows are what two are compared by.
const rows = [
	["Where", (c) => c.where], ["File", (c) => c.file], ["Id", (c) => c.id || c.error], ["Made", (c) => ago(c.created)], ["Round of the game", roundOf], ["LLM", (c) => c.llm || "any"],
	["Reads hidden states", (c) => (c.hidden ? "yes" : "no")], ["AUC of answers within a problem", (c) => fixed(c.auc)], ["Weight in a vote (β)", (c) => fixed(c.beta)],
	["Gate: auto against a plain vote", gateOf], ["auto weighs votes by it", (c) => (c.gate ? (c.gate.weighs ? "yes" : "no") : "–")],
	["Own errors found, held out", (c) => percent(c.held_out?.detect_natural)], ["Attacks found, held out", (c) => percent(c.held_out?.detect_synthetic)], ["False alarms, held out", (c) => percent(c.held_out?.false_alarms)],
	["AUC of steps within a problem, held out", (c) => fixed(c.held_out?.auc_within_problem)], ["Calibration error, held out", (c) => fixed(c.held_out?.ece)],
];

// checkpoints is the view.
export async function checkpoints(root, state, signal) {
	const said = el("p", { role: "status" }), error = el("p", { class: "error", role: "alert" }), place = el("div");
	root.append(said, error, place);

	// served waits until the sidecar has read the file again.
	async function served(id) {
		for (let turn = 0; turn < 60 && !signal.aborted; turn++) {
			const now = await ask("state", undefined, signal);
			if (now.checkpoint === id) {
				document.getElementById("serving").textContent = `${now.upstream} · PRM ${id}`;
				return true;
			}
			await new Promise((done) => setTimeout(done, 500));
		}
		return false;
	}
	async function act(title, why, path, body) {
		error.textContent = "";
		if (!(await sure(title, why))) return;
		try {
			const { id, was } = await ask(path, body);
			said.textContent = `Putting ${id} in place …`;
			said.textContent = (await served(id)) ? `${id} is served now, in place of ${was}.` : `${id} was put in place, but the sidecar still serves ${was}: its log says why.`;
		} catch (e) {
			error.textContent = e.message;
		}
		await look();
	}
	async function look() {
		const [{ checkpoints: all, serving, cannot }, now] = await Promise.all([ask("checkpoints", undefined, signal), ask("state", undefined, signal)]);
		const held = all.find((c) => c.file === "serving")?.id; // which the sidecar may have refused: then what it serves can be put back
		const promote = (c) => (cannot || c.error || c.id === held ? (c.serving ? "served now" : "") :
			el("button", { "aria-label": `Promote ${c.id} of ${c.where}`, onclick: () => act(`Serve ${c.id}?`, `Requests from then on are scored by it in place of ${serving || "none"}, which is kept and can be put back.`, "checkpoints/promote", { file: c.file }) }, "Promote"));
		const back = all.find((c) => c.before && c.id !== held && !c.error);
		const list = all.map((c) => {
			const row = [c.where, promote(c), c.error ? el("span", { class: "error" }, c.error) : el("code", {}, c.id), ago(c.since), roundOf(c), fixed(c.auc), gateOf(c)];
			row.now = c.serving;
			return row;
		});
		const choose = (id, label, at) => {
			const select = el("select", { id, onchange: () => compare() }, all.map((c, i) => el("option", { value: String(i), selected: i === at }, `${c.where}: ${c.id || c.file}`)));
			return [select, el("div", {}, el("label", { for: id }, label), select)];
		};
		const [first, firstField] = choose("first", "First", 0), [second, secondField] = choose("second", "Second", Math.min(1, all.length - 1));
		const compared = el("div");
		const compare = () => {
			const a = all[first.value], b = all[second.value];
			compared.replaceChildren(table("Two checkpoints", ["What", "First", "Second"], rows.map(([name, get]) => [name, get(a), get(b)])));
		};
		place.replaceChildren(
			serving ? el("p", {}, "Served now: ", el("code", {}, serving), ". Its gate: ", now.gate || "none") : el("p", {}, "No PRM is served."),
			cannot ? el("p", { class: "note" }, `None can be promoted here: ${cannot}.`) : el("p", {}, el("button", { disabled: !back, onclick: () => act("Roll back?", `${back.id} is served again, in place of ${serving}.`, "checkpoints/rollback", {}) }, back ? `Roll back to ${back.id}` : "Nothing to roll back to")),
			all.length ? table("Checkpoints: the one that is served, those before it, those of the folder of runs", ["Where", "Serve it", "Id", "Written", ["Round", "n"], ["AUC", "n"], "Gate: auto against a plain vote"], list) : el("p", { class: "note" }, "There is none in the folder of runs."),
			...all.length > 1 ? [el("h2", {}, "Compare"), el("div", { class: "fields" }, firstField, secondField), compared] : []);
		if (all.length > 1) compare();
	}
	await look();
}
