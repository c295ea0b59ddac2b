// @ts-check
/**
 * The Markdown within one block: emphasis, code, links, entities.
 *
 * What opens is shown at once: `**bo` is bold before its end has come. Where the end never comes the mark is put
 * back before the element, which is then marked as `unclosed`, and looks like the text around it.
 */

import { add, addLink, safeUrl } from "./link.js";

/** Longer things than this are not looked for: so little is held back at most, and so little read again. */
const LONGEST = 2000;

/**
 * A pattern for `steps` that follow one another. Where the text ends between two steps, or in a step that
 * allows it, the pattern matches too, but its last group takes no part.
 * @param {string[]} steps
 */
export function pattern(...steps) {
  const last = `${steps.pop()}()`;
  return new RegExp("^" + steps.reduceRight((rest, step) => `${step}(?:$|${rest})`, last), "i");
}

export class Input {
  rest = "";
  /** How many characters have been read. */
  taken = 0;
  /** No plain text is read past this point in one go. */
  stop = Infinity;
  /** The character read last. */
  before = "\n";
  /** Whether something looked for may have begun, so that nothing can be read before more has come. */
  open = false;
  /** Whether no more will come. */
  final = false;

  /** What the rest begins with; null too while that is open. @param {RegExp} pattern */
  match(pattern) {
    const found = this.open ? null : pattern.exec(this.rest);
    if (!found || found[0].length > LONGEST) return null;
    if (found.at(-1) !== undefined) return found;
    this.open = !this.final;
    return null;
  }

  /** The same, and read it. @param {RegExp} pattern */
  read(pattern) {
    const found = this.match(pattern);
    if (found) this.skip(found[0].length);
    return found;
  }

  /** @param {number} length */
  skip(length) {
    const text = this.rest.slice(0, length);
    this.before = text.at(-1) ?? this.before;
    this.rest = this.rest.slice(length);
    this.taken += text.length;
    return text;
  }
}

/** @typedef {{ mark: string, element: Element }} Span */

/** Spans within spans, beyond which marks are text. */
const DEEPEST = 8;

const TEXT = pattern("(?: ?[^ \\t\\n\\\\`*_~[!<&|h])+");
const SPACES = pattern("[ \\t]{1,99}", "(?=([^ \\t]))");
const ESCAPE = pattern("\\\\", "([^])");
const ENTITY = pattern("&", "(#?\\w{0,8})", ";");
const DELIMITER = pattern("(\\*{1,9}|_{1,9}|~{1,9})", "(?=([^]))");
const CODE = pattern("(`{1,99})", "(?=[^`])", " ?");
const CODE_TEXT = pattern("(?: ?[^`\\n|\\\\ ])+");
const CODE_END = pattern(" ?", "(`{1,99})", "(?=[^`])");
const CODE_PIPE = pattern("\\\\", "\\|");
const LINK = pattern(
  "!?",
  "\\[",
  "((?:\\\\(?:[^\\n]|$)|\\[[^[\\]\\n]*(?:\\]|$)|[^[\\]\\\\\\n])*)",
  "\\]",
  "\\(",
  "[ \\t]*",
  "(<[^<>\\n]*(?:>|$)|(?:\\\\(?:\\S|$)|\\([^\\s()]*(?:\\)|$)|[^\\s()\\\\<])*)",
  "(?:[ \\t]+(?:\"[^\"\\n]*(?:\"|$)|'[^'\\n]*(?:'|$)|$))?",
  "[ \\t]*",
  "\\)",
);
const WEB = [..."http", "s?", ":", "/", "/"];
const AUTO_LINK = pattern("<", ...WEB, "[^\\s<>]*", ">");
// Up to where the scripts begin that are written without spaces.
const ADDRESS = "[!#-;=?-Z_a-z~\\xa1-\\u1fff]";
const BARE_LINK = pattern(...WEB, `${ADDRESS}{1,1900}`, `(?!${ADDRESS})`);

const WORD = /[\p{L}\p{N}]/u;
/** A mark before one of these is more likely a star, as in `*.js`, than emphasis. */
const NO_EMPHASIS = /[\s.,/;:!?)=]/;
const ENTITIES = new Map(Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\xa0" }));

export class Inline {
  /** @type {Span[]} */
  #spans = [];
  #block;
  #input;
  #base;
  #kind;
  /** Whether nothing has been said in this line. */
  #fresh = true;
  /** Whether the line ended in a backslash: one that breaks it, where the block goes on. */
  #slash = false;

  /**
   * @param {Element} block where the text goes
   * @param {Input} input
   * @param {string} base what addresses are relative to
   * @param {"text" | "cell" | "link"} kind
   */
  constructor(block, input, base, kind) {
    this.#block = block;
    this.#input = input;
    this.#base = base;
    this.#kind = kind;
  }

  /** The element that the text has come to. */
  get end() {
    return this.#spans.at(-1)?.element ?? this.#block;
  }

  /** The block goes on in a new line. */
  break() {
    this.#slash = false;
    if (this.#code) return this.say(" ");
    add(this.end, "br");
    this.#fresh = true;
  }

  close() {
    if (this.#slash) this.say("\\");
    this.#slash = false;
    while (this.#spans.length) this.#undo();
  }

  /** @param {string} text */
  say(text) {
    addText(this.end, text);
    this.#fresh = false;
  }

  /** Read on, but not past a line's end; whether something could be read. */
  step() {
    const input = this.#input;
    let found;
    if (this.#code) return this.#inCode();
    if ((found = input.match(TEXT))) this.say(input.skip(Math.min(found[0].length, input.stop - input.taken)));
    else if ((found = input.read(SPACES))) this.#space(found);
    else if ((found = input.match(ESCAPE))) this.#escape(found[1]);
    else if ((found = input.read(ENTITY))) this.say(decode(found[1]) ?? found[0]);
    else if ((found = input.match(DELIMITER))) this.#delimit(found[1], found[2]);
    else if (this.#spans.length < DEEPEST && (found = input.read(CODE))) this.#open("code", found[0]);
    else if ((found = input.read(LINK))) this.#link(found[1], unescaped(found[2].replace(/^<|>$/g, "")));
    else if ((found = input.read(AUTO_LINK))) this.#address(found[0].slice(1, -1), found[0]);
    else if (!/\w/.test(input.before) && (found = input.match(BARE_LINK))) this.#bare(found[0]);
    else if (input.open) return false;
    else this.say(input.skip(1));
    return true;
  }

  get #code() {
    return this.#spans.at(-1)?.mark[0] === "`";
  }

  #inCode() {
    const input = this.#input;
    let found;
    if ((found = input.read(CODE_END))) {
      if (found[1] === this.#spans.at(-1)?.mark.trim()) this.#spans.pop();
      else this.say(found[0]);
    } else if (this.#kind === "cell" && input.read(CODE_PIPE)) this.say("|");
    else if ((found = input.read(CODE_TEXT))) this.say(found[0]);
    else if (input.open) return false;
    else this.say(input.skip(1));
    return true;
  }

  /** @param {RegExpExecArray} spaces and what follows them */
  #space([spaces, next]) {
    const trailing = next === "\n" || (next === "|" && this.#kind === "cell");
    if (!trailing && !this.#fresh) this.say(spaces);
  }

  /** @param {string} next */
  #escape(next) {
    const escaped = /[!-/:-@[-`{-~]/.test(next);
    this.#slash = next === "\n";
    this.#input.skip(escaped ? 2 : 1);
    if (!this.#slash) this.say(escaped ? next : "\\");
  }

  /**
   * A run of marks: it closes what is open, else it opens, else it is text.
   * @param {string} run
   * @param {string} after
   */
  #delimit(run, after) {
    const inWord = (/** @type {string} */ next) => run[0] === "_" && WORD.test(next);
    const { before } = this.#input;
    const closes = /\S/.test(before) && !inWord(after);
    const opens = !(run.length > 1 ? /\s/ : NO_EMPHASIS).test(after) && !inWord(before);
    this.#input.skip(run.length);
    if (run.length > 3 || (run[0] === "~" && run.length !== 2)) return this.say(run);
    let left = run;
    for (let at; closes && left && (at = this.#opener(left)) >= 0; ) {
      left = left.slice(this.#spans[at].mark.length);
      this.#closeAt(at);
    }
    if (!opens || this.#spans.length + 1 >= DEEPEST) return left && this.say(left);
    if (left[0] === "~") return this.#open("del", left);
    if (left.length % 2) this.#open("em", left[0]);
    if (left.length > 1) this.#open("strong", left.slice(-2));
  }

  /** Where among the spans is one that `run` may close? @param {string} run @returns {number} */
  #opener(run) {
    const marks = this.#spans.map(({ mark }) => mark);
    if (run.length > 2) return Math.max(marks.lastIndexOf(run[0]), marks.lastIndexOf(run.slice(-2)));
    const same = marks.lastIndexOf(run);
    return same < 0 ? marks.lastIndexOf(run[0]) : same;
  }

  /** @param {string} tag @param {string} mark */
  #open(tag, mark) {
    this.#spans.push({ mark, element: add(this.end, tag) });
  }

  /** @param {number} at */
  #closeAt(at) {
    while (this.#spans.length > at + 1) this.#undo();
    this.#spans.pop();
  }

  #undo() {
    const { mark, element } = /** @type {Span} */ (this.#spans.pop());
    element.before(mark);
    element.className = "unclosed";
  }

  /** Its text is Markdown, and all there is of it in another link, or where the address will not do. @param {string} text @param {string} address */
  #link(text, address) {
    this.#to(address, (link) => this.#inside(link, text)) || this.#inside(this.end, text);
  }

  /** @param {string} address @param {string} source what it is where it will not do */
  #address(address, source = address) {
    this.#to(address, (link) => link.append(address)) || this.say(source);
  }

  /** Without the punctuation after it, but with the bracket that closes one of its own. @param {string} text */
  #bare(text) {
    let address = text.replace(/[?!.,:;*_~')]+$/, "");
    if (text[address.length] === ")" && address.lastIndexOf("(") > address.lastIndexOf(")")) address += ")";
    this.#input.skip(address.length);
    this.#address(address);
  }

  /** @param {string} address @param {(link: Element) => void} fill */
  #to(address, fill) {
    const url = this.#kind !== "link" && safeUrl(address, this.#base);
    this.#fresh = false;
    if (url) addLink(this.end, url, this.#base, fill);
    return url;
  }

  /** @param {Element} element @param {string} text */
  #inside(element, text) {
    const input = Object.assign(new Input(), { rest: `${text}\n`, final: true });
    const inline = new Inline(element, input, this.#base, "link");
    while (input.rest !== "\n") inline.step();
    inline.close();
  }
}

/** @param {Element} element @param {string} text */
export function addText(element, text) {
  const last = element.lastChild;
  if (last?.nodeType === 3) /** @type {Text} */ (last).appendData(text);
  else element.append(text);
}

/** @param {string} text */
function unescaped(text) {
  return text.replace(/\\([!-/:-@[-`{-~])|&(#?\w{1,8});/g, (all, character, name) => character ?? decode(name) ?? all);
}

/** The character that an entity stands for. @param {string} name */
function decode(name) {
  if (!/^#(\d+|x[\da-f]+)$/i.test(name)) return ENTITIES.get(name);
  const code = Number(name.slice(1).replace(/^x/i, "0x"));
  return clean(code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? "\ufffd" : String.fromCodePoint(code));
}

/**
 * The text without what could make it look like another: characters that turn its direction, and NUL.
 * Looks at each character alone, so that it does not matter where a text is split.
 * @param {string} text
 */
export function clean(text) {
  return text.replace(/[\r\u202a-\u202e\u2066-\u2069]/g, "").replace(/\0/g, "\ufffd");
}
