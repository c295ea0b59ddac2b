// @ts-check
/** The open chat: its frame, its log, where one asks. */

import { Chat } from "./chat.js";
import { change, ICONS, make, sign } from "./dom.js";
import { safeUrl } from "./link.js";
import { STYLE } from "./styles.js";
import { TurnView } from "./turn.js";
import { words } from "./words.js";

/** @typedef {import("./chat.js").Turn} Turn */

/**
 * The element that the panel is in; static/widget.js defines it.
 * @typedef {HTMLElement & {
 *   server: string, language: string, heading: string, isOpen: boolean, isInline: boolean, phone: MediaQueryList,
 *   adopt(css: string): void, tell(name: string, detail?: object): boolean, remember(open: boolean): void,
 *   close(): void,
 * }} Host
 */

const NEAR_PX = 12;
const MOST_PAGE_CHARS = 2048;
/** How old a page may be that has not come to its anchor yet, and how long the way there takes at most. */
const NEW_MS = 5000;
const ARRIVAL_MS = 1000;

export class Panel {
  chat;
  #host;
  #words;
  #launcher;
  #frame;
  #title = make("h2", "title", { id: "title" });
  #fresh;
  #more;
  #menu;
  #clear;
  #privacy;
  #log;
  #welcome = make("div", "welcome");
  #greeting = make("p", "greeting", { dir: "auto" });
  #starters = make("div", "starters");
  #latest;
  #form = make("form", "form");
  #editing;
  #prompt;
  #send;
  #complaint = make("p", "complaint", { role: "alert" });
  #announcer = make("p", "unseen", { role: "status" });
  #listeners = new AbortController();
  /** @type {Map<string, TurnView>} */
  #views = new Map();
  /** Answers that were seen unfinished: their end is news. By their keys, whether they have begun. @type {Map<string, boolean>} */
  #awaited = new Map();
  /** What the next question replaces. @type {Turn | null} */
  #edited = null;
  #drawing = 0;
  /** The question that was just asked goes to the top of the view. */
  #rising = false;
  /** @type {Element | null} */
  #from = null;
  #loading;

  /** @param {Host} host @param {ShadowRoot} root @param {string} texts in the host's language */
  constructor(host, root, texts) {
    const own = (this.#words = words(texts));
    this.#host = host;
    this.#launcher = /** @type {HTMLElement | null} */ (root.querySelector(".launcher"));
    this.#fresh = sign("fresh", own.fresh, ICONS.fresh, () => {
      void this.newConversation();
      this.focus();
    });
    this.#more = sign("more", own.menu, ICONS.menu, () => this.#unfold(Boolean(this.#menu.hidden)));
    this.#clear = make("button", "clear", { type: "button" }, own.clear);
    this.#privacy = make("a", "privacy", { target: "_blank", rel: "noopener" }, own.privacy);
    this.#menu = make("div", "menu", { id: "menu" }, this.#clear);
    this.#menu.hidden = true;
    this.#more.setAttribute("aria-controls", "menu");
    this.#latest = sign("latest", own.latest, ICONS.latest, () => this.#scroll(this.#log.scrollHeight));
    this.#log = make("div", "log", { tabindex: "0", role: "region", "aria-labelledby": "title" }, this.#welcome);
    this.#welcome.append(this.#greeting, this.#starters);
    this.#prompt = make("textarea", "prompt", {
      rows: "1", enterkeyhint: "send", autocomplete: "off", "aria-label": own.placeholder,
    });
    this.#send = sign("send", own.send, ICONS.send, () => this.#submit());
    const cancel = sign("cancel", own.cancel, ICONS.close, () => this.#edit(null));
    this.#editing = make("p", "editing", {}, make("span", "", {}, own.editing), cancel);
    this.#form.append(this.#complaint, this.#editing, make("div", "box", {}, this.#prompt, this.#send),
      make("p", "caution", {}, own.caution, " ", this.#privacy));
    const buttons = [this.#fresh, this.#more];
    if (!host.isInline) buttons.push(sign("close", own.close, ICONS.close, () => host.close()));
    this.#frame = make(host.isInline ? "section" : "dialog", "panel", {
      "aria-labelledby": "title", lang: host.language, title: "",
    });
    this.#frame.append(make("div", "header", {}, this.#title, ...buttons), this.#menu,
      make("div", "middle", {}, this.#log, this.#latest), this.#form, this.#announcer);
    host.adopt(STYLE);
    this.#editing.hidden = true;
    root.append(this.#frame);
    this.chat = new Chat({ server: host.server, page });
    this.#listen();
    this.update();
    this.#loading = this.chat.load().then(() => {
      this.#arrange();
      this.#scroll(this.#log.scrollHeight, "instant");
    }, console.error);
  }

  /** Show the panel. @param {boolean} focusing @param {Element | null} from where the focus was before */
  show(focusing, from) {
    this.#from = from;
    this.#present();
    this.#settle();
    this.#scroll(this.#log.scrollHeight, "instant");
    if (focusing) this.focus();
    if (this.chat.turns.length) this.#host.remember(true);
  }

  hide() {
    const had = this.#frame.matches(":focus-within");
    if (this.#frame instanceof HTMLDialogElement) this.#frame.close();
    const back = this.#from?.isConnected && this.#from !== document.body ? this.#from : this.#launcher;
    // The element itself is where the focus was when it came from the launcher.
    const target = /** @type {HTMLElement | null} */ (back === this.#host ? this.#launcher : back);
    if (had) target?.focus({ preventScroll: true });
  }

  /** Take the focus, without calling up the keyboard of a phone. */
  focus() {
    const field = matchMedia("(pointer: coarse)").matches ? this.#log : this.#prompt;
    field.focus({ preventScroll: true });
  }

  /** Follow the host's attributes. */
  update() {
    const host = this.#host;
    this.#title.textContent = host.heading;
    this.#greeting.textContent = host.getAttribute("greeting") || this.#words.greeting;
    this.#prompt.placeholder = host.getAttribute("placeholder") || this.#words.placeholder;
    const privacy = safeUrl(host.getAttribute("privacy-url") ?? "", document.baseURI);
    this.#privacy.href = privacy?.href ?? "";
    this.#privacy.hidden = !privacy;
    this.#frame.dir = host.dir || (host.language === "ar" ? "rtl" : "ltr");
    this.#starters.replaceChildren(...questions(host.getAttribute("questions")).map((question) => {
      const chip = make("button", "starter", { type: "button", dir: "auto" }, question);
      chip.onclick = () => {
        this.ask(question);
        this.focus();
      };
      return chip;
    }));
  }

  /** Ask, unless the page prevents it. @param {string} prompt */
  async ask(prompt) {
    await this.#loading;
    if (this.chat.current) {
      this.prefill(prompt);
      return;
    }
    if (!this.#host.tell("question", { prompt })) return;
    const edited = this.#edited;
    this.#edited = null;
    this.#editing.hidden = true;
    this.#rising = true;
    this.#host.remember(true);
    await (edited ? this.chat.edit(edited, prompt) : this.chat.ask(prompt));
  }

  /** @param {string} text */
  prefill(text) {
    this.#prompt.value = text;
    this.#grow();
    this.#prompt.focus({ preventScroll: true });
  }

  async newConversation() {
    await this.#loading;
    this.chat.newConversation();
    this.#edit(null);
    this.#host.tell("new-conversation");
  }

  async clearData() {
    this.#edit(null);
    this.#host.remember(false);
    await this.#loading;
    await this.#reach(this.chat.clearData(), "clear-data", {}, this.#words.uncleared);
  }

  close() {
    this.#listeners.abort();
    this.chat.close();
    this.#frame.remove();
  }

  #listen() {
    const { signal } = this.#listeners;
    const { chat } = this;
    chat.addEventListener("turns", () => this.#arrange(), { signal });
    for (const kind of ["text", "rewind", "change", "connection"]) {
      chat.addEventListener(kind, (event) => this.#follow(/** @type {CustomEvent} */ (event).detail?.turn), { signal });
    }
    this.#form.onsubmit = (event) => event.preventDefault();
    this.#prompt.onkeydown = (event) => this.#key(event);
    this.#prompt.oninput = () => this.#grow();
    this.#clear.onclick = () => this.#confirm();
    this.#log.onscroll = () => this.#settle();
    this.#frame.onkeydown = (event) => this.#escape(event);
    for (const kind of ["keyup", "keypress"]) this.#frame.addEventListener(kind, (event) => event.stopPropagation());
    // What asks a dialog to close, such as a phone's way back, goes the way of the button.
    this.#frame.addEventListener("cancel", (event) => (event.preventDefault(), this.#host.close()));
    this.#frame.addEventListener("close", () => this.#frame.hasAttribute("open") || this.#host.close());
    this.#frame.addEventListener("click", (event) => {
      const path = event.composedPath();
      if (!path.some((each) => each === this.#menu || each === this.#more)) this.#unfold(false);
      // A place on this very page is behind the chat.
      const link = path.find((each) => each instanceof HTMLAnchorElement);
      if (link?.hash && this.#frame.matches(":modal") && bare(link.href) === bare(location.href)) this.#host.close();
    });
    this.#host.phone.addEventListener("change", () => this.#host.isOpen && this.#present(), { signal });
    // The keyboard of a phone covers what is fixed: keep to what is seen.
    const seen = window.visualViewport;
    for (const kind of ["resize", "scroll"]) seen?.addEventListener(kind, () => this.#fit(), { signal });
  }

  /** A phone has no room beside the panel: there it is modal. */
  #present() {
    const frame = this.#frame;
    if (!(frame instanceof HTMLDialogElement)) return;
    const modal = this.#host.phone.matches;
    if (frame.open && frame.matches(":modal") === modal) return;
    const focused = frame.matches(":focus-within");
    frame.close();
    // Not show(), which takes the focus.
    if (modal) frame.showModal();
    else frame.open = true;
    if (focused) this.focus();
    this.#fit();
  }

  #fit() {
    const seen = window.visualViewport;
    if (!seen || !this.#frame.matches(":modal")) return;
    this.#frame.style.setProperty("--chatsse-top", `${seen.offsetTop}px`);
    this.#frame.style.setProperty("--chatsse-seen", `${seen.height}px`);
  }

  /** Have a view for each turn, in their order. */
  #arrange() {
    const { turns, connection } = this.chat;
    /** @type {Map<string, TurnView>} */
    const views = new Map();
    for (const turn of turns) {
      const view = this.#views.get(turn.key) ?? this.#view(turn);
      view.turn = turn;
      views.set(turn.key, view);
      this.#await(turn);
    }
    for (const [key, view] of this.#views) if (!views.has(key)) view.element.remove();
    this.#views = views;
    // What stands in its place is not moved: that would lose the focus and the selection.
    const elements = [...views.values()].map(({ element }) => element);
    elements.forEach((element, n) => {
      const place = n ? elements[n - 1] : this.#welcome;
      if (place.nextSibling !== element) place.after(element);
    });
    for (const view of views.values()) view.update(connection);
    this.#welcome.hidden = elements.length > 0;
    this.#fresh.hidden = !elements.length;
    this.#busy(Boolean(this.chat.current));
    this.#rise(elements.at(-1));
    this.#settle();
  }

  /** @param {Turn} turn */
  #view(turn) {
    return new TurnView(turn, this.#words, this.#host.server, {
      edit: (each) => this.#edit(each),
      retry: () => {
        this.#rising = true;
        void this.chat.retry();
      },
      rate: (each, rating) => {
        void this.#reach(this.chat.rate(each, rating), "feedback", { id: idOf(each), rating });
      },
    });
  }

  /** The new question goes to the top, its answer has the room beneath: nothing scrolls after that. @param {HTMLElement} [last] */
  #rise(last) {
    if (!this.#rising || !last || !this.chat.current) return;
    this.#rising = false;
    for (const element of this.#log.querySelectorAll(".rising")) element.classList.remove("rising");
    last.classList.add("rising");
    this.#scroll(last.offsetTop);
  }

  /** @param {Turn} turn */
  #await(turn) {
    if (!isOver(turn) && !this.#awaited.has(turn.key)) this.#awaited.set(turn.key, Boolean(turn.text));
  }

  /** Tokens come faster than screens change: one drawing a frame. @param {Turn} [turn] */
  #follow(turn) {
    // One that could not be put is, by a retry, under way again.
    if (turn) this.#await(turn);
    if (turn?.text && this.#awaited.get(turn.key) === false) {
      this.#awaited.set(turn.key, true);
      this.#host.tell("answer-start", { id: idOf(turn), prompt: turn.prompt });
    }
    if (turn && isOver(turn)) this.#end(turn);
    else this.#drawing ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = 0;
    const view = this.#views.get(this.chat.current?.key ?? "");
    view?.update(this.chat.connection);
    this.#settle();
  }

  /** @param {Turn} turn */
  #end(turn) {
    const view = this.#views.get(turn.key);
    view?.update(this.chat.connection);
    this.#busy(Boolean(this.chat.current));
    this.#settle();
    if (!this.#awaited.delete(turn.key)) return;
    // Read out once, when it is whole.
    this.#announcer.textContent = view?.spoken ?? "";
    const { end, problem, prompt, text } = turn;
    const detail = { id: idOf(turn), prompt };
    if (problem) this.#host.tell("error", { ...detail, code: problem, message: turn.message });
    else if (end?.event === "failed") this.#host.tell("error", { ...detail, code: end.code, message: end.message });
    else this.#host.tell("answer-end", { ...detail, text, reason: end?.reason });
    if (!this.#host.isOpen && !this.#host.isInline) this.#launcher?.setAttribute("data-news", "");
  }

  /**
   * Tell the page what the server has done; or the visitor, until the next such try, that it has not.
   * @param {Promise<unknown>} done @param {string} [name] of the event @param {object} [detail] @param {string} [complaint]
   */
  async #reach(done, name, detail, complaint = this.#words.unreached) {
    this.#complaint.textContent = "";
    try {
      await done;
      if (name) this.#host.tell(name, detail);
    } catch (error) {
      this.#complaint.textContent = complaint;
      this.#host.tell("error", { code: "not_sent", message: String(error) });
    }
  }

  /** Have the next page look for the answer, should it come before the end. */
  #hint() {
    const hint = `chatsse:unfinished:${this.#host.server}`;
    try {
      if (this.chat.current) localStorage.setItem(hint, "1");
      else localStorage.removeItem(hint);
    } catch {
      // Storage is forbidden: the answer waits until the chat is opened.
    }
  }

  /** Stop is where Send was, so that the focus stays. @param {boolean} busy */
  #busy(busy) {
    const { stop, send } = this.#words;
    this.#hint();
    change(this.#send, busy ? stop : send, ICONS[busy ? "stop" : "send"]);
    this.#send.classList.toggle("stop", busy);
    this.#grow();
  }

  #submit() {
    if (this.chat.current) return void this.#reach(this.chat.stop());
    const prompt = this.#prompt.value.trim();
    if (!prompt) return;
    this.#prompt.value = "";
    this.#grow();
    void this.ask(prompt);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // While an input method composes, Enter picks a word; Safari says so only by the code 229.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    if (!this.chat.current) this.#submit();
  }

  /** @param {KeyboardEvent} event */
  #escape(event) {
    // The page's own shortcuts are not for what is typed here.
    event.stopPropagation();
    if (event.key !== "Escape" || event.isComposing) return;
    if (!this.#menu.hidden) {
      this.#unfold(false);
      this.#more.focus();
    } else if (this.#edited) this.#edit(null);
    else if (!this.#host.isInline) this.#host.close();
    event.preventDefault();
  }

  #grow() {
    const { style } = this.#prompt;
    if (!CSS.supports("field-sizing", "content")) {
      style.height = "auto";
      style.height = `${this.#prompt.scrollHeight}px`;
    }
    this.#send.disabled = !this.chat.current && !this.#prompt.value.trim();
  }

  /** @param {Turn | null} turn what the next question replaces */
  #edit(turn) {
    const was = this.#edited;
    this.#edited = turn;
    this.#editing.hidden = !turn;
    if (turn || was) this.prefill(turn?.prompt ?? "");
  }

  /** @param {boolean} open */
  #unfold(open) {
    this.#menu.hidden = !open;
    this.#more.ariaExpanded = String(open);
    this.#clear.textContent = this.#words.clear;
    if (open) this.#clear.focus({ preventScroll: true });
  }

  #confirm() {
    if (this.#clear.textContent === this.#words.clear) {
      this.#clear.textContent = this.#words.sure;
      return;
    }
    this.#unfold(false);
    this.focus();
    void this.clearData();
  }

  /** @param {number} top @param {ScrollBehavior} [behavior] */
  #scroll(top, behavior) {
    if (arriving) void arriving.then(() => this.#log.scrollTo({ top: this.#log.scrollHeight, behavior }));
    else this.#log.scrollTo({ top, behavior });
  }

  /** Offer the way to the end where it is out of sight. */
  #settle() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#latest.hidden = scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }
}

/**
 * The address of the page, for the server to keep with a question. Not what may name the visitor: a query or a
 * fragment. Nothing, where the page is not of the web, or its address too long for the server.
 */
function page() {
  const { origin, pathname } = location;
  const address = origin + pathname;
  return /** @type {string} */ (/^http/.test(address) && address.length <= MOST_PAGE_CHARS ? address : undefined);
}

/** @param {Turn} turn */
function isOver({ end, problem }) {
  return Boolean(end || problem);
}

/** @param {Turn} turn */
function idOf({ stream }) {
  return stream.split("/").pop();
}

/** @param {string | null} json @returns {string[]} */
function questions(json) {
  try {
    return JSON.parse(json || "[]").map(String);
  } catch {
    console.warn("chatsse: questions must be a JSON list.");
    return [];
  }
}

/** An address without its fragment. @param {string} address */
const bare = (address) => address.split("#", 1)[0];

/**
 * While a new page is on its way to its anchor: Chromium gives up a smooth one where anything else scrolls.
 * @type {Promise<void> | null}
 */
let arriving = location.hash && performance.now() < NEW_MS ? arrival().then(() => void (arriving = null)) : null;

async function arrival() {
  /** @param {string} name */
  const heard = (name) => new Promise((resolve) => addEventListener(name, resolve, { once: true }));
  if (document.readyState !== "complete") await heard("load");
  await Promise.race([heard("scrollend"), new Promise((resolve) => setTimeout(resolve, ARRIVAL_MS))]);
}
