// @ts-check
/** One question and its answer, on the page. */

import { safeLink } from "./answer.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Source} Source */
/** @typedef {import("./follower.js").Connection} Connection */

/** @type {Record<string, string>} */
const STAGES = {
  sending: "Sending",
  waiting: "Waiting for the answer",
  searching: "Searching the blog",
  thinking: "Thinking",
  reconnecting: "Reconnecting",
  continuing: "Picking up where it stopped",
};
/** @type {Record<string, string>} */
const REASONS = {
  max_tokens: "The answer reached its longest and was cut here.",
  stopped: "Stopped.",
  refusal: "The model declined to go on.",
};

/**
 * The element of `root` whose `data-part` is `name`.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} type
 * @returns {T}
 */
export function part(root, name, type) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new Error(`the chat box lacks its part "${name}"`);
  return found;
}

export class Turn {
  /** @param {HTMLTemplateElement} template @param {string} prompt */
  constructor(template, prompt) {
    const fragment = /** @type {DocumentFragment} */ (document.importNode(template.content, true));
    this.prompt = prompt;
    this.element = /** @type {HTMLElement} */ (fragment.firstElementChild);
    this.retry = part(fragment, "retry", HTMLButtonElement);
    this.text = part(fragment, "answer", HTMLElement).appendChild(new Text());
    this.note = part(fragment, "note", HTMLElement);
    this.sources = part(fragment, "sources", HTMLElement);
    part(fragment, "question", HTMLElement).textContent = prompt;
    this.work("sending");
  }

  /** Show that something goes on. @param {string} stage */
  work(stage) {
    this.element.setAttribute("aria-busy", "true");
    this.#note(STAGES[stage] ?? "", "busy");
  }

  /** Show the answer as far as it has come. @param {Answer} answer @param {Connection} connection */
  show(answer, connection) {
    this.text.data = answer.text;
    if (answer.end) this.#end(answer);
    else if (connection === "gone") this.finish("The rest of this answer is no longer there.");
    else if (connection === "reconnecting") this.work("reconnecting");
    else this.work(answer.stage || (answer.text ? "" : "waiting"));
  }

  /** Show an answer from the past. @param {string} text @param {Source[]} sources @param {string} stream */
  recall(text, sources, stream) {
    this.element.dataset.stream = stream;
    this.text.data = text;
    this.finish(text ? "" : "This answer was not finished.");
    this.#link(sources);
  }

  /** @param {string} note @param {string} tone */
  finish(note, tone = "") {
    this.element.setAttribute("aria-busy", "false");
    this.#note(note, tone);
  }

  /** @param {Answer} answer */
  #end({ end, grounds }) {
    if (end?.event === "failed") {
      this.finish(end.message, "failed");
      this.retry.hidden = !end.retryable;
    } else {
      this.finish(REASONS[end?.reason ?? ""] ?? "");
      this.#link(grounds);
    }
  }

  /** @param {string} text @param {string} tone */
  #note(text, tone) {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.dataset.tone = tone;
  }

  /** @param {Source[]} sources */
  #link(sources) {
    const links = sources.map(({ title, url }) => link(title, url)).filter((each) => each !== null);
    const distinct = new Map(links.map((each) => [each.href, each]));
    part(this.sources, "links", HTMLElement).replaceChildren(...Array.from(distinct.values(), inItem));
    this.sources.hidden = distinct.size === 0;
  }
}

/** @param {string} title @param {string} address */
function link(title, address) {
  const url = safeLink(address, document.baseURI);
  if (!url) return null;
  const anchor = document.createElement("a");
  anchor.href = url.href;
  anchor.textContent = title || url.hostname;
  return anchor;
}

/** @param {Element} child */
function inItem(child) {
  const item = document.createElement("li");
  item.append(child);
  return item;
}
