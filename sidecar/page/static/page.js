// The frame: which view is shown, and what is served.
import { ask, el } from "./common.js";
import { chat } from "./chat.js";
import { runs } from "./runs.js";
import { evaluation } from "./evaluation.js";
import { checkpoints } from "./checkpoints.js";
import { health } from "./health.js";

const views = { chat: ["Chat", chat], runs: ["Runs", runs], evaluation: ["Evaluation", evaluation], checkpoints: ["Checkpoints", checkpoints], health: ["Health", health] };
const main = document.getElementById("main");
let leave = new AbortController();

// show shows the view that the address names: #VIEW or #VIEW/WHAT.
async function show() {
	const [name, what] = location.hash.slice(1).split(/\/(.*)/s);
	const [title, view] = views[name] || views.chat;
	leave.abort();
	leave = new AbortController();
	const { signal } = leave;
	for (const link of document.querySelectorAll("nav a")) {
		if (link.textContent === title) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
	document.title = `${title} – sidecar`;
	const root = el("div");
	main.replaceChildren(el("h1", {}, title), root);
	try {
		const state = await ask("state", undefined, signal);
		document.getElementById("serving").textContent = [state.upstream, state.checkpoint ? "PRM " + state.checkpoint : "no PRM"].join(" · ");
		await view(root, state, signal, decodeURIComponent(what || ""));
	} catch (e) {
		if (!signal.aborted) root.replaceChildren(el("p", { class: "error", role: "alert" }, e.message), el("p", {}, el("button", { onclick: show }, "Try again")));
	}
}

document.querySelector(".skip").addEventListener("click", (e) => {
	e.preventDefault();
	main.focus();
});
addEventListener("hashchange", show);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!location.hash.startsWith("#chat") && location.hash) show(); }); // plots are drawn anew
show();
