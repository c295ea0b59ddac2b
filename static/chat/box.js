// @ts-check
/** `<chat-box>`: asks the blog and shows the answer as it comes. Its markup is templates/chat.html. */

import * as api from "./api.js";
import { Reading } from "./reading.js";
import { load, newKey, save } from "./session.js";
import { part, Turn } from "./turn.js";

/** @typedef {import("./answer.js").Answer} Answer */

const NEAR_PX = 48;

export class ChatBox extends HTMLElement {
  #log = part(this, "log", HTMLElement);
  #welcome = part(this, "welcome", HTMLElement);
  #form = part(this, "form", HTMLFormElement);
  #prompt = part(this, "prompt", HTMLTextAreaElement);
  #send = part(this, "send", HTMLButtonElement);
  #stop = part(this, "stop", HTMLButtonElement);
  #clear = part(this, "clear", HTMLButtonElement);
  #alert = part(this, "alert", HTMLElement);
  #announcer = part(this, "announcer", HTMLElement);
  #template = part(this, "turn", HTMLTemplateElement);
  #listeners = new AbortController();
  /** @type {Reading | null} */
  #reading = null;
  /** The question that was refused, with its key: sent again as it is, it stays the same question. */
  #refused = { prompt: "", key: "" };
  #conversation = "";
  #busy = false;

  connectedCallback() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#prompt.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#welcome.addEventListener("click", (event) => this.#start(event), { signal });
    this.#stop.addEventListener("click", () => this.#halt(), { signal });
    this.#clear.addEventListener("click", () => this.#erase(), { signal });
    this.hidden = false;
    void this.#restore();
  }

  disconnectedCallback() {
    this.#listeners.abort();
    this.#reading?.close();
    this.#empty();
  }

  /**
   * Ask `prompt`, in the conversation so far.
   * @param {string} prompt
   * @param {string} key
   */
  async ask(prompt, key = newKey()) {
    const before = load();
    const turn = this.#add(prompt);
    this.#setBusy(true);
    this.#prompt.readOnly = true;
    this.#alert.textContent = this.#announcer.textContent = "";
    this.#refused = { prompt: "", key: "" };
    save({ conversation: this.#conversation, prompt, key });
    try {
      const { stream, conversation } = await this.#post(prompt, key);
      this.#conversation = conversation;
      save({ conversation, prompt, stream });
      const outdated = this.#log.querySelectorAll('.turn:not(:last-child) [data-part="retry"]');
      for (const retry of outdated) retry.remove();
      this.#read(turn, stream, ({ answer }) => this.#announce(answer));
    } catch (error) {
      save(before);
      this.#refused = { prompt, key };
      this.#takeBack(turn, error);
    } finally {
      this.#prompt.readOnly = false;
    }
  }

  /** @param {string} prompt @param {string} key @returns {Promise<api.Asked>} */
  #post(prompt, key) {
    const conversation = this.#conversation || undefined;
    return api.ask({ prompt, page: location.href, conversation }, key);
  }

  /** @param {Turn} turn @param {unknown} error */
  #takeBack(turn, error) {
    turn.element.remove();
    this.#prompt.value = turn.prompt;
    this.#setBusy(false);
    this.#alert.textContent = error instanceof api.Refused ? error.message : "That did not work.";
    if (!(error instanceof api.Refused)) console.error(error);
  }

  /** @param {Turn} turn @param {string} stream @param {(reading: Reading) => void} onend */
  #read(turn, stream, onend) {
    const { signal } = this.#listeners;
    // A question that was sent again after a refresh may already stand here, recalled.
    this.#log.querySelector(`[data-stream="${CSS.escape(stream)}"]`)?.remove();
    turn.retry.addEventListener("click", () => this.#again(turn), { signal });
    this.#stop.disabled = false;
    this.#reading = new Reading(turn, stream, {
      paint: (draw) => this.#keepBottom(draw),
      onend: (reading) => {
        this.#setBusy(false);
        onend(reading);
      },
    });
    this.#reading.open();
  }

  /** Read out the answer once, when it is whole. @param {Answer} answer */
  #announce({ text, end }) {
    this.#announcer.textContent = end?.event === "failed" ? `${text} ${end.message}` : `Answer: ${text}`;
  }

  /** @param {Turn} turn */
  #again(turn) {
    if (this.#busy) return;
    if (!turn.text.data) turn.element.remove();
    void this.ask(turn.prompt);
  }

  async #halt() {
    this.#stop.disabled = true;
    try {
      if (this.#reading) await api.stop(this.#reading.stream);
    } catch {
      this.#stop.disabled = false;
      this.#alert.textContent = "The answer could not be stopped. Please try again.";
    }
  }

  /** After a refresh: show the conversation again and go on with the answer that was on its way. */
  async #restore() {
    const { conversation = "", prompt = "", key, stream } = load();
    if (!conversation && !prompt) return;
    this.#conversation = conversation;
    this.#setBusy(true);
    const turn = stream ? this.#add(prompt) : null;
    const past = conversation ? await api.recall(conversation) : [];
    for (const each of past) {
      if (each.stream === stream) continue;
      this.#add(each.prompt, turn).recall(each.answer, each.sources ?? [], each.stream);
    }
    this.#log.scrollTop = this.#log.scrollHeight;
    if (turn && stream) {
      this.#reread(turn, stream, past.find((each) => each.stream === stream));
    } else if (key) {
      save({ conversation });
      await this.ask(prompt, key);
    } else {
      this.#setBusy(false);
    }
  }

  /**
   * Without a cursor a stream replays its answer from the start, in one frame.
   * @param {Turn} turn
   * @param {string} stream
   * @param {api.PastTurn} [past] what the conversation knows of it, should the stream have expired
   */
  #reread(turn, stream, past) {
    this.#read(turn, stream, ({ answer, connection }) => {
      if (connection !== "gone") return;
      if (past) turn.recall(past.answer, past.sources ?? [], stream);
      else if (!answer.text) this.#forget();
    });
  }

  #erase() {
    if (this.#conversation) api.erase(this.#conversation).catch(() => {});
    this.#forget();
    this.#prompt.focus();
  }

  #forget() {
    this.#conversation = "";
    save({});
    this.#empty();
    this.#setBusy(false);
  }

  #empty() {
    for (const turn of this.#log.querySelectorAll(".turn")) turn.remove();
  }

  /** @param {string} prompt @param {Turn | null} next the turn to stand before; null: at the end */
  #add(prompt, next = null) {
    const turn = new Turn(this.#template, prompt);
    this.#log.insertBefore(turn.element, next && next.element);
    this.#log.scrollTop = this.#log.scrollHeight;
    return turn;
  }

  /** Change the log, and stay at its end unless the reader has scrolled up. @param {() => void} draw */
  #keepBottom(draw) {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    draw();
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    const leaving = busy ? this.#send : this.#stop;
    const focused = document.activeElement === leaving;
    const empty = !this.#log.querySelector(".turn");
    this.#busy = busy;
    this.#send.hidden = busy;
    this.#stop.hidden = !busy;
    this.#stop.disabled = true;
    this.#welcome.hidden = busy || !empty;
    this.#clear.hidden = busy || empty;
    // A button that vanishes takes the focus with it.
    if (focused) this.#log.focus({ preventScroll: true });
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const prompt = this.#prompt.value.trim();
    if (!prompt || this.#busy) return;
    this.#prompt.value = "";
    void this.ask(prompt, this.#refused.prompt === prompt ? this.#refused.key : newKey());
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // While an input method composes, Enter picks a word; Safari says so only by the code 229.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {Event} event */
  #start({ target }) {
    if (!(target instanceof HTMLElement) || !target.matches("[data-question]") || this.#busy) return;
    void this.ask(target.textContent ?? "");
    this.#log.focus({ preventScroll: true });
  }
}
