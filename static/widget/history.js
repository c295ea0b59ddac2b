// @ts-check
/**
 * The conversation as this browser keeps it, in IndexedDB: one database a server, made by the first question.
 * Its one store holds the turns, by their keys, and under the empty key what they have in common.
 *
 * Where the browser has no database to give (a private window, a full disk) nothing is kept, and nothing fails.
 */

/** @typedef {{ key: string, at: number }} Record a turn, with whatever else it holds */
/** @typedef {{ conversations: string[] }} Common their ids on the server */
/** @typedef {Common & { turns: Record[] }} Kept */

const VERSION = 1;
const STORE = "chat";
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** Safari has been seen never to answer at all. */
const PATIENCE_MS = 5000;

export class History {
  #name;
  /** @type {Promise<IDBDatabase> | null} */
  #database = null;
  /** The last save. */
  #saving = Promise.resolve();
  #failed = false;

  /** @param {string} server */
  constructor(server) {
    this.#name = `chatsse:${server}`;
  }

  /**
   * What was kept; null where that can't be known. Makes no database.
   * @returns {Promise<Kept | null>}
   */
  async load() {
    if (this.#failed) return null;
    /** @type {Kept} */
    const nothing = { conversations: [], turns: [] };
    try {
      const database = await this.#open(false);
      if (!database) return nothing;
      const [common, ...turns] = await done(database.transaction(STORE).objectStore(STORE).getAll());
      if (common && Date.now() - common.at < KEPT_MS) return { ...nothing, ...common, turns };
      await this.clear();
      return nothing;
    } catch {
      this.#failed = true;
      return null;
    }
  }

  /**
   * Keep turns, and forget others, in one go.
   * @param {Common} common @param {Record[]} turns @param {string[]} gone the keys of those to forget
   */
  save(common, turns, gone) {
    return (this.#saving = this.#save(common, turns, gone));
  }

  /** @param {Common} common @param {Record[]} turns @param {string[]} gone */
  async #save({ conversations }, turns, gone) {
    if (this.#failed) return;
    try {
      const database = await this.#open(true);
      if (!database) return;
      const transaction = database.transaction(STORE, "readwrite");
      const store = transaction.objectStore(STORE);
      store.put({ key: "", at: Date.now(), conversations });
      for (const key of gone) store.delete(key);
      for (const turn of turns) store.put(turn);
      // Not to wait until the page has turned to something else, which it may never do.
      transaction.commit?.();
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
    } catch {
      this.#failed = true;
    }
  }

  /** Let go of the database, as another page may want to delete it. */
  close() {
    const database = this.#database;
    this.#database = null;
    void this.#saving.then(() => database).then((it) => it?.close(), () => {});
  }

  /** Delete all that is kept. */
  async clear() {
    try {
      const database = await this.#open(false);
      // A page that does not let go holds the deletion up, but not this.
      if (database) await done(database.transaction(STORE, "readwrite").objectStore(STORE).clear());
      this.close();
      const deletion = indexedDB.deleteDatabase(this.#name);
      await Promise.race([done(deletion), new Promise((resolve) => (deletion.onblocked = resolve))]);
    } catch {
      // There is no database.
    }
  }

  /**
   * The database, made where `make` says so; null where there is none.
   * @param {boolean} make
   * @returns {Promise<IDBDatabase | null>}
   */
  async #open(make) {
    const opening = (this.#database ??= this.#request(make));
    try {
      return await opening;
    } catch (error) {
      if (this.#database === opening) this.#database = null;
      if (/** @type {Error} */ (error).name !== "AbortError") throw error;
      return make ? this.#open(true) : null;
    }
  }

  /** @param {boolean} make @returns {Promise<IDBDatabase>} */
  async #request(make) {
    const request = indexedDB.open(this.#name, VERSION);
    request.onupgradeneeded = () => {
      if (make) request.result.createObjectStore(STORE, { keyPath: "key" });
      // The database is then not made.
      else request.transaction?.abort();
    };
    const late = new Promise((_, reject) => setTimeout(reject, PATIENCE_MS, new Error("no answer")));
    const database = await Promise.race([done(request), /** @type {Promise<never>} */ (late)]);
    database.onversionchange = database.onclose = () => {
      database.close();
      this.#database = null;
    };
    return database;
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
