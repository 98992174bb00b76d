// What is wrong with the page as it is now, as a list of sentences. It is the body of a function.
const problems = [];
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const tell = (element, text) => problems.push(`${text}: ${element.outerHTML.slice(0, 160)}`);

// colours: what stands behind an element is what its ancestors paint, one over the other
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
function ground(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((under, top) => over(top, under), rgba(matchMedia('(prefers-color-scheme: dark)').matches ? '#121212' : '#fff'));
}
function luminance(colour) {
  const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [more, less] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (more + 0.05) / (less + 0.05);
}
const closed = all('details:not([open])');
closed.forEach((details) => (details.open = true));
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('script, style, noscript')) continue;
  texts += 1;
  const plain = ground(element);
  const shadow = rgba(getComputedStyle(element).getPropertyValue('--shadow'));
  for (const behind of element.closest('.wide') ? [plain, over(shadow, plain)] : [plain]) {
    const ratio = contrast(over(rgba(getComputedStyle(element).color), behind), behind);
    if (ratio < 4.5) tell(element, `contrast ${ratio.toFixed(2)}`);
  }
}
if (texts < 100) problems.push(`only ${texts} texts`);
for (const shape of all('.spark .line, .strip rect, .timeline rect, .bar .fill')) {
  const style = getComputedStyle(shape);
  const behind = ground(shape.closest('svg').parentElement);
  const ratio = contrast(rgba(style.fill === 'none' || shape.matches('.line') ? style.stroke : style.fill), behind);
  if (ratio < 3) tell(shape, `contrast of a drawing ${ratio.toFixed(2)}`);
}

// width, also with everything opened
const { scrollWidth, clientWidth } = document.documentElement;
if (scrollWidth > clientWidth) {
  problems.push(`scrolls sideways: ${scrollWidth} > ${clientWidth}`);
  for (const element of all('body *')) {
    if (element.getBoundingClientRect().right > clientWidth + 1 && !element.closest('.wide, .hidden')) tell(element, 'too wide');
  }
}
closed.forEach((details) => (details.open = false));

// structure
if (document.documentElement.lang !== 'en') problems.push('no language');
for (const [selector, number] of [['h1', 1], ['main', 1], ['body > header', 1], ['body > footer', 1]]) {
  if (all(selector).length !== number) problems.push(`${all(selector).length} of ${selector}`);
}
let level = 0;
for (const heading of all('h1, h2, h3, h4')) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) tell(heading, `follows h${level}`);
  level = next;
}
for (const table of all('table')) {
  if (!table.caption?.textContent.trim()) tell(table, 'no caption');
  if (!table.querySelector('thead th[scope=col]') || all('thead th:not([scope=col])', table).length) tell(table, 'columns without a head');
  for (const row of all('tbody tr', table)) if (!row.querySelector('th[scope=row]')) tell(row, 'no row head');
}
for (const svg of all('svg')) {
  const named = svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label');
  if (!named && svg.getAttribute('aria-hidden') !== 'true') tell(svg, 'drawing without a name');
}
const ids = all('[id]').map((element) => element.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) problems.push(`id ${id} twice`);
for (const link of all('a[href^="#"]')) if (!document.getElementById(link.hash.slice(1))) tell(link, 'leads nowhere');
for (const details of all('details')) if (!details.id) tell(details, 'cannot be kept open');
for (const at of all('time')) if (Number.isNaN(Date.parse(at.dateTime))) tell(at, 'no time');
for (const box of all('.wide')) {
  if (!box.id || box.tabIndex !== 0 || !box.getAttribute('aria-label')) tell(box, 'cannot be scrolled by keyboard');
}

// colour is never alone
for (const state of all('.state, .findings li')) if (!/healthy|degraded|failed|succeeded/.test(state.textContent)) tell(state, 'state without a word');

// nothing from elsewhere, nothing that moves
for (const entry of performance.getEntriesByType('resource')) {
  if (new URL(entry.name).origin !== location.origin && !entry.name.startsWith('data:')) problems.push(`loads ${entry.name}`);
}
if (document.getAnimations().length) problems.push('something moves');
return problems;
