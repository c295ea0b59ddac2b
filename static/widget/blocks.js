// @ts-check
/**
 * The blocks of a Markdown text: a line's start decides where the line belongs, then its text streams there.
 *
 * CommonMark with GitHub's tables, but for what could change what stands, or is seldom meant in a chat: a line's
 * end is one; headings are `#` lines; code is fenced; two columns are enough to go on with a list's item.
 */

import { addText, Inline } from "./inline.js";
import { pattern } from "./input.js";

/**
 * A quote, or an item of a list. `key`: what marks its items; `indent`: the columns that go on with it.
 * @typedef {{ element: Element, list: Element | null, key: string, indent: number }} Container
 * @typedef {{ kind: "text" | "heading" }} Text
 * @typedef {{ kind: "code", element: Element, line: RegExp, last: RegExp, indent: RegExp, empty: boolean }} Code
 * @typedef {{ kind: "table", element: Element, group: Element | null, row: Element, aligns: string[], cells: number, inHead: boolean, inCell: boolean }} Table
 */

/** Quotes and lists within one another, beyond which their marks are text. */
const DEEPEST = 8;

const INDENT = /^[ \t]+/;
const QUOTE = pattern(">", "(?=[^])", " ?");
const HEADING = pattern("(#{1,6})", "(?:[ \\t]|(?=\\n))");
const TICKS = fence("`");
const TILDES = fence("~");
const RULE = pattern("([-*_])", "[ \\t]{0,9}", "\\1", "[ \\t]{0,9}", "\\1", "(?:[ \\t]|\\1){0,99}", "\\n");
const BULLET = pattern("([-*+])", "(?:[ \\t]|(?=\\n))");
const NUMBER = pattern("(\\d{1,9})", "([.)])", "(?:[ \\t]|(?=\\n))");
const TABLE = pattern("\\|[^\\n]{0,999}", "\\n", "[ \\t>]{0,99}", "([-: \\t|]{1,999})", "(?=\\n)");
const RULED = /^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const TABLE_RULE = pattern("\\n", "[^\\n]*", "(?=\\n)");
const GAP = pattern("[ \\t]{0,99}", "(?=[^])");

export class Blocks {
  #root;
  #input;
  #base;
  #tools;
  /** @type {Container[]} */
  #containers = [];
  /** @type {Text | Code | Table | null} */
  #leaf = null;
  /** @type {Inline | null} */
  #inline = null;
  /** @type {Element} */
  #box;
  /** Whether a line's start has been read. */
  inLine = false;
  // Of a line's start: the containers that it goes on with, the columns since the last of them, and in all.
  #depth = 0;
  #indent = 0;
  #column = 0;

  /**
   * @param {Element} root
   * @param {import("./input.js").Input} input
   * @param {string} base
   * @param {(head: HTMLElement, code: HTMLElement) => void} tools
   */
  constructor(root, input, base, tools) {
    this.#root = this.#box = root;
    this.#input = input;
    this.#base = base;
    this.#tools = tools;
  }

  /** The element that the text has come to. */
  get end() {
    return this.#inline?.end ?? this.#box;
  }

  /** Read on; whether something could be read. */
  step() {
    const leaf = this.#leaf;
    this.#input.open = false;
    if (!this.#input.rest) return false;
    if (leaf?.kind === "code") return this.inLine ? this.#inCode(leaf) : this.#codeLine(leaf);
    if (!this.inLine) return this.#lineStart();
    return leaf?.kind === "table" ? this.#inRow(leaf) : this.#inText();
  }

  /** End what is being written. */
  close() {
    this.#inline?.close();
    this.#leaf = null;
  }

  #lineStart() {
    const input = this.#input;
    const space = INDENT.exec(input.rest)?.[0];
    if (space) {
      input.skip(space.length);
      this.#move(space.replaceAll("\t", "    ").length);
      return true;
    }
    const container = this.#containers[this.#depth];
    if (container && this.#goesOn(container)) this.#depth++;
    else return !input.open && this.#block();
    return true;
  }

  /** @param {Container} container */
  #goesOn({ list, indent }) {
    if (!list) return this.#quoted();
    if (this.#indent < indent) return false;
    this.#indent -= indent;
    return true;
  }

  #quoted() {
    if (!this.#input.read(QUOTE)) return false;
    this.#indent = this.#column = 0;
    return true;
  }

  /** @param {number} columns */
  #move(columns) {
    this.#indent += columns;
    this.#column += columns;
  }

  #newLine() {
    this.inLine = false;
    this.#depth = this.#indent = this.#column = 0;
  }

  #block() {
    const input = this.#input;
    const { leaf, nests } = { leaf: this.#leaf, nests: this.#depth < DEEPEST };
    let found;
    if (input.rest[0] === "\n") this.#blank();
    else if (leaf?.kind === "table" && input.rest[0] === "|" && this.#depth === this.#containers.length) this.#openRow(leaf);
    else if ((found = input.read(HEADING))) this.#openHeading(found[1].length);
    else if ((found = input.read(TICKS) ?? input.read(TILDES))) this.#openCode(found);
    else if (input.read(RULE)) this.#rule();
    else if (nests && this.#quoted()) this.#openQuote();
    else if (nests && (found = input.read(BULLET))) this.#openItem(found[0], "ul", found[1]);
    else if (nests && (found = input.match(NUMBER)) && this.#counts(found)) this.#openItem(input.skip(found[0].length), "ol", found[2], +found[1]);
    else if ((found = input.match(TABLE)) && RULED.test(found[1])) this.#openTable(found[1]);
    else if (input.open) return false;
    else this.#openText();
    return true;
  }

  #blank() {
    this.close();
    const quote = this.#containers.findIndex(({ list }, i) => !list && i >= this.#depth);
    if (quote >= 0) this.#containers.length = quote;
    this.#input.skip(1);
    this.#newLine();
  }

  #openText() {
    if (this.#leaf?.kind === "text") this.#inline?.break();
    else {
      this.#leave();
      const { element, list } = this.#containers.at(-1) ?? {};
      const block = list && !element?.lastChild ? element : this.#add("p", { dir: "auto" });
      this.#write("text", /** @type {Element} */ (block));
    }
    this.inLine = true;
  }

  /** @param {number} level the page has its own first two */
  #openHeading(level) {
    this.#leave();
    this.#write("heading", this.#add(`h${Math.min(level + 2, 6)}`, { dir: "auto" }));
    this.inLine = true;
  }

  #rule() {
    this.#leave();
    this.#add("hr");
    this.#newLine();
  }

  #openQuote() {
    this.#leave();
    this.#enter({ element: this.#add("blockquote"), list: null, key: "", indent: 0 });
  }

  /** A list interrupts a paragraph only as its first item, so that a number which begins a line stays one. @param {RegExpExecArray} found */
  #counts([, start, key]) {
    return this.#leaf?.kind !== "text" || +start === 1 || this.#containers[this.#depth]?.key === key;
  }

  /**
   * @param {string} read
   * @param {string} tag
   * @param {string} key
   * @param {number} start
   */
  #openItem(read, tag, key, start = 1) {
    const sibling = this.#containers[this.#depth];
    this.#leave();
    const list = sibling?.key === key && sibling.list ? sibling.list : this.#add(tag, { dir: "auto", ...(start !== 1 && { start }) });
    const indent = this.#indent + 2;
    this.#enter({ element: this.#add("li", {}, list), list, key, indent });
    this.#indent = 0;
    this.#column += read.length;
  }

  /** @param {RegExpExecArray} fence */
  #openCode([fence, more, info]) {
    this.#leave();
    const language = /^[\w+#.-]{1,30}/.exec(info.trim())?.[0] ?? "";
    this.#box = this.#add("div", { class: "code" });
    const head = this.#add("div", { class: "head" }, this.#box);
    this.#add("span", { class: "language" }, head).append(language);
    const pre = this.#add("pre", { dir: "ltr", tabindex: 0 }, this.#box);
    const code = this.#add("code", language ? { class: `language-${language.toLowerCase()}` } : {}, pre);
    const quotes = this.#containers.flatMap(({ list }) => (list ? [] : [" {0,3}", ">", "(?=[^])", " ?"]));
    this.#leaf = {
      kind: "code",
      element: code,
      line: pattern("", ...quotes),
      last: pattern("", ...quotes, "[ \\t]{0,20}", fence[0], fence[0], ...more, `${fence[0]}{0,99}`, "[ \\t]{0,20}", "\\n"),
      indent: new RegExp(`^[ \\t]{0,${Math.min(this.#column, 20)}}`),
      empty: true,
    };
    this.#inline = null;
    this.#newLine();
    this.#tools(head, code);
  }

  /** @param {Code} leaf */
  #codeLine(leaf) {
    const input = this.#input;
    const ends = input.read(leaf.last);
    const line = ends ?? input.read(leaf.line);
    if (input.open) return false;
    if (ends) this.#newLine();
    if (ends || !line) this.close();
    else {
      input.skip(leaf.indent.exec(input.rest)?.[0].length ?? 0);
      if (!leaf.empty) addText(leaf.element, "\n");
      leaf.empty = false;
      this.inLine = true;
    }
    return true;
  }

  /** @param {Code} leaf */
  #inCode({ element }) {
    const line = /^[^\n]+/.exec(this.#input.rest)?.[0];
    if (line) addText(element, this.#input.skip(line.length));
    else this.#endLine();
    return true;
  }

  #inText() {
    if (this.#input.rest[0] !== "\n") return /** @type {Inline} */ (this.#inline).step();
    if (this.#leaf?.kind === "heading") this.close();
    this.#endLine();
    return true;
  }

  #endLine() {
    this.#input.skip(1);
    this.#newLine();
  }

  /** @param {string} rule the line between the head and the body */
  #openTable(rule) {
    this.#leave();
    const element = this.#add("table", { dir: "auto" }, this.#add("div", { class: "table", tabindex: 0 }));
    const aligns = rule.trim().replace(/^\||\|$/g, "").split("|").map(alignment);
    const leaf = { kind: /** @type {const} */ ("table"), element, group: null, row: element, aligns, cells: 0, inHead: true, inCell: false };
    this.#leaf = leaf;
    this.#openRow(leaf);
  }

  /** @param {Table} leaf */
  #openRow(leaf) {
    leaf.group ??= this.#add(leaf.inHead ? "thead" : "tbody", {}, leaf.element);
    leaf.row = this.#add("tr", {}, leaf.group);
    leaf.cells = 0;
    this.#input.skip(1);
    this.inLine = true;
  }

  /** @param {Table} leaf */
  #inRow(leaf) {
    const input = this.#input;
    const ends = /^[|\n]/.test(input.rest);
    if (leaf.inCell && !ends) return /** @type {Inline} */ (this.#inline).step();
    if (leaf.inCell) {
      this.#inline?.close();
      leaf.inCell = false;
      if (input.rest[0] === "|") input.skip(1);
    } else if (!input.read(GAP)) return false;
    else if (input.rest[0] === "\n") this.#endRow(leaf);
    else this.#openCell(leaf);
    return true;
  }

  /** @param {Table} leaf */
  #openCell(leaf) {
    const align = leaf.aligns[leaf.cells++];
    const cell = this.#add(leaf.inHead ? "th" : "td", {}, leaf.row);
    if (align) cell.className = align;
    this.#inline = new Inline(cell, this.#input, this.#base, "cell");
    leaf.inCell = true;
  }

  /** @param {Table} leaf */
  #endRow(leaf) {
    while (leaf.cells < leaf.aligns.length) this.#openCell(leaf);
    leaf.inCell = false;
    if (leaf.inHead) {
      this.#input.read(TABLE_RULE);
      leaf.inHead = false;
      leaf.group = null;
    }
    this.#endLine();
  }

  /** End what the line does not go on with. */
  #leave() {
    this.close();
    this.#containers.length = this.#depth;
  }

  /** @param {Container} container */
  #enter(container) {
    this.#depth = this.#containers.push(container);
  }

  /** @param {Text["kind"]} kind @param {Element} element */
  #write(kind, element) {
    this.#leaf = { kind };
    this.#inline = new Inline(element, this.#input, this.#base, kind);
  }

  /**
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   * @param {Element} parent
   */
  #add(tag, attributes = {}, parent = this.#containers.at(-1)?.element ?? this.#root) {
    const element = this.#root.ownerDocument.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    parent.append(element);
    return element;
  }
}

/** @param {string} c */
function fence(c) {
  return pattern(c, c, `(${c}{1,99})`, "([^`\\n]{0,99})", "\\n");
}

/** @param {string} rule of a column */
function alignment(rule) {
  const [, start, end] = /** @type {RegExpExecArray} */ (/^\s*(:?)-*(:?)/.exec(rule));
  return end ? (start ? "center" : "right") : start && "left";
}
