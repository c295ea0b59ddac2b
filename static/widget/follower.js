// @ts-check
/**
 * Follows a stream until its end, whatever happens on the way.
 *
 * EventSource reconnects by itself after a cut and brings its `Last-Event-ID` along. It gives up for good
 * when a proxy answers with an error page, in Firefox also when offline, and it never notices a
 * connection that died in silence. In those cases a new one takes over, its cursor in the query.
 *
 * Some proxies hold a stream back until it has ended, or refuse it. Where the server answers and its
 * stream stays silent, the rest of the answer is read in the JSON form of the same address.
 */

/** @typedef {import("./answer.js").StreamEvent} StreamEvent */
/** @typedef {"open" | "reconnecting" | "offline" | "gone"} Connection */

const EVENTS = ["message", "status", "sources", "citation", "rewind", "done", "failed", "ping"];
/** The server pings every 15 s: after two missed pings the connection counts as dead. */
const SILENCE_MS = 40_000;
/** A new stream that has said nothing for so long is looked into. */
const FIRST_MS = 10_000;
const WAIT_S = 20;
const PATIENCE_MS = 15_000;
const LONGEST_PAUSE_MS = 15_000;

export class Follower {
  #url;
  #cursor;
  #onevent;
  #onconnection;
  #listeners = new AbortController();
  #request = new AbortController();
  /** @type {EventSource | null} */
  #source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #heardAt = 0;
  #failures = 0;
  /** How often the server has answered since its stream last said something. */
  #doubts = 0;

  /**
   * @param {string} url
   * @param {object} owner
   * @param {() => string} owner.cursor the id of the last event that the owner holds
   * @param {(event: StreamEvent) => void} owner.onevent takes each event; calls `close` after the last
   * @param {(connection: Connection) => void} owner.onconnection also told when it is the same again
   * @param {boolean} [owner.held] streams are known to be held back
   */
  constructor(url, { cursor, onevent, onconnection, held = false }) {
    this.held = held;
    this.#url = url;
    this.#cursor = cursor;
    this.#onevent = onevent;
    this.#onconnection = onconnection;
  }

  open() {
    const { signal } = this.#listeners;
    addEventListener("online", () => this.#connect(), { signal });
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    this.#connect();
  }

  close() {
    this.#listeners.abort();
    this.#drop();
  }

  #connect() {
    this.#drop();
    this.#heardAt = Date.now();
    if (this.held) return void this.#ask(WAIT_S);
    const source = new EventSource(this.#address());
    this.#source = source;
    source.onopen = () => this.#owns(source) && this.#onconnection("open");
    source.onerror = () => this.#owns(source) && this.#fail(source);
    for (const name of EVENTS) {
      source.addEventListener(name, ({ lastEventId, data }) => {
        if (!this.#owns(source)) return;
        this.#hear();
        this.#onevent({ id: name === "ping" ? "" : lastEventId, event: name, data: parsed(data) });
      });
    }
    this.#expect();
  }

  /**
   * Whether it is the one in use. WebKit revives one that was closed with `pagehide` when the back button
   * brings the page (https://github.com/whatwg/html/issues/12363): that one is closed for good.
   * @param {EventSource} source
   */
  #owns(source) {
    if (this.#source !== source) source.close();
    return this.#source === source;
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#request.abort();
    this.#source?.close();
    this.#source = null;
  }

  /** @param {number} pause_ms @param {() => void} act */
  #wait(pause_ms, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, pause_ms);
  }

  /** The stream is to say something soon. */
  #expect() {
    this.#wait(FIRST_MS, () => this.#ask(0));
  }

  #hear() {
    this.#request.abort();
    this.#heardAt = Date.now();
    this.#failures = this.#doubts = 0;
    this.#wait(SILENCE_MS, () => this.#connect());
  }

  /** Timers sleep in a hidden tab, and so does a laptop. */
  #wake() {
    if (!document.hidden && Date.now() - this.#heardAt > SILENCE_MS / 2) this.#connect();
  }

  /** A few times EventSource may try itself: it keeps to the server's pause. @param {EventSource} source */
  #fail(source) {
    this.#tellTrouble();
    if (source.readyState === EventSource.CLOSED || ++this.#failures > 3) this.#askLater();
    else this.#expect();
  }

  #tellTrouble() {
    this.#onconnection(navigator.onLine ? "reconnecting" : "offline");
  }

  #askLater() {
    this.#drop();
    this.#wait(backoff(this.#failures++), () => this.#ask(this.held ? WAIT_S : 0));
  }

  /**
   * Ask for the same events as JSON: EventSource hides the status, and may be held back.
   * @param {number} wait_s how long the server may wait for the first of them
   */
  async #ask(wait_s) {
    const request = (this.#request = new AbortController());
    const again = () => {
      this.#tellTrouble();
      this.#askLater();
    };
    this.#wait(wait_s * 1000 + PATIENCE_MS, again);
    try {
      const response = await fetch(this.#address(wait_s), {
        headers: { Accept: "application/json" },
        signal: request.signal,
      });
      const { events, ended, error } = await response.json();
      if (request.signal.aborted) return;
      // A proxy that can't find the server says 404 too, in another form.
      if (error?.code === "not_found") this.#leave();
      else this.#take([...events], ended);
    } catch {
      if (!request.signal.aborted) again();
    }
  }

  /** @param {StreamEvent[]} events @param {boolean} ended */
  #take(events, ended) {
    const source = this.#source;
    const isHeld = source && (source.readyState !== EventSource.OPEN || events.length);
    if (++this.#doubts > 1 || isHeld) this.held = true;
    if (source && !this.held) return this.#expect();
    // What the stream may still bring would repeat these, joined in another way.
    this.#drop();
    this.#failures = 0;
    this.#onconnection("open");
    for (const event of events) this.#onevent(event);
    if (this.#listeners.signal.aborted) return;
    if (ended) this.#leave();
    else if (events.length) this.#connect();
    // Whoever answered may not have waited.
    else this.#wait(backoff(0), () => this.#connect());
  }

  #leave() {
    this.close();
    this.#onconnection("gone");
  }

  #address(wait_s = 0) {
    const url = new URL(this.#url);
    if (this.#cursor()) url.searchParams.set("last_event_id", this.#cursor());
    if (wait_s) url.searchParams.set("wait", String(wait_s));
    return url;
  }
}

/**
 * The pause before the next try, in ms: doubled each time, and spread, so that readers don't come all at once.
 * @param {number} failures how many there were before
 */
export function backoff(failures, random = Math.random()) {
  return Math.min(LONGEST_PAUSE_MS, 400 * 2 ** failures) * (0.5 + random / 2);
}

/** @param {string} json @returns {unknown} */
function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
