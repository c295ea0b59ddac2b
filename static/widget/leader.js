// @ts-check
/**
 * This tab among the visitor's tabs. They hear each other on a BroadcastChannel; one of them leads: the
 * one that holds the lock. A waiting request for the lock is the hand-over, so a tab that closes or
 * crashes is followed by the next without a word.
 *
 * A page that sleeps (frozen, or kept for the back button) leaves the others, and joins them again when
 * it wakes. Where the browser lacks the locks, as on plain http, or the channel, each tab leads itself.
 */

export class Tabs {
  leads = false;
  #name;
  #owner;
  #listeners = new AbortController();
  /** Aborted when this tab leaves the others; null: it is not one of them. @type {AbortController | null} */
  #stay = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;

  /**
   * @param {string} name
   * @param {object} owner
   * @param {() => void} owner.onlead `leads` has changed
   * @param {(message: any) => void} owner.onmessage of another tab
   * @param {() => void} owner.onleave the page falls asleep or ends
   * @param {() => void} owner.onwake it is back; calls `join`
   */
  constructor(name, owner) {
    this.#name = name;
    this.#owner = owner;
    const { signal } = this.#listeners;
    const leave = () => this.leave();
    addEventListener("pagehide", leave, { signal });
    document.addEventListener("freeze", leave, { signal });
    addEventListener("pageshow", (event) => event.persisted && owner.onwake(), { signal });
    document.addEventListener("resume", () => owner.onwake(), { signal });
  }

  /** Be one of the tabs. */
  join() {
    if (this.#stay) return;
    this.#stay = new AbortController();
    if ("BroadcastChannel" in globalThis) {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => this.#owner.onmessage(data);
    }
    this.#queue();
  }

  /** Be one of them no more; whoever waits for the lock has it now. */
  leave() {
    if (!this.#stay) return;
    this.#owner.onleave();
    this.#stay.abort();
    this.#stay = null;
    this.#channel?.close();
    this.#channel = null;
    this.#lead(false);
  }

  close() {
    this.#listeners.abort();
    this.leave();
  }

  /** @param {object} message to all the others */
  post(message) {
    this.#channel?.postMessage(message);
  }

  /** Lead from now on: the tab that leads has not been heard of for too long. */
  take() {
    this.#queue(true);
  }

  #queue(steal = false) {
    const signal = this.#stay?.signal;
    if (!signal) return;
    if (!this.#channel || !navigator.locks) return this.#lead(true);
    navigator.locks
      .request(this.#name, steal ? { steal } : { signal }, () => this.#hold(signal))
      .catch(({ name }) => {
        if (signal.aborted) return;
        // Refused in a sandbox, or else taken by another tab.
        this.#lead(name !== "AbortError");
        if (!this.leads) this.#queue();
      });
  }

  /** @param {AbortSignal} signal @returns {Promise<unknown> | undefined} */
  #hold(signal) {
    if (signal.aborted) return;
    this.#lead(true);
    return new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  /** @param {boolean} leads */
  #lead(leads) {
    if (this.leads === leads) return;
    this.leads = leads;
    this.#owner.onlead();
  }
}
