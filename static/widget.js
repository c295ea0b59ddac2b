// @ts-check
/**
 * chatsse, the one tag of a blog: shows the launcher. All else is loaded when the chat is opened, or when an
 * answer that was not finished on the last page waits.
 */
(() => {
  const NAME = "chatsse-widget";
  /** The server replaces this by the address of the version that it has. */
  const MODULES = "widget/current/";
  // A script that was imported, or that a bundler has moved, is no "current script".
  // An element of that name stands in for it too, whose address is not to be trusted.
  const { currentScript } = document;
  const tag = currentScript instanceof HTMLScriptElement
    ? currentScript
    : [...document.scripts].find(({ src }) => /\/widget\.js(\?|$)/.test(src));
  const first = /** @type {{ tag?: HTMLScriptElement } | undefined} */ (customElements.get(NAME));
  if (first) {
    // A swapped page brings its tag along again, which is as it should be.
    if (first.tag?.isConnected) console.warn("chatsse: the page has more than one tag; the first one counts.");
    return;
  }

  const REFLECTED = ["greeting", "questions", "placeholder", "theme", "position", "mode", "privacy-url"];
  const ATTRIBUTES = [...REFLECTED, "title", "lang", "dir", "open", "server"];
  const idle = window.requestIdleCallback ?? setTimeout;
  const camel = (/** @type {string} */ name) => name.replace(/-(.)/, (_, letter) => letter.toUpperCase());
  /** The address of a server, without a slash at the end. @param {string | null | undefined} server */
  const address = (server) => new URL(server || ".", tag?.src || document.baseURI).href.replace(/\/$/, "");
  const OPEN = "chatsse:open";
  /** @type {Record<string, string>} */
  const TITLES = {
    en: "Ask this blog",
    de: "Frag diesen Blog",
    fr: "Interroger ce blog",
    es: "Pregunta a este blog",
    pt: "Pergunte a este blog",
    ja: "このブログに質問",
    zh: "向本博客提问",
    ar: "اسأل هذه المدونة",
  };
  const STYLE = `
:host(:not([mode=inline])) {
  all: initial !important; position: fixed !important; z-index: 2147483647 !important;
  top: 0 !important; left: 0 !important;
}
:host, :host(:not([mode=inline])) { color-scheme: light dark !important }
:host([theme=light]) { color-scheme: light !important }
:host([theme=dark]) { color-scheme: dark !important }
:host([mode=inline]) { display: block !important; height: 560px }
:host([hidden]) { display: none !important }
.launcher {
  all: initial; box-sizing: border-box; color-scheme: inherit; position: fixed; display: grid; place-items: center;
  inset-inline-end: var(--chatsse-inset, 20px);
  bottom: calc(var(--chatsse-inset, 20px) + env(safe-area-inset-bottom, 0px));
  width: 56px; height: 56px; border: 1px solid #0000; border-radius: 50%; cursor: pointer;
  background: var(--chatsse-accent, #3450c8); color: var(--chatsse-on-accent, #fff);
  box-shadow: 0 1px 3px #0003, 0 8px 24px -4px #0004;
  transition: transform .18s ease, box-shadow .18s ease;
}
:host([position=left]) :is(.launcher, dialog:not(:modal)) { right: auto; left: var(--chatsse-inset, 20px) }
:host([position=right]) :is(.launcher, dialog:not(:modal)) { left: auto; right: var(--chatsse-inset, 20px) }
.launcher:hover { transform: translateY(-2px); box-shadow: 0 2px 4px #0003, 0 12px 30px -4px #0005 }
.launcher:focus-visible { outline: 3px solid var(--chatsse-accent, #3450c8); outline-offset: 3px }
.launcher svg {
  width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.8;
  stroke-linecap: round; stroke-linejoin: round;
}
.launcher[aria-busy=true] svg { animation: breathe 1s infinite alternate }
.launcher[data-news]::after {
  content: ""; position: absolute; top: 1px; inset-inline-end: 1px; width: 13px; height: 13px;
  border: 2px solid #fff; border-radius: 50%; background: #d92d20;
}
@keyframes breathe { to { opacity: .35 } }
@media (prefers-reduced-motion: reduce) { .launcher, .launcher svg { transition: none; animation: none !important } }
@media print { :host { display: none !important } }`;
  const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-8.5 8.4 8.7 8.7 0 0 1-3.7-.8L3.5 20.5l1.6-4.7A8.3 8.3 0 0 1 4 11.5 8.4 8.4 0 0 1 12.5 3 8.4 8.4 0 0 1 21 11.5Z";
  const DOWN = "m6 9.5 6 6 6-6";

  /** @typedef {import("./widget/panel.js").Panel} Panel */

  class ChatsseWidget extends HTMLElement {
    static tag = tag;
    static observedAttributes = ATTRIBUTES;
    #root = this.attachShadow({ mode: "open" });
    /** @type {HTMLButtonElement | null} */
    #launcher = null;
    /** @type {Promise<Panel> | null} */
    #panel = null;
    /** @type {Panel | null} */
    #loaded = null;
    #tries = 0;
    /** Whether the focus is to go in: only where somebody opened the chat, never where a page did. */
    #focusing = false;

    /** Where there is no room beside the chat: it is modal, and never comes up with a page. */
    phone = matchMedia("(max-width: 520px), (max-height: 420px)");

    /** The chat's server, without a slash at the end. */
    get server() {
      return address(this.getAttribute("server"));
    }

    /** The interface's language; the panel knows others than these not either. */
    get language() {
      const wanted = [this.lang, document.documentElement.lang, ...navigator.languages];
      return wanted.map((lang) => lang.slice(0, 2).toLowerCase()).find((lang) => lang in TITLES) ?? "en";
    }

    get heading() {
      return this.title || TITLES[this.language];
    }

    get isOpen() {
      return this.hasAttribute("open");
    }

    get isInline() {
      return this.getAttribute("mode") === "inline";
    }

    connectedCallback() {
      if (this !== floating) floating?.remove();
      if (!this.#isMade) this.#make();
      if (this.#loaded) {
        if (this.isOpen || this.isInline) this.#loaded.show(false, null);
      } else if (this.isInline) this.#loadInView();
      else if (this.isOpen) void this.#show();
      else if (noted("sessionStorage", OPEN)) this.setAttribute("open", "");
      else if (noted("localStorage", `chatsse:unfinished:${this.server}`)) idle(() => this.panel().catch(() => {}));
    }

    /** An element that is only moved comes back at once, and keeps its panel. */
    disconnectedCallback() {
      setTimeout(() => {
        if (this.isConnected) return;
        this.#loaded?.close();
        this.#panel = this.#loaded = null;
        this.#root.adoptedStyleSheets.splice(1);
        // A page's own took the floating one's place, and has gone with its page.
        if (this !== floating) start();
      });
    }

    get #isMade() {
      return this.#root.adoptedStyleSheets.length > 0;
    }

    #make() {
      for (const name of ATTRIBUTES) {
        const value = tag?.dataset[camel(name)];
        if (value !== undefined && !this.hasAttribute(name)) this.setAttribute(name, value);
      }
      // A page that comes up never covers itself.
      if (this.phone.matches) this.remember(false), this.close();
      this.adopt(STYLE);
      if (!this.isInline) this.#root.append((this.#launcher = this.#makeLauncher()));
    }

    /** @param {string} name @param {string | null} old @param {string | null} value */
    attributeChangedCallback(name, old, value) {
      // Before it is made, connectedCallback has yet to see what there is.
      if (!this.isConnected || !this.#isMade || old === value) return;
      if (name !== "open") {
        this.#launcher?.setAttribute("aria-label", this.heading);
        this.#loaded?.update();
      } else if (value === null) this.#hide();
      else if (old === null) void this.#show();
    }

    open() {
      this.#focusing = true;
      if (this.isOpen) this.#loaded?.focus();
      this.setAttribute("open", "");
      this.#focusing = false;
    }

    close() {
      this.removeAttribute("open");
    }

    toggle() {
      if (this.isOpen) this.close();
      else this.open();
    }

    /** @param {string} [question] */
    async ask(question) {
      this.open();
      if (question?.trim()) (await this.panel()).ask(question.trim());
    }

    /** @param {string} text */
    async prefill(text) {
      this.open();
      (await this.panel()).prefill(text);
    }

    async stop() {
      await this.#loaded?.chat.stop();
    }

    async newConversation() {
      await (await this.panel()).newConversation();
    }

    async clearData() {
      await (await this.panel()).clearData();
    }

    /**
     * Tell the page what happens; false: it wants it not to.
     * @param {string} name @param {object} [detail]
     */
    tell(name, detail = {}) {
      const event = { detail, bubbles: true, composed: true, cancelable: name === "question" };
      return this.dispatchEvent(new CustomEvent(`chatsse:${name}`, event));
    }

    /** Have the page's next one in this tab come up with the chat open. @param {boolean} open */
    remember(open) {
      try {
        if (open && !this.isInline) sessionStorage.setItem(OPEN, "1");
        else sessionStorage.removeItem(OPEN);
      } catch {
        // Storage is forbidden: the next page begins with the launcher.
      }
    }

    /** Style the inside; sheets that are adopted ask nothing of a page's policy. @param {string} css */
    adopt(css) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      this.#root.adoptedStyleSheets.push(sheet);
    }

    /** @returns {Promise<Panel>} */
    panel() {
      this.#panel ??= this.#load();
      return this.#panel;
    }

    async #load() {
      this.#launcher?.setAttribute("aria-busy", "true");
      try {
        // Some browsers remember that an address failed: another try needs another one.
        const again = this.#tries++ ? `?${this.#tries}` : "";
        // Not from wherever an element says: whoever may write the tag may run scripts, others may not.
        const home = tag ? address(tag.dataset.server) : this.server;
        const load = (/** @type {string} */ name) => import(`${home}/${MODULES}${name}.js${again}`);
        const [{ Panel }, texts] = await Promise.all([load("panel"), load(`words/${this.language}`)]);
        return (this.#loaded = new Panel(this, this.#root, texts.default));
      } catch (error) {
        this.#panel = null;
        this.close();
        this.tell("error", { code: "not_loaded", message: String(error) });
        throw error;
      } finally {
        this.#launcher?.removeAttribute("aria-busy");
      }
    }

    async #show() {
      const focusing = this.#focusing;
      const from = document.activeElement;
      try {
        const panel = await this.panel();
        if (!this.isOpen) return;
        panel.show(focusing, from);
      } catch {
        return;
      }
      this.#launch(true);
      this.tell("open");
    }

    #hide() {
      this.#loaded?.hide();
      this.#launch(false);
      this.remember(false);
      this.tell("close");
    }

    #loadInView() {
      const watch = new IntersectionObserver((seen) => {
        if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
        // Where that fails, coming into view again tries again.
        this.panel().then((panel) => (watch.disconnect(), panel.show(false, null))).catch(() => {});
      }, { rootMargin: "200px" });
      watch.observe(this);
    }

    #makeLauncher() {
      const button = document.createElement("button");
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      button.type = "button";
      button.className = "launcher";
      button.part.add("launcher");
      button.setAttribute("aria-label", this.heading);
      svg.setAttribute("viewBox", "0 0 24 24");
      svg.setAttribute("aria-hidden", "true");
      svg.append(document.createElementNS(svg.namespaceURI, "path"));
      button.append(svg);
      button.onclick = () => this.toggle();
      this.#launcher = button;
      this.#launch(false);
      return button;
    }

    /** @param {boolean} open */
    #launch(open) {
      this.#launcher?.setAttribute("aria-expanded", String(open));
      this.#launcher?.querySelector("path")?.setAttribute("d", open ? DOWN : BUBBLE);
      if (open) this.#launcher?.removeAttribute("data-news");
    }
  }

  for (const name of REFLECTED) {
    Object.defineProperty(ChatsseWidget.prototype, camel(name), {
      /** @this {HTMLElement} */
      get() {
        return this.getAttribute(name) ?? "";
      },
      /** @this {HTMLElement} @param {unknown} value */
      set(value) {
        this.setAttribute(name, typeof value === "object" ? JSON.stringify(value) : String(value));
      },
    });
  }

  /** Whether there is such a note. @param {"localStorage" | "sessionStorage"} storage @param {string} name */
  function noted(storage, name) {
    try {
      return window[storage].getItem(name) !== null;
    } catch {
      return false;
    }
  }

  const widget = () => /** @type {ChatsseWidget | null} */ (document.querySelector(NAME));

  /** The one that the tag makes. @type {HTMLElement | undefined} */
  let floating;
  customElements.define(NAME, ChatsseWidget);

  function start() {
    if (widget()) return;
    // Beside the body, where neither a swap of the page nor a transform of the body's reaches it.
    document.documentElement.append((floating = document.createElement(NAME)));
  }

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const asker = /** @type {Element | null} */ (event.target)?.closest?.("[data-chatsse-ask]");
    if (!asker || !widget()) return;
    event.preventDefault();
    widget()?.ask(asker.getAttribute("data-chatsse-ask") ?? "").catch(() => {});
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
