// @ts-check
/** An answer as the page knows it: events in, text out. Knows neither the page nor the network. */

/** @typedef {{ n: number, title: string, url: string }} Source */
/** @typedef {{ n: number, at: number }} Citation `at`: the length of the text that it follows */
/** @typedef {{ id: string, event: string, data: unknown }} StreamEvent */
/** @typedef {{ event: "done", reason: string }} Done */
/** @typedef {{ event: "failed", code: string, message: string, retryable: boolean }} Failed */

export class Answer {
  text = "";
  /** The id of the last event applied, `<attempt>-<seq>`; empty before the first. */
  cursor = "";
  /** What goes on while no text comes: `searching`, `thinking`, `continuing` or nothing. */
  stage = "";
  /** @type {Source[]} */
  sources = [];
  /** @type {Citation[]} */
  citations = [];
  /** How it ended; null while it has not. @type {Done | Failed | null} */
  end = null;

  /**
   * Take in the next event, and return whether it was new. One that is not above the cursor has been
   * applied before and is passed over, so that a replay of any length adds nothing twice.
   * @param {StreamEvent} streamEvent
   */
  apply({ id, event, data }) {
    if (event === "ping" || this.end || (id && !isAfter(id, this.cursor))) return false;
    this.cursor = id || this.cursor;
    this.#change(event, /** @type {Record<string, unknown>} */ (Object(data)));
    return true;
  }

  /**
   * The sources that the text rests on: those it cites, or, where it cites none, all it was given.
   * @returns {Source[]}
   */
  get grounds() {
    const cited = new Set(this.citations.map(({ n }) => n));
    return this.sources.filter(({ n }) => !cited.size || cited.has(n));
  }

  /** @param {string} event @param {Record<string, unknown>} data */
  #change(event, data) {
    switch (event) {
      case "message":
        this.stage = "";
        this.text += typeof data.token === "string" ? data.token : "";
        break;
      case "status":
        this.stage = String(data.stage ?? "");
        break;
      case "sources":
        this.sources = Array.isArray(data.sources) ? data.sources : [];
        break;
      case "citation":
        this.#cite(Number(data.n), this.text.length);
        break;
      case "rewind":
        this.#rewind(Number(data.length) || 0);
        break;
      case "done":
        this.end = { event, reason: String(data.stop_reason ?? "end_turn") };
        break;
      case "failed":
        this.end = {
          event,
          code: String(data.code ?? ""),
          message: String(data.message ?? ""),
          retryable: data.retryable === true,
        };
    }
    if (this.end) this.stage = "";
  }

  /** Several quotes from one source make one mark. @param {number} n @param {number} at */
  #cite(n, at) {
    if (!this.citations.some((each) => each.n === n && each.at === at)) this.citations.push({ n, at });
  }

  /** @param {number} length in UTF-16 units, which is how JavaScript counts */
  #rewind(length) {
    this.text = this.text.slice(0, Math.max(0, length));
    this.citations = this.citations.filter(({ at }) => at <= this.text.length);
    if (length <= 0) this.sources = [];
  }
}

/**
 * Whether the event id `id` comes after `cursor`; both are `<attempt>-<seq>`, and both parts count.
 * @param {string} id
 * @param {string} cursor empty: before everything
 */
export function isAfter(id, cursor) {
  const [attempt, seq] = id.split("-").map(Number);
  const [lastAttempt, lastSeq] = cursor ? cursor.split("-").map(Number) : [0, -1];
  return attempt > lastAttempt || (attempt === lastAttempt && seq > lastSeq);
}
