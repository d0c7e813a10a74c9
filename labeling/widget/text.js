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
  const nodes = pieces(text).map((piece) => {
    if (piece.kind === "plain") return document.createTextNode(piece.text);
    const span = document.createElement("span");
    span.className = piece.kind;
    span.textContent = piece.text;
    return span;
  });
  element.replaceChildren(...nodes);
}

/** Blocks of guidelines: {tag: h3|p|li, text}. Headings, lists and paragraphs are enough here. */
export function blocks(markdown) {
  const found = [];
  let open = false;
  for (const line of markdown.split(/\r?\n/)) {
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
  let list = null;
  element.replaceChildren();
  for (const block of blocks(markdown)) {
    const made = document.createElement(block.tag);
    for (const span of spans(block.text)) {
      const part = span.tag ? document.createElement(span.tag) : document.createTextNode(span.text);
      if (span.tag) part.textContent = span.text;
      made.append(part);
    }
    if (block.tag === "li") {
      list ??= element.appendChild(document.createElement("ul"));
      list.append(made);
    } else {
      list = null;
      element.append(made);
    }
  }
}

/** A share as people read it: whole per cent, "<1" where it is not nothing. */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  return `${Math.round(share * 100)} %`;
}
