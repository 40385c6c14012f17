// What all views use: making elements, asking the sidecar, putting figures into words. Whatever comes from a model goes into the page as text only.

// el makes an element: attributes, listeners (on…), and children, which are nodes or texts; null ones are left out.
export function el(tag, attributes, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
		else if (value === true) node.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
	}
	node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
	return node;
}

const keyName = "sidecar-key";

// headers are those of every request: the key, if there is one.
export function headers(more) {
	const key = sessionStorage.getItem(keyName);
	return { ...(key ? { Authorization: "Bearer " + key } : {}), ...more };
}

let asking = null; // for a key, by whoever came first

// wantKey asks for a key; true when there is another one now.
function wantKey(why) {
	asking ||= new Promise((resolve) => {
		const dialog = document.getElementById("key"), input = document.getElementById("key-input");
		document.getElementById("key-why").textContent = why;
		input.value = "";
		let given = false;
		document.getElementById("key-cancel").onclick = () => dialog.close();
		dialog.querySelector("form").onsubmit = () => {
			sessionStorage.setItem(keyName, input.value.trim());
			given = true;
		};
		dialog.onclose = () => {
			asking = null;
			resolve(given);
		};
		dialog.showModal();
	});
	return asking;
}

// send makes a request; a missing or refused key is asked for. An answer that is no success is an Error in the sidecar's own words.
export async function send(path, options = {}) {
	for (;;) {
		const sent = headers().Authorization;
		const answer = await fetch(path, { cache: "no-store", ...options, headers: headers(options.headers) });
		if (answer.ok) return answer;
		const text = await answer.text();
		let error = { message: text.slice(0, 500) || answer.statusText };
		try {
			const said = JSON.parse(text).error;
			error = typeof said === "string" ? { message: said } : said || error;
		} catch { /* no JSON: as it is */ }
		const locked = answer.status === 401 || error.code === "scope_missing";
		if (locked && (headers().Authorization !== sent || await wantKey(error.message))) continue;
		throw Object.assign(new Error(error.message), { status: answer.status });
	}
}

// ask is what the board answers, as JSON; with a body it is a POST.
export async function ask(path, body, signal) {
	const options = body === undefined ? { signal } : { signal, method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
	return (await send("sidecar/api/" + path, options)).json();
}

// every calls work at once and then again and again, that long after it has ended, until the signal. Its first error is shown in root.
export async function every(ms, signal, root, work) {
	const error = el("p", { class: "error", role: "alert" });
	while (!signal.aborted) {
		try {
			await work();
			error.remove();
		} catch (e) {
			if (signal.aborted) return;
			error.textContent = e.message;
			if (!error.isConnected) root.prepend(error);
		}
		await new Promise((done) => {
			const timer = setTimeout(done, ms);
			signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
		});
	}
}

// sure asks for a confirmation.
export function sure(title, what) {
	const dialog = document.getElementById("sure");
	document.getElementById("sure-title").textContent = title;
	document.getElementById("sure-what").textContent = what;
	dialog.returnValue = "no";
	dialog.showModal();
	return new Promise((resolve) => { dialog.onclose = () => resolve(dialog.returnValue === "yes"); });
}

// table makes one; head are texts, or [text, "n"] for a column of numbers; cells are texts or nodes.
export function table(caption, head, rows) {
	const number = head.map((h) => Array.isArray(h));
	return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
		el("table", {}, el("caption", {}, caption),
			el("thead", {}, el("tr", {}, head.map((h, i) => el("th", { scope: "col", class: number[i] ? "n" : null }, number[i] ? h[0] : h)))),
			el("tbody", {}, rows.map((row) => el("tr", { class: row.now ? "now" : null }, row.map((cell, i) => el("td", { class: number[i] ? "n" : null }, cell ?? "–")))))));
}

const none = (v) => v === null || v === undefined || Number.isNaN(v);
export const fixed = (v, digits = 2) => (none(v) ? "–" : v.toFixed(digits));
export const percent = (v, digits = 0) => (none(v) ? "–" : (100 * v).toFixed(digits) + " %");
export const count = (v) => (none(v) ? "–" : Math.round(v).toLocaleString("en"));
export const seconds = (v) => (none(v) ? "–" : v < 0.1 ? (1000 * v).toFixed(1) + " ms" : v < 10 ? v.toFixed(2) + " s" : v.toFixed(0) + " s");
export const signed = (v, digits = 1) => (none(v) ? "–" : (v < 0 ? "−" : "+") + Math.abs(100 * v).toFixed(digits));
// interval is a share with its interval, in percent; gain a difference in points.
export const interval = (i) => (!i || none(i.mean) ? "–" : `${(100 * i.mean).toFixed(1)} [${(100 * i.low).toFixed(1)}, ${(100 * i.high).toFixed(1)}]`);
export const gain = (i) => (!i || none(i.mean) ? "–" : `${signed(i.mean)} [${signed(i.low)}, ${signed(i.high)}]`);

// ago says how long ago a time was.
export function ago(text) {
	const t = Date.parse(text);
	if (!(t > 0)) return "–";
	const s = Math.max(0, (Date.now() - t) / 1000);
	if (s < 90) return `${Math.round(s)} s ago`;
	if (s < 5400) return `${Math.round(s / 60)} min ago`;
	return new Date(t).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

// shade is the class of a score in [0,1], "s-" for none.
export const shade = (score) => (none(score) ? "s-" : "s" + Math.min(4, Math.floor(5 * score)));

// score is a score as a coloured figure, and in words for those who don't see it.
export const score = (v, what = "score") => el("span", { class: "score " + shade(v), title: what }, none(v) ? "no score" : v.toFixed(2));

// colours is a line that says what the colours mean.
export const colours = () => el("p", { class: "key" }, "P(correct):", [0, 0.2, 0.4, 0.6, 0.8].map((from) => el("span", { class: "score " + shade(from) }, `${from.toFixed(1)}–${(from + 0.2).toFixed(1)}`)));
