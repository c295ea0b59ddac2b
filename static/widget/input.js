// @ts-check
/** Text that comes in pieces, and patterns that know when what they look for may still be on its way. */

/** Longer things than this are not looked for: so little is held back at most, and so little read again. */
const LONGEST = 2000;

/**
 * A pattern for `steps` that follow one another. Where the text ends between two steps, or in a step that
 * allows it, the pattern matches too, but its last group takes no part.
 * @param {string[]} steps
 */
export function pattern(...steps) {
  const last = `${steps.pop()}()`;
  return new RegExp(`^${steps.reduceRight((rest, step) => `${step}(?:$|${rest})`, last)}`, "i");
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

/**
 * The text without what could make it look like another: characters that turn its direction, and NUL.
 * Looks at each character alone, so that it does not matter where a text is split.
 * @param {string} text
 */
export function clean(text) {
  return text.replace(/[\r\u202a-\u202e\u2066-\u2069]/g, "").replace(/\0/g, "\ufffd");
}
