// @ts-check
/** The page at /widget: its knobs, the chat that they turn, and the tag that says the same. */

const form = /** @type {HTMLFormElement} */ (document.querySelector("#knobs"));
const code = /** @type {HTMLElement} */ (document.querySelector("#tag"));
const copy = /** @type {HTMLButtonElement} */ (document.querySelector("#copy"));
/** What the chat is without being told. @type {Record<string, string>} */
const DEFAULTS = { "--chatsse-accent": "#3450c8", "--chatsse-radius": "18px" };

/** The knobs that say something of their own. */
function chosen() {
  const all = /** @type {[string, string][]} */ ([...new FormData(form)]).map(([name, text]) => [name, value(name, text)]);
  return all.filter(([name, text]) => text && text !== DEFAULTS[name]);
}

/** @param {string} name @param {string} text */
function value(name, text) {
  if (name === "--chatsse-radius") return `${Number(text)}px`;
  if (name !== "questions") return text.trim();
  const questions = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return questions.length ? JSON.stringify(questions) : "";
}

/** @param {string[][]} knobs */
function show(knobs) {
  const old = document.querySelector("chatsse-widget");
  // A new one, as the language is read when a chat begins.
  const chat = document.createElement("chatsse-widget");
  // The blog has colours of its own for its chat; here it is to look as it would elsewhere.
  for (const [name, text] of [...Object.entries(DEFAULTS), ...knobs]) {
    if (name.startsWith("--")) chat.style.setProperty(name, text);
    else chat.setAttribute(name, text);
  }
  if (old?.hasAttribute("open")) chat.setAttribute("open", "");
  if (old) old.replaceWith(chat);
  else document.documentElement.append(chat);
}

/** @param {string[][]} knobs */
function write(knobs) {
  const quoted = (/** @type {string} */ text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const data = knobs.filter(([name]) => !name.startsWith("--"));
  const styles = knobs.filter(([name]) => name.startsWith("--"));
  const lines = data.map(([name, text]) => `\n  data-${name}="${quoted(text)}"`).join("");
  const style = styles.map(([name, text]) => `${name}: ${text}`).join("; ");
  code.textContent =
    `<script async src="${new URL("/widget.js", location.href)}"${lines}></script>` +
    (style && `\n<style>chatsse-widget { ${style} }</style>`);
}

function turn() {
  const knobs = chosen();
  show(knobs);
  write(knobs);
}

form.addEventListener("change", turn);
form.addEventListener("submit", (event) => event.preventDefault());
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(code.textContent ?? "");
  copy.textContent = "Copied";
});
customElements.whenDefined("chatsse-widget").then(turn);
