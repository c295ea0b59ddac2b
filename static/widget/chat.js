// @ts-check
/**
 * The conversation, without its looks: what was asked and answered, in this tab and in the others.
 *
 * Each tab holds all of it and puts its own questions. One tab, the leader, follows the answer that is
 * under way and hands each event on; whoever misses one is sent the whole. The browser's history keeps
 * the conversation for the next page and for tomorrow.
 */

import { Answer, isAfter } from "./answer.js";
import { Api, Refused, idOf } from "./api.js";
import { Follower, backoff } from "./follower.js";
import { History } from "./history.js";
import { Tabs } from "./leader.js";

/** @typedef {import("./answer.js").StreamEvent} StreamEvent */
/** @typedef {import("./follower.js").Connection} Connection */
/** @typedef {"" | "up" | "down"} Rating */
/** @typedef {"save" | "put" | "hello" | "watch" | "recall"} Timer */
/** @typedef {Omit<Turn, "apply" | "grounds">} Data a turn, as it is kept and sent */
/** @typedef {{ turns: Data[], gone?: string[], all?: boolean, cleared?: boolean }} Change of the conversation */
/** @typedef {import("./history.js").Common & Change} News */

const SAVE_MS = 400;
const REPLY_MS = 50;
/** The leader passes the pings on: one that is silent for so long sleeps, whatever the browser says. */
const SILENCE_MS = 45_000;
const HANDSHAKE_MS = 3000;
/** For so long the server knows a question by its key. */
const KEY_MS = 3600 * 1000;
/** After these the server may have the question: it is put again under its key. */
const UNSURE = ["unreachable", "unavailable"];
/** @type {import("./answer.js").Failed} */
const EXPIRED = { event: "failed", code: "expired", message: "", retryable: true };

/** A question and its answer. Its fields are plain data, which is what is kept and sent to other tabs. */
export class Turn extends Answer {
  /** Names the turn here, and the question to the server: its Idempotency-Key. */
  key = newKey();
  prompt = "";
  page = "";
  /** The conversation it is part of; empty: it begins one, which the server has yet to name. */
  conversation = "";
  /** The id of the answer before it, where it took the place of others that followed that one. */
  after = "";
  at = 0;
  /** Where its answer is; empty until the question is put. */
  stream = "";
  /** @type {Rating} */
  rating = "";
  /** Why it could not be put: an error's code, or `unreachable` where no reply came; empty: nothing is wrong. */
  problem = "";
  /** What the server said of the problem, in its own language. */
  message = "";
  /** When it may be asked again, in ms since 1970; 0: at any time. */
  retryAt = 0;
  /** It is to be stopped as soon as it has a stream. */
  stopping = false;
}

export class Chat extends EventTarget {
  /** Oldest first. @type {Turn[]} */
  turns = [];
  /** @type {Connection} */
  connection = "open";
  #api;
  #page;
  #history;
  #tabs;
  /** All that the server has of this visitor, those that were left too. @type {string[]} */
  #conversations = [];
  /** The keys of the turns that this tab is putting. @type {Set<string>} */
  #putting = new Set();
  /** Those that were cut: what another tab still says of them comes too late. @type {Set<string>} */
  #gone = new Set();
  /** The last one, closed or not. @type {Follower | undefined} */
  #follower;
  /** Whose answer the follower follows. @type {Turn | null} */
  #followed = null;
  #listeners = new AbortController();
  /** @type {Partial<Record<Timer, ReturnType<typeof setTimeout>>>} */
  #timers = {};

  /**
   * @param {object} options
   * @param {string} options.server base URL
   * @param {() => string} options.page the address of the page that a question is asked on
   */
  constructor({ server, page }) {
    super();
    const base = new URL(server, location.href).href.replace(/\/+$/, "");
    this.#api = new Api(base);
    this.#page = page;
    this.#history = new History(base);
    this.#tabs = new Tabs(`chatsse:${base}`, {
      onlead: () => this.#lead(),
      onmessage: (message) => this.#hear(message),
      onleave: () => this.#sleep(),
      onwake: () => this.load(),
    });
    const { signal } = this.#listeners;
    addEventListener("offline", () => this.#connect("offline"), { signal });
    addEventListener("online", () => this.#connect(this.current?.stream ? "reconnecting" : "open"), { signal });
    document.addEventListener("visibilitychange", () => this.#see(), { signal });
  }

  /** The turn that is not finished, or null. */
  get current() {
    return this.turns.find(({ end, problem }) => !end && !problem) ?? null;
  }

  /** Show what is kept, and go on with what is unfinished. */
  async load() {
    const kept = await this.#history.load();
    if (this.#listeners.signal.aborted) return;
    if (kept) this.#merge({ ...kept, turns: /** @type {Data[]} */ (kept.turns), all: true });
    this.#tabs.join();
    this.#tabs.post({ hello: true });
    this.#watch();
  }

  /**
   * Put a question; one that is empty, or asked while an answer is under way, is passed over.
   * Resolves when the server has taken it, or has not: the turn's `problem` says so.
   * @param {string} prompt
   */
  ask(prompt) {
    return this.#ask(prompt, this.turns.filter(({ problem }) => problem));
  }

  /** Stop the answer that is under way, whichever tab asked for it. @throws {Refused} */
  async stop() {
    const turn = this.current;
    if (turn?.stream) return this.#api.stop(turn.stream);
    if (!turn) return;
    turn.stopping = true;
    this.#tell(turn);
  }

  /** Ask the last question again, where it could not be put or its answer failed. */
  async retry() {
    const turn = this.turns.at(-1);
    if (!turn?.problem && turn?.end?.event !== "failed") return;
    if (!UNSURE.includes(turn.problem)) return this.#ask(turn.prompt, [turn]);
    Object.assign(turn, { problem: "", message: "", retryAt: 0, stage: "sending", stopping: false });
    this.#tell(turn);
    await this.#put(turn);
  }

  /**
   * Cut the turns from this one on, and ask anew.
   * @param {Turn} turn @param {string} prompt
   */
  async edit(turn, prompt) {
    const at = this.turns.indexOf(turn);
    // Another tab has cut it meanwhile.
    if (at < 0) return this.ask(prompt);
    if (!prompt.trim()) return;
    const cut = this.turns.slice(at);
    this.#abandon(cut);
    await this.#ask(prompt, cut);
  }

  /** @param {Turn} turn @param {Rating} rating @throws {Refused} the rating is then what it was */
  async rate(turn, rating) {
    const before = turn.rating;
    turn.rating = rating;
    this.#tell(turn);
    try {
      await this.#api.rate(turn.stream, rating);
    } catch (error) {
      turn.rating = before;
      this.#tell(turn);
      throw error;
    }
  }

  /** Begin anew here; the server keeps the old conversation for its time. */
  newConversation() {
    if (!this.turns.length) return;
    const { turns } = this;
    this.#abandon(turns);
    this.#replace(turns, []);
  }

  /**
   * Delete everything of this visitor's, here and on the server.
   * @throws {Refused} the server was not told: it can be tried again while the page is open
   */
  async clearData() {
    this.#tabs.post({ conversations: [], turns: [], gone: this.#cut(this.turns), cleared: true });
    this.#emit("turns");
    this.#sync();
    await this.#history.clear();
    while (this.#conversations.length) {
      await this.#api.erase(this.#conversations[0]);
      this.#conversations.shift();
    }
  }

  close() {
    this.#listeners.abort();
    this.#tabs.close();
  }

  /** @param {string} prompt @param {Turn[]} gone the turns in whose place it comes */
  async #ask(prompt, gone) {
    const kept = this.turns.filter((each) => !gone.includes(each));
    prompt = prompt.trim();
    if (!prompt || kept.some(({ end }) => !end)) return;
    const at = Math.max(Date.now(), (kept.at(-1)?.at ?? 0) + 1);
    // With no turn before it, it begins a conversation, also where it replaces the first.
    const { conversation = "", stream = "" } = kept.at(-1) ?? {};
    const after = gone.length ? idOf(stream) : "";
    const place = { page: this.#page(), conversation, after, at };
    const turn = Object.assign(new Turn(), { prompt, ...place, stage: "sending" });
    this.#replace(gone, [turn]);
    await this.#put(turn);
  }

  /** Have the server take the question: once, by its key, whoever else puts it too. @param {Turn} turn */
  async #put(turn) {
    if (this.#putting.has(turn.key)) return;
    this.#putting.add(turn.key);
    const { key, prompt, page } = turn;
    try {
      const after = turn.after || undefined;
      const question = { prompt, page, conversation: turn.conversation || undefined, after };
      const { stream, conversation } = await this.#api.ask(question, key);
      if (!this.turns.includes(turn)) return this.#disown(stream, conversation);
      if (!this.#conversations.includes(conversation)) this.#conversations.push(conversation);
      turn.conversation = conversation;
      // In another tab it may be further by now.
      if (!turn.stream) Object.assign(turn, { stream, stage: "waiting" });
      if (turn.stopping) this.#api.stop(stream).catch(() => {});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { code: problem, message, wait_s } = error;
      const retryAt = wait_s && Date.now() + wait_s * 1000;
      if (!turn.stream) Object.assign(turn, { problem, message, retryAt, stage: "" });
    } finally {
      this.#putting.delete(key);
    }
    this.#tell(turn);
    this.#sync();
    this.#greet();
  }

  /** It was cut while it was being put. @param {string} stream @param {string} conversation */
  #disown(stream, conversation) {
    const known = this.#conversations.includes(conversation);
    void (known ? this.#api.stop(stream) : this.#api.erase(conversation)).catch(() => {});
  }

  /** @param {Turn[]} turns */
  #abandon(turns) {
    for (const { end, stream } of turns) if (!end && stream) this.#api.stop(stream).catch(() => {});
  }

  /** Take turns out, and return their keys. @param {Turn[]} turns */
  #cut(turns) {
    this.turns = this.turns.filter((each) => !turns.includes(each));
    const keys = turns.map(({ key }) => key);
    for (const key of keys) this.#gone.add(key);
    return keys;
  }

  /** @param {Turn[]} gone @param {Turn[]} come */
  #replace(gone, come) {
    const keys = this.#cut(gone);
    this.turns.push(...come);
    this.#emit("turns");
    this.#share(come, keys);
    this.#sync();
  }

  /** A turn has changed by what this tab did. @param {Turn} turn */
  #tell(turn) {
    if (!this.turns.includes(turn)) return;
    this.#emit("change", { turn });
    this.#share([turn]);
  }

  /** Keep turns, and tell the other tabs. @param {Turn[]} turns @param {string[]} [gone] keys */
  #share(turns, gone = []) {
    const news = this.#news(turns);
    void this.#history.save(news, news.turns, gone);
    this.#tabs.post({ ...news, gone });
  }

  /** @param {Turn[]} turns @returns {News} */
  #news(turns) {
    return { conversations: [...this.#conversations], turns: turns.map((each) => ({ ...each })) };
  }

  /** A message of another tab. @param {any} message */
  #hear(message) {
    if (message.hello) {
      // Ten that ask at once get one reply.
      if (this.#tabs.leads) this.#later("hello", REPLY_MS, () => this.#tellAll());
      return;
    }
    if (message.turns) this.#merge(message);
    else if (!this.#tabs.leads) this.#relayed(message);
    this.#watch();
  }

  #tellAll() {
    this.#tabs.post({ ...this.#news(this.turns), gone: [...this.#gone] });
  }

  /**
   * What the leader has heard of the stream.
   * @param {{ key: string, after: string, event: StreamEvent, connection: Connection }} message
   */
  #relayed({ key, after, event, connection }) {
    // It may say so before it hears that the answer was left, and never take it back.
    if (this.current?.stream) this.#connect(connection);
    if (!event) return;
    const turn = this.turns.find((each) => each.key === key);
    // Neighbouring tokens come joined at times: only what follows exactly on what is here fits.
    if (turn && after === turn.cursor) this.#apply(turn, event);
    else if (!turn || isAfter(event.id || after, turn.cursor)) this.#tabs.post({ hello: true });
  }

  /**
   * Take over what another tab or the history says.
   * @param {News} news `all`: nothing has stayed besides, but for what this tab is about to put
   */
  #merge({ conversations, turns, gone = [], all, cleared }) {
    this.#conversations = cleared ? [] : [...new Set([...this.#conversations, ...conversations])];
    for (const key of gone) this.#gone.add(key);
    turns = turns.filter(({ key }) => !this.#gone.has(key));
    const left = this.turns.filter(({ key }) =>
      all ? this.#putting.has(key) || turns.some((each) => each.key === key) : !this.#gone.has(key),
    );
    const known = new Map(left.map((turn) => [turn.key, turn]));
    const changed = left.length < this.turns.length || turns.some(({ key }) => !known.has(key));
    const met = turns.filter(({ key }) => known.has(key));
    const come = turns.filter(({ key }) => !known.has(key)).map((each) => Object.assign(new Turn(), each));
    this.turns = [...left, ...come].sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
    if (changed) this.#emit("turns");
    for (const each of met) this.#update(/** @type {Turn} */ (known.get(each.key)), each);
    this.#sync();
  }

  /**
   * Bring a turn up to what another tab knows of it, unless this one knows more.
   * @param {Turn} turn @param {Data} other
   */
  #update(turn, other) {
    const { text, cursor, stage, sources, citations, end, stream } = turn;
    const knowsMore = isAfter(cursor, other.cursor) || (end && !other.end);
    Object.assign(turn, other, knowsMore && { text, cursor, stage, sources, citations, end });
    if (stream) Object.assign(turn, { stream, problem: "" });
    // What is on its way follows on the old cursor, and may come joined with what is here by now.
    if (turn === this.#followed && turn.cursor !== cursor) this.#drop();
    let same = Math.min(text.length, turn.text.length);
    while (!turn.text.startsWith(text.slice(0, same))) same--;
    if (same < text.length) this.#emit("rewind", { turn, length: same });
    if (same < turn.text.length) this.#emit("text", { turn, text: turn.text.slice(same) });
    this.#emit("change", { turn });
  }

  /** Follow what is to be followed by this tab, and nothing else. */
  #sync() {
    const turn = this.#tabs.leads ? this.current : null;
    if (this.#followed !== turn) this.#drop();
    // The trouble was with what is over, and nobody says so in the other tabs.
    if (!this.current?.stream && navigator.onLine) this.#connect("open");
    if (!turn || this.#followed) return;
    if (turn.stream) this.#follow(turn);
    // Another tab puts it; should that one be gone, this one does.
    else if (!this.#putting.has(turn.key)) this.#later("put", SILENCE_MS, () => this.#lead());
  }

  #drop() {
    this.#forget("recall");
    this.#follower?.close();
    this.#followed = null;
  }

  #lead() {
    const { current } = this;
    if (this.#tabs.leads && current && !current.stream) this.#putAgain(current);
    this.#sync();
    this.#watch();
  }

  /** The page was left before the reply came, or the tab that asked is gone. @param {Turn} turn */
  #putAgain(turn) {
    if (Date.now() - turn.at < KEY_MS) return void this.#put(turn);
    Object.assign(turn, { problem: "unreachable", stage: "" });
    this.#tell(turn);
  }

  /** @param {Turn} turn */
  #follow(turn) {
    this.#followed = turn;
    this.#follower = new Follower(this.#api.url(turn.stream), {
      held: this.#follower?.held,
      cursor: () => turn.cursor,
      onevent: (event) => this.#receive(turn, event),
      onconnection: (connection) => {
        if (connection === "gone") return void this.#recall(turn);
        this.#connect(connection);
        this.#tabs.post({ connection });
      },
    });
    this.#follower.open();
  }

  /** @param {Turn} turn @param {StreamEvent} event */
  #receive(turn, event) {
    const after = turn.cursor;
    this.#connect("open");
    if (!this.#apply(turn, event) && event.id) return;
    this.#tabs.post({ key: turn.key, after, event, connection: "open" });
    if (!turn.end) {
      if (event.id) this.#later("save", SAVE_MS, () => this.#save(turn));
      return;
    }
    this.#save(turn);
    this.#sync();
  }

  /** The stream has expired; the conversation is kept for longer, and may have the answer. @param {Turn} turn */
  async #recall(turn) {
    const past = await this.#api.recall(turn.conversation).catch(({ code }) => code === "not_found" && []);
    if (turn !== this.#followed) return;
    // Not the server's word, or not its last: the answer may well be there.
    if (!past) return this.#later("recall", backoff(4), () => this.#recall(turn));
    const whole = past.find(({ stream, answer }) => stream === turn.stream && answer);
    this.#update(turn, {
      ...turn,
      stage: "",
      text: whole?.answer ?? turn.text,
      sources: whole?.sources ?? turn.sources,
      end: whole ? { event: "done", reason: "end_turn" } : EXPIRED,
    });
    this.#share([turn]);
    this.#sync();
  }

  /** Returns whether the event was new. @param {Turn} turn @param {StreamEvent} event */
  #apply(turn, event) {
    const { stage, text: { length } } = turn;
    if (!turn.apply(event)) return false;
    if (turn.text.length < length) this.#emit("rewind", { turn, length: turn.text.length });
    if (turn.text.length > length) this.#emit("text", { turn, text: turn.text.slice(length) });
    if (stage || event.event !== "message") this.#emit("change", { turn });
    return true;
  }

  /** Keep the text with its cursor. @param {Turn} turn */
  #save(turn) {
    const news = this.#news([turn]);
    if (this.turns.includes(turn)) void this.#history.save(news, news.turns, []);
  }

  /** The page may be gone in a moment, or wake when what it knows is old. */
  #sleep() {
    if (this.#followed) this.#save(this.#followed);
    this.#history.close();
    this.#forget("save");
    this.#forget("watch");
  }

  #see() {
    if (document.hidden) {
      if (this.#followed) this.#save(this.#followed);
    } else this.#greet();
  }

  /** Hear from the leader soon, or lead. */
  #greet() {
    if (this.#tabs.leads) return;
    this.#tabs.post({ hello: true });
    this.#watch(HANDSHAKE_MS);
  }

  /** Lead in place of a leader that sleeps, if somebody is looking. */
  #watch(pause_ms = SILENCE_MS) {
    this.#forget("watch");
    if (this.#tabs.leads || document.hidden || !this.current?.stream) return;
    this.#later("watch", pause_ms, () => this.#tabs.take());
  }

  /**
   * Act once, so much later, however often it is asked for meanwhile.
   * @param {Timer} name @param {number} pause_ms @param {() => void} act
   */
  #later(name, pause_ms, act) {
    this.#timers[name] ??= setTimeout(() => {
      this.#forget(name);
      act();
    }, pause_ms);
  }

  /** @param {Timer} name */
  #forget(name) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = undefined;
  }

  /** @param {Connection} connection */
  #connect(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    this.#emit("connection");
  }

  /** @param {string} type @param {object} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A random key. `crypto.randomUUID` is missing on plain http, where people try things out. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
