// @ts-check
/**
 * Markdown while it streams: text in, elements out, safe whatever the text is.
 *
 * What stands is never drawn again: text is only added, and held back is only what may still mean something
 * else. What has been read depends on the text alone, so that any split of it gives the same elements. Nothing
 * is parsed as HTML.
 *
 * CommonMark with GitHub's tables, but for what could change what stands, or is seldom meant in a chat: a line's
 * end is one; headings are `#` lines; code is fenced; two columns are enough to go on with a list's item.
 */

import { addText, clean, Inline, Input, pattern } from "./inline.js";
import { add } from "./link.js";

/**
 * A quote, or an item of a list. `key`: what marks its items; `indent`: the columns that go on with it.
 * @typedef {{ element: Element, list: Element | null, key: string, indent: number }} Container
 * @typedef {{ element: Element, line: RegExp, last: RegExp, indent: RegExp, empty: boolean }} Code
 * @typedef {{ element: Element, group: Element | null, row: Element, aligns: string[], cells: number, inHead: boolean, inCell: boolean }} Table
 * @typedef {{ n: number, at: number }} Citation `at`: how much of the text comes before it
 */

/** Quotes and lists within one another, beyond which their marks are text. */
const DEEPEST = 8;

const INDENT = /^[ \t]+/;
const QUOTE = pattern(">", "(?=[^])", " ?");
const HEADING = pattern("(#{1,6})", "(?:[ \\t]|(?=\\n))");
const FENCE = pattern("([`~])", "\\1", "(\\1{1,99})", "([^`\\n]{0,99})", "\\n");
const RULE = pattern("([-*_])", "[ \\t]{0,9}", "\\1", "[ \\t]{0,9}", "\\1", "(?:[ \\t]|\\1){0,99}", "\\n");
const BULLET = pattern("([-*+])", "(?:[ \\t]|(?=\\n))");
const NUMBER = pattern("(\\d{1,9})", "([.)])", "(?:[ \\t]|(?=\\n))");
const TABLE = pattern("\\|[^\\n]{0,999}", "\\n", "[ \\t>]{0,99}", "([-: \\t|]{1,999})", "(?=\\n)");
const RULED = /^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const TABLE_RULE = pattern("\\n", "[^\\n]*", "(?=\\n)");
const GAP = pattern("[ \\t]{0,99}", "(?=[^])");

export class Markdown {
  #root;
  #base;
  #input = new Input();
  /** @type {Container[]} */
  #containers = [];
  /** Of the heading that the text is under, and of those above it. @type {number[]} */
  #levels = [];
  /** Whether the block is a paragraph, which the next line may go on with. */
  #isText = false;
  /** @type {Code | null} */
  #code = null;
  /** @type {Table | null} */
  #table = null;
  /** @type {Inline | null} */
  #inline = null;
  /** @type {Element} */
  #box;
  #inLine = false;
  // Of a line's start: the containers that it goes on with, the columns since the last of them, and in all.
  #depth = 0;
  #indent = 0;
  #column = 0;
  /** Those that wait for the text before them. @type {Citation[]} */
  #citations = [];
  /** @type {Element | null} */
  #mark = null;

  /**
   * @param {HTMLElement} root an empty element, whose whole content is made here
   * @param {string} base what addresses are relative to, and whose site counts as home
   */
  constructor(root, base = root.ownerDocument.baseURI) {
    this.#root = this.#box = root;
    this.#base = base;
  }

  /** @param {string} text */
  write(text) {
    this.#input.rest += clean(text);
    this.#run();
  }

  /** The text is whole: what was held back is shown. */
  end() {
    if (this.#inLine || this.#input.rest) this.#input.rest += "\n";
    this.#input.final = true;
    this.#run();
    this.#close();
  }

  /** The text so far rests on source `n`: put its mark there. @param {number} n */
  cite(n) {
    const { taken, rest } = this.#input;
    this.#citations.push({ n, at: taken + rest.trimEnd().length });
    this.#place();
  }

  /** Start again: nothing has been written. */
  rewind() {
    this.#root.replaceChildren();
    this.#close();
    this.#newLine();
    this.#input = new Input();
    this.#containers = [];
    this.#levels = [];
    this.#citations = [];
    this.#inline = null;
    this.#box = this.#root;
  }

  /** The mark of a citation. To be overridden. @param {number} n @returns {Element} */
  mark(n) {
    const mark = this.#root.ownerDocument.createElement("sup");
    mark.append(String(n));
    return mark;
  }

  /**
   * What a block of code offers, such as a button that copies it. To be overridden.
   * @param {HTMLElement} head the line above the code
   * @param {HTMLElement} code grows while it streams
   */
  tools(head, code) {}

  #run() {
    while (this.#step()) this.#place();
  }

  #place() {
    const end = this.#inline?.end ?? this.#box;
    while (this.#citations[0]?.at <= this.#input.taken) {
      const mark = this.mark(/** @type {Citation} */ (this.#citations.shift()).n);
      // Two quotes of one source under the same words are one mark.
      if (end.lastChild !== this.#mark || mark.textContent !== this.#mark?.textContent) end.append((this.#mark = mark));
    }
    this.#input.stop = this.#citations[0]?.at ?? Infinity;
  }

  /** Read on; whether something could be read. */
  #step() {
    this.#input.open = false;
    if (!this.#input.rest) return false;
    if (this.#code) return this.#inLine ? this.#inCode(this.#code) : this.#codeLine(this.#code);
    if (!this.#inLine) return this.#lineStart();
    return this.#table ? this.#inRow(this.#table) : this.#inText();
  }

  /** End what is being written. */
  #close() {
    this.#inline?.close();
    this.#isText = false;
    this.#code = this.#table = null;
  }

  #lineStart() {
    const input = this.#input;
    const space = INDENT.exec(input.rest)?.[0];
    if (space) {
      input.skip(space.length);
      const columns = space.replaceAll("\t", "    ").length;
      this.#indent += columns;
      this.#column += columns;
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

  #newLine() {
    this.#inLine = false;
    this.#depth = this.#indent = this.#column = 0;
  }

  #block() {
    const input = this.#input;
    const table = this.#table;
    const nests = this.#depth < DEEPEST;
    let found;
    if (input.rest[0] === "\n") this.#blank();
    else if (table && input.rest[0] === "|" && this.#depth === this.#containers.length) this.#openRow(table);
    else if ((found = input.read(HEADING))) this.#openHeading(found[1].length);
    else if ((found = input.read(FENCE))) this.#openCode(found);
    else if (input.read(RULE)) this.#rule();
    else if (nests && this.#quoted()) this.#openQuote();
    else if (nests && (found = input.read(BULLET))) this.#openItem(found[0], "ul", found[1]);
    else if (nests && (found = input.match(NUMBER)) && this.#counts(found)) this.#openItem(input.skip(found[0].length), "ol", found[2], found[1]);
    else if ((found = input.match(TABLE)) && RULED.test(found[1])) this.#openTable(found[1]);
    else if (input.open) return false;
    else this.#openText();
    return true;
  }

  #blank() {
    this.#close();
    const quote = this.#containers.findIndex(({ list }, i) => !list && i >= this.#depth);
    if (quote >= 0) this.#containers.length = quote;
    this.#input.skip(1);
    this.#newLine();
  }

  #openText() {
    if (this.#isText) this.#inline?.break();
    else {
      this.#leave();
      const item = this.#containers.at(-1);
      this.#write(item?.list && !item.element.lastChild ? item.element : this.#add("p", { dir: "auto" }));
      this.#isText = true;
    }
    this.#inLine = true;
  }

  /** The question is an `h3`; which marks come beneath it differs, and no level is to be skipped. @param {number} level */
  #openHeading(level) {
    this.#leave();
    this.#levels = [...this.#levels.filter((each) => each < level), level];
    this.#write(this.#add(`h${Math.min(this.#levels.length + 3, 6)}`, { dir: "auto" }));
    this.#inLine = true;
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
    return !this.#isText || +start === 1 || this.#containers[this.#depth]?.key === key;
  }

  /**
   * @param {string} read
   * @param {string} tag
   * @param {string} key
   * @param {string} start
   */
  #openItem(read, tag, key, start = "1") {
    const sibling = this.#containers[this.#depth];
    this.#leave();
    const list = (sibling?.key === key && sibling.list) || this.#add(tag, { dir: "auto", ...(start !== "1" && { start }) });
    this.#enter({ element: add(list, "li"), list, key, indent: this.#indent + 2 });
    this.#indent = 0;
    this.#column += read.length;
  }

  /** @param {RegExpExecArray} fence */
  #openCode([, tick, more, info]) {
    this.#leave();
    const language = /^[\w+#.-]{1,30}/.exec(info.trim())?.[0] ?? "";
    this.#box = this.#add("div", { class: "code" });
    const head = add(this.#box, "div", { class: "head" });
    add(head, "span", { class: "language" }).append(language);
    const code = add(add(this.#box, "pre", { dir: "ltr", tabindex: "0" }), "code");
    if (language) code.className = `language-${language.toLowerCase()}`;
    const quotes = this.#containers.flatMap(({ list }) => (list ? [] : [" {0,3}", ">", "(?=[^])", " ?"]));
    this.#code = {
      element: code,
      line: pattern("", ...quotes),
      last: pattern("", ...quotes, "[ \\t]{0,20}", tick, tick, ...more, `${tick}{0,99}`, "[ \\t]{0,20}", "\\n"),
      indent: new RegExp(`^[ \\t]{0,${Math.min(this.#column, 20)}}`),
      empty: true,
    };
    this.#inline = null;
    this.#newLine();
    this.tools(head, code);
  }

  /** @param {Code} code */
  #codeLine(code) {
    const input = this.#input;
    const ends = input.read(code.last);
    const line = ends ?? input.read(code.line);
    if (input.open) return false;
    if (ends) this.#newLine();
    if (ends || !line) this.#close();
    else {
      input.skip(code.indent.exec(input.rest)?.[0].length ?? 0);
      if (!code.empty) addText(code.element, "\n");
      code.empty = false;
      this.#inLine = true;
    }
    return true;
  }

  /** @param {Code} code */
  #inCode({ element }) {
    const line = /^[^\n]+/.exec(this.#input.rest)?.[0];
    if (line) addText(element, this.#input.skip(line.length));
    else this.#endLine();
    return true;
  }

  #inText() {
    if (this.#input.rest[0] !== "\n") return /** @type {Inline} */ (this.#inline).step();
    if (!this.#isText) this.#close();
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
    const element = add(this.#add("div", { class: "table", tabindex: "0" }), "table", { dir: "auto" });
    const aligns = rule.trim().replace(/^\||\|$/g, "").split("|").map(alignment);
    this.#table = { element, group: null, row: element, aligns, cells: 0, inHead: true, inCell: false };
    this.#openRow(this.#table);
  }

  /** @param {Table} table */
  #openRow(table) {
    table.group ??= add(table.element, table.inHead ? "thead" : "tbody");
    table.row = add(table.group, "tr");
    table.cells = 0;
    this.#input.skip(1);
    this.#inLine = true;
  }

  /** @param {Table} table */
  #inRow(table) {
    const input = this.#input;
    const ends = /^[|\n]/.test(input.rest);
    if (table.inCell && !ends) return /** @type {Inline} */ (this.#inline).step();
    if (table.inCell) {
      this.#inline?.close();
      table.inCell = false;
      if (input.rest[0] === "|") input.skip(1);
    } else if (!input.read(GAP)) return false;
    else if (input.rest[0] === "\n") this.#endRow(table);
    else this.#openCell(table);
    return true;
  }

  /** @param {Table} table */
  #openCell(table) {
    const align = table.aligns[table.cells++];
    const cell = add(table.row, table.inHead ? "th" : "td");
    if (align) cell.className = align;
    this.#write(cell, "cell");
    table.inCell = true;
  }

  /** @param {Table} table */
  #endRow(table) {
    while (table.cells < table.aligns.length) this.#openCell(table);
    table.inCell = false;
    if (table.inHead) {
      this.#input.read(TABLE_RULE);
      table.inHead = false;
      table.group = null;
    }
    this.#endLine();
  }

  /** End what the line does not go on with. */
  #leave() {
    this.#close();
    this.#containers.length = this.#depth;
  }

  /** @param {Container} container */
  #enter(container) {
    this.#depth = this.#containers.push(container);
  }

  /** @param {Element} block @param {"text" | "cell"} kind */
  #write(block, kind = "text") {
    this.#inline = new Inline(block, this.#input, this.#base, kind);
  }

  /** Append an element to where the line belongs. @param {string} tag @param {Record<string, string>} attributes */
  #add(tag, attributes = {}) {
    return add(this.#containers.at(-1)?.element ?? this.#root, tag, attributes);
  }
}

/** @param {string} rule of a column */
function alignment(rule) {
  const [, start, end] = /** @type {RegExpExecArray} */ (/^\s*(:?)-*(:?)/.exec(rule));
  return end ? (start ? "center" : "right") : start && "left";
}
