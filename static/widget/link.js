// @ts-check
/** Links to addresses that nobody has checked: where they may lead, and how they say so. */

/**
 * The address as a link may carry it, or null: the web and plain mail only, with nothing hidden in it.
 * @param {string} address
 * @param {string} base
 */
export function safeUrl(address, base) {
  try {
    const url = new URL(address, base);
    const { protocol, pathname, username, password } = url;
    if (!address || username || password || /[\0-\x1f\x7f-\x9f]/.test(address)) return null;
    if (protocol === "mailto:") return /^[\w.+-]+@[\w.-]+$/.test(pathname) ? new URL(protocol + pathname) : null;
    return /^https?:$/.test(protocol) ? url : null;
  } catch {
    return null;
  }
}

/**
 * Append a link, which `fill` gives its text. Where it leaves the site of `base`, it opens a tab that learns
 * nothing of this page, and names its host unless the text does; foreign letters are in Punycode there.
 * @param {Element} parent
 * @param {URL} url as `safeUrl` returned it
 * @param {string} base
 * @param {(link: Element) => void} fill
 */
export function addLink(parent, { href, host, pathname, origin }, base, fill) {
  const link = add(parent, "a", { href, dir: "auto" });
  const place = host || pathname;
  fill(link);
  const text = String(link.textContent).trim().toLowerCase();
  if (!text) link.append(place);
  if (origin === new URL(base).origin) return;
  if (host) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
  }
  if (text && text.replace(/^https?:\/\//, "").split(/[/?#]/)[0] !== place.toLowerCase()) {
    add(link, "span", { class: "host", dir: "ltr" }).append(` (${place})`);
  }
}

/**
 * Append a new element.
 * @param {Element} parent
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
export function add(parent, tag, attributes = {}) {
  const element = parent.ownerDocument.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  parent.append(element);
  return element;
}
