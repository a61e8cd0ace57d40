// SPDX-License-Identifier: GPL-2.0
// What is wrong with the page as it is laid out in arguments[0] pixels; a line each. Run by report.py.
const wrong = [];
document.querySelectorAll('details').forEach(folded => { folded.open = true; });
const root = document.scrollingElement;
// Not innerWidth: a phone zooms out until what is too wide fits.
if (root.scrollWidth > arguments[0])
	wrong.push(`scrolls sideways: ${root.scrollWidth} > ${arguments[0]}`);
for (const link of document.querySelectorAll('a[href]')) {
	const href = link.getAttribute('href');
	if (!href.startsWith('#') || !document.getElementById(href.slice(1)))
		wrong.push(`leads nowhere: ${href}`);
}
const figures = document.querySelectorAll('figure');
if (!figures.length)
	wrong.push('no plots');
for (const figure of figures) {
	const svg = figure.querySelector('svg');
	const box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0};
	if (box.width < 100 || box.height < 30) {
		wrong.push(`${figure.id}: ${box.width} x ${box.height}`);
		continue;
	}
	const labels = [...svg.querySelectorAll('text')].map(text => {
		const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
		const skewed = text.getScreenCTM().b !== 0;
		return {words: text.textContent, box: text.getBoundingClientRect(), size: skewed ? null : size};
	});
	for (const {words, box: own, size} of labels) {
		if (size !== null && size < 9.5)
			wrong.push(`${figure.id}: '${words}' is ${size.toFixed(1)} px high`);
		if (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1)
			wrong.push(`${figure.id}: '${words}' is cut off`);
	}
	labels.forEach((one, index) => labels.slice(index + 1).forEach(other => {
		// A line's box is higher than its letters.
		const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
		const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
		if (across > 1 && down > 4)
			wrong.push(`${figure.id}: '${one.words}' lies over '${other.words}'`);
	}));
}
return wrong;
