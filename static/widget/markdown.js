// @ts-check
/**
 * Markdown while it streams: text in, elements out, safe whatever the text is.
 *
 * What stands is never drawn again: text is only added, and held back is only what may still mean something
 * else. What has been read depends on the text alone, so that any split of it gives the same elements. Nothing
 * is parsed as HTML: elements come from the lists in `blocks.js` and `inline.js`, links from `link.js`.
 */

import { Blocks } from "./blocks.js";
import { clean, Input } from "./input.js";

/** @typedef {{ n: number, at: number }} Citation `at`: how much of the text came before it */

export class Markdown {
  #root;
  #base;
  #input = new Input();
  #blocks;
  /** Those that wait for the text before them. @type {Citation[]} */
  #citations = [];
  /** @type {{ n: number, mark: Element } | null} */
  #cited = null;

  /**
   * @param {HTMLElement} root an empty element, whose whole content is made here
   * @param {string} base what addresses are relative to, and whose site counts as home
   */
  constructor(root, base = root.ownerDocument.baseURI) {
    this.#root = root;
    this.#base = base;
    this.#blocks = this.#begin();
  }

  /** @param {string} text */
  write(text) {
    this.#input.rest += clean(text);
    this.#run();
  }

  /** The text is whole: what was held back is shown. */
  end() {
    if (this.#blocks.inLine || this.#input.rest) this.#input.rest += "\n";
    this.#input.final = true;
    this.#run();
    this.#blocks.close();
  }

  /** The text so far rests on source `n`: put its mark there. @param {number} n */
  cite(n) {
    const { taken, rest } = this.#input;
    this.#citations.push({ n, at: taken + rest.trimEnd().length });
    this.#place();
  }

  /**
   * Start again with another text.
   * @param {string} text
   * @param {Citation[]} citations
   */
  rewind(text, citations = []) {
    this.#root.replaceChildren();
    this.#input = new Input();
    this.#citations = [];
    this.#blocks = this.#begin();
    let written = 0;
    for (const { n, at } of citations) {
      this.write(text.slice(written, at));
      this.cite(n);
      written = Math.max(written, at);
    }
    this.write(text.slice(written));
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

  #begin() {
    return new Blocks(this.#root, this.#input, this.#base, (head, code) => this.tools(head, code));
  }

  #run() {
    while (this.#blocks.step()) this.#place();
    this.#place();
  }

  #place() {
    const { end } = this.#blocks;
    while (this.#citations.length && this.#citations[0].at <= this.#input.taken) {
      const { n } = /** @type {Citation} */ (this.#citations.shift());
      // Two quotes of one source under the same words are one mark.
      if (this.#cited?.n === n && end.lastChild === this.#cited.mark) continue;
      this.#cited = { n, mark: this.mark(n) };
      end.append(this.#cited.mark);
    }
    this.#input.stop = this.#citations[0]?.at ?? Infinity;
  }
}
