// Plots by uPlot (uplot.js), each with its figures as a table for those who don't see it.
import { el, table } from "./common.js";

const colour = (i) => getComputedStyle(document.documentElement).getPropertyValue("--c" + (i % 8)).trim();
const dashes = [[], [6, 4], [2, 3]]; // when the colours are used up

const clock = (t) => new Date(1000 * t).toLocaleTimeString("en-GB");

const svgs = "http://www.w3.org/2000/svg";

// keyOf is a series' mark in the list of names.
function keyOf(i) {
	const [svg, line] = ["svg", "line"].map((tag) => document.createElementNS(svgs, tag));
	for (const [name, value] of Object.entries({ width: 22, height: 8, "aria-hidden": "true" })) svg.setAttribute(name, value);
	for (const [name, value] of Object.entries({ x1: 0, x2: 22, y1: 4, y2: 4, stroke: colour(i), "stroke-width": 2.5, "stroke-dasharray": dashes[Math.floor(i / 8) % 3].join(" ") })) line.setAttribute(name, value);
	svg.append(line);
	return svg;
}

// whiskers draws series with their intervals, beside each other rather than over each other.
function whiskers(u, series) {
	const { ctx } = u, scale = devicePixelRatio || 1;
	ctx.save();
	ctx.lineWidth = 1.6 * scale;
	for (const [i, s] of series.entries()) {
		const shift = (i - (series.length - 1) / 2) * 4 * scale;
		const points = s.y.map((v, k) => (v === null ? null : { x: u.valToPos(u.data[0][k], "x", true) + shift, y: u.valToPos(v, "y", true), low: s.low[k], high: s.high[k] })).filter(Boolean);
		ctx.strokeStyle = ctx.fillStyle = colour(i);
		ctx.setLineDash(dashes[Math.floor(i / 8) % 3].map((d) => d * scale));
		ctx.beginPath();
		points.forEach((p, k) => (k ? ctx.lineTo(p.x, p.y) : ctx.moveTo(p.x, p.y)));
		ctx.stroke();
		ctx.setLineDash([]);
		for (const p of points) {
			ctx.beginPath();
			ctx.moveTo(p.x, u.valToPos(p.low, "y", true));
			ctx.lineTo(p.x, u.valToPos(p.high, "y", true));
			ctx.stroke();
			ctx.beginPath();
			ctx.arc(p.x, p.y, 3 * scale, 0, 2 * Math.PI);
			ctx.fill();
		}
	}
	ctx.restore();
}

// Plot is a figure: a title, the series' names with their colours, the plot, and its figures. It is drawn by set, again and again.
export class Plot {
	constructor(title, { unit = "", axis = "", range = null, least = null, height = 200, wide = false, intervals = false, time = false, digits = 2 } = {}) {
		Object.assign(this, { title, unit, axis, range, least, height, intervals, time, digits });
		this.names = el("ul", { class: "keys" });
		this.box = el("div");
		this.figures = el("details", {}, el("summary", {}, "Figures"));
		this.figures.addEventListener("toggle", () => this.tell());
		this.node = el("figure", { class: wide ? "wide" : null, "data-plot": title }, el("figcaption", {}, title + (unit ? `, ${unit}` : "")), this.names, this.box, this.figures);
		this.sized = new ResizeObserver(() => this.u?.setSize({ width: Math.max(200, this.box.clientWidth), height: this.height }));
		this.sized.observe(this.box);
	}

	// set draws series: {name, y, low, high} over x; null where there is none.
	set(x, series) {
		const shape = JSON.stringify(series.map((s) => s.name));
		this.x = x;
		this.series = series;
		if (this.shape !== shape || this.intervals) this.draw();
		else this.u.setData([x, ...series.map((s) => s.y)]);
		this.shape = shape;
		this.tell();
	}

	draw() {
		const style = getComputedStyle(document.documentElement), text = style.getPropertyValue("--soft").trim(), line = style.getPropertyValue("--line").trim();
		this.names.replaceChildren(...this.series.map((s, i) => el("li", {}, keyOf(i), s.name)));
		this.u?.destroy();
		const pad = this.intervals ? 0.6 : 0.2;
		const axes = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
		this.u = new uPlot({
			width: Math.max(200, this.box.clientWidth || 400), height: this.height, legend: { show: false }, cursor: { drag: { x: false, y: false } },
			scales: {
				x: this.time ? { time: true, range: () => [Math.min(this.x[0], this.x.at(-1) - 60), this.x.at(-1)] } : { time: false, range: () => [this.x[0] - pad, this.x.at(-1) + pad] },
				y: { range: this.range || ((u, low, high) => this.reach(low, high)) },
			},
			axes: [
				{ ...axes, size: 28, ...(this.axis ? { label: this.axis, labelSize: 18, labelGap: 0 } : {}),
					...(this.time ? { space: 70, incrs: [5, 15, 30, 60, 300, 900, 3600], values: (u, at) => at.map(clock) } : { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }) },
				{ ...axes, size: 52 },
			],
			series: [{}, ...this.series.map((s, i) => ({ label: s.name, stroke: colour(i), width: 2, dash: dashes[Math.floor(i / 8) % 3], spanGaps: true, points: { show: !this.time, size: 6 }, ...(this.intervals ? { paths: () => null, points: { show: false } } : {}) }))],
			hooks: this.intervals ? { draw: [(u) => whiskers(u, this.series)] } : {},
		}, [this.x, ...this.series.map((s) => s.y)], this.box);
		for (const canvas of this.box.querySelectorAll("canvas")) canvas.setAttribute("aria-hidden", "true"); // the figures are beside it
	}

	// reach is what the y axis covers: the figures with their intervals, and a little more; from least on, if that is set.
	reach(low, high) {
		if (low === null) return [0, 1];
		const ends = this.intervals ? this.series.flatMap((s) => [...s.low, ...s.high]).filter((v) => v !== null) : [];
		const from = Math.min(low, ...ends), to = Math.max(high, ...ends), more = (to - from) * 0.08 || Math.abs(to) * 0.08 || 1;
		return [this.least ?? from - more, to + more];
	}

	// tell writes the figures down, where somebody looks.
	tell() {
		if (!this.figures.open || !this.series) return;
		const show = (v) => (v === null || v === undefined ? "–" : v.toFixed(this.digits));
		const at = (v) => (this.time ? clock(v) : String(v));
		this.figures.replaceChildren(this.figures.firstChild, table(this.title, [this.axis || "at", ...this.series.map((s) => [s.name, "n"])],
			this.x.map((v, k) => [at(v), ...this.series.map((s) => show(s.y[k]) + (this.intervals && s.y[k] !== null ? ` [${show(s.low[k])}, ${show(s.high[k])}]` : ""))])));
	}
}
