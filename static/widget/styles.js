// @ts-check
/** How the panel looks. Sizes are in px: a page's own base size is none of the widget's business. */

export const STYLE = `
.panel {
  --accent: var(--chatsse-accent, #3450c8);
  --on-accent: var(--chatsse-on-accent, #fff);
  --ground: var(--chatsse-background, light-dark(#fff, #17191d));
  --ink: var(--chatsse-text, light-dark(#1b1e23, #e9ebee));
  --faint: color-mix(in oklab, var(--ink) 68%, var(--ground));
  --line: color-mix(in oklab, var(--ink) 12%, var(--ground));
  --soft: color-mix(in oklab, var(--ink) 5%, var(--ground));
  --link: light-dark(var(--accent), color-mix(in oklab, var(--accent) 45%, #fff));
  --tint: color-mix(in oklab, var(--link) 14%, var(--ground));
  --bad: light-dark(#b42318, #ff9c8f);
  --radius: var(--chatsse-radius, 18px);
  all: initial;
  color-scheme: inherit; box-sizing: border-box; display: flex; flex-direction: column;
  overflow: hidden; border: 1px solid var(--line); border-radius: var(--radius);
  background: var(--ground); color: var(--ink);
  font: 15px/1.55 var(--chatsse-font, system-ui, sans-serif);
  -webkit-text-size-adjust: 100%; overflow-wrap: anywhere;
}
section.panel { height: 100%; min-height: 320px }
dialog.panel {
  position: fixed; inset-inline-end: var(--chatsse-inset, 20px);
  bottom: calc(var(--chatsse-inset, 20px) + 70px + env(safe-area-inset-bottom));
  width: var(--chatsse-width, 400px); height: min(var(--chatsse-height, 640px), 100dvh - 110px);
  max-width: calc(100vw - 2 * var(--chatsse-inset, 20px));
  box-shadow: 0 2px 6px #0000000f, 0 20px 56px -8px #00000040;
}
dialog.panel:not([open]), [hidden] { display: none !important }
dialog.panel:modal {
  inset: var(--chatsse-top, 0) 0 auto; width: 100%; max-width: none; height: var(--chatsse-seen, 100dvh);
  padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);
  border: 0; border-radius: 0;
}
* { box-sizing: border-box }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
h2, h3, h4, p, ol { margin: 0; font: inherit }
a { color: var(--link); text-underline-offset: 3px }
button { margin: 0; padding: 0; border: 1px solid #0000; border-radius: 8px; background: none; color: inherit; font: inherit; cursor: pointer }
button:disabled { cursor: default }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px }
svg { pointer-events: none; width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round }

.header { display: flex; align-items: center; gap: 2px; min-height: 56px; padding-inline: 20px 10px; border-bottom: 1px solid var(--line) }
.title { flex: 1; overflow: hidden; font-size: 16px; font-weight: 600; text-overflow: ellipsis; white-space: nowrap }
.header button { display: grid; place-items: center; width: 36px; height: 36px; color: var(--faint) }
.header button:hover, .actions button:hover, .edit:hover, .cancel:hover { background: var(--soft); color: var(--ink) }
.more svg { stroke-width: 2.8 }
.menu {
  position: absolute; z-index: 2; top: 50px; inset-inline-end: 12px; padding: 5px;
  border: 1px solid var(--line); border-radius: 12px; background: var(--ground); box-shadow: 0 8px 28px -6px #0004;
}
section.panel { position: relative }
.menu button { padding: 7px 12px }
.menu button:hover { background: var(--soft) }

.middle { position: relative; display: grid; flex: 1; min-height: 0 }
.log { container-type: size; position: relative; min-height: 0; overflow: hidden auto; overscroll-behavior: contain; padding: 0 20px; scrollbar-width: thin; scroll-behavior: smooth }
.log:focus-visible { outline-offset: -3px }
.latest {
  position: absolute; bottom: 10px; left: 50%; display: grid; place-items: center; width: 36px; height: 36px;
  margin-left: -18px; border-color: var(--line); border-radius: 50%; background: var(--ground); box-shadow: 0 3px 12px #0003;
}

.welcome { display: flex; flex-direction: column; justify-content: flex-end; gap: 20px; min-height: 100cqh; padding: 24px 0 16px }
.greeting { max-width: 22em; font-size: 21px; font-weight: 600; line-height: 1.3; text-wrap: balance }
.starters { display: flex; flex-direction: column; align-items: flex-start; gap: 8px }
.starter { padding: 8px 14px; border-color: var(--line); border-radius: 16px; text-align: start; line-height: 1.4 }
.starter:hover { border-color: var(--link); background: var(--tint) }

.turn { padding: 18px 0 6px }
.rising:last-child { min-height: 100cqh }
.asked { display: flex; align-items: center; justify-content: flex-end; gap: 4px; padding-inline-start: 24px }
.question { padding: 8px 14px; border-radius: 16px; border-end-end-radius: 5px; background: var(--tint); white-space: pre-wrap }
.edit { flex: none; display: grid; place-items: center; width: 30px; height: 30px; color: var(--faint) }
.edit svg { width: 15px; height: 15px }
.edit[hidden] { display: grid !important; visibility: hidden }
@media (hover: hover) {
  .edit { opacity: 0 }
  .asked:hover .edit, .edit:focus-visible { opacity: 1 }
}
.answer { margin-top: 14px }
.answer > :first-child { margin-top: 0 }
.answer > :last-child { margin-bottom: 0 }
.answer :is(p, ul, ol, blockquote), .code, .table { margin: 0 0 12px }
.answer :is(h4, h5, h6) { margin: 20px 0 8px; font-size: 16px; font-weight: 650; line-height: 1.35 }
.answer :is(ul, ol) { padding-inline-start: 22px }
.answer li { margin: 4px 0 }
.answer li > :is(p, ul, ol) { margin: 0 }
.answer blockquote { padding-inline-start: 14px; border-inline-start: 3px solid var(--line); color: var(--faint) }
.answer hr { margin: 18px 0; border: 0; border-top: 1px solid var(--line) }
.answer code { padding: 1px 5px; border-radius: 5px; background: var(--soft); font: 13px/1.55 ui-monospace, monospace }
.answer pre { margin: 0; padding: 2px 14px 12px; overflow: auto; overflow-wrap: normal }
.answer pre code { padding: 0; background: none }
.code { border-radius: 10px; background: var(--soft) }
.head { display: flex; align-items: center; justify-content: space-between; padding-inline: 14px 6px; color: var(--faint); font-size: 12px }
.head button, .cancel { padding: 6px }
.head svg { width: 15px; height: 15px }
.host { color: var(--faint); font-size: 13px }
.cite .host { display: none }
.unclosed { all: unset }
.table { overflow-x: auto }
.center { text-align: center !important }
.right { text-align: end !important }
.answer table { border-collapse: collapse; font-size: 14px }
.answer :is(th, td) { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; overflow-wrap: normal }
.answer th { font-weight: 600 }
.cite { margin-inline-start: 2px; padding: 0 4px; border-radius: 5px; background: var(--tint); font-size: 11px; line-height: 1.5; vertical-align: 2px }

.note { display: flex; align-items: center; gap: 12px; margin-top: 10px; color: var(--faint); font-size: 14px }
.note:empty { display: none }
[aria-busy=true] > .note { display: flex; min-height: 22px }
[aria-busy=true] > .note::before {
  content: ""; flex: none; width: 26px; height: 6px;
  background: radial-gradient(circle, var(--link) 2.6px, #0000 3px) 0 / 33.4%; animation: breathe .8s infinite alternate;
}
.note[data-tone=failed] { color: var(--bad) }
.sources { margin-top: 14px; font-size: 14px }
.sources h4 { color: var(--faint); font-size: 13px }
.sources ol { margin-top: 2px; padding-inline-start: 22px }
.source { padding: 2px 0 }
.source::marker { color: var(--faint); font-size: 12px }
.source a:not(:hover), .cite a { text-decoration: none }
.actions { display: flex; gap: 2px; margin-top: 6px; margin-inline-start: -7px }
.actions button { display: flex; align-items: center; gap: 6px; min-width: 30px; height: 30px; padding: 0 6px; color: var(--faint) }
.actions svg { width: 16px; height: 16px }
.actions .retry { margin-inline: 7px 4px; padding: 0 10px; border-color: var(--line); color: var(--ink); font-size: 14px }
.turn:not(:last-child) .retry { display: none }
.down svg { transform: rotate(180deg) }
.rate[aria-pressed=true] { color: var(--link) }
.rate[aria-pressed=true] svg { fill: currentColor }

.form { padding: 10px 14px 8px }
.box { display: flex; align-items: flex-end; gap: 6px; padding: 5px; border: 1px solid color-mix(in oklab, var(--ink) 45%, var(--ground)); border-radius: min(var(--radius), 22px) }
.box:focus-within { border-color: var(--link); box-shadow: 0 0 0 3px var(--tint) }
.prompt { flex: 1; min-width: 0; max-height: 132px; margin: 0; padding: 5px 9px; border: 0; outline: 0; background: none; color: inherit; font: inherit; line-height: 1.5; resize: none; field-sizing: content; unicode-bidi: plaintext }
.prompt::placeholder { color: var(--faint); opacity: 1 }
.send { flex: none; display: grid; place-items: center; width: 34px; height: 34px; border-radius: min(var(--radius), 17px); background: var(--accent); color: var(--on-accent) }
.send:disabled { background: var(--line); color: var(--faint) }
.send.stop svg { fill: currentColor }
.editing { display: flex; align-items: center; gap: 8px; padding: 0 6px 6px 10px; color: var(--faint); font-size: 13px }
.editing span { flex: 1 }
.complaint { padding: 0 6px 6px; color: var(--bad); font-size: 13px }
.complaint:empty { display: none }
.caution { padding-top: 6px; color: var(--faint); font-size: 12px; line-height: 1.4; text-align: center }
.caution a { color: inherit }

@media (pointer: coarse) { .prompt { font-size: 16px } .header button { width: 44px; height: 44px } .actions button { min-width: 40px; height: 40px; justify-content: center } .edit { width: 40px; height: 40px } }
dialog.panel { animation: rise .22s cubic-bezier(.2, .9, .3, 1) }
@media (prefers-reduced-motion) { .panel, .log, .note::before { animation: none !important; scroll-behavior: auto } }
@keyframes rise { from { opacity: 0; transform: translateY(10px) scale(.985) } }
@media (forced-colors: active) {
  .question, .cite { border: 1px solid }
  .send { border-color: currentColor }
  .rate[aria-pressed=true] { border-color: Highlight }
  .note::before { forced-color-adjust: none }
}`;
