// @ts-check
/** Links to addresses that nobody has checked: where they may lead, and how they say so. */

/**
 * The address as a link may carry it, or null: web pages and plain mail addresses only, nothing hidden in it.
 * @param {string} address
 * @param {string} base
 */
export function safeUrl(address, base) {
  if (!address || /[\0-\x1f\x7f-\x9f]/.test(address)) return null;
  try {
    const url = new URL(address, base);
    if (url.protocol === "mailto:") return /^[\w.+-]+@[\w.-]+$/.test(url.pathname) ? new URL(`mailto:${url.pathname}`) : null;
    return /^https?:$/.test(url.protocol) && !url.username && !url.password ? url : null;
  } catch {
    return null;
  }
}

/**
 * A link; one that leaves the site of `base` opens a tab of its own, which learns nothing of this page.
 * Its direction is its own, so that no text around it turns it round.
 * @param {Document} document
 * @param {URL} url as `safeUrl` returned it
 * @param {string} base
 */
export function makeLink(document, url, base) {
  const link = document.createElement("a");
  link.setAttribute("href", url.href);
  link.setAttribute("dir", "auto");
  if (leaves(url, base)) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
  }
  return link;
}

/**
 * Say in the link where it leads, unless its text does; a host in foreign letters is in Punycode.
 * @param {Element} link
 * @param {URL} url
 * @param {string} base
 */
export function nameHost(link, url, base) {
  const place = url.host || url.pathname;
  const text = link.textContent ?? "";
  if (!text.trim()) link.append(place);
  else if (url.origin !== new URL(base).origin && named(text) !== place.toLowerCase()) {
    const host = link.ownerDocument.createElement("span");
    host.className = "host";
    host.setAttribute("dir", "ltr");
    host.append(` (${place})`);
    link.append(host);
  }
}

/** @param {URL} url @param {string} base */
function leaves(url, base) {
  return url.protocol !== "mailto:" && url.origin !== new URL(base).origin;
}

/** The host or mail address that a text gives itself out for. @param {string} text */
function named(text) {
  return text.trim().toLowerCase().replace(/^(https?:\/\/|mailto:)/, "").split(/[/?#]/)[0];
}
