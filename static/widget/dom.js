// @ts-check
/** How the widget makes elements: never from text. */

/**
 * Make an element. Its class is its part too, so that a blog can style it.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} part
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, part, attributes = {}, ...children) {
  const element = document.createElement(name);
  if (part) element.className = element.part.value = part;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * Make a button with a sign in place of a text; its name is read out and shown as a hint.
 * @param {string} part @param {string} label @param {string} path @param {() => void} act
 */
export function sign(part, label, path, act) {
  const button = make("button", part, { type: "button" }, icon(path));
  name(button, label);
  button.onclick = act;
  return button;
}

/** @param {HTMLElement} button @param {string} label */
function name(button, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
}

/** @param {string} path */
function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "path"));
  svg.firstElementChild?.setAttribute("d", path);
  return svg;
}

/** Give a button another sign and name. @param {HTMLElement} button @param {string} label @param {string} path */
export function change(button, label, path) {
  name(button, label);
  button.querySelector("svg")?.replaceWith(icon(path));
}

export const ICONS = {
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M8 8h8v8H8z",
  close: "m6 6 12 12M18 6 6 18",
  fresh: "M12 5v14M5 12h14",
  menu: "M5 12h.01M12 12h.01M19 12h.01",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  done: "m5 12.5 4.5 4.5L19 7.5",
  rate: "M7 11v9H4v-9zM7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a1.8 1.8 0 0 1 1.8 2.1l-1.2 7.4A1.8 1.8 0 0 1 17.8 20H7",
  edit: "M16.5 4.5a2 2 0 0 1 3 3L8 19l-4 1 1-4Z",
  retry: "M4 5v5h5M4.6 14a8 8 0 1 0 1.4-7.6L4 10",
  latest: "M12 5v14M6 13l6 6 6-6",
};

/**
 * Make a button that copies a text, and shows whether it was done. A page that came by plain http may not copy.
 * @param {import("./words.js").Words} words @param {() => string} text
 */
export function copier(words, text) {
  const button = sign("copy", words.copy, ICONS.copy, async () => {
    const copied = await navigator.clipboard.writeText(text()).then(() => true, () => false);
    change(button, copied ? words.copied : words.copy, ICONS[copied ? "done" : "close"]);
    setTimeout(change, 1600, button, words.copy, ICONS.copy);
  });
  if (!navigator.clipboard) button.style.display = "none";
  return button;
}
