// @ts-check
/**
 * Follows a stream until its end, whatever happens on the way.
 *
 * EventSource reconnects by itself after a cut and brings its `Last-Event-ID` along. It gives up for good
 * when a proxy answers with an error page, in Firefox also when offline, and it never notices a
 * connection that died in silence. In those cases a new one takes over, its cursor in the query.
 */

/** @typedef {import("./answer.js").StreamEvent} StreamEvent */
/** @typedef {"open" | "reconnecting" | "gone"} Connection */

const EVENTS = ["message", "status", "sources", "citation", "rewind", "done", "failed", "ping"];
/** The server pings every 15 s: after two missed pings the connection counts as dead. */
const SILENCE_MS = 40_000;
const LONGEST_PAUSE_MS = 15_000;

export class Follower {
  #url;
  #cursor;
  #onevent;
  #onconnection;
  #listeners = new AbortController();
  #probe = new AbortController();
  /** @type {EventSource | null} */
  #source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #heardAt = 0;
  #failures = 0;

  /**
   * @param {string} url
   * @param {object} owner
   * @param {() => string} owner.cursor the id of the last event that the owner holds
   * @param {(event: StreamEvent) => void} owner.onevent takes each event; calls `close` after the last
   * @param {(connection: Connection) => void} owner.onconnection
   */
  constructor(url, { cursor, onevent, onconnection }) {
    this.#url = url;
    this.#cursor = cursor;
    this.#onevent = onevent;
    this.#onconnection = onconnection;
  }

  open() {
    const { signal } = this.#listeners;
    addEventListener("online", () => this.#connect(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#connect(), { signal });
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    this.#connect();
  }

  close() {
    this.#listeners.abort();
    this.#drop();
  }

  #connect() {
    this.#drop();
    const source = new EventSource(this.#address());
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.#hear();
      this.#onconnection("open");
    };
    source.onerror = () => {
      this.#onconnection("reconnecting");
      if (source.readyState === EventSource.CLOSED) this.#connectLater();
    };
    for (const name of EVENTS) {
      source.addEventListener(name, ({ lastEventId, data }) => {
        this.#hear();
        this.#onevent({ id: name === "ping" ? "" : lastEventId, event: name, data: parsed(data) });
      });
    }
    this.#hear();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#probe.abort();
    this.#source?.close();
    this.#source = null;
  }

  #hear() {
    this.#heardAt = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), SILENCE_MS);
  }

  /** Timers sleep in a hidden tab, and so does a laptop. */
  #wake() {
    if (!document.hidden && Date.now() - this.#heardAt > SILENCE_MS / 2) this.#connect();
  }

  #connectLater() {
    this.#drop();
    const pause_ms = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#ask(), pause_ms * (0.5 + Math.random() / 2));
  }

  /** EventSource hides the status, so ask for the same events as JSON: is there still something to follow? */
  async #ask() {
    this.#probe = new AbortController();
    const { signal } = this.#probe;
    try {
      const response = await fetch(this.#address(), { headers: { Accept: "application/json" }, signal });
      if (response.status === 404 || response.status === 204) return this.#leave();
      if (!response.ok) return this.#connectLater();
      const { events, ended } = await response.json();
      for (const { id, event, data } of events) this.#onevent({ id, event: event || "message", data });
      if (signal.aborted) return;
      if (ended) this.#leave();
      else this.#connect();
    } catch {
      if (!signal.aborted) this.#connectLater();
    }
  }

  #leave() {
    this.close();
    this.#onconnection("gone");
  }

  #address() {
    const url = new URL(this.#url, location.href);
    if (this.#cursor()) url.searchParams.set("last_event_id", this.#cursor());
    return url;
  }
}

/** @param {string} json @returns {unknown} */
function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
