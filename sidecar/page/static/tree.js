// A search as a tree: its candidates, each below the one that it continues, with scores, and why it was kept or dropped.
import { el, score } from "./common.js";

const excerpt = (text, most = 150) => {
	const line = text.replace(/\s+/g, " ").trim();
	return line.length > most ? line.slice(0, most - 1) + "…" : line;
};

// fateOf says what became of a candidate, in a class and in words.
function fateOf(c) {
	if (c.chosen) return ["chosen", "chosen" + (c.kept ? ": " + c.kept : "")];
	if (c.dropped) return ["dropped", "dropped: " + c.dropped];
	if (c.kept) return ["kept", "kept: " + c.kept];
	return ["open", "not decided yet"];
}

function label(c) {
	const [, fate] = fateOf(c);
	const what = c.answer && !c.parent && !c.at ? `answer ${excerpt(c.answer, 60)}` : excerpt(c.text || "");
	return [el("span", {}, `#${c.id} `), score(c.score, "P(correct), over its steps"), " ", el("span", { class: "what" }, what || "(no text)"), " ",
		el("span", { class: "fate" }, `– ${fate}${c.kind === "program" ? ", a program" : ""}, ${c.tokens} tokens`)];
}

// Tree is a list of nested lists that grows while a search runs. What a person has opened stays open.
export class Tree {
	constructor() {
		this.node = el("ul", { class: "tree" });
		this.all = new Map();
		this.items = new Map();
	}

	// take takes news of candidates.
	take(candidates) {
		for (const c of candidates) {
			this.all.set(c.id, c);
			let item = this.items.get(c.id);
			if (!item) {
				item = { node: el("li"), summary: el("summary"), text: el("pre"), below: null };
				item.node.append(el("details", {}, item.summary, item.text));
				this.items.set(c.id, item);
				this.place(c, item);
			}
			item.node.className = fateOf(c)[0];
			item.summary.replaceChildren(...label(c));
			item.text.textContent = c.text || "(no text)";
		}
	}

	// place puts a new one below the one that it continues.
	place(c, item) {
		const above = this.items.get(c.parent);
		if (!above) {
			this.node.append(item.node);
			return;
		}
		above.below ||= above.node.appendChild(el("ul"));
		above.below.append(item.node);
	}

	// words sum it up.
	words() {
		const all = [...this.all.values()], dropped = all.filter((c) => c.dropped).length;
		return `${all.length} ${all.length === 1 ? "candidate" : "candidates"}, ${dropped} dropped`;
	}
}
