/** Text as data: pieces of a tweet to tint, and the plain Markdown of guidelines. */

const TINTED = /(https?:\/\/[^\s]+)|([@＠][\p{L}\p{N}_]+)|([#＃][\p{L}\p{N}_]+)/gu;

/** Cut a tweet into {text, kind}, kind being plain, link, mention or hashtag; nothing is lost. */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(TINTED)) {
    if (/[\p{L}\p{N}_]/u.test(text.slice(0, match.index).slice(-1)) && !match[1]) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), kind: "plain" });
    const kind = match[1] ? "link" : match[2] ? "mention" : "hashtag";
    found.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), kind: "plain" });
  return found;
}

/** Fill `element` with a tweet: text nodes and spans, never markup. */
export function fillTweet(element, text) {
  element.replaceChildren(...tinted(text));
}

function tinted(text) {
  return pieces(text).map((piece) => {
    if (piece.kind === "plain") return document.createTextNode(piece.text);
    const span = document.createElement("span");
    span.className = piece.kind;
    span.textContent = piece.text;
    return span;
  });
}

/**
 * Cut a text along weighted words, [start, end, weight] in reading order: {text, weight}, the
 * weight from -1 to 1 in shares of the heaviest one, null between words; nothing is lost.
 */
export function weighted(text, words) {
  const heaviest = Math.max(0.01, ...words.map((word) => Math.abs(word[2])));
  const found = [];
  let end = 0;
  for (const [start, stop, weight] of words) {
    if (start < end || stop > text.length) continue;
    if (start > end) found.push({ text: text.slice(end, start), weight: null });
    found.push({ text: text.slice(start, stop), weight: weight / heaviest });
    end = stop;
  }
  if (end < text.length) found.push({ text: text.slice(end), weight: null });
  return found;
}

/** Fill `element` with a tweet whose words are tinted by what they weigh. */
export function fillExplained(element, text, words) {
  const nodes = weighted(text, words).flatMap((part) => {
    if (part.weight === null || Math.abs(part.weight) < 0.08) return tinted(part.text);
    const word = document.createElement("span");
    word.className = part.weight > 0 ? "for" : "against";
    word.style.setProperty("--weight", `${Math.round(Math.abs(part.weight) * 100)}%`);
    word.append(...tinted(part.text));
    return [word];
  });
  element.replaceChildren(...nodes);
}

const RULE = /^\s*\|?(\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*$/;

/**
 * Blocks of guidelines: {tag: h3|p|li, text} and {tag: tr, cells, head}. Headings, lists, tables
 * and paragraphs are enough here.
 */
export function blocks(markdown) {
  const found = [];
  let open = false;
  for (const line of markdown.split(/\r?\n/)) {
    const cells = cellsOf(line);
    if (cells) {
      const last = found[found.length - 1];
      if (RULE.test(line) && last?.tag === "tr") last.head = true;
      else found.push({ tag: "tr", cells, head: false });
      open = false;
      continue;
    }
    const heading = /^#{1,6}\s+(.*)$/.exec(line);
    const listed = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line);
    if (heading) found.push({ tag: "h3", text: heading[1] });
    else if (listed) found.push({ tag: "li", text: listed[1] });
    else if (line.trim() && open) found[found.length - 1].text += ` ${line.trim()}`;
    else if (line.trim()) found.push({ tag: "p", text: line.trim() });
    open = Boolean(line.trim()) && !heading;
  }
  return found;
}

/** The cells of a table's line, which begins and ends with a bar; null for any other line. */
function cellsOf(line) {
  const inner = /^\s*\|(.*)\|\s*$/.exec(line);
  return inner ? inner[1].split("|").map((cell) => cell.trim()) : null;
}

/** Cut a line of Markdown into {text, tag}: strong, em, code or null. */
export function spans(text) {
  const found = [];
  const marks = /\*\*(.+?)\*\*|\*(.+?)\*|_(.+?)_(?![\p{L}\p{N}])|`(.+?)`/gu;
  let end = 0;
  for (const match of text.matchAll(marks)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index), tag: null });
    const tag = match[1] ? "strong" : match[4] ? "code" : "em";
    found.push({ text: match[1] ?? match[2] ?? match[3] ?? match[4], tag });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), tag: null });
  return found;
}

/** Fill `element` with guidelines written in Markdown. */
export function fillGuidelines(element, markdown) {
  const around = { li: "ul", tr: "table" };
  let outer = null;
  element.replaceChildren();
  for (const block of blocks(markdown)) {
    const wanted = around[block.tag];
    if (!wanted) outer = null;
    else if (outer?.localName !== wanted) {
      outer = element.appendChild(document.createElement(wanted));
    }
    (outer ?? element).append(block.cells ? rowOf(block) : filled(block.tag, block.text));
  }
}

function rowOf({ cells, head }) {
  const row = document.createElement("tr");
  row.append(...cells.map((cell) => filled(head ? "th" : "td", cell)));
  return row;
}

function filled(tag, text) {
  const made = document.createElement(tag);
  for (const span of spans(text)) {
    const part = span.tag ? document.createElement(span.tag) : document.createTextNode(span.text);
    if (span.tag) part.textContent = span.text;
    made.append(part);
  }
  return made;
}

/** A share as people read it: whole per cent, "<1" where it is not nothing. */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  return `${Math.round(share * 100)} %`;
}
