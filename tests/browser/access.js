// What keeps somebody from reading or using this page: a list of faults, in words.
const faults = [];
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const shown = (node) => node.checkVisibility({ visibilityProperty: true });
const named = (node) => `<${node.tagName.toLowerCase()} ${node.name || node.className?.baseVal || node.className || ""}> ${node.textContent.trim().slice(0, 40)}`;

// Names and structure.
if (!document.documentElement.lang) faults.push("no language");
if (!document.title.trim()) faults.push("no title");
for (const [what, selector] of [["main", "main"], ["banner", "body > header"], ["skip link", "a.skip[href='#main']"], ["h1", "h1"]]) {
  const count = all(selector).length;
  if (count !== 1) faults.push(`${count} of ${what}`);
}
const navs = all("nav, section[aria-label], form[role=search]").map((node) => node.tagName + (node.getAttribute("aria-label") ?? ""));
if (new Set(navs).size !== navs.length) faults.push(`landmarks of one name: ${navs}`);
all("h1, h2, h3, h4").reduce((before, heading) => {
  const level = Number(heading.tagName[1]);
  if (level > before + 1) faults.push(`a heading skips a level: ${named(heading)}`);
  return level;
}, 0);
const ids = all("[id]").map((node) => node.getAttribute("id"));
for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice the id ${id}`);
for (const field of all("input:not([type=hidden]), select, textarea").filter(shown)) {
  const label = field.getAttribute("aria-label") || [...field.labels].map((label) => label.innerText).join("");
  if (!label.trim()) faults.push(`a field without a label: ${named(field)}`);
}
for (const link of all("a[href], button, summary").filter(shown)) {
  if (!(link.getAttribute("aria-label") || link.innerText).trim()) faults.push(`nothing to read: ${named(link)}`);
}
for (const picture of all("svg, img")) {
  if (!picture.getAttribute("aria-label") && !picture.closest("[aria-hidden=true]")) faults.push("a picture without words");
}
for (const head of all("th")) {
  if (!head.scope || !head.textContent.trim() && !head.querySelector("[aria-label]")) faults.push(`a head of nothing: ${named(head)}`);
}

// Contrast of every text with what is behind it.
const channels = (color) => {
  const numbers = color.match(/[\d.]+/g).map(Number);
  const [r, g, b] = numbers.slice(0, 3).map((n) => color.startsWith("color(") ? n * 255 : n);
  return [r, g, b, numbers[3] ?? 1];
};
const over = (front, back) => front.slice(0, 3).map((n, i) => n * front[3] + back[i] * (1 - front[3]));
const light = (color) => {
  const [r, g, b] = color.map((n) => n / 255).map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) layers.unshift(channels(getComputedStyle(at).backgroundColor));
  return layers.reduce((back, front) => over(front, back), [255, 255, 255]);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let least = 21;
for (let text = texts.nextNode(); text; text = texts.nextNode()) {
  const node = text.parentElement;
  if (!text.data.trim() || !shown(node) || node.closest("svg, script, .hidden, h1.quiet, .skip")) continue;
  const behind = ground(node);
  const style = getComputedStyle(node);
  const pair = [light(over(channels(style.color), behind)), light(behind)].sort((a, b) => b - a);
  const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
  least = Math.min(least, contrast);
  if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${named(node)}`);
}
return { faults: [...new Set(faults)], least };
