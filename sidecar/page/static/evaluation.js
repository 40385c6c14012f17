// Evaluation: the tables of reports, and accuracy over the number of candidates with its intervals.
import { ago, ask, count, el, gain, interval, percent, seconds, table } from "./common.js";
import { Plot } from "./plot.js";

// family is a method without its number of candidates; null for one that stands alone.
function family(row) {
	if (row.method.startsWith("pass@")) return row.n > 1 && row.method !== "pass@1 (mean of the pool)" || row.method.startsWith("pass@1 (the") ? "any right (the ceiling)" : null;
	const at = row.method.lastIndexOf("-" + row.n);
	return at > 0 ? (row.prm ? row.prm + ": " : "") + row.method.slice(0, at) : null;
}

// curve is accuracy over n of each family that was measured at more than one; null for none.
function curve(set) {
	const families = new Map();
	for (const row of set.rows) {
		const name = family(row);
		if (name) families.set(name, [...(families.get(name) || []), row]);
	}
	const lines = [...families].filter(([, rows]) => rows.length > 1);
	if (lines.length === 0) return null;
	const x = [...new Set(lines.flatMap(([, rows]) => rows.map((r) => r.n)))].sort((a, b) => a - b);
	const of = (rows, get) => x.map((n) => { const row = rows.find((r) => r.n === n); return row ? 100 * get(row.accuracy) : null; });
	return [x, lines.map(([name, rows]) => ({ name, y: of(rows, (a) => a.mean), low: of(rows, (a) => a.low), high: of(rows, (a) => a.high) }))];
}

function setOf(set) {
	const lines = curve(set);
	const nodes = [el("h2", {}, set.name || "Problems")];
	const someUntold = set.rows.some((r) => r.untold > 0), prms = set.rows.some((r) => r.prm), timed = set.rows.some((r) => r.seconds > 0.05);
	nodes.push(table(`${count(set.problems)} problems; correct and the gain over a majority vote of as many, in % and points, with 95 % intervals`,
		[...(prms ? ["PRM"] : []), "Method", ["Correct [95 %]", "n"], ["Against a majority [95 %]", "n"], ...(someUntold ? [["Not told", "n"]] : []), ["Tokens", "n"], ...(timed ? [["Time", "n"]] : [])],
		set.rows.map((r) => [...(prms ? [r.prm || ""] : []), el("span", { class: "method" }, r.method), interval(r.accuracy), r.method.includes("majority-") ? "–" : gain(r.vs_majority), ...(someUntold ? [percent(r.untold, 1)] : []), count(r.tokens), ...(timed ? [seconds(r.seconds)] : [])])));
	if (lines) {
		const plot = new Plot("Correct, by the number of candidates", { unit: "%, with 95 % intervals", axis: "candidates", intervals: true, wide: true, height: 340, digits: 1 });
		nodes.splice(1, 0, plot.node);
		queueMicrotask(() => plot.set(...lines)); // once it has its width
	}
	return nodes;
}

// evaluation is the view.
export async function evaluation(root, state, signal, file) {
	if (!state.runs) {
		root.append(el("p", {}, "This sidecar shows no reports: start it with --runs FOLDER."));
		return;
	}
	const { reports } = await ask("reports", undefined, signal);
	if (reports.length === 0) {
		root.append(el("p", { class: "note" }, "No report yet. Below the folder of runs, what ", el("code", {}, "sidecar eval --json … > runs/dev.json"), " writes and the results.json of experiments are shown here."));
		return;
	}
	const chosen = reports.some((r) => r.file === file) ? file : reports[0].file;
	const select = el("select", { id: "report", onchange: () => { location.hash = "#evaluation/" + encodeURIComponent(select.value); } },
		reports.map((r) => el("option", { value: r.file, selected: r.file === chosen }, `${r.title} (${r.file})`)));
	const r = await ask("report?file=" + encodeURIComponent(chosen), undefined, signal);
	root.append(el("div", { class: "fields" }, el("div", {}, el("label", { for: "report" }, "Report"), select)),
		el("p", {}, [r.model, r.checkpoint ? "PRM " + r.checkpoint : null, "written " + ago(r.touched), r.auc_within_problem?.mean ? `AUC within a problem ${r.auc_within_problem.mean.toFixed(2)} [${r.auc_within_problem.low?.toFixed(2)}, ${r.auc_within_problem.high?.toFixed(2)}]` : null].filter(Boolean).join(" · ")),
		...r.sets.flatMap(setOf));
}
