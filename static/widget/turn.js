// @ts-check
/** One question and its answer, on the page. */

import { copier, ICONS, make, sign } from "./dom.js";
import { addLink, safeUrl } from "./link.js";
import { Markdown } from "./markdown.js";

/** @typedef {import("./chat.js").Turn} Turn */
/** @typedef {import("./words.js").Words} Words */

export class TurnView {
  element;
  #words;
  #server;
  #question = make("span", "", { dir: "auto" });
  #edit;
  #body = make("div", "answer");
  #note = make("p", "note");
  #sources = make("ol", "");
  #grounds;
  #copy;
  #up;
  #down;
  #retry;
  #text;
  #written = "";
  /** The marks that stand. @type {Turn["citations"]} */
  #cited = [];
  #ended = false;

  /**
   * @param {Turn} turn
   * @param {Words} words
   * @param {string} server what the sources' addresses are relative to
   * @param {object} panel
   * @param {(turn: Turn) => void} panel.edit
   * @param {(turn: Turn) => void} panel.retry
   * @param {(turn: Turn, rating: "up" | "down" | "") => void} panel.rate
   */
  constructor(turn, words, server, panel) {
    this.turn = turn;
    this.#server = server;
    this.#words = words;
    /** @param {"up" | "down"} rating @param {string} label */
    const thumb = (rating, label) =>
      sign(`rate ${rating}`, label, ICONS.rate, () => panel.rate(this.turn, this.turn.rating === rating ? "" : rating));
    this.#edit = sign("edit", words.edit, ICONS.edit, () => panel.edit(this.turn));
    this.#copy = copier(words, () => this.turn.text);
    this.#up = thumb("up", words.good);
    this.#down = thumb("down", words.bad);
    this.#retry = sign("retry", words.retry, ICONS.retry, () => panel.retry(this.turn));
    this.#retry.append(words.retry);
    this.#grounds = make("div", "sources", {}, make("h4", "", {}, words.sources), this.#sources);
    this.element = make(
      "article", "turn", {},
      make("div", "asked", {},
        this.#edit,
        make("h3", "question", {}, make("span", "unseen", {}, words.asked, " "), this.#question)),
      this.#body, this.#note, this.#grounds,
      make("div", "actions", {}, this.#retry, this.#copy, this.#up, this.#down),
    );
    this.#text = new Markdown(this.#body);
    this.#text.mark = (n) => this.#mark(n);
    this.#text.tools = (head, code) => this.#tools(head, code);
  }

  /** The mark of a citation, which leads to its source. @param {number} n */
  #mark(n) {
    const { title = "", url = "" } = this.turn.sources.find((each) => each.n === n) ?? {};
    return this.#lead(make("sup", "cite", { title }), url, String(n));
  }

  /**
   * Fill an element with a link, or where the address will not do, only its text.
   * @param {HTMLElement} element @param {string} address @param {string} text
   */
  #lead(element, address, text) {
    const url = safeUrl(address, this.#server);
    if (url) addLink(element, url, document.baseURI, (link) => link.append(text));
    else element.append(text);
    return element;
  }

  /** Offer to copy a block of code. @param {HTMLElement} head @param {HTMLElement} code */
  #tools(head, code) {
    head.append(copier(this.#words, () => code.textContent));
  }

  /** Show the turn as it is now. @param {string} connection */
  update(connection) {
    const { prompt, text, end, problem, rating } = this.turn;
    const over = Boolean(end || problem);
    if (this.#question.textContent !== prompt) this.#question.textContent = prompt;
    this.#write(Boolean(end));
    this.#tell(connection);
    this.#link(over);
    this.element.ariaBusy = String(!over);
    this.#edit.hidden = !over;
    this.#retry.hidden = !(problem || (end?.event === "failed" && end.retryable));
    this.#copy.hidden = this.#up.hidden = this.#down.hidden = !end || !text;
    this.#up.ariaPressed = String(rating === "up");
    this.#down.ariaPressed = String(rating === "down");
  }

  /** What is to be read out when the answer is over. */
  get spoken() {
    const { asked, answered } = this.#words;
    const { prompt, text } = this.turn;
    // Not textContent, which takes the cells of a table for one word.
    return [...(text ? [answered, this.#body.innerText] : [asked, prompt]), this.#note.textContent].join(" ");
  }

  /** Bring the text up to date: what stands is kept, but for a rewind. @param {boolean} ended no more follows, also by a retry */
  #write(ended) {
    const { text, citations } = this.turn;
    const moved = this.#cited.some(({ n, at }, i) => citations[i]?.n !== n || citations[i].at !== at);
    if (moved || !text.startsWith(this.#written)) {
      this.#text.rewind();
      this.#written = "";
      this.#cited = [];
      this.#ended = false;
    }
    for (const cited of citations.slice(this.#cited.length)) {
      this.#append(text.slice(this.#written.length, cited.at));
      this.#text.cite(cited.n);
      this.#cited.push(cited);
    }
    this.#append(text.slice(this.#written.length));
    if (ended && !this.#ended) this.#text.end();
    this.#ended = ended;
  }

  /** @param {string} text */
  #append(text) {
    if (text) this.#text.write(text);
    this.#written += text;
  }

  /** Say beneath the answer what goes on, or how it ended. @param {string} connection */
  #tell(connection) {
    const { text, stage, end, problem, message, retryAt } = this.turn;
    /** @type {Record<string, string>} */
    const words = this.#words;
    let [note, tone] = ["", "busy"];
    // The server's own sentences are in English.
    const detail = this.element.closest("[lang=en]") ? end?.event === "failed" ? end.message : message : "";
    const wait_s = Math.ceil((retryAt - Date.now()) / 1000);
    if (problem) [note, tone] = [(detail || words.unsent) + (wait_s > 0 ? ` (${wait_s} s)` : ""), "failed"];
    else if (end?.event === "failed") [note, tone] = [end.code === "expired" ? words.gone : detail || words.failed, "failed"];
    else if (end) [note, tone] = [words[end.reason] ?? "", "ended"];
    else note = words[connection] || words[stage] || (text ? "" : words.thinking);
    if (this.#note.textContent !== note) this.#note.textContent = note;
    this.#note.dataset.tone = tone;
  }

  /** @param {boolean} over */
  #link(over) {
    const { grounds } = this.turn;
    this.#grounds.hidden = !over || !grounds.length;
    if (this.#grounds.hidden || this.#sources.childElementCount === grounds.length) return;
    this.#sources.replaceChildren(
      ...grounds.map(({ n, title, url }) => this.#lead(make("li", "source", { value: String(n) }), url, title || url)),
    );
  }
}
